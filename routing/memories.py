"""What the database remembers of a charger when its session begins: plain ORM, run in a thread."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, cast

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, TextField, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from routing import prepared
from routing.core import identifiers, recalling
from routing.core.actions import Kind
from routing.core.decisions import DELIVERY_WINDOW, Load, Loaded, Memory, Said
from routing.core.payloads import INT32_MAX
from routing.core.rows import (
    AlarmRow,
    DeliveryRow,
    IdentifierRow,
    LatestRow,
    RouteHealthRow,
    RouteTransactionRow,
    RouteTransactionState,
    TransactionRow,
)
from routing.core.transactions import PROXY_BAND, REMEMBERED
from routing.models import (
    Alarm,
    Delivery,
    Identifier,
    LatestValue,
    Message,
    RouteState,
    RouteTransaction,
    Transaction,
)
from routing.models.traffic import number_at
from routing.thinning import count_waiting

FORGOTTEN_KEPT = timedelta(days=1)
"""How long the row of a value stays that there is not any more."""

RECENT_MESSAGES = 200
"""How many of the newest messages are looked at for the highest seq, and for what the charger said."""

LATELY = timedelta(days=2)
"""So far back is looked first: on PostgreSQL each day of the log is a table of its own."""

MARGIN = timedelta(hours=1)
"""Sessions are read again so long before a live session may forget them: clocks differ."""

SAID_KEPT = 16
"""So many of the charger's newest messages may come again; it has one outstanding, and one connection."""


def load_memory(charger: int) -> Memory:
    """What the database knows of a charger, in a fixed number of queries."""
    deliveries, more = _waiting(charger)
    transactions = _transactions(charger)
    transactions = _long_ended(chain.from_iterable(deliveries.values()), transactions) + transactions
    states = _STATES(charger)
    last_seq, said = _recent(charger)
    return Memory(
        latest=_latest(charger),
        transactions=transactions,
        route_transactions=_route_transactions(charger, transactions),
        deliveries=deliveries,
        more=more,
        waiting=count_waiting(more) if more else {},
        last_seq=last_seq,
        said=said,
        last_proxy_transaction_id=_last_proxy_transaction_id(charger),
        identifiers=_identifiers(charger),
        alarms=_alarms(charger),
        registrations={route: registration for route, registration, *_ in states},
        health={
            route: RouteHealthRow(
                charger=charger, route=route, waiting=waiting, oldest=oldest, round_trip_ms=round_trip_ms
            )
            for route, _, waiting, oldest, round_trip_ms in states
        },
    )


_STATES = prepared.Query(
    lambda charger: RouteState.objects.filter(route__charger_id=charger).values_list(
        "route_id", "registration", "waiting", "oldest", "round_trip_ms"
    ),
    int,
)


_LATEST = prepared.Query(
    lambda charger: (
        LatestValue.objects.filter(charger_id=charger)
        .order_by("at", "pk")
        .values_list("pk", "kind", "key", "payload", "at")
    ),
    int,
)


def _latest(charger: int) -> list[LatestRow]:
    """The newest values, oldest first. Rows of what was forgotten long ago go: cards come and go."""
    long_ago = timezone.now() - FORGOTTEN_KEPT
    kept, gone = [], []
    for pk, kind, key, payload, at in _LATEST(charger):
        if payload:
            kept.append(LatestRow(charger=charger, kind=kind, key=key, payload=payload, at=at))
        elif at < long_ago:
            gone.append(pk)
    if gone:
        LatestValue.objects.filter(pk__in=gone, payload="").delete()
    return kept


_IDENTIFIERS = prepared.Query(
    lambda charger: (
        Identifier.objects.filter(charger_id=charger)
        .order_by("created", "pk")
        .values_list("pk", "kind", "charger_identifier", "route_id", "route_identifier", "created", "closed")
    ),
    int,
)


