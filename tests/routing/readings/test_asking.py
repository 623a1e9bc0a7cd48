"""What charts, pages and programs ask of readings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routing import readings
from routing.models import ConfigurationKey, FirmwareEvent, Reading, Transaction
from tests.routing.readings.logged import now, wire

SESSION = UUID("5e551011-0000-4000-8000-000000000001")
NOW = now()
"""Of all tests here: seconds that pass in between change nothing."""


def put(ago: float, *, connector: int = 1, **values: Any) -> Reading:
    at = NOW - timedelta(seconds=ago)
    return Reading.objects.create(charger_id=1, connector_id=connector, at=at, **values)


def watts(series: readings.Series) -> list[float]:
    return [round(power) for _, power in series.power]


def since(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


# The newest


def test_the_newest_of_each_connector_filled_from_just_before() -> None:
    put(500, energy_wh=1, voltage_l1_v=228)
    put(60, energy_wh=2, soc_percent=50)
    put(30, power_w=7000, current_l1_a=10, current_l2_a=12)
    put(10, connector=2, power_w=1)
    first, second = readings.latest(1)
    assert (first.power_w, first.energy_wh, first.soc_percent, first.voltage_l1_v) == (7000, 2, 50, None)
    assert first.current_a == 12
    assert (second.connector_id, second.current_a) == (2, None)
    assert readings.latest(2) == []


def test_evses_and_connectors_are_found_in_their_order() -> None:
    for evse, connector in ((2, 0), (0, 2), (1, 0), (0, 1)):
        Reading.objects.create(charger_id=1, evse_id=evse, connector_id=connector, at=NOW)
    found = [(row.evse_id, row.connector_id) for row in readings.latest(1)]
    assert found == [(0, 1), (0, 2), (1, 0), (2, 0)]


@pytest.mark.parametrize("rows", [1, 30])
def test_as_many_queries_however_many_readings(rows: int) -> None:
    for number in range(rows):
        put(number, power_w=number)
    with CaptureQueriesContext(connection) as queries:
        readings.latest(1)
    assert len(queries) == 4
    with CaptureQueriesContext(connection) as queries:
        readings.series(1, since(60))
    assert len(queries) == 1


# Series


def test_power_is_the_sum_over_connectors_each_with_what_it_said_last() -> None:
    put(600, power_w=1000)
    put(540, connector=2, power_w=500)
    put(300, power_w=3000)
    assert watts(readings.series(1, since(20))) == [1000, 1500, 3500]
    assert watts(readings.series(1, since(20), place=(0, 1))) == [1000, 3000]


def test_what_a_connector_said_long_ago_is_not_its_power() -> None:
    put(3600, power_w=1000)
    put(60, connector=2, power_w=500)
    assert watts(readings.series(1, since(120))) == [1000, 500]


@pytest.mark.parametrize("alone", [True, False])
def test_the_main_meter_counts_only_where_it_is_alone(*, alone: bool) -> None:
    put(60, connector=0, power_w=9000)
    if not alone:
        put(30, power_w=4000)
    assert watts(readings.series(1, since(5))) == ([9000] if alone else [4000])


def test_a_series_has_no_more_points_than_wanted_and_they_are_averages() -> None:
    for number in range(120):
        put(number * 30, power_w=1000 + number % 2 * 100, energy_wh=120 - number)
    found = readings.series(1, since(60), points=10)
    assert 8 <= len(found.power) <= 10
    assert len(found.energy) <= 10
    assert all(1000 <= power <= 1100 for power in watts(found))
    assert [at for at, _ in found.power] == sorted(at for at, _ in found.power)
    assert found.power[-1][0] >= since(1)


def test_energy_is_what_was_charged_since_over_all_meters_and_meters_may_begin_anew() -> None:
    for ago, wh in ((600, 1000), (500, 1500), (400, 20), (300, 120)):
        put(ago, energy_wh=wh)
    put(350, connector=2, energy_wh=77_000)
    put(200, connector=2, energy_wh=77_050)
    found = readings.series(1, since(20)).energy
    assert [wh for _, wh in found] == [0, 500, 500, 500, 600, 650]


def test_a_session_that_begins_with_another_register_is_no_energy() -> None:
    for ago, wh in ((600, 5_000_000), (500, 0), (400, 5_000_100), (300, 5_000_900)):
        put(ago, energy_wh=wh)
    assert [wh for _, wh in readings.series(1, since(20)).energy] == [0, 0, 0, 800]
    session(meter_start=0, started_at=wire(NOW - timedelta(seconds=500)))
    put(30, connector=2, transaction_id=SESSION, energy_wh=5_000_900)
    assert readings.running(1)[0].energy_wh is None


def test_energy_within_the_first_point_counts() -> None:
    for number in range(60):
        put(60 - number, energy_wh=1000 + number)
    found = readings.series(1, since(24 * 60), points=5).energy
    assert [wh for _, wh in found] == [59]


def test_without_readings_a_series_is_empty() -> None:
    put(3600, power_w=1)
    assert readings.series(1, since(5)) == readings.Series([], [])
    assert readings.series(1, NOW + timedelta(days=1)) == readings.Series([], [])


# Sessions


def session(**values: Any) -> Transaction:
    given = {"charger_id": 1, "ocpp_version": "1.6", "connector_id": 2, "id_tag": "04AABBCCDD"}
    return Transaction.objects.create(pk=SESSION, **given | {"created": since(10)} | values)


def test_a_running_session_with_what_was_charged_and_no_whole_card() -> None:
    session(meter_start=1000, started_at="2024-05-17T10:30:00Z")
    put(60, connector=2, transaction_id=SESSION, energy_wh=1500, power_w=7000)
    put(30, connector=2, transaction_id=SESSION, energy_wh=1800, soc_percent=40)
    (found,) = readings.running(1)
    assert (found.transaction_id, found.evse_id, found.connector_id) == (SESSION, 0, 2)
    assert (found.energy_wh, found.power_w, found.soc_percent) == (800, 7000, 40)
    assert found.card == "****CCDD"
    assert f"{found.started:%H:%M}" == "10:30"
    assert readings.running(2) == []


def test_a_session_of_2x_counts_from_its_first_reading() -> None:
    session(evse_id=1)
    put(60, transaction_id=SESSION, energy_wh=1500)
    put(30, transaction_id=SESSION, energy_wh=1800)
    assert readings.running(1)[0].energy_wh == 300
    assert [row.energy_wh for row in readings.of_session(SESSION)] == [1500, 1800]


def test_a_session_of_which_nothing_was_read_runs_all_the_same() -> None:
    row = session(id_tag="")
    (found,) = readings.running(1)
    assert (found.energy_wh, found.power_w, found.card, found.at) == (None, None, "", None)
    assert found.started == row.created
    Transaction.objects.update(closed=NOW)
    assert readings.running(1) == []


def test_sessions_that_a_charger_has_never_ended_are_not_all_asked_about() -> None:
    given = {"charger_id": 1, "ocpp_version": "1.6", "connector_id": 1}
    Transaction.objects.bulk_create(Transaction(**given, created=since(40 - n)) for n in range(40))
    found = readings.running(1)
    assert [one.started for one in found] == [since(n) for n in range(1, 33)]


# Settings and firmware


def test_settings_and_events_are_those_of_the_charger() -> None:
    for charger, name in ((1, "B"), (1, "A"), (2, "C")):
        ConfigurationKey.objects.create(charger_id=charger, variable=name, seen_at=NOW)
        FirmwareEvent.objects.create(charger_id=charger, at=NOW, kind="firmware", status=name)
    assert [row.name for row in readings.configuration(1)] == ["A", "B"]
    assert {row.status for row in readings.firmware(1)} == {"A", "B"}
    assert len(readings.firmware(1, most=1)) == 1
