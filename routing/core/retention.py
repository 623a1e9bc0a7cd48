"""What has waited for a backoffice for too long becomes a dead letter (ocpp-semantics 2.5: 30 days).

What is about to be sent is looked at then (``dispatch.pump``); here are the lines that send nothing.
"""

from __future__ import annotations

from routing.core import dispatch, letters
from routing.core.lines import Line
from routing.core.state import State
from routing.core.turn import Turn

TIMER = "retention"

LOOK = 3600.0
"""Seconds between two looks at what waits."""


def look(state: State, turn: Turn) -> None:
    """Give up what is too old, now and every hour as long as the session lives."""
    for line in state.lines.values():
        give_up_old(state, turn, line)
    state.call_at(TIMER, turn.now + LOOK, look)


def give_up_old(state: State, turn: Turn, line: Line) -> None:
    """Make dead letters of what a line keeps too long; the next piece is read where all of one went."""
    old = 0
    while line.fifo and letters.is_too_old(turn, line, line.fifo[0]):
        dispatch.bury(state, turn, line, line.fifo.pop(0), dispatch.kept_too_long(line))
        old += 1
    if old:
        turn.touched.add(line.key)
        dispatch.mourn(
            state, turn, line, f"{old} messages could not be delivered: {dispatch.kept_too_long(line)}"
        )