def _identifiers(charger: int) -> list[IdentifierRow]:
    """What is open, and what was closed not long ago, oldest first; what was closed before goes."""
    now = timezone.now()
    kept, gone = [], []
    for pk, kind, charger_identifier, route, route_identifier, created, closed in _IDENTIFIERS(charger):
        if closed is not None and closed < now - identifiers.remembered(cast(Kind, kind)):
            gone.append(pk)
            continue
        kept.append(
            IdentifierRow(
                charger=charger,
                kind=kind,
                charger_identifier=charger_identifier,
                route=route,
                route_identifier=route_identifier,
                created=created,
                closed=closed,
            )
        )
    if gone:  # it never comes back: a closed identifier stays closed
        Identifier.objects.filter(pk__in=gone).exclude(closed=None).delete()
    return kept


_ALARMS = prepared.Query(
    lambda charger: (
        Alarm.objects.filter(charger_id=charger, cleared=None)
        .order_by("raised", "pk")
        .values_list("kind", "key", "text", "raised")
    ),
    int,
)


def _alarms(charger: int) -> list[AlarmRow]:
    return [
        AlarmRow(charger=charger, kind=kind, key=key, text=text, raised=raised)
        for kind, key, text, raised in _ALARMS(charger)
    ]


def load_deliveries(load: Load) -> Loaded:
    """What was asked for, with the sessions that ended so long ago that they may be forgotten."""
    of_route = Delivery.objects.filter(route_id=load.route)
    waiting = _of_deliveries(of_route.filter(seq__gt=load.after, dead=False)).order_by("seq")
    rows = [_delivery_row(row) for row in waiting[: load.limit + 1]]
    transactions = _long_ended(rows[: load.limit])
    return Loaded(
        rows=rows[: load.limit],
        more=len(rows) > load.limit,
        transactions=transactions,
        route_transactions=_route_transactions(rows[0].charger, transactions) if transactions else [],
        dead=load.letters and of_route.filter(dead=True).exists(),
    )


def _long_ended(
    deliveries: Iterable[DeliveryRow], known: Iterable[TransactionRow] = ()
) -> list[TransactionRow]:
    """The sessions of these deliveries that ended long ago, oldest first, without the ``known`` ones."""
    wanted = {row.transaction for row in deliveries if row.transaction is not None}
    wanted -= {row.id for row in known}
    if not wanted:
        return []
    ended = Transaction.objects.filter(pk__in=wanted, closed__lt=timezone.now() - REMEMBERED + MARGIN)
    return _as_transactions(ended.order_by("created", "pk").values_list(*TransactionRow.__struct_fields__))


_TRANSACTIONS = prepared.Query(
    lambda charger, since: (
        Transaction.objects.filter(Q(closed=None) | Q(closed__gte=since), charger_id=charger)
        .order_by("created", "pk")
        .values_list(*TransactionRow.__struct_fields__)
    ),
    int,
    datetime,
)


def _transactions(charger: int) -> list[TransactionRow]:
    return _as_transactions(_TRANSACTIONS(charger, timezone.now() - REMEMBERED))


def _as_transactions(rows: Iterable[Iterable[Any]]) -> list[TransactionRow]:
    return [TransactionRow(**dict(zip(TransactionRow.__struct_fields__, row, strict=True))) for row in rows]


def _route_transactions(charger: int, transactions: Iterable[TransactionRow]) -> list[RouteTransactionRow]:
    ids = [row.id for row in transactions]
    if not ids:
        return []
    rows = RouteTransaction.objects.filter(transaction_id__in=ids).order_by("pk")
    values = rows.values_list("transaction_id", "route_id", "route_transaction_id", "state")
    return [
        RouteTransactionRow(
            charger=charger,
            transaction=transaction,
            route=route,
            route_transaction_id=route_transaction_id,
            state=cast(RouteTransactionState, state),
        )
        for transaction, route, route_transaction_id, state in values
    ]


def _of_deliveries(rows: QuerySet[Delivery]) -> QuerySet[Delivery, tuple[Any, ...]]:
    return rows.values_list(*("transaction_id" if n == "transaction" else n for n in _OF_DELIVERY))


