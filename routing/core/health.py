"""How a charger and its routes are, as a person wants to know it: what waits, since when, and for whom.

Looked at every few seconds. On the way of a frame only the time to an answer is kept.
"""

from __future__ import annotations

from datetime import datetime

from routing.core.lines import Item, Kind, Line, Phase
from routing.core.rows import ChargerHealthRow, RouteHealthRow, Row
from routing.core.state import State, Waiting

BRIEF = 2.0
"""Seconds: what waits no longer than that is on its way, and nobody is told."""

SMOOTHING = 0.125
"""The weight of the newest answer in the time that a backoffice takes."""

NOTABLE = 0.2
"""By so much of itself must the time to an answer change before it is stored again."""


def answered(line: Line, item: Item, now: float) -> None:
    """A backoffice has answered the CALL that was outstanding: how long that took."""
    took = now - item.sent_at
    known = line.round_trip
    line.round_trip = known + (took - known) * SMOOTHING if known else took


def restore(line: Line, stored: RouteHealthRow | None) -> None:
    """Take what the database says of a line; None where it says nothing."""
    line.told = stored
    if stored is not None and stored.round_trip_ms is not None:
        line.round_trip = stored.round_trip_ms / 1000


def changed(state: State, now: float, utc: datetime) -> list[Row]:
    """What is different enough from what was stored last."""
    rows: list[Row] = []
    for line in state.lines.values():
        waiting, oldest = _waiting(line)
        if waiting and _is_on_its_way(line, oldest, utc):
            waiting, oldest = 0, None
        if (row := _different(state, line, waiting, oldest)) is not None:
            rows.append(row)
    words = waits_for(state, now)
    if words != state.told_waits_for:
        state.told_waits_for = words
        rows.append(ChargerHealthRow(charger=state.snapshot.key, waits_for=words))
    return rows


def at_the_end(state: State) -> list[Row]:
    """What is to be stored of a session that ends: what still waits, exactly; the charger for nothing."""
    rows: list[Row] = [row for line in state.lines.values() if (row := of_line(state, line)) is not None]
    if state.told_waits_for:
        state.told_waits_for = ""
        rows.append(ChargerHealthRow(charger=state.snapshot.key, waits_for=""))
    return rows


def of_line(state: State, line: Line) -> RouteHealthRow | None:
    """What is to be stored of a line that is served no more, exactly; None where it is stored already."""
    return _different(state, line, *_waiting(line))


def _waiting(line: Line) -> tuple[int, datetime | None]:
    """How many deliveries were not answered yet, and when the charger said the first."""
    outstanding = line.outstanding if line.outstanding and line.outstanding.kind is Kind.DELIVERY else None
    first = outstanding or (line.fifo[0] if line.fifo else None)
    if not line.more:
        return len(line.fifo) + (outstanding is not None), first.at if first else None
    if first is None:  # they are being read
        return line.waiting, line.told.oldest if line.told else None
    return line.waiting, first.at


def _is_on_its_way(line: Line, oldest: datetime | None, utc: datetime) -> bool:
    if line.phase is not Phase.READY or line.overdue or oldest is None:
        return False
    return 0 <= (utc - oldest).total_seconds() <= BRIEF


def _different(state: State, line: Line, waiting: int, oldest: datetime | None) -> RouteHealthRow | None:
    told, round_trip = line.told, line.round_trip * 1000
    if told is not None and told.waiting == waiting and told.oldest == oldest:
        before = told.round_trip_ms or 0.0
        if abs(round_trip - before) <= before * NOTABLE:
            return None
    line.told = RouteHealthRow(
        charger=state.snapshot.key,
        route=line.key,
        waiting=waiting,
        oldest=oldest,
        round_trip_ms=round(round_trip, 2) or None,
    )
    return line.told


# -- the charger ----------------------------------------------------------------------------------------


def waits_for(state: State, now: float) -> str:
    """What the charger waits for, as the end of a sentence that begins "it waits for"; "" for nothing.

    Times are told as such, not as durations: the words stay the same while it waits.
    """
    if not state.online:
        state.gate_seen = (0, now)
        return ""
    return _database(state, now) or _answer(state, now) or _acceptance(state)


def _database(state: State, now: float) -> str:
    """Answers are held until what they confirm is safe: seen twice, the database is slow or away."""
    oldest = next(iter(state.gates), 0)
    if oldest != state.gate_seen[0]:
        state.gate_seen = (oldest, now)
    is_long = oldest and now - state.gate_seen[1] >= BRIEF
    return "the database, which does not answer" if is_long else ""


def _answer(state: State, now: float) -> str:
    waiting = next((w for w in state.waiting.values() if state.hears(w)), None)
    if waiting is None or now - waiting.received.since < BRIEF:
        return ""
    received = waiting.received
    return f"an answer of {_asked(state, waiting)} to {received.call.action} since {received.at:%H:%M:%S} UTC"


def _asked(state: State, waiting: Waiting) -> str:
    ballot = waiting.ballot
    routes = [waiting.route] if ballot is None else [key for key in ballot.asked if key not in ballot.votes]
    return " or ".join(state.lines[key].route.backoffice for key in routes if key in state.lines)


def _acceptance(state: State) -> str:
    """Source: ocpp-semantics 4.3 (a charger that Billing has not accepted sends nothing but its boot)."""
    billing, options = state.billing, state.snapshot.options
    if billing is None or state.remembered("boot") is None or state.remembered("boot_answer") is not None:
        return ""
    if not state.waits_for_billing and (options.standalone or options.decouple_boot or state.boots):
        return ""
    return f"its backoffice {billing.route.backoffice} to accept it ({_why_not_accepted(billing)})"


def _why_not_accepted(line: Line) -> str:
    if line.phase is Phase.DOWN:
        return f"it is away: {line.error}"[:160] if line.error else "it is away"
    return f"it says {line.registration}" if line.registration else "it has not answered the boot yet"
