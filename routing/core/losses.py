"""A backoffice's link is gone: who waited for something on it, and when it is dialled again."""

from __future__ import annotations

from functools import partial

from routing.core import answers, calls, dispatch, hooks, registration
from routing.core.decisions import CloseLink
from routing.core.lines import Line
from routing.core.state import State
from routing.core.turn import Turn

REST = 60.0
"""Seconds that a backoffice is left alone that was closed for what it sends."""


def lost(state: State, turn: Turn, line: Line, why: str) -> None:
    """The socket of a line is gone, with whoever waited for something on it."""
    dispatch.down(state, turn, line)
    calls.asker_lost(state, turn, line.key)
    answers.link_lost(state, turn, line, why)
    hooks.call_for_line(hooks.LOST, state, turn, line)


def rest(state: State, turn: Turn, line: Line, code: int, reason: str) -> None:
    """Close a link, and dial it again after a while."""
    turn.emit(CloseLink(line.key, code, reason))
    line.wanted = False
    line.failed = True
    lost(state, turn, line, "the owner is being left alone")
    dispatch.set_link(state, turn, line, "waiting", f"closed by the proxy: {reason}")
    state.call_at(f"rest/{line.key}", turn.now + REST, partial(_again, line.key))


def _again(route: int, state: State, turn: Turn) -> None:
    line = state.lines.get(route)
    if line is not None and state.online:
        registration.want(state, turn, line)
