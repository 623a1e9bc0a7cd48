"""The tenant's static limit (a fuse): no role of any backoffice lifts it, and nobody clears it.

Within one purpose a charger follows the valid profile with the highest stackLevel alone; it takes the
minimum over purposes only. So a limit of the proxy's own beside an energy owner's ChargePointMaxProfile
would be overridden while that one is higher, and would override it while that one is lower. Hence both:

* the proxy's profile has stackLevel 0 of that purpose, and everybody's own levels are shifted up by one,
  so that in 1.6 nobody replaces it (same purpose and level), and no 2.x station calls a profile its
  duplicate: it counts whenever no other profile of that purpose is valid, in gaps too;
* limits in backoffices' profiles of that purpose are lowered to the static one before they are sent, so
  that it also holds while theirs counts.

LocalGeneration (2.1) is added on top of the station's limit and is refused while there is a static one.

Amperes and watts are joined by the options ``voltage`` and ``phases``: as many phases as those are
taken to share the power, so that no conversion allows more than the limit.
"""

from __future__ import annotations

import math
from functools import partial

import msgspec

from routing.core import spans
from routing.core.charging_profiles.profiles import STATION_MAX, Wire, number
from routing.core.settings import learning
from routing.core.snapshot import ChargerSnapshot
from routing.core.state import State

SINCE = "2020-01-01T00:00:00Z"
"""Begin of the static limit: some time ago, always the same, so that an unchanged limit looks unchanged."""

CHARGING = ("limit", "limit_L2", "limit_L3", "setpoint", "setpoint_L2", "setpoint_L3")
"""Members of a period (2.1: also of a schedule's update) that say how much may be drawn."""

SETPOINT_MODES = frozenset({'"CentralSetpoint"', '"CentralFrequency"'})
"""Operation modes (2.1) in which the charger follows a setpoint; in others it chooses below a limit."""


class Limit(msgspec.Struct, frozen=True, gc=False):
    """The static limit of a charger: per phase in A, over all phases in W; one of them may be None."""

    amperes: float | None
    watts: float | None
    voltage: float
    phases: int

    def within(self, unit: str, phases: int | None) -> float:
        """The limit in ``"A"`` or ``"W"`` for a period with so many phases, None for all."""
        if unit == "A":
            from_power = math.inf if self.watts is None else self.watts / (self.voltage * self.phases)
            return min(self.amperes or math.inf, from_power)
        used = self.phases if phases is None else min(max(phases, 1), self.phases)
        from_current = math.inf if self.amperes is None else self.amperes * self.voltage * used
        return min(self.watts or math.inf, from_current)


def static(snapshot: ChargerSnapshot) -> Limit | None:
    """The limit that the tenant has set for a charger, None for none."""
    options = snapshot.options
    if not options.max_current and not options.max_power:
        return None
    return Limit(options.max_current or None, options.max_power or None, options.voltage, options.phases)


def payload(state: State, limit: Limit, charger_id: str) -> str:
    """The SetChargingProfile that holds the static limit."""
    unit = _unit(state, limit)
    periods = f'"chargingSchedulePeriod":[{{"startPeriod":0,"limit":{literal(limit.within(unit, None))}}}]'
    schedule = f'"startSchedule":"{SINCE}","chargingRateUnit":"{unit}",{periods}'
    if state.version == "1.6":
        return (
            f'{{"connectorId":0,"csChargingProfiles":{{"chargingProfileId":{charger_id},"stackLevel":0,'
            f'"chargingProfilePurpose":"ChargePointMaxProfile","chargingProfileKind":"Absolute",'
            f'"chargingSchedule":{{{schedule}}}}}}}'
        )
    return (
        f'{{"evseId":0,"chargingProfile":{{"id":{charger_id},"stackLevel":0,'
        f'"chargingProfilePurpose":"ChargingStationMaxProfile","chargingProfileKind":"Absolute",'
        f'"chargingSchedule":[{{"id":{charger_id},{schedule}}}]}}}}'
    )


def _unit(state: State, limit: Limit) -> str:
    """The unit the tenant has written, unless the charger is known to take the other one only."""
    allowed = (learning.known(state, "ChargingScheduleAllowedChargingRateUnit") or "").lower()
    takes_current = "current" in allowed or "a" in allowed.split(",")
    takes_power = "power" in allowed or "w" in allowed.split(",")
    if takes_current == takes_power:
        return "W" if limit.amperes is None else "A"
    return "A" if takes_current else "W"


