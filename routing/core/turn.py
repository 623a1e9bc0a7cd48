"""One step of the machine: what came in when, and what is decided on the way."""

from __future__ import annotations

from datetime import datetime

from routing.core.decisions import Decision, Store, ToBackoffice, ToCharger
from routing.core.rows import Row


class Turn:
    """Collects the decisions and rows of one event.

    ``now`` is monotonic time in seconds, ``utc`` the aware wall time for payloads and rows.
    ``touched`` are the routes whose queues have to be looked at before the turn ends.
    """

    __slots__ = ("decisions", "gated", "now", "rows", "touched", "utc")

    def __init__(self, now: float, utc: datetime) -> None:
        self.now = now
        self.utc = utc
        self.decisions: list[Decision] = []
        self.rows: list[Row] = []
        self.gated: list[str] = []
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

    def answer(self, frame: str, *, gated: bool) -> None:
        """Answer the charger, ``gated``: only when the rows of this turn are safe."""
        if gated:
            self.gated.append(frame)
        else:
            self.decisions.append(ToCharger(frame))

    def finish(self, gate: int | None) -> list[Decision]:
        """The decisions in order: rows first, so that a crash never forgets what was sent."""
        if self.rows or gate is not None:
            return [Store(tuple(self.rows), gate), *self.decisions]
        return self.decisions