_OF_DELIVERY = DeliveryRow.__struct_fields__

_WAITING = prepared.Query(
    lambda charger: _of_deliveries(
        Delivery.objects.filter(charger_id=charger, dead=False)
        .annotate(place=Window(RowNumber(), partition_by=[F("route_id")], order_by=F("seq").asc()))
        .filter(place__lte=DELIVERY_WINDOW + 1)
        .order_by("route_id", "seq")
    ),
    int,
)


def _waiting(charger: int) -> tuple[dict[int, list[DeliveryRow]], set[int]]:
    """The first waiting deliveries of each route, and the routes that have more."""
    deliveries: dict[int, list[DeliveryRow]] = {}
    for row in map(_delivery_row, _WAITING(charger)):
        deliveries.setdefault(row.route, []).append(row)
    more = {route for route, found in deliveries.items() if len(found) > DELIVERY_WINDOW}
    return {route: found[:DELIVERY_WINDOW] for route, found in deliveries.items()}, more


def _delivery_row(row: Iterable[Any]) -> DeliveryRow:
    return DeliveryRow(**dict(zip(_OF_DELIVERY, row, strict=True)))


_IS_SAID = Q(route=None, direction="up", action__in=sorted(recalling.SAID)) & ~Q(outcome="dropped")
"""What was dropped came another time, or was given up with what delivers it (``routing.writer``)."""

_RECENT = prepared.Query(
    lambda charger, since: (
        Message.objects.filter(charger_id=charger, exchange__gte=since)
        .order_by("-exchange", "-id")
        .values_list("exchange", "at", _of_said("text"), _of_said("answer"))[:RECENT_MESSAGES]
    ),
    int,
    int,
)


def _of_said(field: str) -> Case:
    """A text of the audit log where it is of a message that the charger may say again; else ""."""
    return Case(When(_IS_SAID, then=F(field)), default=Value(""), output_field=TextField())


_HIGHEST_WAITING = prepared.Query(
    lambda charger: Delivery.objects.filter(charger_id=charger).order_by("-seq").values_list("seq")[:1],
    int,
)


def _recent(charger: int) -> tuple[int, list[Said]]:
    """What the newest messages say: the highest seq (of deliveries too: numbers go on from here if a clock
    went back), and what the charger has said last, oldest first.
    """
    rows = _RECENT(charger, number_at(timezone.now() - LATELY)) or _RECENT(charger, 0)
    highest = max((row[0] for row in [*_HIGHEST_WAITING(charger), *rows]), default=0)
    said = [Said(text, answer, at) for _, at, text, answer in rows if text]
    return highest, said[:SAID_KEPT][::-1]


def _numbers_of_the_proxy(charger: int) -> QuerySet[Transaction, tuple[str | None]]:
    given_by_owner = RouteTransaction.objects.filter(
        transaction=OuterRef("pk"),
        route=OuterRef("owner"),
        route_transaction_id=OuterRef("charger_transaction_id"),
    )
    numbers = Transaction.objects.filter(
        ~Exists(given_by_owner),
        charger_id=charger,
        ocpp_version="1.6",
        charger_transaction_id__regex=r"^[0-9]{10}$",  # as long as the bounds: text sorts as numbers do
        charger_transaction_id__range=(str(PROXY_BAND), str(INT32_MAX)),
    )
    return numbers.order_by("-charger_transaction_id").values_list("charger_transaction_id")[:1]


_LAST_OF_THE_PROXY = prepared.Query(_numbers_of_the_proxy, int)


def _last_proxy_transaction_id(charger: int) -> int:
    """The highest transaction number that the proxy itself gave to this charger (1.6), or 0.

    One in the proxy's band that the owner gave is known by the owner under the same number.
    """
    found = _LAST_OF_THE_PROXY(charger)
    return int(found[0][0] or 0) if found else 0
