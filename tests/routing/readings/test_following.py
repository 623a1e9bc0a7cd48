"""The reader of the log: what it makes of rows, once, whoever reads, and whatever comes late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.utils import timezone

from routing.models import ConfigurationKey, FirmwareEvent, LogReader, Message, Reading, Transaction
from routing.models.traffic import number_at
from routing.readings import following, storing
from routing.readings.following import Follower
from routing.store import READER, Put, Store
from tests.routing import rows as make
from tests.routing.readings.logged import always, log, meter_values, now, read, ready, wire

SESSION = UUID("5e551011-0000-4000-8000-000000000001")


def session(**values: Any) -> Transaction:
    given = {"charger_id": 1, "ocpp_version": "1.6", "connector_id": 2, "id_tag": "CARD"} | values
    return Transaction.objects.create(pk=SESSION, **given)


def readings() -> list[tuple[Any, ...]]:
    rows = Reading.objects.order_by("at", "connector_id")
    return list(rows.values_list("charger", "evse_id", "connector_id", "energy_wh", "power_w"))


# Meters


def test_meter_values_become_a_reading_with_the_time_of_the_meter() -> None:
    at = now() - timedelta(seconds=20)
    meter_values(1200, at=at, came=now(), said={"Power.Active.Import": "7400", "SoC": "40"})
    assert read() == 1
    row = Reading.objects.get()
    assert (row.at, row.energy_wh, row.power_w, row.soc_percent) == (at, 1200, 7400, 40)
    assert (row.charger_id, row.evse_id, row.connector_id, row.transaction_id) == (1, 0, 1, None)


def test_reading_twice_changes_nothing() -> None:
    meter_values(1200)
    meter_values(1300, at=now() - timedelta(seconds=9), connector=2)
    read()
    first = list(Reading.objects.order_by("id").values())
    LogReader.objects.update(exchange=0)
    assert read() == 2
    assert list(Reading.objects.order_by("id").values()) == first


def test_what_two_messages_say_of_one_moment_is_one_reading() -> None:
    at = now()
    meter_values(1200, at=at)
    read()
    log(
        "MeterValues",
        {
            "connectorId": 1,
            "meterValue": [
                {
                    "timestamp": wire(at),
                    "sampledValue": [{"measurand": "Power.Active.Import", "value": "5", "unit": "kW"}],
                }
            ],
        },
    )
    read()
    assert readings() == [(1, 0, 1, 1200, 5000)]


UNBELIEVABLE = {
    "1970": "1970-01-01T00:00:00Z",
    "next year": "2099-01-01T00:00:00Z",
    "no time": "soon",
    "a number": "17",
}


@pytest.mark.parametrize("timestamp", UNBELIEVABLE.values(), ids=UNBELIEVABLE)
def test_a_time_that_cannot_be_is_that_of_the_message(timestamp: str) -> None:
    came = now()
    meter_values(5, came=came, timestamp=timestamp)
    read()
    assert Reading.objects.get().at == came


def test_what_was_kept_offline_keeps_its_time_and_is_thinned_at_once() -> None:
    old = now().replace(second=0) - timedelta(days=3)
    for second in (0, 10, 50):
        meter_values(second, at=old + timedelta(seconds=second), came=now())
    read()
    assert [row.energy_wh for row in Reading.objects.all()] == [50]
    assert Reading.objects.get().at == old + timedelta(seconds=50)


def test_a_session_of_1_6_has_its_start_and_stop_at_its_connector() -> None:
    session()
    begin, end = now() - timedelta(minutes=2), now()
    log(
        "StartTransaction",
        {"connectorId": 2, "idTag": "CARD", "meterStart": 100, "timestamp": wire(begin)},
        transaction_id=SESSION,
    )
    data = [{"timestamp": wire(begin + timedelta(minutes=1)), "sampledValue": [{"value": "150"}]}]
    stop = {"transactionId": 7, "meterStop": 200, "timestamp": wire(end), "transactionData": data}
    log("StopTransaction", stop, transaction_id=SESSION)
    read()
    assert readings() == [(1, 0, 2, 100, None), (1, 0, 2, 150, None), (1, 0, 2, 200, 0)]
    assert set(Reading.objects.values_list("transaction_id", flat=True)) == {SESSION}


def test_an_event_without_its_evse_is_of_that_of_its_session() -> None:
    session(ocpp_version="2.0.1", evse_id=3, connector_id=1)
    value = {"timestamp": wire(now()), "sampledValue": [{"value": 11.5}]}
    event = {"eventType": "Updated", "timestamp": wire(now()), "meterValue": [value]}
    log("TransactionEvent", event, transaction_id=SESSION)
    read()
    assert readings() == [(1, 3, 0, 11.5, None)]


NOWHERE: dict[str, tuple[str, dict[str, Any]]] = {
    "a stop of a session that nobody knows": ("StopTransaction", {"meterStop": 5, "transactionId": 7}),
    "an event without an EVSE": ("TransactionEvent", {"eventType": "Ended"}),
    "no connector": ("MeterValues", {"meterValue": [{"sampledValue": [{"value": "7"}]}]}),
}


@pytest.mark.parametrize(("action", "payload"), NOWHERE.values(), ids=NOWHERE)
def test_what_is_of_no_known_meter_is_left_out(action: str, payload: dict[str, Any]) -> None:
    log(action, {"timestamp": wire(now()), **payload})
    read()
    assert not Reading.objects.exists()


def test_copies_to_backoffices_and_rows_of_chargers_that_are_gone_are_no_readings() -> None:
    meter_values(1, route_id=1)
    meter_values(2, charger_id=4711)
    meter_values(3, charger_id=2)
    read()
    assert readings() == [(2, 0, 1, 3, None)]


# Settings


def told() -> dict[str, tuple[str, bool | None]]:
    return {row.name: (row.value, row.readonly) for row in ConfigurationKey.objects.filter(charger=1)}


CONFIGURATION = {
    "configurationKey": [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "AuthorizationKey", "readonly": False, "value": "sesame"},
    ]
}


def test_answers_to_whoever_asks_make_the_configuration() -> None:
    log("GetConfiguration", {}, answer=CONFIGURATION, direction="down")
    read()
    assert told() == {"HeartbeatInterval": ("300", False)}


def test_a_change_is_read_where_the_backoffice_asked_for_it() -> None:
    row = log("ChangeConfiguration", answer={"status": "Accepted"}, direction="down")
    change = {"key": "HeartbeatInterval", "value": "60"}
    log(
        "ChangeConfiguration",
        change,
        answer={"status": "Accepted"},
        direction="down",
        exchange=row.exchange,
        route_id=1,
    )
    read()
    assert told() == {"HeartbeatInterval": ("60", False)}


def test_an_older_answer_does_not_replace_a_newer_one() -> None:
    item = {"component": {"name": "C"}, "variable": {"name": "V"}, "attributeStatus": "Accepted"}
    for value, ago in (("new", 5), ("old", 10)):
        answer = {"getVariableResult": [{**item, "attributeValue": value}]}
        at = timezone.now() - timedelta(seconds=ago)
        log("GetVariables", {}, answer=answer, direction="down", at=at, exchange=number_at(timezone.now()))
        read()
    assert told() == {"C.V": ("new", None)}


def test_a_charger_does_not_fill_the_table_with_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "MOST_SETTINGS", 3)
    for names in ("AB", "BCDE"):
        keys = [{"key": name, "readonly": False, "value": names} for name in names]
        log("GetConfiguration", {}, answer={"configurationKey": keys}, direction="down")
        read()
    assert told() == {"A": ("AB", False), "B": ("BCDE", False), "C": ("BCDE", False)}


# Firmware


def history() -> list[tuple[str, str, str]]:
    return list(FirmwareEvent.objects.order_by("at").values_list("kind", "status", "detail"))


def boot(version: str, *, ago: int) -> None:
    payload = {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": version}
    log("BootNotification", payload, at=timezone.now() - timedelta(seconds=ago))


def test_firmware_has_a_history_and_a_boot_only_where_it_is_another() -> None:
    boot("1.0", ago=60)
    log("FirmwareStatusNotification", {"status": "Installed"}, at=timezone.now() - timedelta(seconds=50))
    boot("1.0", ago=40)
    boot("1.1", ago=30)
    log("DiagnosticsStatusNotification", {"status": "Uploaded"}, at=timezone.now() - timedelta(seconds=20))
    expected = [
        ("version", "1.0", ""),
        ("firmware", "Installed", ""),
        ("version", "1.1", "before: 1.0"),
        ("diagnostics", "Uploaded", ""),
    ]
    for _ in range(2):
        read()
        assert history() == expected
        LogReader.objects.update(exchange=0)


# How far it is


def test_a_process_that_comes_after_goes_on_where_the_one_before_was() -> None:
    for ago in (50, 40, 30):
        meter_values(ago, at=now() - timedelta(seconds=ago))
    read(Follower())
    meter_values(0, at=now())
    assert read(Follower()) == 2  # and one that may have had company
    assert [row.energy_wh for row in Reading.objects.order_by("at")] == [50, 40, 30, 0]


def test_only_one_process_reads_at_a_time_and_none_right_after() -> None:
    first, second = Follower(), Follower()
    meter_values(1)
    assert read(first) == 1
    assert second.run(always) is None  # it rests
    ready()
    LogReader.objects.update(until=timezone.now() + timedelta(seconds=60), holder="another")
    assert first.run(always) is None


def test_a_process_that_was_overtaken_stores_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    meter_values(1)
    follower = Follower()
    gathered = follower._gathered

    def overtaken(rows: list[Any]) -> Any:
        LogReader.objects.update(holder="another")
        return gathered(rows)

    monkeypatch.setattr(follower, "_gathered", overtaken)
    read(follower)
    assert not Reading.objects.exists()
    assert read() == 1


def test_pages_end_where_the_log_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAGE", 3)
    start = now() - timedelta(minutes=5)
    for number in range(8):
        meter_values(number, at=start + timedelta(seconds=number))
    assert read() == 8
    assert Reading.objects.count() == 8


def test_one_that_stops_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAGE", 3)
    start = now() - timedelta(minutes=5)
    for number in range(8):
        meter_values(number, at=start + timedelta(seconds=number))
    turns = iter([True, True, False])  # an hour where nothing was, and a page
    ready()
    assert Follower().run(lambda: next(turns)) == 3
    read()
    assert Reading.objects.count() == 8


def test_a_row_that_was_committed_a_little_late_is_read() -> None:
    follower, at = Follower(), now()
    meter_values(1, at=at)
    read(follower)
    meter_values(2, at=at - timedelta(seconds=2), connector=2)
    assert read(follower) == 1


def test_an_exchange_that_was_long_under_way_is_read() -> None:
    session()
    meter_values(1)
    read()
    begin = now() - timedelta(seconds=40)
    start = {"connectorId": 2, "idTag": "CARD", "meterStart": 100, "timestamp": wire(begin)}
    log("StartTransaction", start, at=begin, transaction_id=SESSION, latency_ms=39_000.0)
    read()
    assert (1, 0, 2, 100, None) in readings()


def as_writer(work: Callable[[Store], object]) -> None:
    """Do something as the thread of a writer does, on its own connection."""

    def run() -> None:
        store = Store("default")
        try:
            work(store)
        finally:
            store.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def reached() -> int:
    return LogReader.objects.get(pk=READER).exchange


def test_what_comes_out_of_a_spool_hours_later_is_read() -> None:
    meter_values(1)
    read()
    row = meter_values(2, at=now() - timedelta(hours=3), connector=2)
    given = {name: getattr(row, name) for name in ("at", "exchange", "action", "text", "answer")}
    Message.objects.filter(exchange=row.exchange).delete()
    as_writer(lambda store: store.store_log([make.message(**given)], one_by_one=False))
    assert reached() == row.exchange
    read()
    assert readings()[0] == (1, 0, 2, 2, None)


@pytest.mark.parametrize(("latency_ms", "is_late"), [(1.0, True), (49_500.0, False)], ids=["late", "slow"])
def test_a_writer_that_was_held_up_has_its_rows_read(latency_ms: float, *, is_late: bool) -> None:
    meter_values(1)
    read()
    before, at = reached(), timezone.now() - timedelta(seconds=50)
    put = Put(1, 1, [make.message(at=at, exchange=number_at(at), latency_ms=latency_ms)])
    as_writer(lambda store: store.store([put], one_by_one=False))
    assert reached() == (number_at(at) if is_late else before)


def test_a_copy_that_waited_for_days_does_not_have_days_read_again() -> None:
    read()
    before, at = reached(), timezone.now() - timedelta(days=5)
    row = make.message(at=timezone.now(), exchange=number_at(at), route=1)
    as_writer(lambda store: store.store_log([row], one_by_one=False))
    assert reached() == before


def test_rows_dated_ahead_do_not_take_the_reader_along() -> None:
    meter_values(1, at=now() + timedelta(seconds=30))
    read()
    assert LogReader.objects.get(pk=READER).exchange <= number_at(timezone.now())
    assert Reading.objects.count() == 1


def test_a_log_where_nothing_happens_is_not_read_from_its_beginning_each_time() -> None:
    read()
    assert LogReader.objects.get(pk=READER).exchange >= number_at(timezone.now() - timedelta(seconds=70))


def test_a_charger_that_is_removed_takes_its_readings_along() -> None:
    meter_values(1)
    log("GetConfiguration", {}, answer=CONFIGURATION, direction="down")
    boot("1.0", ago=1)
    read()
    apps.get_model("chargers", "Charger")._default_manager.filter(pk=1).delete()
    for model in (Reading, ConfigurationKey, FirmwareEvent):
        assert not model._default_manager.exists()
