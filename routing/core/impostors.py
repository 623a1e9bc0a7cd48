"""Two devices with one identity, which push each other off the proxy in turn (ocpp-semantics 1.5).

The newest socket always wins, for half-open sockets are usual; that it happens again and again from
different addresses is not.
"""

from __future__ import annotations

from routing.core.state import State
from routing.core.turn import Turn

ALARM = "identity conflict"

REPLACEMENTS, WINDOW = 6, 60.0
"""More than so many in so many seconds, each from another address than the one before, are a conflict."""

QUIET = 600.0
"""Seconds without a further one after which the alarm is over."""


def arrived(state: State, turn: Turn, address: str) -> None:
    """A socket of the charger from this address, "" where that is not known; it may replace another."""
    before, state.address = state.address, address
    if state.online and before and address and before != address:
        state.replacements = [at for at in state.replacements if turn.now - at < WINDOW] + [turn.now]
        if len(state.replacements) > REPLACEMENTS:
            words = f"two devices seem to use this identity: it connects in turn from {before} and {address}"
            state.raise_alarm(ALARM, words, turn)
            state.cancel(ALARM)
    if (ALARM, "") in state.alarms and ALARM not in state.timers:
        state.call_at(ALARM, turn.now + QUIET, _over)


def _over(state: State, turn: Turn) -> None:
    state.clear_alarm(ALARM, turn)
