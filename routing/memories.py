"""What the database remembers of a charger when its session begins: plain ORM, run in a thread."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from routing import prepared
from routing.core import identifiers
from routing.core.actions import Kind
from routing.core.decisions import DELIVERY_WINDOW, Memory
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
from routing.thinning import count_waiting

FORGOTTEN_KEPT = timedelta(days=1)
"""How long the row of a value stays that there is not any more."""

RECENT_MESSAGES = 200
"""How many of the newest messages are looked at for the highest seq."""


def load_memory(charger: int) -> Memory:
    """What the database knows of a charger, in a fixed number of queries."""
    transactions = _transactions(charger)
    deliveries, more = _waiting(charger)
    states = _STATES(charger)
    return Memory(
        latest=_latest(charger),
        transactions=transactions,
        route_transactions=_route_transactions(charger, [row.id for row in transactions]),
        deliveries=deliveries,
        more=more,
        waiting=count_waiting(more) if more else {},
        last_seq=_last_seq(charger),
        last_proxy_transaction_id=_last_proxy_transaction_id(charger),
        identifiers=_identifiers(charger),
        alarms=_alarms(charger),
        registrations={route: registration for route, registration, *_ in states},
        health={route: _health(charger, route, *rest) for route, _, *rest in states},
    )


_STATES = prepared.Query(
    lambda charger: RouteState.objects.filter(route__charger_id=charger).values_list(
        "route_id", "registration", "waiting", "oldest", "round_trip_ms"
    ),
    int,
)


def _health(
    charger: int, route: int, waiting: int, oldest: datetime | None, round_trip_ms: float | None
) -> RouteHealthRow:
    return RouteHealthRow(
        charger=charger, route=route, waiting=waiting, oldest=oldest, round_trip_ms=round_trip_ms
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


def load_deliveries(route: int, after: int, limit: int) -> tuple[list[DeliveryRow], bool]:
    """Up to ``limit`` waiting deliveries of a route with a seq above ``after``; whether there are more."""
    rows = list(
        _of_deliveries(Delivery.objects.filter(route_id=route, seq__gt=after, dead=False)).order_by("seq")[
            : limit + 1
        ]
    )
    return [_delivery_row(row) for row in rows[:limit]], len(rows) > limit


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
    return [
        TransactionRow(**dict(zip(TransactionRow.__struct_fields__, row, strict=True)))
        for row in _TRANSACTIONS(charger, timezone.now() - REMEMBERED)
    ]


def _route_transactions(charger: int, transactions: Iterable[UUID]) -> list[RouteTransactionRow]:
    ids = list(transactions)
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


_RECENT = prepared.Query(
    lambda charger: (
        Message.objects.filter(charger_id=charger).order_by("-pk").values_list("exchange")[:RECENT_MESSAGES]
    ),
    int,
)

_HIGHEST_WAITING = prepared.Query(
    lambda charger: Delivery.objects.filter(charger_id=charger).order_by("-seq").values_list("seq")[:1],
    int,
)


def _last_seq(charger: int) -> int:
    """The highest seq of a delivery or of a recent message: numbers go on from here if a clock went back."""
    found = [*_HIGHEST_WAITING(charger), *_RECENT(charger)]
    return max((seq for (seq,) in found), default=0)


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
