"""TriggerMessage for MeterValues: the charger is asked once for all who want the same (3.11)."""

from __future__ import annotations

from functools import partial

import msgspec

from routing.core import calls, spans
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.payloads import integer
from routing.core.state import State
from routing.core.turn import Turn

ACCEPTED = '{"status":"Accepted"}'

EVERY = 5.0
"""Seconds in which a connector is asked for its meter values once, whoever asks."""

_METERED = "meter_values_triggered/"
"""Beginning of the names of the timers that run for so long."""


def ask(state: State, turn: Turn, line: Line, asked: Asked) -> None:
    """Ask the charger, once for all who want the same at the same time: everybody gets what it sends."""
    connector = numbered(asked.payload, "$.connectorId" if state.version == "1.6" else "$.evse.id")
    key = "" if connector is None else str(connector)
    if _METERED in state.timers or _METERED + key in state.timers:
        return calls.answer(state, turn, asked, ACCEPTED, "trigger: the charger was asked just now")
    if key in state.sharing:
        asked.rule = "trigger: the charger is being asked already"
        state.sharing[key].append(asked)
    else:
        _submit(state, turn, asked, key)


def _submit(state: State, turn: Turn, asked: Asked, key: str) -> None:
    if calls.submit(state, turn, asked, asked.payload, partial(_answered, key)) is not None:
        state.sharing[key] = []


def _answered(key: str, state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    others = state.sharing.pop(key, [])
    calls.relay(state, turn, call, reply)
    if call.asked is not None and call.asked.withdrawn and not call.message_id:
        return _ask_for_others(state, turn, key, [o for o in others if o.route != call.asked.route])
    if reply.payload is not None and calls.is_accepted(reply):
        state.call_at(_METERED + key, turn.now + EVERY, _may_be_asked_again)
    for other in others:
        calls.relay(state, turn, _twin(call, other), reply)


def _ask_for_others(state: State, turn: Turn, key: str, others: list[Asked]) -> None:
    """Who has asked first is gone before the charger was asked: the next one asks in its place."""
    while others and key not in state.sharing:
        _submit(state, turn, others.pop(0), key)
    state.sharing.setdefault(key, []).extend(others)


def _may_be_asked_again(state: State, turn: Turn) -> None:
    """The timer is gone, and that is all."""


def _twin(call: DownCall, asked: Asked) -> DownCall:
    """The CALL that was made for somebody, as if this one had asked for it."""
    return DownCall(
        call.row,
        call.payload,
        calls.relay,
        exchange=asked.exchange,
        at=asked.at,
        queued_at=asked.queued_at,
        priority=asked.priority,
        asked=asked,
        rule=asked.rule,
    )


def asker_lost(state: State, turn: Turn, line: Line) -> None:
    """Who shares the answer to another's trigger is gone: nothing is told to its next link."""
    for askers in state.sharing.values():
        for asked in askers:
            asked.withdrawn = asked.withdrawn or asked.route == line.key


def numbered(payload: str, path: str) -> int | None:
    """The number of a connector or EVSE, -1 for one that cannot be read, None where none is named."""
    tokens = [token for token in spans.find(payload, path) if token != "null"]
    if not tokens:
        return None
    number = integer(msgspec.Raw(tokens[-1].encode()))
    return -1 if number is None else number
