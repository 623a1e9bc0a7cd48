"""A line: the session's side of one route. Its queues, its one outstanding CALL, its registration.

A line only keeps order and state. What goes into the queues is decided in ``up`` and
``registration``, what an answer means in ``answers``.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

from routing.core.decisions import DELIVERY_WINDOW, Load
from routing.core.rows import DeliveryRow, LinkState, RouteHealthRow
from routing.core.snapshot import RouteSnapshot

NEVER = float("inf")

HOUSE = 0
"""The key of the line that stands for people who ask the charger something through the proxy: no route's."""

BEHIND = 8
"""Deliveries that may stand before a message whose answer the charger waits for."""

ASKED_AT_ONCE = 20
"""CALLs that are not stored and wait for one backoffice; beyond that they are not for it."""


GARBAGE, GARBAGE_WINDOW = 10, 60.0
"""So many frames that cannot be read, in so many seconds, end a connection (ocpp-semantics 1.5)."""


MOST_STATUSES = 500
"""States that wait for one backoffice, of different things; beyond, the oldest are not for it."""

TIMEOUTS = 5
"""CALLs in a row without an answer after which a backoffice is left alone (ocpp-semantics 7.8)."""


class Kind(Enum):
    """Why a CALL goes to a backoffice."""

    BOOT = auto()
    HEARTBEAT = auto()
    STATUS = auto()
    RELAY = auto()
    DELIVERY = auto()
    REPEAT = auto()
    """A copy under another message id of what was answered meanwhile; only its answer is outstanding."""


class Phase(Enum):
    """How far a line is."""

    DOWN = auto()
    REGISTERING = auto()
    READY = auto()


class Slot(Enum):
    """How far a line is with its right to send what has waited (routing.core.slots)."""

    NONE = auto()
    ASKED = auto()
    GRANTED = auto()
    USED = auto()


class Item:
    """A CALL on its way to one backoffice. ``payload`` is the charger's own text.

    ``asked``: the charger waits for this backoffice's answer. ``message_ids`` are all under which it
    was sent: a late answer still counts. ``number`` is the transaction id in the payload as it stands
    there (1.6), "" where nobody has looked. ``edited``: the payload is what this route may see of it, or no
    CALL of the charger is the first of its exchange. ``late``: the message id of an earlier try that was
    answered instead of the last. ``size``: characters of the frame that was sent. ``stored``: its row, if
    it has one, is safe; before that it is not sent (docs/decisions, 18).
    """

    __slots__ = (
        "action",
        "asked",
        "at",
        "attempts",
        "edited",
        "exchange",
        "kind",
        "late",
        "message_ids",
        "not_before",
        "number",
        "payload",
        "replayed",
        "sent_at",
        "sent_utc",
        "seq",
        "size",
        "stored",
        "text",
        "transaction",
    )

    def __init__(
        self,
        kind: Kind,
        action: str,
        payload: str,
        *,
        seq: int,
        exchange: int,
        at: datetime,
        transaction: UUID | None = None,
        asked: bool = False,
        replayed: bool = False,
        attempts: int = 0,
    ) -> None:
        self.kind = kind
        self.action = action
        self.payload = payload
        self.seq = seq
        self.exchange = exchange
        self.at = at
        self.transaction = transaction
        self.asked = asked
        self.replayed = replayed
        self.attempts = attempts
        self.number = ""
        self.edited = False
        self.stored = True
        self.not_before = 0.0
        self.late = ""
        self.message_ids: tuple[str, ...] = ()
        self.sent_at = 0.0
        self.sent_utc = at
        self.size = 0
        self.text = ""

    @classmethod
    def of(cls, row: DeliveryRow, *, replayed: bool, asked: bool = False) -> Item:
        """The CALL that a stored delivery stands for."""
        item = cls(
            Kind.DELIVERY,
            row.action,
            row.payload,
            seq=row.seq,
            exchange=row.exchange,
            at=row.at,
            transaction=row.transaction,
            attempts=row.attempts,
            replayed=replayed,
            asked=asked,
        )
        item.edited = row.edited
        return item

    def may_go(self, now: float) -> bool:
        """Whether this delivery may be sent now: it is safe on disk, and no earlier try was just in vain."""
        return self.stored and self.not_before <= now

    def repeat(self) -> Item:
        """What is still outstanding when an earlier try of this CALL was answered."""
        left = Item(Kind.REPEAT, self.action, self.payload, seq=self.seq, exchange=self.exchange, at=self.at)
        left.message_ids = self.message_ids[-1:]
        left.sent_at = self.sent_at
        left.sent_utc = self.sent_utc
        left.size = self.size
        left.text = self.text
        return left


