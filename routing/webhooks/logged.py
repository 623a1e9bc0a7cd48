"""Events out of the log: what stored state does not say, or no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Max, Q, QuerySet

from routing.boot import model_of
from routing.core.meter_values import READERS as METERING
from routing.explorer.reading import write_key
from routing.models import Message, Route, Transaction
from routing.readings.gathering import payload_of
from routing.webhooks.states import Draft, seldom, told_route

BLOCKED = Q(direction="down") & (
    Q(outcome="denied") | Q(outcome="error", error_code="", rule__startswith="proxy: ")
)
"""As the explorer finds what a rule has refused (``routing.blocked``)."""

FRESH = timedelta(seconds=30)
"""Of a session that has just begun, its first values are no news of their own."""


def read(start: int, end: int) -> Iterator[Draft]:
    """What rows say of exchanges from ``start`` to before ``end``. Four queries."""
    rows = Message.objects.filter(exchange__gte=start, exchange__lt=end).order_by("exchange", "id")
    yield from _boots(rows)
    yield from _blocked(rows)
    yield from _updates(rows)


def _boots(rows: QuerySet[Message]) -> Iterator[Draft]:
    found = rows.filter(route=None, direction="up", action="BootNotification").exclude(text="")
    for charger, exchange, at, text in found.values_list("charger_id", "exchange", "at", "text"):
        key = f"charger.booted:{charger}:{exchange}"
        yield Draft("charger.booted", key, at, charger, {"model": model_of(payload_of(text))})


def _blocked(rows: QuerySet[Message]) -> Iterator[Draft]:
    found = list(rows.filter(BLOCKED).exclude(route=None))
    routes = Route.objects.select_related("backoffice").in_bulk({row.route_id for row in found})
    for row in found:
        route = routes.get(row.route_id or 0)
        if route is None:
            continue
        said = {
            "action": row.action,
            "message": write_key((row.exchange, row.charger_id)),
            "outcome": row.outcome,
            "rule": row.rule,
        }
        key = seldom("route.call_blocked", row.at, route.pk, row.action)
        data = {"route": told_route(route), "call": said}
        yield Draft("route.call_blocked", key, row.at, row.charger_id, data)


def _updates(rows: QuerySet[Message]) -> Iterator[Draft]:
    found = rows.filter(route=None, action__in=METERING).exclude(transaction_id=None).order_by()
    newest = dict(found.values_list("transaction_id").annotate(Max("at")))
    running = Transaction.objects.filter(pk__in=newest, closed=None)
    for key, charger, created in running.values_list("pk", "charger_id", "created"):
        at = newest[key]
        if at - created >= FRESH:
            name = seldom("transaction.updated", at, key)
            yield Draft("transaction.updated", name, at, charger, {}, key)
