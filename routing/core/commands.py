"""What people and their programs ask of the charger: the proxy is a party like any other.

A command goes through the same gate as the CALLs of backoffices, with identifiers of its own and one slot
at a time. Who may is decided before it comes here; what would take the charger away is not done even so,
but for a command that says it is meant (``dangerous``). Transactions are named as the charger names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import msgspec

from routing.core import actions, calls, down, guard, leases, local_list, monitoring, spans, streams
from routing.core.actions import Down
from routing.core.charging_profiles import clearing, dynamic, setting
from routing.core.decisions import CommandEnded
from routing.core.frames import quote
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import HOUSE, Line
from routing.core.payloads import strings
from routing.core.rows import Outcome
from routing.core.settings import items, keys, views
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to ask the charger. ``by``: who asks, in words, for the log.

    ``dangerous``: may change how the charger connects; whoever sends it knows, and has the right.
    """

    id: str
    action: str
    payload: str
    by: str
    dangerous: bool = False


OWN_PASSWORD = "guard: the charger's password is changed on its page, so that the proxy knows the new one"


def take(state: State, turn: Turn, command: Command) -> None:
    """Ask the charger; what becomes of it is told with ``CommandSent`` and, once, ``CommandEnded``."""
    row = actions.down(state.version, command.action)
    asked = _asked(state, turn, command, row)
    if not state.is_reachable:
        return _end(turn, command, "lost", "the charger is not connected")
    if row is None:
        words = f"{command.action[:50]} is not an action of OCPP {state.version}"
        return _end(turn, command, "error", words, "NotImplemented")
    objection = _guarded(state, asked, command) or next(
        filter(None, (check(state, turn, state.house, asked) for check in CHECKS)), ""
    )
    if objection:
        return _end(turn, command, "denied", objection)
    HANDLERS.get(row.action, down.forward)(state, turn, state.house, asked, Verdict.ALLOW)


def _asked(state: State, turn: Turn, command: Command, row: Down | None) -> Asked:
    asked = Asked(
        row or Down(command.action, "unknown", {}),
        command.payload,
        route=HOUSE,
        exchange=state.next_seq(turn.utc),
        at=turn.utc,
        queued_at=turn.now,
        priority=calls.SAFETY if row is not None and row.priority_class == "safety" else calls.PROXY,
        message_id=command.id,
        raw_id=quote(command.id),
        text="",
    )
    asked.rule = command.by
    return asked


def _end(turn: Turn, command: Command, outcome: Outcome, words: str, code: str = "") -> None:
    turn.emit(CommandEnded(id=command.id, outcome=outcome, code=code, words=words))


# -- what is not done ----------------------------------------------------------------------------------


def _guarded(state: State, asked: Asked, command: Command) -> str:
    """Why this would take the charger away, in words; "" where it would not, or that is meant."""
    if _sets_password(state, asked):
        return OWN_PASSWORD
    rule = guard.RULES.get(asked.action)
    objection = rule(state, state.house, asked) if rule is not None else ""
    if objection and command.dangerous:
        asked.overridden = True
        asked.rule = f"{command.by}; {objection}"
        return ""
    return objection


def _sets_password(state: State, asked: Asked) -> bool:
    if asked.action == "ChangeConfiguration":
        names = strings(asked.payload, "$.key")
    elif asked.action == "SetVariables":
        names = [
            f"{component}.{variable}"
            for item in spans.find(asked.payload, "$.setVariableData[]")
            for component in strings(item, "$.component.name")
            for variable in strings(item, "$.variable.name")
        ]
    else:
        return False
    return any(keys.find(state.version, name.strip()).name in keys.PASSWORD for name in names)


CHECKS: tuple[down.Check, ...] = (leases.check, setting.check_start)
"""Why a command that may be given is not carried out now."""


# -- what is not simply forwarded ----------------------------------------------------------------------


def _ask(then: calls.Then, state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    calls.submit(state, turn, asked, asked.payload, then)


def _setting_changed(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger has another value than backoffices may have agreed on: known, as if changed on the spot."""
    if call.action == "ChangeConfiguration" and reply.payload is not None and calls.is_accepted(reply):
        views.learn(state, turn, views.member(call.payload, "$.key"), views.member(call.payload, "$.value"))
    elif call.action == "SetVariables" and reply.payload is not None:
        for item in _accepted(call.payload, reply.payload):
            if item.is_plain and item.attribute == items.ACTUAL:
                views.learn(state, turn, item.name, views.member(item.token, "$.attributeValue"))
    calls.relay(state, turn, call, reply)


def _accepted(asked: str, answer: str) -> list[items.Named]:
    """What of a SetVariables the charger has now; its results may come in another order."""
    wanted = items.read(asked, "$.setVariableData", "$.attributeValue") or []
    results = spans.find(answer, "$.setVariableResult")
    found = items.matched(dict(enumerate(wanted)), results[-1] if results else "")
    return [wanted[at] for at, one in found.items() if spans.value(one, "$.attributeStatus") == "Accepted"]


def _send_list(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """There is one local list: where a backoffice has sent one, it is that one's."""
    if owner := local_list.sender(state):
        return calls.deny(state, turn, asked, f"the local list of this charger is of {owner}")
    calls.submit(state, turn, asked, asked.payload)


Handler = Callable[[State, Turn, Line, Asked, Verdict], None]

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "ChangeConfiguration": partial(_ask, _setting_changed),
        "ClearChargingProfile": clearing.clear,
        "ClearVariableMonitoring": monitoring.clear_monitors,
        "GetConfiguration": views.get_configuration,
        "GetPeriodicEventStream": streams.list_streams,
        "GetVariables": views.get_variables,
        "SendLocalList": _send_list,
        "SetChargingProfile": setting.set_profile,
        "SetVariableMonitoring": monitoring.set_monitors,
        "SetVariables": partial(_ask, _setting_changed),
        "UpdateDynamicSchedule": dynamic.update,
    }
)
"""Commands that are not simply forwarded with the charger's identifiers."""
