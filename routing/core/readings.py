"""MeterValues that a charger says again: they have no number by which a session could know them (1.6)."""

from __future__ import annotations

from routing.core.frames import Call
from routing.core.state import State

BEFORE = 0
"""The generation of what was said before the sockets of this session."""


def is_repeated(state: State, payload: str) -> bool:
    """Whether the newest meter values come again after the connection was lost, under whatever message id.

    A charger says again what was not answered, one message at a time; register and time are the same then.
    On one connection equal values are a reading of their own, as of a charger whose clock stands still.
    """
    last, generation = state.last_reading
    state.last_reading = (payload, state.generation)
    return last == payload and generation != state.generation


def recall(state: State, payload: str) -> None:
    """These were the newest ones when the process before this one ended."""
    state.last_reading = (payload, BEFORE)


def answered_late(state: State, call: Call) -> None:
    """An answer has waited so long that the charger may have given up, and say the same values again."""
    if state.last_reading[0] == call.payload and call.action == "MeterValues":
        state.last_reading = (call.payload, BEFORE)