def literal(value: float) -> str:
    """A limit as a JSON number with one decimal, rounded down (1.6: a multiple of 0.1)."""
    return f"{math.floor(round(value * 10, 6)) / 10:.1f}"


def keeps(snapshot: ChargerSnapshot, name: str, value: str) -> str:
    """Why a setting stays as it is, in words; "" where it may change. Smart charging holds the limit."""
    plain = "".join(filter(str.isalnum, name)).casefold().replace("ctrlr", "")
    switches = plain == "smartchargingenabled" and value.strip().casefold() not in ("true", "1")
    return f"{name} holds the tenant's static limit" if switches and static(snapshot) is not None else ""


def lower(payload: str, at: Wire, purpose: str, limit: Limit | None) -> str:
    """A payload whose profile allows no more than the static limit."""
    if limit is None or purpose not in STATION_MAX:
        return payload
    return spans.rewrite(payload, at.schedules, partial(_lower_schedule, limit))


def says_nothing(payload: str, at: Wire, purpose: str, limit: Limit | None) -> bool:
    """Whether a profile beside the static limit has a schedule without periods that could be lowered."""
    if limit is None or purpose not in STATION_MAX:
        return False
    schedules = spans.find(payload, at.schedules)
    periods = [spans.find(schedule, "$.chargingSchedulePeriod[]") for schedule in schedules]
    return not periods or any(not found or any(p[:1] != "{" for p in found) for found in periods)


def _lower_schedule(limit: Limit, schedule: str) -> str:
    unit = _unit_of(schedule)
    lowered = partial(_lower_period, limit, unit)
    schedule = spans.rewrite(schedule, "$.chargingSchedulePeriod[]", lowered)
    most = limit.within(unit, None)
    return spans.rewrite(schedule, "$.limitAtSoC.limit", partial(_lowest, most))


def _unit_of(schedule: str) -> str:
    """The unit of a schedule. Where that is not certain, A: there a number allows more, and is lowered."""
    tokens = spans.find(schedule, "$.chargingRateUnit")
    return "W" if tokens and set(tokens) == {'"W"'} else "A"


def _lower_period(limit: Limit, unit: str, period: str) -> str:
    if not spans.find(period, "$.limit") and not _has_setpoint(period):
        period = spans.insert(period, "$.limit", literal(limit.within(unit, None)))  # 2.1 may have none
    return lower_members(limit, unit, _phases_of(period), period)


def _phases_of(period: str) -> int | None:
    """How many phases a period uses, None for all; where nobody knows how it is read, one."""
    tokens = [token for token in spans.find(period, "$.numberPhases") if token != "null"]
    if not tokens:
        return 1 if spans.find(period, "$.phaseToUse") else None
    return min(int(token) if token in ("1", "2", "3") else 1 for token in tokens)


def _has_setpoint(period: str) -> bool:
    """Whether a setpoint alone says how much is drawn. Source: OCPP 2.1 part 2, Q08 (operation modes)."""
    modes = spans.find(period, "$.operationMode")
    return bool(spans.find(period, "$.setpoint")) and all(mode in SETPOINT_MODES for mode in modes)


def lower_members(limit: Limit, unit: str, phases: int | None, holder: str) -> str:
    """A period or update none of whose members allows more than the limit."""
    most = limit.within(unit, phases)
    if unit == "W" and any(spans.find(holder, f"$.{name}") for name in ("limit_L2", "limit_L3")):
        most /= limit.phases  # then each phase has a power of its own
    for name in CHARGING:
        holder = spans.rewrite(holder, f"$.{name}", partial(_lowest, most))
    return holder


def _lowest(most: float, token: str) -> str:
    value = number(token)
    return token if value is not None and value <= most else literal(most)


def is_zero(payload: str, at: Wire) -> bool:
    """Whether a profile forbids charging in some period."""
    periods = f"{at.schedules}.chargingSchedulePeriod[]"
    tokens = (token for name in CHARGING[:3] for token in spans.find(payload, f"{periods}.{name}"))
    return any((value := number(token)) is not None and value < SMALLEST for token in tokens)


SMALLEST = 0.1
"""Less than the resolution of the protocol is nothing."""
