"""What really crossed the sockets of a world, beside what the machine has stored of it: for ``complete``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from routing.core import frames
from routing.core.gate import Asked
from routing.core.machine import Machine
from routing.core.rows import MessageRow, Row
from routing.core.state import State
from tests.graph import below


class Crossed(NamedTuple):
    """A frame on the socket of a route, None for the charger's; ``sent`` by the proxy, or received."""

    socket: int | None
    sent: bool
    text: str


class UnderWay(NamedTuple):
    """What a machine has not finished: no row tells of these frames yet, or these were not sent yet.

    ``heads``: the frames of exchanges that have begun, by their number and direction. ``repeats``: CALLs that
    the charger has said again so often that no row has counted yet, besides the newest.
    """

    untold: list[Crossed]
    unsent: list[Crossed]
    heads: dict[tuple[int, str], str]
    repeats: list[tuple[frames.Call, int]]


class Wire:
    """Every frame of a world, and every row of the audit log that was handed to the store.

    ``gone`` are rows that a killed process had not stored; ``killed`` what was under way then.
    """

    def __init__(self) -> None:
        self.frames: list[Crossed] = []
        self.rows: list[MessageRow] = []
        self.gone: list[MessageRow] = []
        self.killed: list[UnderWay] = []
        self.records = True

    def sent(self, socket: int | None, text: str) -> None:
        """The proxy has sent this."""
        if self.records:
            self.frames.append(Crossed(socket, True, text))

    def came(self, socket: int | None, text: str) -> None:
        """The proxy has received this."""
        if self.records:
            self.frames.append(Crossed(socket, False, text))

    def stored(self, rows: Iterable[Row]) -> None:
        """The machine has these stored."""
        if self.records:
            self.rows += [row for row in rows if isinstance(row, MessageRow)]

    def kill(self, machine: Machine, unstored: Iterable[Row]) -> None:
        """The process is gone, and with it what it had not stored."""
        if self.records:
            self.killed.append(under_way(machine))
            gone = [row for row in unstored if isinstance(row, MessageRow)]
            self.rows = [row for row in self.rows if row not in gone]
            self.gone += gone


def under_way(machine: Machine) -> UnderWay:
    """What is not finished: CALLs that have no answer yet on each socket, and what waits for the store."""
    state: State = machine._state
    gated = [one for gate in state.gates.values() for one in gate]
    unsent = [Crossed(None, True, one.frame) for one in gated]
    unsent += [Crossed(None, True, _first_answer(one.frame, one.first)) for one in gated if one.repeats]
    untold = [Crossed(None, False, one.received.call.text) for one in state.waiting.values()]
    untold += [Crossed(None, False, one.call.text) for one in gated if one.repeats and one.call]
    for line in state.lines.values():
        if (item := line.outstanding) is not None:
            text = item.text or frames.call(item.message_ids[-1], item.action, item.payload)
            untold.append(Crossed(line.key, True, text))
    if (call := state.gate.outstanding) is not None:
        asked = Crossed(None, True, frames.call(call.message_id, call.action, call.payload))
        if asked not in unsent:
            untold.append(asked)
    asks = [thing for _, thing in below(machine) if isinstance(thing, Asked)]
    untold += [Crossed(one.route, False, one.text) for one in asks]
    heads = {(one.received.exchange, "up"): one.received.call.text for one in state.waiting.values()}
    heads |= {(one.exchange, "down"): one.text for one in asks}
    repeats = [(one.call, one.repeats - 1) for one in gated if one.repeats and one.call]
    return UnderWay(untold, unsent, heads, repeats)


def _first_answer(frame: str, first: frames.Call | None) -> str:
    """The answer under the id under which the CALL was said first, as the log has it."""
    answer = frames.parse(frame)
    assert first is not None
    assert isinstance(answer, (frames.CallResult, frames.CallError))
    return frames.to_other(frame, answer.raw_id, first.raw_id)
