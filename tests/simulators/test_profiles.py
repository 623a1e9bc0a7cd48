"""Limits that follow from charging profiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators.charger.car import Car
from simulators.charger.profiles import UNLIMITED_W, Period, Profiles, profile

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def raw(
    key: int = 1, *, limit: float = 5_000, purpose: str = "TxDefaultProfile", **more: Any
) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    schedule |= more.pop("schedule", {})
    return {
        "chargingProfileId": key,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    } | more


def limit_of(*profiles: dict[str, Any], place: int = 1, now: datetime = NOW) -> float:
    station = Profiles()
    for one in profiles:
        station.install(profile(one, place))
    return station.limit_w(1, now, NOW)


PERIODS = {
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7_000}, {"startPeriod": 60, "limit": 1_000}]
}
DAILY: dict[str, Any] = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([], UNLIMITED_W),
        ([raw()], 5_000),
        ([raw(1), raw(2, limit=3_000, stackLevel=1)], 3_000),
        ([raw(1, stackLevel=2), raw(2, limit=3_000, stackLevel=1)], 5_000),
        ([raw(1), raw(2, limit=9_000, purpose="TxProfile")], 9_000),
        ([raw(1), raw(2, limit=2_000, purpose="ChargePointMaxProfile")], 2_000),
        ([raw(1), raw(1, limit=4_000)], 4_000),
        ([raw(1, validFrom="2026-01-02T00:00:00Z")], UNLIMITED_W),
        ([raw(1, validTo="2026-01-01T00:00:00Z")], UNLIMITED_W),
        (
            [raw(schedule={"startSchedule": "2026-01-01T13:00:00Z"}, chargingProfileKind="Absolute")],
            UNLIMITED_W,
        ),
        ([raw(schedule={"startSchedule": "2025-12-01T11:59:00Z", "duration": 120}, **DAILY)], 5_000),
        ([raw(schedule={"startSchedule": "2025-12-01T11:00:00Z", "duration": 120}, **DAILY)], UNLIMITED_W),
    ],
    ids=[
        "none",
        "default",
        "higher level wins",
        "whatever its number",
        "session before default",
        "lowest of station and session",
        "same id replaces",
        "not yet valid",
        "no longer valid",
        "not begun",
        "every day at this time",
        "every day, over",
    ],
)
def test_limit(profiles, expected):
    assert limit_of(*profiles) == expected


def test_relative_schedule_counts_from_the_start_of_the_session():
    assert limit_of(raw(schedule=PERIODS), now=NOW + timedelta(seconds=59)) == 7_000
    assert limit_of(raw(schedule=PERIODS), now=NOW + timedelta(seconds=60)) == 1_000


def test_limit_of_the_whole_charger_counts_everywhere():
    assert limit_of(raw(), place=0) == 5_000
    assert limit_of(raw(), place=2) == UNLIMITED_W


def test_composite_schedule_joins_equal_times():
    station = Profiles()
    station.install(profile(raw(schedule=PERIODS), 1))
    assert station.composite(1, NOW, NOW, 120, 22_000) == [Period(0, 7_000), Period(60, 1_000)]


def test_car_draws_less_when_nearly_full_and_nothing_when_full():
    car = Car(soc=0.9, energy_wh=0)
    assert car.power_w(UNLIMITED_W) == pytest.approx(5_500)
    reading = car.advance(10 * 3600, UNLIMITED_W)
    assert (reading.soc_percent, reading.power_w) == (100, 0)
    assert reading.energy_wh == pytest.approx(6_000)
    assert car.advance(3600, UNLIMITED_W).energy_wh == reading.energy_wh
