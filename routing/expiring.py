"""What waits for too long where no session looks after it: of chargers away, for routes switched off.

A live session does the same for its own routes (``routing.core.retention``). Plain ORM, in transactions so
small that the writer is not kept waiting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, Min, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from routing import letters
from routing.core.letters import too_long
from routing.core.options import OptionError, RouteOptions, route_options
from routing.core.rows import DEAD_LETTERS
from routing.core.steady import SteadyClock
from routing.loading import RUNTIME_ALIVE
from routing.models import (
    Alarm,
    ChargerSession,
    Delivery,
    Message,
    Route,
    RouteTransaction,
    RuntimeProcess,
)

ROUTES_AT_ONCE = 500

CLOCK = SteadyClock()
"""Of this process."""


class _Late(NamedTuple):
    """A route for which something waits for too long: since before ``limit``, when that is ``keep_for`` ago.

    ``served``: it is switched on, so that a live session looks after it.
    """

    route: int
    charger: int
    backoffice: str
    keep_for: float
    limit: datetime
    served: bool


def expire_deliveries() -> int:
    """Make dead letters, with an alarm, of what has waited for too long; how many there were.

    None by a clock that may just have jumped: the first call of a process only looks at it.
    """
    _end_alarms_of_gone_routes()
    if not CLOCK.is_steady(time.monotonic(), timezone.now()):
        return 0
    return sum(_expire(late) for late in _late_routes(timezone.now()))


def _late_routes(now: datetime) -> Iterator[_Late]:
    oldest = dict(
        Delivery.objects.filter(dead=False).order_by().values_list("route_id").annotate(oldest=Min("at"))
    )
    keys = sorted(oldest)
    for start in range(0, len(keys), ROUTES_AT_ONCE):
        rows = Route.objects.filter(pk__in=keys[start : start + ROUTES_AT_ONCE])
        for route in rows.select_related("charger", "backoffice"):
            keep_for = _keep_for(route.options)
            limit = now - timedelta(seconds=keep_for)
            if oldest[route.pk] < limit:
                charger: Any = route.charger
                backoffice: Any = route.backoffice
                served = route.enabled and backoffice.enabled and charger.enabled
                yield _Late(route.pk, charger.pk, backoffice.name, keep_for, limit, served)


def _keep_for(options: object) -> float:
    """The option of a route; its default where it can't be read, which the session reports."""
    given = options.get("keep_for") if isinstance(options, Mapping) else None
    try:
        return (RouteOptions() if given is None else route_options({"keep_for": given})).keep_for
    except OptionError:
        return RouteOptions().keep_for


def _expire(late: _Late) -> int:
    done = 0
    while number := _expire_some(late, is_first=not done):
        done += number
    return done


@transaction.atomic
def _expire_some(late: _Late, *, is_first: bool) -> int:
    """Several processes may do this at once: each takes what the others have left."""
    if late.served and _is_looked_after(late.charger):
        return 0
    waiting = Delivery.objects.filter(route_id=late.route, dead=False, at__lt=late.limit)
    rows = list(waiting.select_for_update().order_by("seq")[: letters.AT_ONCE])
    why, now = too_long(late.keep_for), timezone.now()
    if rows:
        if is_first:  # not at the end: a run that is broken off leaves no letters that nobody hears of
            _raise_alarm(late, waiting.count())
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(dead=True, died_at=now, error=why)
        Message.objects.bulk_create(letters.given_up(row, why) for row in rows)
        starts = [
            row.transaction_id for row in rows if row.action == "StartTransaction" and row.transaction_id
        ]
        known = RouteTransaction.objects.filter(route_id=late.route, transaction_id__in=starts)
        known.update(state=RouteTransaction.State.FAILED)
    return len(rows)


def _is_looked_after(charger: int) -> bool:
    """Whether a live runtime has this charger's session; nobody takes it before this transaction ends."""
    alive = RuntimeProcess.objects.filter(pk=OuterRef("runtime"), beat_at__gte=Now() - RUNTIME_ALIVE)
    held = ChargerSession.objects.select_for_update(of=("self",)).filter(pk=charger)
    return bool(held.annotate(alive=Exists(alive)).values_list("alive", flat=True).first())


def _raise_alarm(late: _Late, number: int) -> None:
    text = f"{late.backoffice}: {number} messages could not be delivered: {too_long(late.keep_for)}"
    of_route = Alarm.objects.filter(charger_id=late.charger, kind=DEAD_LETTERS, key=str(late.route))
    raised = {"text": text[:255], "raised": timezone.now(), "cleared": None}
    if not of_route.exclude(cleared=None).update(**raised):
        Alarm.objects.get_or_create(
            charger_id=late.charger, kind=DEAD_LETTERS, key=str(late.route), defaults=raised
        )


def _end_alarms_of_gone_routes() -> None:
    """The letters of a route that was deleted went with it."""
    lasting = Alarm.objects.filter(kind=DEAD_LETTERS, cleared=None)
    keys = {key: pk for pk, key in lasting.values_list("pk", "key")}
    there = set(Route.objects.filter(pk__in=list(keys)).values_list("pk", flat=True))
    over = [pk for key, pk in keys.items() if int(key) not in there]
    if over:
        lasting.filter(pk__in=over).update(cleared=timezone.now())
