"""Charging profiles as a charger holds them, and the limit that follows from them.

One form for all versions: what 1.6 and 2.x spell differently is settled when a profile comes in.
Source: OCPP 1.6 edition 2, section 3.13 (smart charging); 2.x part 2, use case K.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulators.charger.car import PHASES, VOLTAGE_V
from simulators.times import from_text

UNLIMITED_W = float("inf")
STATION_PURPOSES = (
    "ChargePointMaxProfile",
    "ChargingStationMaxProfile",
    "ChargingStationExternalConstraints",
)


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start_s`` seconds into the schedule on, at most ``limit_w`` watts."""

    start_s: int
    limit_w: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A charging profile on a connector (1.6) or EVSE (2.x); 0 is the whole charger.

    ``raw`` is the profile as it came, for reports.
    """

    key: int
    place: int
    purpose: str
    stack_level: int
    kind: str
    recurrency: str
    start: datetime | None
    duration_s: int | None
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    periods: tuple[Period, ...]
    raw: dict[str, Any]

    def limit_w(self, now: datetime, began: datetime | None) -> float | None:
        """Watts allowed at ``now``, None where this profile says nothing then.

        ``began``: start of the transaction, from which relative schedules count.
        """
        if (self.valid_from and now < self.valid_from) or (self.valid_to and now >= self.valid_to):
            return None
        start = self._schedule_start(now, began)
        if start is None or now < start:
            return None
        elapsed = (now - start).total_seconds()
        if self.duration_s is not None and elapsed >= self.duration_s:
            return None
        running = [period.limit_w for period in self.periods if period.start_s <= elapsed]
        return running[-1] if running else None

    def _schedule_start(self, now: datetime, began: datetime | None) -> datetime | None:
        if self.kind == "Relative":
            return began or now
        if self.kind == "Recurring" and self.start:
            cycle = timedelta(days=7 if self.recurrency == "Weekly" else 1)
            return self.start + cycle * ((now - self.start) // cycle)
        return self.start or began or now


def profile(raw: dict[str, Any], place: int) -> Profile:
    """A profile of any version from its JSON object."""
    schedules = raw["chargingSchedule"]
    schedule = schedules[0] if isinstance(schedules, list) else schedules
    transaction_id = raw.get("transactionId")
    return Profile(
        key=int(raw["chargingProfileId"] if "chargingProfileId" in raw else raw["id"]),
        place=place,
        purpose=raw["chargingProfilePurpose"],
        stack_level=int(raw["stackLevel"]),
        kind=raw["chargingProfileKind"],
        recurrency=raw.get("recurrencyKind", ""),
        start=from_text(schedule.get("startSchedule", "")),
        duration_s=schedule.get("duration"),
        valid_from=from_text(raw.get("validFrom", "")),
        valid_to=from_text(raw.get("validTo", "")),
        transaction_id=None if transaction_id is None else str(transaction_id),
        periods=tuple(_periods(schedule)),
        raw=raw,
    )


class Profiles:
    """All profiles of one charger."""

    def __init__(self) -> None:
        self.installed: list[Profile] = []

    def install(self, new: Profile) -> None:
        """Add a profile; it takes the place of one with its id, or its purpose and level at its place."""
        self.installed = [old for old in self.installed if not _replaces(new, old)]
        self.installed.append(new)

    def clear(self, matches: Callable[[Profile], bool]) -> int:
        """Remove what matches; returns how many."""
        before = len(self.installed)
        self.installed = [old for old in self.installed if not matches(old)]
        return before - len(self.installed)

    def end_transaction(self, place: int) -> None:
        """Profiles of a transaction end with it."""
        self.clear(lambda old: old.purpose == "TxProfile" and old.place == place)

    def limit_w(self, place: int, now: datetime, began: datetime | None) -> float:
        """Watts that a connector may draw: the lowest of what the purposes say, UNLIMITED_W if none does."""
        here = [p for p in self.installed if p.place in (0, place)]
        station = self._highest((p for p in here if p.purpose in STATION_PURPOSES), now, began)
        transaction = self._highest((p for p in here if p.purpose == "TxProfile"), now, began)
        if transaction is None:
            transaction = self._highest((p for p in here if p.purpose == "TxDefaultProfile"), now, began)
        return min(UNLIMITED_W if limit is None else limit for limit in (station, transaction))

    def composite(
        self, place: int, now: datetime, began: datetime | None, duration_s: int, most_w: float
    ) -> list[Period]:
        """The limit over the next ``duration_s`` seconds, a period per change; never above ``most_w``."""
        step_s = max(1, duration_s // 288)
        periods: list[Period] = []
        for second in range(0, max(1, duration_s), step_s):
            limit_w = min(most_w, self.limit_w(place, now + timedelta(seconds=second), began))
            if not periods or periods[-1].limit_w != limit_w:
                periods.append(Period(second, limit_w))
        return periods

    @staticmethod
    def _highest(profiles: Iterable[Profile], now: datetime, began: datetime | None) -> float | None:
        speaking = [(p.stack_level, limit) for p in profiles if (limit := p.limit_w(now, began)) is not None]
        return max(speaking)[1] if speaking else None


def _periods(schedule: dict[str, Any]) -> Iterable[Period]:
    in_amperes = schedule["chargingRateUnit"] == "A"
    for period in schedule["chargingSchedulePeriod"]:
        limit = float(period.get("limit", UNLIMITED_W))  # 2.1 has periods that set something else
        phases = period.get("numberPhases", PHASES)
        yield Period(int(period["startPeriod"]), limit * VOLTAGE_V * phases if in_amperes else limit)


def _replaces(new: Profile, old: Profile) -> bool:
    if new.key == old.key:
        return True
    return (new.place, new.purpose, new.stack_level) == (old.place, old.purpose, old.stack_level)
