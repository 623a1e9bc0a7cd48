"""Periodic event streams of 2.1: each belongs to who has set the monitor it comes from (ocpp-semantics 2.4).

The charger opens a stream and gives it its number. The owner knows it by that number too, unless it has
another stream of that number already. Closing, values and adjusting go by the tables, as for everything
that has an owner.
"""

from __future__ import annotations

from routing.core import calls, monitors, reports, rewriting, spans
from routing.core.actions import Kind
from routing.core.gate import Asked, DownCall, Reply
from routing.core.identifiers import Mapping, identifier
from routing.core.lines import Line
from routing.core.snapshot import Verdict
from routing.core.state import Received, State
from routing.core.turn import Turn

STREAM = "$.constantStreamData.id"
MONITOR = "$.constantStreamData.variableMonitoringId"


def opening(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """An OpenPeriodicEventStream as the owner of its monitor gets it; None for everybody else.

    Should the owner refuse, the number is mapped all the same: the charger sends nothing under it.
    """
    payload = received.call.payload
    stream, monitor = _identifier(payload, STREAM, Kind.STREAM), _identifier(payload, MONITOR, Kind.MONITOR)
    if stream is None or monitor is None or line.why_silent or line.why_not_accepted:
        return None
    is_held, owner = reports.holder(state, received)
    if is_held and owner is not line:
        return None
    held = state.identifiers.of(Kind.MONITOR, line.key, monitor)
    held = held or monitors.inherited(state, turn, line, monitor)
    if held is None:
        return None
    mapping = _opened(state, turn, line, stream)
    return spans.patch(payload, {STREAM: mapping.route_token(), MONITOR: held.route_token()})


def _opened(state: State, turn: Turn, line: Line, stream: str) -> Mapping:
    known = None
    for mapping in state.identifiers.holders(Kind.STREAM, stream):
        if mapping.is_open and mapping.route == line.key:
            known = mapping
        else:
            rewriting.close(state, turn, mapping)  # the charger has given the number anew
    if known is None:
        number = monitors.free_id(state, Kind.STREAM, line.key, stream)
        known = state.identifiers.assign(Kind.STREAM, stream, line.key, number, turn.utc)
        rewriting.store(state, turn, known)
    return known


def closed(state: State, turn: Turn, received: Received) -> None:
    """The charger has closed a stream, and its owner was told."""
    rewriting.close_named(state, turn, Kind.STREAM, received.call.payload, "$.id")


def list_streams(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a GetPeriodicEventStream."""
    calls.submit(state, turn, asked, asked.payload, _listed)


def _listed(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The streams of the asker, with its own numbers for them and for what they watch."""
    asked = call.asked
    line = None if asked is None else state.line(asked.route)
    if asked is None or line is None or reply.payload is None:
        return calls.relay(state, turn, call, reply)
    payload = reply.payload
    for rewrite in call.row.to_asker:
        payload = rewriting.own(state, line, rewrite, payload).payload
    calls.answer(state, turn, asked, payload)


def _identifier(payload: str, path: str, kind: Kind) -> str | None:
    tokens = spans.find(payload, path)
    return identifier(kind, tokens[-1]) if tokens else None