class Line:
    """Queues and state of one route. Times are monotonic seconds.

    ``waiting`` and ``waiting_bytes``: deliveries here and in the database, and the length of their
    payloads; ``thin_from``: from how many on they may be thinned, None while they are being.
    ``asked_load``: what the database was asked for last. ``since``: how long ``link`` is as it is.
    ``round_trip``: a smoothed time to an answer, 0 before the first; ``told``: what was stored of it.
    ``held``: this backoffice has accepted the charger, but Billing makes it wait.
    ``deaths``: deliveries given up since the database was last asked for dead letters
    (routing.core.letters): ``asks_for_letters`` it is to be, ``asked_for_letters`` it was. ``put_back``:
    above the first number and up to the second are deliveries that a person has put back.
    ``catching_up``: its deliveries have waited, or stand behind such; they are sent with a ``slot``.

    Order of sending: the boot; then CALLs that somebody waits for; then statuses and deliveries in
    the charger's order, statuses first while deliveries have piled up (they are not
    transaction-related and may overtake, OCPP 1.6 edition 2, section 4.2).
    """

    __slots__ = (
        "asked_for_letters",
        "asked_load",
        "asks_for_letters",
        "boot_due",
        "boot_sent_at",
        "catching_up",
        "deaths",
        "error",
        "failed",
        "fifo",
        "garbage",
        "heartbeat_interval",
        "held",
        "key",
        "last_sent",
        "late_boot",
        "link",
        "load_mark",
        "loading",
        "metering",
        "more",
        "newest",
        "outstanding",
        "overdue",
        "phase",
        "put_back",
        "registration",
        "retry_boot_at",
        "round_trip",
        "route",
        "since",
        "slot",
        "statuses",
        "taken_up_to",
        "thin_from",
        "timeouts",
        "told",
        "unsupported",
        "urgent",
        "waiting",
        "waiting_bytes",
        "wanted",
    )

    def __init__(self, route: RouteSnapshot) -> None:
        self.route = route
        self.key = route.key
        self.phase = Phase.DOWN
        self.link: LinkState = "closed"
        self.since: datetime | None = None
        self.error = ""
        self.wanted = False
        self.failed = False
        self.registration = ""
        self.held = False
        self.garbage: list[float] = []
        self.boot_due: Item | None = None
        self.late_boot: Item | None = None
        self.boot_sent_at = -NEVER
        self.retry_boot_at = NEVER
        self.urgent: list[Item] = []
        self.statuses: dict[str, Item] = {}
        self.fifo: list[Item] = []
        self.more = False
        self.loading = False
        self.taken_up_to = 0
        self.newest = 0
        self.waiting = 0
        self.waiting_bytes = 0
        self.thin_from: int | None = 0
        self.load_mark = 0
        self.asked_load: Load | None = None
        self.deaths = 0
        self.put_back = 0, 0
        self.asks_for_letters = self.asked_for_letters = False
        self.outstanding: Item | None = None
        self.overdue = False
        self.catching_up = False
        self.slot = Slot.NONE
        self.timeouts = 0
        self.metering: Any = None  # routing.core.metering.Rhythm, where this route has one of its own
        self.heartbeat_interval = 0.0
        self.last_sent = 0.0
        self.round_trip = 0.0
        self.told: RouteHealthRow | None = None
        self.unsupported: frozenset[str] = frozenset()

    @property
    def why_silent(self) -> str:
        """Why it is not worth waiting for this backoffice, in words; "" when it is.

        It is while the link is open or dialled for the first time, and nothing older is overdue.
        """
        if self.phase is Phase.DOWN:
            return "" if self.wanted and not self.failed else "the owner is away"
        return "the owner does not answer" if self.overdue and self.outstanding is not None else ""

    def why_not_now(self, now: float) -> str:
        """Why this backoffice will not answer a stored message in time, in words; "" when it may."""
        if why := self.why_silent:
            return why
        if self.more or len(self.fifo) > BEHIND or (self.fifo and self.fifo[0].not_before > now):
            return "the owner has older messages waiting"
        return self.why_not_accepted

    @property
    def why_not_accepted(self) -> str:
        """Why this backoffice takes nothing but a boot for now, in words; "" when it may."""
        held = self.phase is Phase.REGISTERING and (self.held or self.retry_boot_at != NEVER)
        return "the owner has not accepted the charger" if held else ""

    def is_too_much_garbage(self, now: float) -> bool:
        """Count a frame that cannot be read; True when the link is to end (ocpp-semantics 1.5)."""
        self.garbage = [at for at in self.garbage if now - at < GARBAGE_WINDOW] + [now]
        if len(self.garbage) < GARBAGE:
            return False
        self.garbage.clear()
        return True

    @property
    def backlog(self) -> bool:
        """Whether anything waits for delivery, here or in the database."""
        return (
            bool(self.fifo)
            or self.more
            or (self.outstanding is not None and self.outstanding.kind is Kind.DELIVERY)
        )

    @property
    def unanswered(self) -> list[Item]:
        """The deliveries in memory, and whatever else is on its way."""
        return self.fifo if self.outstanding is None else [self.outstanding, *self.fifo]

    def owes(self, transaction: UUID, payload: str) -> bool:
        """Whether this backoffice still has to answer a message of this session."""
        return any(i.transaction == transaction and i.payload == payload for i in self.unanswered)

    def deliver(self, item: Item) -> None:
        """Queue a stored delivery; beyond the window it waits in the database alone."""
        self.newest = item.seq
        self.waiting += 1
        self.waiting_bytes += len(item.payload)
        if item.replayed:
            self.catching_up = True
        if self.more or len(self.fifo) >= DELIVERY_WINDOW:
            self.more = True
        else:
            self.fifo.append(item)
            self.taken_up_to = item.seq

    def settled(self, item: Item) -> None:
        """A delivery is over, whether it was answered or given up."""
        self.waiting = max(0, self.waiting - 1)
        self.waiting_bytes = max(0, self.waiting_bytes - len(item.payload))

    def load(self) -> int:
        """Note that the database is being read; returns the seq after which to read."""
        self.loading = self.more = True
        self.load_mark = self.newest
        return self.taken_up_to

    @property
    def may_load(self) -> bool:
        """Whether the database is to be asked now: for deliveries, or for dead letters."""
        return self.needs_load() or (self.asks_for_letters and not self.loading)

    def loaded(self, items: list[Item], more: bool) -> None:
        """Take deliveries that were read from the database, in order: those behind what is here."""
        self.loading = False
        # What was stored while the database was being read may have been missed.
        self.more = more or self.newest > self.load_mark
        self.fifo.extend(items)
        above, up_to = self.put_back
        for item in items if up_to else ():
            if above < item.seq <= up_to:
                self.waiting += 1
                self.waiting_bytes += len(item.payload)
        if items:
            self.catching_up = True
            self.taken_up_to = items[-1].seq
            self.newest = max(self.newest, self.taken_up_to)

    def needs_load(self) -> bool:
        """Whether the database holds deliveries that there is room for now."""
        return self.more and not self.loading and len(self.fifo) <= DELIVERY_WINDOW // 4

    def head_is_due(self, now: float) -> bool:
        """Whether the first delivery could be sent now, but for a slot and what is under way."""
        return self.phase is Phase.READY and bool(self.fifo) and self.fifo[0].may_go(now)

    def next_item(self, now: float, *, deliveries: bool = True) -> Item | None:
        """Take the CALL to send now, None when nothing may be sent; ``deliveries``: whether they may."""
        if self.outstanding is not None or self.phase is Phase.DOWN:
            return None
        if self.boot_due is not None:
            boot, self.boot_due = self.boot_due, None
            return boot
        if self.phase is not Phase.READY:
            return None
        if self.urgent:
            return self.urgent.pop(0)
        return self._next_in_order(now, deliveries)

    def _next_in_order(self, now: float, deliveries: bool) -> Item | None:
        head = self.fifo[0] if self.fifo else None
        if self.statuses:
            key, status = next(iter(self.statuses.items()))
            if (
                head is None
                or not deliveries
                or status.seq < head.seq
                or not head.may_go(now)
                or len(self.fifo) > 1
                or self.more
            ):
                del self.statuses[key]
                return status
        if head is not None and deliveries and head.may_go(now):
            return self.fifo.pop(0)
        return None

    def ask(self, item: Item) -> bool:
        """Queue a CALL that is not stored; False when too many wait already."""
        if len(self.urgent) >= ASKED_AT_ONCE:
            return False
        self.urgent.append(item)
        return True

    def withdraw(self, exchange: int) -> None:
        """Forget a CALL that was not sent yet: nobody waits for its answer any more."""
        if self.urgent:
            self.urgent = [i for i in self.urgent if not (i.asked and i.exchange == exchange)]

    def put_status(self, key: str, item: Item) -> None:
        """Queue a status; an older one of the same connector that was not sent is forgotten."""
        self.statuses.pop(key, None)
        self.statuses[key] = item
        if len(self.statuses) > MOST_STATUSES:
            del self.statuses[next(iter(self.statuses))]

    def forget_statuses(self) -> None:
        """Drop statuses of connectors: they are replayed from what the session remembers. Others stay."""
        self.statuses = {k: i for k, i in self.statuses.items() if i.action != "StatusNotification"}

    def give_back(self, item: Item) -> None:
        """Put a delivery that was not answered back to the head of its queue."""
        self.fifo.insert(0, item)
        self.catching_up = True

    def deadline(self, *, heartbeats: bool) -> float:
        """When this line has to be looked at again, ``NEVER`` if only events matter.

        ``heartbeats``: whether the charger is there, so that the proxy may speak of its life.
        """
        if self.outstanding is not None:
            patience = self.route.options.T_up * (2 if self.overdue else 1)
            return min(self.retry_boot_at, self.outstanding.sent_at + patience)
        when = self.retry_boot_at
        if self.phase is Phase.READY:
            if self.fifo and self.fifo[0].not_before and self.slot is not Slot.ASKED:
                when = min(when, self.fifo[0].not_before)
            if heartbeats and self.heartbeat_interval:
                when = min(when, self.last_sent + self.heartbeat_interval)
        return when

    def heartbeat_is_due(self, now: float) -> bool:
        """Whether this backoffice has heard nothing for its interval.

        Source: OCPP 1.6 edition 2, section 9.1.9 (HeartbeatInterval is an interval of inactivity).
        """
        idle = self.phase is Phase.READY and self.outstanding is None and not self.urgent
        return idle and self.heartbeat_interval > 0 and now >= self.last_sent + self.heartbeat_interval
