"""What has waited for a backoffice for too long becomes a dead letter (ocpp-semantics 2.5: 30 days).

What is about to be sent is looked at then (``dispatch.pump``); here are the lines that send nothing.
"""

from __future__ import annotations

from routing.core import audit, dispatch, letters
from routing.core.lines import Line
from routing.core.state import State
from routing.core.steady import STEADY
from routing.core.turn import Turn

TIMER = "retention"

LOOK = 3600.0
"""Seconds between two looks at what waits."""


def look(state: State, turn: Turn) -> None:
    """Give up what is too old, now and every hour as long as the session lives.

    After a jump of the clock, as at the beginning, the next look is the first that counts.
    """
    is_steady = state.clock.is_steady(turn.now, turn.utc)
    for line in state.lines.values():
        give_up_old(state, turn, line)
    state.call_at(TIMER, turn.now + (LOOK if is_steady else STEADY), look)


def give_up_old(state: State, turn: Turn, line: Line) -> None:
    """Make dead letters of what a line keeps too long; the next piece is read where all of one went."""
    old, why = 0, letters.too_long(line.route.options.keep_for)
    while line.fifo and letters.is_too_old(state, turn, line, line.fifo[0]):
        item = line.fifo.pop(0)
        audit.copy(state, turn, line, item, "", "dropped", rule=why)
        dispatch.bury(state, turn, line, item, why)
        old += 1
    if old:
        turn.touched.add(line.key)
        dispatch.mourn(state, turn, line, f"{old} messages could not be delivered: {why}")
