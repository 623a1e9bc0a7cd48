"""Dead letters: what a backoffice was not able or willing to take (ocpp-semantics 2.5).

A person decides what becomes of one (``routing.letters``). That happens in the database, beside a session
that may be live: what was put back into a queue has a number above all that the session has given, and the
session hears of it with the change of configuration that goes with it.
"""

from __future__ import annotations

from datetime import timedelta

from routing.core.decisions import DELIVERY_WINDOW, Load
from routing.core.lines import Item, Line
from routing.core.rows import DEAD_LETTERS
from routing.core.snapshot import RouteSnapshot
from routing.core.state import State
from routing.core.turn import Turn


def is_too_old(state: State, turn: Turn, line: Line, item: Item) -> bool:
    """Whether a delivery has waited longer than anything is kept for this route.

    Not by a clock that may just have jumped: rather is an old message sent than a new one given up.
    """
    is_old = turn.utc - item.at > timedelta(seconds=line.route.options.keep_for)
    return is_old and state.clock.is_steady(turn.now, turn.utc)


def too_long(keep_for: float) -> str:
    """What is said of a message that has waited for more than so many seconds."""
    return f"it has waited longer than {keep_for / 86400:g} days (option keep_for)"


def died(state: State, turn: Turn, line: Line, words: str) -> None:
    """A delivery of this line was given up."""
    line.deaths += 1
    state.raise_alarm(DEAD_LETTERS, f"{line.route.backoffice}: {words}", turn, str(line.key))


def configured(state: State, turn: Turn) -> None:
    """A person may have put letters back into a queue, or done away with the last one."""
    for line in state.lines.values():
        note_newest(state, turn, line, line.route)
        if (DEAD_LETTERS, str(line.key)) in state.alarms:
            line.asks_for_letters = True
            turn.touched.add(line.key)


def note_newest(state: State, turn: Turn, line: Line, route: RouteSnapshot, since: int | None = None) -> None:
    """Deliveries with higher numbers than this line knows are not its own: they have to be read.

    ``since``: the number above which they are, by default the highest that the session has given.
    """
    if route.newest > line.newest:
        line.put_back = state.last_seq if since is None else since, route.newest
        state.last_seq = max(state.last_seq, route.newest)
        line.newest = route.newest
        line.more = True
        turn.touched.add(line.key)


def load(turn: Turn, line: Line) -> None:
    """Have deliveries read, and whether there are dead letters where that is the question."""
    asked, line.asks_for_letters = line.asks_for_letters, False
    if asked:
        line.deaths = 0
    line.asked_for_letters = asked
    line.asked_load = Load(line.key, line.load(), DELIVERY_WINDOW, letters=asked)
    turn.emit(line.asked_load)


def found(state: State, turn: Turn, line: Line, *, left: bool) -> None:
    """Whether dead letters are left; what has died meanwhile has not been seen.

    The alarm is stored again where it lasts: whoever did away with a letter may have ended it just before
    another one was stored.
    """
    alarm = state.alarms.get((DEAD_LETTERS, str(line.key)))
    if alarm is None or not line.asked_for_letters:
        return
    line.asked_for_letters = False
    if left or line.deaths:
        turn.store(alarm)
    else:
        state.clear_alarm(DEAD_LETTERS, turn, str(line.key))
