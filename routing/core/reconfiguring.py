"""Routes that come, change and go while a session runs."""

from __future__ import annotations

from routing.core import dispatch, guard, health, losses
from routing.core.decisions import DELIVERY_WINDOW, CloseLink, Load
from routing.core.lines import Line
from routing.core.snapshot import RouteSnapshot
from routing.core.state import State
from routing.core.turn import Turn


def line_for(state: State, turn: Turn, line: Line | None, route: RouteSnapshot) -> Line:
    """The line of a route as it is configured now; a new one where there was none."""
    if line is None:
        line = Line(route)
        # The database may hold deliveries from before it was switched off.
        turn.emit(Load(route.key, line.load(), DELIVERY_WINDOW))
        turn.touched.add(route.key)
    guard.note_override(turn, line.route, route)
    line.route = route
    return line


def switch_off(state: State, turn: Turn, line: Line) -> None:
    """A route is not served any more."""
    if line.wanted:
        turn.emit(CloseLink(line.key, 1000, "route switched off"))
    line.wanted = False
    losses.lost(state, turn, line, "the route was switched off")
    dispatch.set_link(state, turn, line, "closed")
    if (row := health.of_line(state, line)) is not None:
        turn.store(row)
