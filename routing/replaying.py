"""Telling a backoffice again what it has been told since a date: it has lost its data, or so it says.

The audit log is the source: a message is queued again only if it was sent to this very route before, as far
as this route has seen it. Numbers, cards and what else differs between backoffices are written when it is
sent, as ever (``routing.core.binding``), by what is configured then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from routing import changes, letters
from routing.core.unbinding import payload_of, unbound
from routing.models import Delivery, Message, Route, Transaction
from routing.models.traffic import number_at

MOST = 20_000
"""Messages per call: twice what may wait for a backoffice before it is thinned."""

LATE = timedelta(days=60)
"""So long after the charger has said it a message may have been sent: twice what a route waits for."""

SESSION_ACTIONS = ("StartTransaction", "StopTransaction", "TransactionEvent")
"""With MeterValues of sessions, what a backoffice bills by."""


class TooMuch(ValueError):
    """More messages than one call may queue."""


class Replay(NamedTuple):
    """What became of a replay.

    ``queued`` messages are sent again; ``waiting`` ones wait for this backoffice, or are dead letters of
    it, as it is; of ``missing`` ones the log does not hold the text (any more).
    """

    queued: int
    waiting: int
    missing: int


class _Sent(NamedTuple):
    exchange: int
    action: str
    transaction: UUID | None
    text: str


def replay(route: Route, since: datetime, user: User) -> Replay:
    """Queue again what this route was sent of sessions since ``since``, in the charger's order.

    It goes behind everything that waits. Safe to repeat: what waits already is not queued twice, so that a
    second click does nothing as long as the first is being worked off. Raises PermissionDenied where
    ``user`` may not change the route, and TooMuch.
    """
    if not Route.objects.filter(pk=route.pk).changeable_by(user).exists():
        raise PermissionDenied(f"route {route.pk} is not one that {user} may change")
    sent = _sent(route, since)
    waiting = set(Delivery.objects.filter(route=route).values_list("exchange", flat=True))
    wanted = [one for one in sent if one.exchange not in waiting]
    rows = list(_deliveries(route, wanted))
    parts = (rows[start : start + letters.AT_ONCE] for start in range(0, len(rows), letters.AT_ONCE))
    queued = sum(_queue(route, part) for part in parts)
    if queued:
        letters.log(user, route, f"Replayed {queued} messages since {since:%Y-%m-%d %H:%M} UTC.")
    missing = len(wanted) - len(rows)
    return Replay(queued=queued, waiting=len(sent) - queued - missing, missing=missing)


def _queue(route: Route, part: Sequence[Delivery]) -> int:
    """Put these behind everything that waits, but for those that somebody else has queued meanwhile."""
    with changes.recorded() as changed:
        same = Delivery.objects.filter(route=route, exchange__in=[row.exchange for row in part])
        there = set(same.values_list("exchange", flat=True))
        new = [row for row in part if row.exchange not in there]
        first = letters.next_number(route.charger_id)
        for at, row in enumerate(new):
            row.seq = first + at
        Delivery.objects.bulk_create(new)
        if new:
            changed.add(route.charger_id)
    return len(new)


def _sent(route: Route, since: datetime) -> list[_Sent]:
    """What was sent to this route, each message once, in the charger's order."""
    of_session = Q(action__in=SESSION_ACTIONS) | Q(action="MeterValues", transaction_id__isnull=False)
    tries = (
        _log(route)
        .filter(of_session, route_id=route.pk, at__gte=since, exchange__gte=number_at(since - LATE))
        .exclude(message_id="")
        .exclude(text__startswith="[3")  # late answers, which stand alone
        .exclude(text__startswith="[4")
        .order_by("id")
        .values_list("exchange", "action", "transaction_id", "text")
    )
    last: dict[int, _Sent] = {}
    for values in tries.iterator():
        last[values[0]] = _Sent(*values)
        if len(last) > MOST:
            raise TooMuch(
                f"more than {MOST} messages were sent to {route} since {since:%Y-%m-%d %H:%M} UTC; "
                "choose a later date"
            )
    return [last[exchange] for exchange in sorted(last)]


def _log(route: Route) -> QuerySet[Message]:
    """The charger's own CALLs and their copies."""
    return Message.objects.filter(charger_id=route.charger_id, direction=Message.Direction.UP)


def _deliveries(route: Route, sent: Sequence[_Sent]) -> Iterator[Delivery]:
    said = _said(route, sent)
    sessions = _sessions(sent)
    now = timezone.now()
    for one in sent:
        version, start = sessions.get(one.transaction, ("", ""))
        original = payload_of(said.get(one.exchange, "")) or start
        told = payload_of(one.text)
        if not told and one.exchange not in said and one.action != "StartTransaction":
            continue  # a copy of what the log does not hold any more; a start stands in its session too
        payload = unbound(version, one.action, told, original) if told else original
        if payload:
            yield Delivery(
                charger_id=route.charger_id,
                route=route,
                exchange=one.exchange,
                at=now,
                action=one.action,
                payload=payload,
                edited=payload != original,
                transaction_id=one.transaction,
            )


def _said(route: Route, sent: Sequence[_Sent]) -> dict[int, str]:
    """What the charger has said, by exchange: the frames that the copies were made of."""
    if not sent:
        return {}
    wanted = {one.exchange for one in sent}
    of_charger = _log(route).filter(route__isnull=True, exchange__range=(min(wanted), max(wanted)))
    rows = of_charger.exclude(text="").order_by("id").values_list("exchange", "text")
    return {exchange: text for exchange, text in rows.iterator() if exchange in wanted}


def _sessions(sent: Sequence[_Sent]) -> dict[UUID | None, tuple[str, str]]:
    """Version and first message of the sessions that these messages belong to."""
    keys = sorted({one.transaction for one in sent if one.transaction is not None})
    found: dict[UUID | None, tuple[str, str]] = {}
    for start in range(0, len(keys), letters.AT_ONCE):
        rows = Transaction.objects.filter(pk__in=keys[start : start + letters.AT_ONCE])
        for key, version, payload in rows.values_list("pk", "ocpp_version", "start_payload"):
            found[key] = version, payload
    return found
