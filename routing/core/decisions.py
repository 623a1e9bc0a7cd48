"""What the core decides: values that the shell (``routing.session``) carries out, in order."""

from __future__ import annotations

from datetime import datetime

import msgspec

from routing.core.rows import (
    AlarmRow,
    DeliveryRow,
    IdentifierRow,
    LatestRow,
    Outcome,
    RouteHealthRow,
    RouteTransactionRow,
    Row,
    TransactionRow,
)


class ToCharger(msgspec.Struct, frozen=True, gc=False):
    """Write this frame to the charger's present socket."""

    text: str


class ToBackoffice(msgspec.Struct, frozen=True, gc=False):
    """Write this frame to the link of this route."""

    route: int
    text: str


class Store(msgspec.Struct, frozen=True, gc=False):
    """Store these rows. With a ``gate``: call ``committed(gate)`` when they are safe on disk."""

    rows: tuple[Row, ...]
    gate: int | None = None


class Load(msgspec.Struct, frozen=True, gc=False):
    """Read up to ``limit`` waiting deliveries of ``route`` with a seq above ``after``.

    Everything stored so far is committed first. Answer with ``deliveries_loaded`` and this very value.
    ``letters``: say also whether the route has dead letters.
    """

    route: int
    after: int
    limit: int
    letters: bool = False


class Loaded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a ``Load`` has found: deliveries in order, and whether there are more.

    ``transactions`` and ``route_transactions``: the sessions of these deliveries that a session may have
    forgotten, since they ended long ago, oldest first. ``dead``: whether there are dead letters of the
    route, where that was asked.
    """

    rows: list[DeliveryRow] = []
    more: bool = False
    transactions: list[TransactionRow] = []
    route_transactions: list[RouteTransactionRow] = []
    dead: bool = False


class Thin(msgspec.Struct, frozen=True, gc=False):
    """Leave out some of the waiting deliveries of ``route`` with a seq above ``after``.

    ``routing.core.thinning`` says which. Everything stored so far is committed first. Answer with
    ``thinned``.
    """

    route: int
    after: int


class AskSlot(msgspec.Struct, frozen=True, gc=False):
    """Grant ``route`` a slot when it is its turn: ``at_once`` of them are out at most for a ``backoffice``.

    Answer with ``slot_granted``, until ``FreeSlot`` takes the wish back.
    """

    route: int
    backoffice: str
    at_once: int


class FreeSlot(msgspec.Struct, frozen=True, gc=False):
    """The slot that ``route`` has, or has asked for, is for others."""

    route: int


class OpenLink(msgspec.Struct, frozen=True, gc=False):
    """Keep a link of this route open with exactly this OCPP version, redialling on its own."""

    route: int
    ocpp_version: str


class CloseLink(msgspec.Struct, frozen=True, gc=False):
    """Close the link of this route for good, with a WebSocket close code and reason."""

    route: int
    code: int
    reason: str


class CloseCharger(msgspec.Struct, frozen=True, gc=False):
    """Close the charger's present socket with a WebSocket close code and reason."""

    code: int
    reason: str


class ChangePassword(msgspec.Struct, frozen=True, gc=False):
    """The backoffice of this route has given the charger a new password: from now on the link's own.

    Store it encrypted and dial with it; where it is refused, the one before it still counts.
    Source: OCPP 1.6 security whitepaper A01, OCPP 2.0.1 part 2 A01; ocpp-semantics 3.9.
    """

    route: int
    password: bytes

    def __repr__(self) -> str:
        """For logs: without the password."""
        return f"ChangePassword(route={self.route})"


class SetPing(msgspec.Struct, frozen=True, gc=False):
    """Ping on the open link of this route every so many seconds, 0 for never; a new link starts anew."""

    route: int
    seconds: float


class CommandSent(msgspec.Struct, frozen=True, gc=False):
    """The charger is being asked what a person wants; the log has it under this ``exchange``."""

    id: str
    exchange: int


class CommandEnded(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What has become of a person's command: comes once, behind ``CommandSent`` where the charger was asked.

    ``outcome``: ``answered`` with the charger's ``payload``, or the proxy's own where it need not be asked;
    ``error`` with the charger's ``code``; ``denied`` by the proxy; else no answer came. ``words`` say why.
    ``late``: it had ended before with ``timeout``, and now the charger has answered after all.
    """

    id: str
    outcome: Outcome
    payload: str | None = None
    code: str = ""
    words: str = ""
    late: bool = False


class Report(msgspec.Struct, frozen=True, gc=False):
    """Something a person should know: written to the log with the charger's identity.

    ``route`` and ``exchange``: which it is about, where it is about one.
    """

    kind: str
    text: str
    route: int | None = None
    exchange: int | None = None


Decision = (
    ToCharger
    | ToBackoffice
    | Store
    | Load
    | Thin
    | AskSlot
    | FreeSlot
    | OpenLink
    | CloseLink
    | CloseCharger
    | ChangePassword
    | SetPing
    | CommandSent
    | CommandEnded
    | Report
)


class Said(msgspec.Struct, frozen=True, gc=False):
    """A CALL of the charger as the audit log has it: its frame, that of the answer, "" for none, and when."""

    text: str
    answer: str
    at: datetime


class Memory(msgspec.Struct, kw_only=True):
    """What the database knows of a charger when its session begins.

    ``transactions``: all open ones, those closed in the last 24 hours and those of ``deliveries``,
    oldest first.
    ``deliveries``: per route the first waiting ones in order, at most ``DELIVERY_WINDOW``;
    ``more``: the routes that have further ones. ``last_seq``: the highest seq of any delivery or
    message. ``last_proxy_transaction_id``: the highest number that the proxy itself gave (1.6).
    ``waiting``: of the routes in ``more`` how many wait in all, and the characters of their payloads.
    ``registrations``: per route what its backoffice last answered to a boot. ``identifiers``: open ones
    and those closed as long ago as they are remembered, oldest first. ``alarms``: those that last.
    ``health``: what is stored of each route's. ``said``: what the charger has said last of what is stored
    before it is answered, oldest first.
    """

    latest: list[LatestRow] = []
    transactions: list[TransactionRow] = []
    route_transactions: list[RouteTransactionRow] = []
    deliveries: dict[int, list[DeliveryRow]] = {}
    more: set[int] = set()
    last_seq: int = 0
    last_proxy_transaction_id: int = 0
    registrations: dict[int, str] = {}
    waiting: dict[int, tuple[int, int]] = {}
    identifiers: list[IdentifierRow] = []
    alarms: list[AlarmRow] = []
    health: dict[int, RouteHealthRow] = {}
    said: list[Said] = []


DELIVERY_WINDOW = 64
"""Deliveries per route held in memory; the rest waits in the database."""
