"""A charger that was told to connect elsewhere and does not come back (ocpp-semantics 3.10)."""

from __future__ import annotations

from routing.core.gate import DownCall
from routing.core.state import State
from routing.core.turn import Turn

KIND = "moved"
"""Kind under which is remembered what the charger was told under an override, until it boots here."""

ALARM = "possible migration"
TIMER = ALARM
PATIENCE = 600.0
"""Seconds in which it may come back."""


def note(state: State, turn: Turn, call: DownCall) -> None:
    """The charger has accepted what the guard objects to."""
    line = state.line(call.route)
    who = line.route.backoffice if line is not None else "a backoffice"
    state.remember(KIND, "", f"{who} has sent {call.action} under an override", turn)


def gone(state: State, turn: Turn) -> None:
    """The charger has left; it may have gone where it was told."""
    if state.remembered(KIND) is not None:
        state.call_at(TIMER, turn.now + PATIENCE, _is_missed)


def _is_missed(state: State, turn: Turn) -> None:
    told = state.remembered(KIND)
    if told is not None and not state.online:
        state.raise_alarm(ALARM, words(told.payload), turn)


def words(told: str) -> str:
    """The alarm in words; ``told``: what is remembered of what the charger was told."""
    return f"{told}; the charger is gone for {round(PATIENCE / 60)} minutes"


def returned(state: State, turn: Turn) -> None:
    """The charger is here (again)."""
    state.cancel(TIMER)
    state.clear_alarm(ALARM, turn)


def booted(state: State, turn: Turn) -> None:
    """The charger has started anew with what it was told, and is here."""
    state.forget(KIND, "", turn)


def is_awaited(state: State) -> bool:
    """Whether the session must stay in memory to see if the charger comes back."""
    return TIMER in state.timers
