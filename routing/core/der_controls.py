"""Controls of distributed energy resources (OCPP 2.1): nobody clears what another has set."""

from __future__ import annotations

from functools import partial

import msgspec

from routing.core import calls, rewriting, spans
from routing.core.actions import Kind
from routing.core.gate import Asked, DownCall, Reply
from routing.core.identifiers import Mapping
from routing.core.lines import Line
from routing.core.payloads import word
from routing.core.snapshot import Role, Verdict
from routing.core.state import State
from routing.core.turn import Turn

CONTROL = "der_control"
"""Kind under which it is remembered what each control is, by the charger's id."""

CLEARED = frozenset({"Accepted", "NotFound"})
"""Answers after which the charger does not have the control."""

ACCEPTED = '{"status":"Accepted"}'


class Control(msgspec.Struct, frozen=True, gc=False):
    """What a broad ClearDERControl selects by."""

    isDefault: object = None
    controlType: object = None


def note_set(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger has taken a control: what it is tells later whether a broad clear means it."""
    token = spans.find(call.payload, "$.controlId")[-1:]
    if call.route is None or not token or not calls.is_accepted(reply):
        return
    for mapping in state.identifiers.own(Kind.DER, call.route):
        if mapping.token() == token[0]:
            kind = msgspec.json.encode(_kind(call.payload)).decode()
            state.remember(CONTROL, mapping.charger_id, kind, turn)


def _kind(payload: str) -> Control:
    kind = spans.value(payload, "$.controlType")
    return Control(spans.value(payload, "$.isDefault") is True, kind[:40] if isinstance(kind, str) else None)


def clear(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Clear one control by its id, or all that fit and are the asker's own, one after the other."""
    written = spans.value(asked.payload, "$.controlId")
    if written is not None:
        payload, _ = rewriting.to_charger(state, turn, line, asked.row, asked.payload)
        if payload is None:
            return calls.deny(state, turn, asked, "a control that this backoffice has not set")
        calls.submit(state, turn, asked, payload, _cleared)
        return
    mine = [m for m in state.identifiers.own(Kind.DER, line.key) if _fits(state, m, asked.payload)]
    if line.route.role is Role.BILLING and not state.identifiers.others_have(Kind.DER, line.key):
        # All that the charger has is Billing's, what is older than the proxy too.
        calls.submit(state, turn, asked, asked.payload, partial(_all_cleared, mine))
        return
    _clear_next(state, turn, asked, [m.token() for m in mine], accepted=False)


def _fits(state: State, mapping: Mapping, payload: str) -> bool:
    """Whether a broad clear means a control; of an unknown kind it may be any."""
    row = state.remembered(CONTROL, mapping.charger_id)
    if row is None:
        return True
    control, asked = msgspec.json.decode(row.payload, type=Control), _kind(payload)
    return control.isDefault == asked.isDefault and asked.controlType in (None, control.controlType)


def _clear_next(state: State, turn: Turn, asked: Asked, tokens: list[str], *, accepted: bool) -> None:
    if not tokens:
        payload = ACCEPTED if accepted else (asked.row.denial or ACCEPTED)
        return calls.answer(state, turn, asked, payload, "proxy: composed of its own controls")
    payload = spans.insert(spans.patch(asked.payload, {"$.controlId": None}), "$.controlId", tokens[0])
    calls.submit(state, turn, asked, payload, partial(_one_cleared, tokens[1:], accepted))


def _one_cleared(
    rest: list[str], accepted: bool, state: State, turn: Turn, call: DownCall, reply: Reply
) -> None:
    if call.asked is None or reply.payload is None:
        return calls.relay(state, turn, call, reply)
    _forget(state, turn, call, reply)
    accepted = accepted or calls.is_accepted(reply)
    _clear_next(state, turn, call.asked, rest, accepted=accepted)


def _cleared(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    _forget(state, turn, call, reply)
    calls.relay(state, turn, call, reply)


def _all_cleared(mine: list[Mapping], state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    if reply.payload is not None and calls.is_accepted(reply):
        for mapping in mine:
            _close(state, turn, mapping)
    calls.relay(state, turn, call, reply)


def _forget(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger does not have this control any more."""
    if reply.payload is None or word(reply.payload, "$.status") not in CLEARED:
        return
    name = spans.value(call.payload, "$.controlId")
    for mapping in state.identifiers.holders(Kind.DER, str(name)):
        _close(state, turn, mapping)


def _close(state: State, turn: Turn, mapping: Mapping) -> None:
    rewriting.close(state, turn, mapping)
    state.forget(CONTROL, mapping.charger_id, turn)
