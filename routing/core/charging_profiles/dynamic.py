"""Dynamic schedules of OCPP 2.1: their updates stay within the tenant's static limit as well.

Whose profile it is, and who is asked for an update, is a matter of ids alone (the tables).
"""

from __future__ import annotations

from routing.core import calls, rewriting, spans
from routing.core.charging_profiles import limits, store
from routing.core.charging_profiles.profiles import STATION_MAX, misspelt, whole, wire
from routing.core.gate import Asked
from routing.core.lines import Line
from routing.core.snapshot import Role, Verdict
from routing.core.state import State
from routing.core.turn import Turn

UPDATE = "$.scheduleUpdate"
ID = "$.chargingProfileId"


def update(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take an UpdateDynamicSchedule: of its own profiles only."""
    if line.route.role is not Role.BILLING and not rewriting.names_object(asked.row, asked.payload):
        return calls.deny(state, turn, asked, "an update names the profile that it is for")
    if other := misspelt(asked.payload, *spans.find(asked.payload, UPDATE)):
        return calls.deny(state, turn, asked, f'"{other[:50]}" is not how this member is spelled')
    payload, opened = rewriting.to_charger(state, turn, line, asked.row, asked.payload)
    if payload is None:
        return calls.deny(state, turn, asked, "a profile that this backoffice never made")
    if calls.submit(state, turn, asked, lowered(state, whole(payload, ID), payload)) is None:
        rewriting.take_back(state, turn, opened)


def answered(state: State, question: str, payload: str) -> str:
    """The answer to a PullDynamicScheduleUpdate, within the static limit."""
    if limits.static(state.snapshot) is not None and misspelt(payload, *spans.find(payload, UPDATE)):
        return '{"status":"Rejected"}'
    return lowered(state, whole(question, ID), payload)


def lowered(state: State, charger_id: int | None, payload: str) -> str:
    """An update, or the answer to a PullDynamicScheduleUpdate, that allows no more than the static limit.

    ``charger_id``: the charger's id of the profile. One that is older than the proxy is taken for one
    that limits the station, in A.
    """
    limit = limits.static(state.snapshot)
    if limit is None or not spans.find(payload, UPDATE):
        return payload
    known = next((one for one in store.every(state) if one.charger_id == str(charger_id)), None)
    if known is not None and known.purpose not in STATION_MAX:
        return payload
    schedule = wire(state.version, "SetChargingProfile").schedules
    unit = spans.value(known.sent, f"{schedule}.chargingRateUnit") if known else "A"
    phases = spans.value(known.sent, f"{schedule}.chargingSchedulePeriod[].numberPhases") if known else None
    used = phases if type(phases) is int else None
    return spans.rewrite(payload, UPDATE, lambda held: limits.lower_members(limit, str(unit), used, held))
