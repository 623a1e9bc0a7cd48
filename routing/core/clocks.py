"""Whether the clocks of backoffices go right: their time is what a charger would set its own by (4.4)."""

from __future__ import annotations

from routing.core.lines import Line
from routing.core.payloads import BootAnswer, moment, read, text
from routing.core.state import State
from routing.core.turn import Turn

ALARM = "clock differs"

TOLERANCE = 60.0
"""Seconds."""


def check(state: State, turn: Turn, line: Line, answer: str) -> None:
    """Compare the time in an answer to a boot or heartbeat with the proxy's own."""
    told = moment(text(read(answer, BootAnswer).currentTime))
    if told is None:
        return
    key, off = str(line.key), (told - turn.utc).total_seconds()
    if abs(off) <= TOLERANCE:
        state.clear_alarm(ALARM, turn, key)
    elif (ALARM, key) not in state.alarms:
        words = (
            f"the clock of {line.route.backoffice} is {_shown(abs(off))} {'ahead' if off > 0 else 'behind'}"
        )
        state.raise_alarm(ALARM, words, turn, key)


def _shown(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 7200 else f"{seconds / 3600:.0f} h"
