"""Rows that the core asks to be stored: plain values, written in batches by ``routing.writer``.

Every row names its charger (primary key), so that one batch may hold rows of many sessions.
``seq`` is a number per charger that only grows: microseconds since 1970 at the earliest, so that it
keeps growing over restarts without being stored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Direction = Literal["up", "down"]
"""``up``: asked by the charger. ``down``: asked by a backoffice."""

Outcome = Literal[
    "answered",
    "error",
    "denied",
    "timeout",
    "lost",
    "malformed",
    "unsolicited",
    "sent",
    "dropped",
    "withheld",
]
"""``withheld``: a copy that was not sent because nothing in it is for this route; the others are faults, but
for ``answered`` and ``sent``."""


class MessageRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One CALL on one socket with what became of it: a row of the audit log.

    ``route`` is None on the charger's socket. ``exchange`` joins a charger's CALL with its copies
    per route (and a backoffice's CALL with the copy that the charger got): the seq of the first, and so
    the time at which it began, in microseconds since 1970.
    ``at``: when the CALL came or went on this socket. ``text`` is the frame as it was there, empty where
    its payload equals that of the exchange's first row to the byte; ``answer`` the frame that answered it;
    ``size`` the characters of both as they were sent, before anything was hidden.
    ``rule`` says who or what decided, in words a person understands. ``latency_ms`` is from the
    CALL to its answer on this socket. ``id_tag``: the card that the first row of an exchange is about.

    A copy without a ``message_id`` was not sent. An answer that belongs to no open CALL, or to an earlier
    try of one, stands alone as ``text``. A row of the charger's socket with neither text nor answer
    (``lost``) takes back the answer of which the first row tells: it was never sent.
    """

    charger: int
    route: int | None
    at: datetime
    exchange: int
    direction: Direction
    action: str
    message_id: str
    text: str = ""
    answer: str = ""
    outcome: Outcome
    error_code: str = ""
    rule: str
    latency_ms: float | None = None
    transaction: UUID | None = None
    connector_id: int | None = None
    size: int = 0
    id_tag: str = ""


class DeliveryRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A CALL that a route still has to receive. ``payload`` as the charger wrote it, or what this
    route may see of it (``edited``).

    ``(route, seq)`` is unique and is the order of delivery. ``transaction`` names the session whose
    identifiers are written into the payload at the moment of sending.
    ``attempts`` counts tries that ended without a CALLRESULT.
    """

    charger: int
    route: int
    seq: int
    exchange: int
    at: datetime
    action: str
    payload: str
    transaction: UUID | None
    attempts: int = 0
    edited: bool = False


class DeliveryDone(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The backoffice answered (or the rule ended the delivery): the row goes."""

    charger: int
    route: int
    seq: int


class DeliveryFailed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A try that failed: ``attempts`` so far; ``dead`` moves the row to the dead letters at ``died_at``."""

    charger: int
    route: int
    seq: int
    attempts: int
    error: str
    dead: bool
    died_at: datetime | None = None


class TransactionRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A session as the charger knows it; written whole each time (upsert by ``id``).

    ``charger_transaction_id`` is the number (as text, 1.6) or string (2.x) on the charger's socket,
    None until it is known. ``owner`` is the route that answers for it, None for the proxy.
    ``start_payload`` is the raw StartTransaction or Started event, ``last_payload`` the raw latest
    Updated event (2.x only). Energy in Wh.
    """

    id: UUID
    charger: int
    ocpp_version: str
    evse_id: int | None
    connector_id: int | None
    id_tag: str
    charger_transaction_id: str | None
    owner: int | None
    started_at: str
    meter_start: int | None
    start_payload: str
    last_payload: str = ""
    stopped_at: str = ""
    meter_stop: int | None = None
    stop_reason: str = ""
    created: datetime
    closed: datetime | None = None


RouteTransactionState = Literal["pending", "known", "failed"]


class RouteTransactionRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How one route knows a transaction (upsert by ``(transaction, route)``).

    ``route_transaction_id`` is that backoffice's own id as text, None until it has answered.
    """

    charger: int
    transaction: UUID
    route: int
    route_transaction_id: str | None
    state: RouteTransactionState


class LatestRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The newest value of something of which only the newest counts (upsert by charger, kind, key).

    Kinds: ``boot`` (key ""), ``boot_answer`` (Billing's last accepted answer), ``status``
    (key "evse/connector"), ``firmware``, ``diagnostics`` (key ""), ``authorization`` (key the card),
    ``quirk`` (key its name), and what the modules of the core keep for themselves, each under kinds of
    its own. An empty payload says that there is nothing any more.
    """

    charger: int
    kind: str
    key: str
    payload: str
    at: datetime


class ConnectorRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """State of one connector (upsert by charger, evse_id, connector_id). 1.6 has evse_id 0."""

    charger: int
    evse_id: int
    connector_id: int
    status: str
    error_code: str
    at: datetime


class IdentifierRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An identifier of one route (upsert by charger, kind, charger_identifier, route).

    ``kind`` is a ``routing.core.actions.Kind``; ids are text. ``closed`` is None while the thing exists.
    """

    charger: int
    kind: str
    charger_identifier: str
    route: int
    route_identifier: str
    created: datetime
    closed: datetime | None = None


DEAD_LETTERS = "dead letters"
"""Kind of the alarm that a route has dead letters: it lasts as long as there are any."""


class AlarmRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something a person has to look at (upsert by charger, kind, key).

    ``key`` tells alarms of one kind apart (a route's primary key as text), "" for the charger itself.
    ``text`` is a sentence. ``cleared`` is None while it lasts.
    """

    charger: int
    kind: str
    key: str
    text: str
    raised: datetime
    cleared: datetime | None = None


LinkState = Literal["waiting", "dialling", "registering", "replaying", "connected", "closed", "parked"]


class RouteStateRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Health of one route (upsert by ``route``): state, since when, last error in words."""

    charger: int
    route: int
    state: LinkState
    since: datetime
    last_error: str
    registration: str


class RouteHealthRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What has changed of a route's health (update by ``route``, where a RouteStateRow was stored before).

    ``waiting``: deliveries not answered yet; ``oldest``: when the charger said the first of them, None for
    none. ``round_trip_ms``: a smoothed time to an answer, None before the first.
    """

    charger: int
    route: int
    waiting: int
    oldest: datetime | None
    round_trip_ms: float | None


class ChargerHealthRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a charger waits for, in words; "" for nothing (update by ``charger``)."""

    charger: int
    waits_for: str


Row = (
    MessageRow
    | DeliveryRow
    | DeliveryDone
    | DeliveryFailed
    | TransactionRow
    | RouteTransactionRow
    | LatestRow
    | ConnectorRow
    | RouteStateRow
    | RouteHealthRow
    | ChargerHealthRow
    | IdentifierRow
    | AlarmRow
)
