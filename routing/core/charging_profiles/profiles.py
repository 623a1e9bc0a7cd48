"""What a charging profile says, as far as it decides whose it is and what it may replace."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from routing.core import payloads, spans
from routing.core.payloads import integer, moment

TX, TX_DEFAULT = "TxProfile", "TxDefaultProfile"
EXTERNAL = "ChargingStationExternalConstraints"
LOCAL_GENERATION = "LocalGeneration"
STATION_MAX = frozenset({"ChargePointMaxProfile", "ChargingStationMaxProfile"})

_OF_2 = frozenset({"ChargingStationMaxProfile", TX_DEFAULT, TX, EXTERNAL})
PURPOSES = {
    "1.6": frozenset({"ChargePointMaxProfile", TX_DEFAULT, TX}),
    "2.0.1": _OF_2,
    "2.1": _OF_2 | {"PriorityCharging", LOCAL_GENERATION},
}
"""Every purpose by version. Source: the schemas of SetChargingProfile."""


class Wire(NamedTuple):
    """Where a CALL has its profile: ``$`` paths of the profile, the connector or EVSE, and what is in it."""

    profile: str
    id: str
    scope: str
    schedules: str

    @property
    def purpose(self) -> str:
        """The path of the purpose."""
        return f"{self.profile}.chargingProfilePurpose"

    @property
    def level(self) -> str:
        """The path of the stackLevel."""
        return f"{self.profile}.stackLevel"

    @property
    def transaction(self) -> str:
        """The path of the transaction."""
        return f"{self.profile}.transactionId"


def _wire(profile: str, name: str, scope: str) -> Wire:
    array = "" if name == "chargingProfileId" else "[]"
    return Wire(profile, f"{profile}.{name}", scope, f"{profile}.chargingSchedule{array}")


_SET_16 = _wire("$.csChargingProfiles", "chargingProfileId", "$.connectorId")
_START_16 = _wire("$.chargingProfile", "chargingProfileId", "$.connectorId")
_OF_2_WIRE = _wire("$.chargingProfile", "id", "$.evseId")


def wire(version: str, action: str) -> Wire:
    """Where this action has its profile."""
    if version != "1.6":
        return _OF_2_WIRE
    return _SET_16 if action == "SetChargingProfile" else _START_16


class Profile(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A profile as a backoffice wrote it. ``id``, ``level`` and ``transaction`` are the backoffice's own.

    ``scope``: the connector (1.6) or EVSE, 0 for the whole charger. ``transaction``: "" for none.
    ``is_bounded``: it ends by itself. ``over_at``: when, None where that is not known or never.
    """

    id: str
    purpose: str
    level: int
    scope: int
    transaction: str
    is_bounded: bool
    over_at: datetime | None


def read(payload: str, at: Wire) -> Profile | str:
    """The profile in a payload, or why it is none that may go on, in words."""
    decisive = (at.profile, at.id, at.purpose, at.level, at.transaction, at.scope)
    for path in (*decisive, f"{at.profile}.chargingSchedule"):
        if len(spans.find(payload, path)) > 1:
            return f"{path} is written twice, and nobody knows which of the two the charger reads"
    inner = (at.profile, at.schedules, f"{at.schedules}.chargingSchedulePeriod[]")
    if other := misspelt(payload, *(text for path in inner for text in spans.find(payload, path))):
        return f'"{other[:50]}" is not how this member is spelled'
    purpose = spans.value(payload, at.purpose)
    number, level = whole(payload, at.id), whole(payload, at.level)
    if not isinstance(purpose, str) or number is None or level is None or level < 0:
        return "a profile needs a purpose, and whole numbers as id and stackLevel"
    scope = whole(payload, at.scope)
    if scope is None and spans.value(payload, at.scope) is not None:
        return f"{at.scope} is no whole number"
    transaction = spans.value(payload, at.transaction)
    if isinstance(transaction, bool) or not isinstance(transaction, str | int | None):
        return f"{at.transaction} is no identifier"
    return Profile(
        id=str(number),
        purpose=purpose,
        level=level,
        scope=scope or 0,
        transaction="" if transaction is None else str(transaction),
        is_bounded=_is_bounded(payload, at),
        over_at=_over_at(payload, at),
    )


DECISIVE = (
    "chargingProfile",
    "chargingProfileCriteria",
    "chargingProfileId",
    "chargingProfilePurpose",
    "chargingRateUnit",
    "chargingSchedule",
    "chargingSchedulePeriod",
    "connectorId",
    "csChargingProfiles",
    "evseId",
    "id",
    "limit",
    "limit_L2",
    "limit_L3",
    "numberPhases",
    "scheduleUpdate",
    "setpoint",
    "setpoint_L2",
    "setpoint_L3",
    "stackLevel",
    "transactionId",
)
"""Members of these CALLs, and of the profiles in them, that decide what the charger does."""

_SPELLED = {name.casefold(): name for name in DECISIVE}
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def misspelt(*objects: str) -> str:
    """A member of these JSON objects that only a reader who ignores case takes for a decisive one.

    Some chargers do; what they would read in it has been judged by nobody. "" for none.
    """
    for text in objects:
        try:
            keys = _KEYS.decode(text)
        except (msgspec.DecodeError, UnicodeError):
            continue
        for key in keys:
            if _SPELLED.get(key.casefold(), key) != key:
                return key
    return ""


def whole(payload: str, path: str) -> int | None:
    """The integer at a path, None where there is none; text and 1.0 are none."""
    value = spans.value(payload, path)
    return value if type(value) is int and abs(value) < payloads.LARGEST else None


def number(token: str) -> float | None:
    """A raw JSON number, None for anything else."""
    try:
        return None if token[:1] in '"tfn[{' else float(token)
    except ValueError:
        return None


def _is_bounded(payload: str, at: Wire) -> bool:
    """Whether it has an end of its own: then a backoffice that dies does not hold the charger for ever."""
    schedules = spans.find(payload, at.schedules)
    durations = [spans.value(schedule, "$.duration") for schedule in schedules]
    recurring = spans.value(payload, f"{at.profile}.chargingProfileKind") == "Recurring"
    ends = bool(durations) and None not in durations and not recurring
    return ends or spans.value(payload, f"{at.profile}.validTo") is not None


def _over_at(payload: str, at: Wire) -> datetime | None:
    until = _moment(spans.value(payload, f"{at.profile}.validTo"))
    if until is not None or spans.value(payload, f"{at.profile}.chargingProfileKind") != "Absolute":
        return until
    ends = [_schedule_over_at(schedule) for schedule in spans.find(payload, at.schedules)]
    return max((end for end in ends if end is not None), default=None) if None not in ends else None


def _schedule_over_at(schedule: str) -> datetime | None:
    begins = _moment(spans.value(schedule, "$.startSchedule"))
    duration = integer(msgspec.Raw((spans.find(schedule, "$.duration") or ["null"])[-1].encode()))
    if begins is None or duration is None:
        return None
    try:
        return begins + timedelta(seconds=duration)
    except OverflowError:
        return None


def _moment(value: object) -> datetime | None:
    return moment(value) if isinstance(value, str) else None
