"""How all is that somebody may see, from snapshots: what dashboard and menu show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from django.apps import apps
from django.db.models import Sum

from routing.models import Snapshot
from routing.snapshots import FIGURES, All, Figures, Gauges, Office, gauges, minute_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

FRESH = timedelta(minutes=3)
"""Older figures are not told as those of now."""

MINUTES = 60


class Standing(Figures, kw_only=True):
    """Sums over organisations. ``at``: when the oldest of it was taken.

    ``offices``: by primary key of the backoffice; the median of several organisations is that of the one with
    the most links that are up.
    """

    at: datetime
    offices: dict[int, Office] = msgspec.field(default_factory=dict)

    @property
    def offline(self) -> int:
        """Chargers that were online once and are not."""
        return self.chargers - self.online - self.never

    @property
    def down(self) -> list[int]:
        """Backoffices that no charger of those that are online has reached."""
        return [pk for pk, office in self.offices.items() if office.links and not office.up]


class Minute(msgspec.Struct, frozen=True):
    """What passed in one minute, and what waited at its end."""

    at: datetime
    up: int
    down: int
    blocked: int
    waiting: int


def standing(user: User | AnonymousUser, now: datetime, organisation: int | None = None) -> Standing:
    """How all is that the user may see, or of one organisation of it: one query.

    Where no snapshot is fresh (the first minute, no Celery worker), the state itself is asked, in six.
    """
    return newest(user, now, organisation) or _sum(now, _asked(user, organisation).values())


def newest(user: User | AnonymousUser, now: datetime, organisation: int | None = None) -> Standing | None:
    """The same from a snapshot alone, None where none is fresh: one query."""
    rows = _visible(user, organisation).filter(minute__gte=now - FRESH, taken_at__isnull=False)
    known = {row.organisation_id: row for row in rows.order_by("minute")}
    if not known:
        return None
    at = min((row.taken_at for row in known.values() if row.taken_at), default=now)
    return _sum(at, map(_gauges, known.values()))


def minutes(user: User | AnonymousUser, now: datetime, organisation: int | None = None) -> list[Minute]:
    """The last hour minute by minute, without the one that it is, the oldest first: one query."""
    end = minute_of(now)
    rows = _visible(user, organisation).filter(minute__gte=end - timedelta(minutes=MINUTES), minute__lt=end)
    names = ("messages_up", "messages_down", "blocked", "waiting")
    sums = rows.order_by().values_list("minute").annotate(*map(Sum, names))
    known = {row[0]: row[1:] for row in sums}
    moments = (end - timedelta(minutes=ago) for ago in range(MINUTES, 0, -1))
    return [Minute(at, *known.get(at, (0, 0, 0, 0))) for at in moments]


def _visible(user: User | AnonymousUser, organisation: int | None) -> Any:
    rows = Snapshot.objects.visible_to(user)
    return rows if organisation is None else rows.filter(organisation=organisation)


def _asked(user: User | AnonymousUser, organisation: int | None) -> All:
    model: Any = apps.get_model("chargers", "Charger")
    chargers = model.objects.visible_to(user)
    return gauges(chargers if organisation is None else chargers.filter(organisation=organisation))


def _gauges(row: Snapshot) -> Gauges:
    offices = msgspec.convert(row.backoffices or {}, dict[str, Office], strict=False)
    return Gauges(offices=offices, **{name: getattr(row, name) for name in FIGURES})


def _sum(at: datetime, each: Iterable[Gauges]) -> Standing:
    total = Standing(at=at)
    for one in each:
        total.add(one)
        for key, office in one.offices.items():
            known = total.offices.get(int(key))
            total.offices[int(key)] = _joined(known, office) if known else office
    return total


def _joined(one: Office, other: Office) -> Office:
    larger = one if one.up >= other.up else other
    worse = one if one.failing >= other.failing else other
    return Office(
        links=one.links + other.links,
        up=one.up + other.up,
        waiting=one.waiting + other.waiting,
        oldest=min(filter(None, (one.oldest, other.oldest)), default=None),
        dead=one.dead + other.dead,
        median_ms=larger.median_ms,
        failing=one.failing + other.failing,
        error=worse.error,
    )
