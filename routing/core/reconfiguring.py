"""Routes that come, change and go while a session runs."""

from __future__ import annotations

from routing.core import dispatch, guard, health, letters, losses, slots
from routing.core.decisions import CloseLink, Loaded
from routing.core.lines import Item, Line
from routing.core.snapshot import RouteSnapshot
from routing.core.state import State
from routing.core.turn import Turn


def line_for(state: State, turn: Turn, line: Line | None, route: RouteSnapshot) -> Line:
    """The line of a route as it is configured now; a new one where there was none."""
    if line is None:
        line = Line(route)
        line.more = True  # the database may hold deliveries from before it was switched off
        letters.note_newest(state, turn, line, route, since=0)
        turn.touched.add(route.key)
    guard.note_override(turn, line.route, route)
    slots.reconfigured(turn, line, route)
    line.route = route
    return line


def take(state: State, turn: Turn, line: Line, found: Loaded) -> None:
    """Deliveries were read from the database, with the sessions that they belong to.

    Numbers that the session has not reached yet were given by a person who has just put a letter back. Taken
    now they would stand before what comes in the meantime: they are, when the configuration says so.
    """
    state.forget_old_sessions(turn.utc)
    state.transactions.restore_old(found.transactions, found.route_transactions)
    known = [row for row in found.rows if row.seq <= state.last_seq]
    line.loaded([Item.of(row, replayed=True) for row in known], found.more and len(known) == len(found.rows))


def switch_off(state: State, turn: Turn, line: Line) -> None:
    """A route is not served any more."""
    if line.wanted:
        turn.emit(CloseLink(line.key, 1000, "route switched off"))
    line.wanted = False
    losses.lost(state, turn, line, "the route was switched off")
    dispatch.set_link(state, turn, line, "closed")
    if (row := health.of_line(state, line)) is not None:
        turn.store(row)
