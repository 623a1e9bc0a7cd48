"""CALLs toward the charger that get into each other's way while they wait (ocpp-semantics 7.3).

A start on a connector that is being started is refused; a charging profile takes the place of the older
one that it would replace anyway; and what waits behind a reset waits for the boot, or fails where it
would not be the same afterwards.
"""

from __future__ import annotations

from routing.core import spans
from routing.core.errors import Condition, error_code
from routing.core.gate import WAITING_PER_ROUTE, DownCall, Gate, Reply
from routing.core.state import State
from routing.core.turn import Turn

STARTS = {"RemoteStartTransaction": "$.connectorId", "RequestStartTransaction": "$.evseId"}
"""Actions that begin a session, and where they say on which connector."""

NOT_LATER = frozenset({*STARTS, "UnlockConnector", "Reset"})
"""Actions that are not carried out any more once the charger has rebooted: the driver may be gone."""

REBOOT = 60.0
"""Seconds that a charger, which has accepted a reset, is given to boot before it is asked anything again."""

REBOOTING = "charger rebooting"

PROFILE = {"1.6": ("$.connectorId", "$.csChargingProfiles"), "2": ("$.evseId", "$.chargingProfile")}


def objection(state: State, turn: Turn, action: str, payload: str) -> str:
    """Why the charger is better not asked this now, in words; "" where nothing is in the way."""
    if action not in NOT_LATER:
        return ""
    if turn.now < state.gate.rebooting_until or any(_reboots(c) for c in _under_way(state.gate)):
        return REBOOTING
    path = STARTS.get(action)
    connector = spans.value(payload, path) if path is not None else None
    if path is None or connector is None:
        return ""
    starts = (c for c in _under_way(state.gate) if c.action == action)
    same = any(spans.value(c.payload, path) == connector for c in starts)
    return "a start on this connector is under way" if same else ""


def _under_way(gate: Gate) -> list[DownCall]:
    return gate.queue if gate.outstanding is None else [gate.outstanding, *gate.queue]


def _reboots(call: DownCall) -> bool:
    """Whether this restarts the charger as a whole; in 2.x it may be one EVSE only."""
    return call.action == "Reset" and not spans.find(call.payload, "$.evseId")


def supersede(state: State, call: DownCall) -> list[DownCall]:
    """Take the older profiles of the same asker and scope out of the queue: they share this one's fate.

    Returns the oldest of them where too many wait for one answer; those are to be ended now.
    """
    if call.action != "SetChargingProfile" or call.route is None or not state.gate.queue:
        return []
    scope = _scope(state, call.payload)
    older = [
        c
        for c in state.gate.queue
        if c.action == call.action and c.route == call.route and _scope(state, c.payload) == scope
    ]
    for one in older:
        state.gate.queue.remove(one)
        call.since = min(call.since, one.since)
        if one.asked is not None:
            one.asked.rule = "superseded in the queue by a newer profile"
    # In one list: a chain of them would be as deep as a backoffice likes.
    waiting = [c for one in older for c in (*one.superseded, one)]
    for one in older:
        one.superseded = []
    crowded_out, call.superseded = waiting[:-WAITING_PER_ROUTE], waiting[-WAITING_PER_ROUTE:]
    for one in crowded_out:  # what it has opened names the profile of the newer ones, too
        call.superseded[0].opened += one.opened
        one.opened = []
    return crowded_out


def _scope(state: State, payload: str) -> tuple[object, ...]:
    """What a profile replaces: in 1.6 the one of its purpose and stack level, in 2.x the one of its id."""
    connector, profile = PROFILE.get(state.version, PROFILE["2"])
    members = ["chargingProfilePurpose", "stackLevel", "transactionId"]
    if state.version != "1.6":
        members.append("id")
    where = spans.value(payload, connector)
    return (where, *(spans.value(payload, f"{profile}.{member}") for member in members))


def reset_ended(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """A reset was accepted: the gate is shut until the boot, and what must not wait for it fails now."""
    if not _reboots(call) or reply.payload is None or spans.value(reply.payload, "$.status") != "Accepted":
        return
    gate = state.gate
    gate.rebooting_until = turn.now + REBOOT
    state.wake_at(gate.rebooting_until)
    failing = [c for c in gate.queue if c.action in NOT_LATER]
    gate.queue = [c for c in gate.queue if c.action not in NOT_LATER]
    code = error_code(state.version, Condition.GENERIC)
    for one in failing:
        one.then(state, turn, one, Reply(code=code, description=REBOOTING, outcome="dropped"))
