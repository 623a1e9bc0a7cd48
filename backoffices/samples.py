"""How backoffices were, minute by minute: what a chart of the last hour is drawn from.

Kept per organisation of the chargers, so that who may see some routes of a backoffice that others use, too,
gets the sum of those.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Avg, Count, Sum
from django.utils import timezone

from backoffices.models import BackofficeSample
from routing.health import in_use, is_up
from routing.models import Route

KEPT = timedelta(hours=48)
"""How long a sample is kept."""

SHOWN = timedelta(minutes=60)
"""How far back a chart goes."""

AT_ONCE = 500


class Moment(NamedTuple):
    """A backoffice in one minute, over the routes that somebody may see."""

    at: datetime
    routes: int
    up: int
    waiting: int


def take(now: datetime | None = None) -> int:
    """Write how all backoffices are in this minute, and drop what is old; how many rows were written.

    Safe to repeat: a minute that is written already stays as it is.
    """
    minute = (now or timezone.now()).replace(second=0, microsecond=0)
    BackofficeSample.objects.filter(at__lt=minute - KEPT).delete()
    if BackofficeSample.objects.filter(at=minute).exists():
        return 0
    rows = [BackofficeSample(at=minute, **row) for row in _now()]
    BackofficeSample.objects.bulk_create(rows, batch_size=AT_ONCE, ignore_conflicts=True)
    return len(rows)


def _now() -> Sequence[dict[str, Any]]:
    """A row for each backoffice and organisation of its chargers, as ``routing.health`` counts routes."""
    found = Route.objects.order_by().values("backoffice_id", "charger__organisation_id").annotate(
        number=Count("pk", filter=in_use()),
        connected=Count("pk", filter=is_up()),
        queued=Sum("state__waiting", default=0),
        took=Avg("state__round_trip_ms", filter=is_up()),
    )  # fmt: skip
    return [
        {
            "backoffice_id": row["backoffice_id"],
            "organisation_id": row["charger__organisation_id"],
            "routes": row["number"],
            "up": row["connected"],
            "waiting": row["queued"],
            "round_trip_ms": row["took"],
        }
        for row in found
    ]


def last_hour(user: Any, backoffice: int, now: datetime | None = None) -> list[Moment]:
    """The last 60 minutes of a backoffice (primary key), oldest first, over what ``user`` may see.

    Minutes that nobody wrote are missing.
    """
    since = (now or timezone.now()) - SHOWN
    rows = BackofficeSample.objects.visible_to(user)
    sums = rows.filter(backoffice=backoffice, at__gte=since).order_by("at").values("at")
    found = sums.annotate(number=Sum("routes"), connected=Sum("up"), queued=Sum("waiting"))
    return [Moment(row["at"], row["number"], row["connected"], row["queued"]) for row in found]
