"""The call gate toward the charger: one CALL outstanding, by priority, with deadlines.

Source: OCPP-J 1.6 section 4.1.1 and OCPP 2.x part 4 section 4.1.1 (one CALL outstanding per direction);
priorities and limits: ocpp-semantics 7.2.
"""

from __future__ import annotations

from datetime import datetime

from routing.core.actions import Down

WAITING_PER_ROUTE = 20
AGED = 10.0
"""Seconds after which a CALL of a lower class is served next."""


class DownCall:
    """A CALL toward the charger. ``route`` is None where the proxy itself asks.

    ``asked`` and ``raw_id`` are the message id and its token on the asker's socket; ``payload`` is
    what the charger gets, ``text`` the asker's frame.
    """

    __slots__ = (
        "action",
        "asked",
        "at",
        "exchange",
        "message_id",
        "payload",
        "priority",
        "queued_at",
        "raw_id",
        "route",
        "row",
        "rule",
        "sent_at",
        "sent_utc",
        "text",
        "withdrawn",
    )

    def __init__(
        self,
        row: Down,
        payload: str,
        *,
        exchange: int,
        at: datetime,
        queued_at: float,
        priority: int,
        route: int | None = None,
        asked: str = "",
        raw_id: str = "",
        text: str = "",
        rule: str = "",
    ) -> None:
        self.row = row
        self.action = row.action
        self.payload = payload
        self.route = route
        self.asked = asked
        self.raw_id = raw_id
        self.text = text
        self.rule = rule
        self.exchange = exchange
        self.at = at
        self.queued_at = queued_at
        self.priority = priority
        self.message_id = ""
        self.sent_at = 0.0
        self.sent_utc = at
        self.withdrawn = False


class Gate:
    """CALLs that wait for the charger, and the one it is answering."""

    __slots__ = ("outstanding", "queue")

    def __init__(self) -> None:
        self.queue: list[DownCall] = []
        self.outstanding: DownCall | None = None

    def submit(self, call: DownCall) -> bool:
        """Queue a CALL; False when this asker has too many waiting already."""
        if sum(1 for c in self.queue if c.route == call.route) >= WAITING_PER_ROUTE:
            return False
        self.queue.append(call)
        return True

    def take(self, now: float) -> DownCall | None:
        """The CALL to send now: aged ones first, then by priority, then in order of arrival."""
        if self.outstanding is not None or not self.queue:
            return None
        chosen = min(self.queue, key=lambda c: (now - c.queued_at < AGED, c.priority, c.queued_at))
        self.queue.remove(chosen)
        return chosen

    def expired(self, now: float, limit: float) -> list[DownCall]:
        """Remove and return what has waited too long: it is never sent later."""
        late = [c for c in self.queue if now >= c.queued_at + limit]
        if late:
            self.queue = [c for c in self.queue if now < c.queued_at + limit]
        return late

    def withdraw(self, route: int) -> list[DownCall]:
        """Remove and return what a route has waiting: nobody is there any more to hear the answer."""
        if self.outstanding is not None and self.outstanding.route == route:
            self.outstanding.withdrawn = True
        gone = [c for c in self.queue if c.route == route]
        if gone:
            self.queue = [c for c in self.queue if c.route != route]
        return gone
