"""MeterValues that a charger says again: they have no number by which a session could know them (1.6)."""

from __future__ import annotations

from routing.core.state import READING, State
from routing.core.turn import Turn


def is_repeated(state: State, payload: str) -> bool:
    """Whether the newest meter values come again after the connection was lost, under whatever message id.

    A charger says again what was not answered, one message at a time; register and time are the same then.
    On one connection equal values are a reading of their own, as of a charger whose clock stands still.
    """
    last, generation = state.last_reading
    if last == payload and generation != state.generation:
        return True
    state.last_reading = (payload, state.generation)
    return False


def gone(state: State, turn: Turn) -> None:
    """Keep the newest values: the charger may say them again to the next process."""
    payload, _ = state.last_reading
    known = state.latest.get((READING, ""))
    if payload and (known is None or known.payload != payload):
        state.remember(READING, "", payload, turn)
