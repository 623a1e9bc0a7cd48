"""One step of the machine: what came in when, and what is decided on the way."""

from __future__ import annotations

from datetime import datetime

from routing.core.decisions import Decision, Store, ToBackoffice, ToCharger
from routing.core.frames import Call
from routing.core.lines import Item, Line
from routing.core.rows import DeliveryRow, Row


class Gated:
    """A frame for the charger that waits until rows are safe.

    ``call``: the charger's CALL that it answers, None for a CALL of the proxy. ``first`` is that of which the
    log tells, in ``exchange``; it was said again ``repeats`` times. ``since``: when that was decided.
    ``generation``: on which of the charger's sockets it goes out.
    """

    __slots__ = ("call", "exchange", "first", "frame", "generation", "repeats", "since")

    def __init__(self, frame: str, call: Call | None, exchange: int, since: float) -> None:
        self.frame = frame
        self.call = self.first = call
        self.exchange = exchange
        self.repeats = 0
        self.since = since
        self.generation = 0


class Turn:
    """Collects the decisions and rows of one event.

    ``now`` is monotonic time in seconds, ``utc`` the aware wall time for payloads and rows.
    ``touched`` are the routes whose queues have to be looked at before the turn ends. ``gated`` and
    ``unstored``: answers to the charger, and deliveries of routes, that wait until the rows are safe.
    """

    __slots__ = ("decisions", "gated", "now", "rows", "touched", "unstored", "utc")

    def __init__(self, now: float, utc: datetime) -> None:
        self.now = now
        self.utc = utc
        self.decisions: list[Decision] = []
        self.rows: list[Row] = []
        self.gated: list[Gated] = []
        self.unstored: list[tuple[int, Item]] = []
        self.touched: set[int] = set()

    def emit(self, decision: Decision) -> None:
        """Carry this out, after the rows of the turn were handed to the writer."""
        self.decisions.append(decision)

    def send(self, route: int, text: str) -> None:
        """Write a frame to the link of a route."""
        self.decisions.append(ToBackoffice(route, text))

    def store(self, row: Row) -> None:
        """Store this row with the others of the turn."""
        self.rows.append(row)

    def deliver(self, line: Line, item: Item, row: DeliveryRow) -> None:
        """Queue a delivery of this line: it is sent when its row is safe."""
        item.stored = False
        self.rows.append(row)
        self.unstored.append((line.key, item))
        line.deliver(item)
        self.touched.add(line.key)

    def answer(self, frame: str, *, gated: bool, call: Call | None = None, exchange: int = 0) -> None:
        """Answer the charger's ``call``, ``gated``: only when the rows of this turn are safe."""
        if gated:
            self.gated.append(Gated(frame, call, exchange, self.now))
        else:
            self.decisions.append(ToCharger(frame))

    def finish(self, gate: int | None) -> list[Decision]:
        """The decisions in order: rows first, so that a crash never forgets what was sent."""
        if self.rows or gate is not None:
            return [Store(tuple(self.rows), gate), *self.decisions]
        return self.decisions
