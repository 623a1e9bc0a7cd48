"""The call gate toward the charger: one CALL outstanding, by priority, with deadlines.

Source: OCPP-J 1.6 section 4.1.1 and OCPP 2.x part 4 section 4.1.1 (one CALL outstanding per direction);
priorities and limits: ocpp-semantics 7.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from routing.core.actions import Down
from routing.core.identifiers import Mapping
from routing.core.rows import Outcome

WAITING_PER_ROUTE = 20
AGED = 10.0
"""Seconds after which a CALL of a lower class is served next."""

SENT_REMEMBERED = 64
"""Message ids that the charger was sent: a late answer to one of these is no answer to another."""


class Asked:
    """A CALL of a backoffice, as it stands on that one's own socket until it is answered.

    A person's command is one too: of the route ``lines.HOUSE``, with the command's id as ``message_id``.

    ``message_id`` and its token ``raw_id`` are the asker's; ``payload`` is what the asker wrote, ``text``
    its frame. ``rule`` says in words what was decided. ``withdrawn``: the asker is not there any more.
    ``overridden``: the guard objects, and a person lets this route do it.
    """

    __slots__ = (
        "action",
        "at",
        "exchange",
        "message_id",
        "overridden",
        "payload",
        "priority",
        "queued_at",
        "raw_id",
        "route",
        "row",
        "rule",
        "text",
        "withdrawn",
    )

    def __init__(
        self,
        row: Down,
        payload: str,
        *,
        route: int,
        exchange: int,
        at: datetime,
        queued_at: float,
        priority: int,
        message_id: str,
        raw_id: str,
        text: str,
    ) -> None:
        self.row = row
        self.action = row.action
        self.payload = payload
        self.route = route
        self.exchange = exchange
        self.at = at
        self.queued_at = queued_at
        self.priority = priority
        self.message_id = message_id
        self.raw_id = raw_id
        self.text = text
        self.rule = ""
        self.withdrawn = False
        self.overridden = False


class Reply(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a CALL toward the charger has ended.

    ``payload`` is the charger's CALLRESULT, None where there is none; then ``code``, ``description`` and
    ``details`` (raw JSON) are those of a CALLERROR, the charger's own or the proxy's in its place.
    ``text`` is the charger's frame, "" where none came.
    """

    payload: str | None = None
    code: str = ""
    description: str = ""
    details: str = "{}"
    outcome: Outcome = "answered"
    text: str = ""


Then = Callable[[Any, Any, "DownCall", Reply], None]
"""What follows when a CALL has ended: called with State, Turn, the CALL and its Reply, exactly once."""


class DownCall:
    """A CALL toward the charger. ``asked`` is None where the proxy itself wants something.

    ``payload`` is what the charger gets. ``then`` sees to the asker's answer. ``message_id`` is the
    proxy's own. ``opened`` are mappings of identifiers that were made for this CALL, and go with a refusal.
    ``superseded`` are older ones in whose place it stands: they end as it does; ``since`` is when the
    first of them came.
    """

    __slots__ = (
        "action",
        "asked",
        "at",
        "exchange",
        "message_id",
        "opened",
        "payload",
        "priority",
        "queued_at",
        "row",
        "rule",
        "sent_at",
        "sent_utc",
        "since",
        "superseded",
        "then",
    )

    def __init__(
        self,
        row: Down,
        payload: str,
        then: Then,
        *,
        exchange: int,
        at: datetime,
        queued_at: float,
        priority: int,
        asked: Asked | None = None,
        rule: str = "",
    ) -> None:
        self.row = row
        self.action = row.action
        self.payload = payload
        self.then = then
        self.asked = asked
        self.rule = rule
        self.exchange = exchange
        self.at = at
        self.queued_at = queued_at
        self.priority = priority
        self.message_id = ""
        self.opened: list[Mapping] = []
        self.since = queued_at
        self.superseded: list[DownCall] = []
        self.sent_at = 0.0
        self.sent_utc = at

    def withdraw(self) -> None:
        """The asker is gone, and with it whoever waits for the same answer."""
        for call in (self, *self.superseded):
            if call.asked is not None:
                call.asked.withdrawn = True

    @property
    def route(self) -> int | None:
        """The route that has asked, None for the proxy."""
        return None if self.asked is None else self.asked.route


class Gate:
    """CALLs that wait for the charger, and the one it is answering.

    ``late``: people's commands that were not answered in time, by the message id of the CALL.
    """

    __slots__ = ("late", "outstanding", "queue", "rebooting_until", "sent_ids")

    def __init__(self) -> None:
        self.queue: list[DownCall] = []
        self.outstanding: DownCall | None = None
        self.rebooting_until = 0.0
        self.sent_ids: deque[str] = deque(maxlen=SENT_REMEMBERED)
        self.late: dict[str, str] = {}

    def expect_late(self, message_id: str, command: str) -> None:
        """A person's command was not answered in time; its answer may still come."""
        self.late[message_id] = command
        if len(self.late) > SENT_REMEMBERED:
            del self.late[next(iter(self.late))]

    def submit(self, call: DownCall) -> bool:
        """Queue a CALL; False when this asker has too many waiting already."""
        route = call.route
        if route is not None and sum(1 for c in self.queue if c.route == route) >= WAITING_PER_ROUTE:
            return False
        self.queue.append(call)
        return True

    def take(self, now: float) -> DownCall | None:
        """The CALL to send now: aged ones first, then by priority, then in order of arrival."""
        if self.outstanding is not None or not self.queue:
            return None
        chosen = min(self.queue, key=lambda c: (now - c.since < AGED, c.priority, c.since))
        self.queue.remove(chosen)
        return chosen

    def under_way(self) -> list[DownCall]:
        """All that wait for the charger or for its answer, with those for which another stands."""
        first = self.queue if self.outstanding is None else [self.outstanding, *self.queue]
        return [one for call in first for one in (call, *call.superseded)]

    def opens(self, mapping: Mapping) -> bool:
        """Whether a CALL under way is to make what this names, and has not made it yet."""
        return any(mapping in call.opened for call in self.under_way())

    def expired(self, now: float, limit: float) -> list[DownCall]:
        """Remove and return what has waited too long: it is never sent later."""
        late = [c for c in self.queue if now >= c.queued_at + limit]
        if late:
            self.queue = [c for c in self.queue if now < c.queued_at + limit]
        return late

    def withdraw(self, route: int) -> list[DownCall]:
        """Remove and return what a route has waiting: nobody is there any more to hear the answer."""
        outstanding = self.outstanding
        if outstanding is not None and outstanding.route == route:
            outstanding.withdraw()
        gone = [c for c in self.queue if c.route == route]
        if gone:
            self.queue = [c for c in self.queue if c.route != route]
        return gone
