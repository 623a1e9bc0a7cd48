"""Writes down how all is, minute by minute, so that dashboard and menu count nothing themselves.

The state (who is online, what waits) is taken by a periodic task with a handful of queries, each over tables
with a row per charger or route. What passes is counted by the processes that it passes through, in memory,
and added here every few seconds: of several processes the numbers add up, and the log is never counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Count, F, Min, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from routing.core.tally import Tally
from routing.health import UP, in_use, is_up
from routing.models import Alarm, Delivery, RefusedCharge, Route, Snapshot
from routing.models.traffic import number_at

KEPT = timedelta(hours=48)
OFFICES_KEPT = timedelta(minutes=5)
"""How long the figures of single backoffices are kept: only the newest are looked at."""

AT_ONCE = 1000
LONGEST_ERROR = 200


class Office(msgspec.Struct, kw_only=True):
    """How a backoffice is for the chargers of one organisation.

    ``links``: routes in use of chargers that are online, of which ``up``. ``error``: what is said most often
    of those that are not up, ``failing`` of them. ``median_ms``: the median time to an answer.
    """

    links: int = 0
    up: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    dead: int = 0
    median_ms: float | None = None
    failing: int = 0
    error: str = ""


class Figures(msgspec.Struct, kw_only=True):
    """How chargers are now; fields as those of ``Snapshot``."""

    chargers: int = 0
    online: int = 0
    never: int = 0
    links: int = 0
    links_up: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    dead: int = 0
    alarms: int = 0

    def add(self, other: Figures) -> None:
        """Make it the sum of both."""
        oldest = min(filter(None, (self.oldest, other.oldest)), default=None)
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.oldest = oldest


FIGURES = Figures.__struct_fields__
SUMMED = tuple(name for name in FIGURES if name != "oldest")
COUNTED = ("messages_up", "messages_down", "blocked")
TAKEN = ("taken_at", *FIGURES, "backoffices")


class Gauges(Figures, kw_only=True):
    """How the chargers of one organisation are now."""

    offices: dict[str, Office] = msgspec.field(default_factory=dict)

    def office(self, backoffice: int) -> Office:
        """That of a backoffice (primary key), made where it is missing."""
        return self.offices.setdefault(str(backoffice), Office())


All = dict[int | None, Gauges]
"""By organisation; None for chargers that belong to none."""


def minute_of(now: datetime) -> datetime:
    """The minute that it is."""
    return now.replace(second=0, microsecond=0)


# -- the state --------------------------------------------------------------------------------------------


def take(now: datetime) -> int:
    """Write down the state as that of this minute, and forget what is old; of how many organisations.

    Repeatable, in several processes at once: whoever comes last in a minute is right.
    """
    found = gauges()
    minute = minute_of(now)
    rows = [(organisation, minute, now, *_values(each)) for organisation, each in sorted_all(found)]
    _upsert(TAKEN, rows, adding=False)
    forget(now)
    return len(rows)


def sorted_all(found: All) -> list[tuple[int | None, Gauges]]:
    """In one order for all processes, so that two never wait for each other."""
    return sorted(found.items(), key=lambda item: item[0] or 0)


def _values(each: Gauges) -> tuple[Any, ...]:
    offices = json.dumps(msgspec.to_builtins(each.offices))
    return (*(getattr(each, name) for name in FIGURES), offices)


def gauges(chargers: QuerySet[Any] | None = None) -> All:
    """How things are by organisation, of all chargers or of these; six queries."""
    model: Any = apps.get_model("chargers", "Charger")
    found: All = {}
    _count_chargers(model.objects.all() if chargers is None else chargers, found)
    mine = Q() if chargers is None else Q(charger__in=chargers.order_by().values("pk"))
    routes = Route.objects.filter(mine)
    _count_routes(routes, found)
    _find_medians(routes, found)
    _find_errors(routes, found)
    letters = Delivery.objects.filter(mine, dead=True).order_by()
    of_both = letters.values_list("charger__organisation_id", "route__backoffice_id")
    for organisation, backoffice, number in of_both.annotate(Count("pk")):
        each = found.setdefault(organisation, Gauges())
        each.dead += number
        each.office(backoffice).dead = number
    alarms = Alarm.objects.filter(mine, cleared=None).order_by().values_list("charger__organisation_id")
    for organisation, number in alarms.annotate(Count("pk")):
        found.setdefault(organisation, Gauges()).alarms = number
    return found


def _count_chargers(chargers: QuerySet[Any], found: All) -> None:
    never = Q(session=None) | Q(session__connected_at=None, session__online=False)
    rows = chargers.filter(enabled=True).order_by().values_list("organisation_id")
    counted = rows.annotate(
        number=Count("pk"),
        online=Count("pk", filter=Q(session__online=True)),
        unseen=Count("pk", filter=never),
    )
    for organisation, number, online, unseen in counted:
        found[organisation] = Gauges(chargers=number, online=online, never=unseen)


def _count_routes(routes: QuerySet[Route], found: All) -> None:
    rows = routes.order_by().values_list("charger__organisation_id", "backoffice_id")
    counted = rows.annotate(
        number=Count("pk", filter=in_use()),
        up=Count("pk", filter=is_up()),
        queued=Sum("state__waiting", default=0),
        first=Min("state__oldest"),
    )
    for organisation, backoffice, links, up, waiting, oldest in counted:
        each = found.setdefault(organisation, Gauges())
        each.offices[str(backoffice)] = Office(links=links, up=up, waiting=waiting, oldest=oldest)
        each.links += links
        each.links_up += up
        each.waiting += waiting
        each.oldest = min(filter(None, (each.oldest, oldest)), default=None)


def _find_medians(routes: QuerySet[Route], found: All) -> None:
    both = [F("charger__organisation_id"), F("backoffice_id")]
    known = routes.filter(is_up(), state__round_trip_ms__isnull=False).order_by()
    ranked = known.annotate(
        rank=Window(RowNumber(), partition_by=both, order_by="state__round_trip_ms"),
        number=Window(Count("pk"), partition_by=both),
    ).filter(rank=(F("number") + 1) / 2)
    for organisation, backoffice, median in ranked.values_list(
        "charger__organisation_id", "backoffice_id", "state__round_trip_ms"
    ):
        found.setdefault(organisation, Gauges()).office(backoffice).median_ms = median


def _find_errors(routes: QuerySet[Route], found: All) -> None:
    """The commonest error of those that should be up and are not."""
    failing = routes.filter(in_use()).exclude(state__state=UP).exclude(state__last_error="").order_by()
    said = failing.values_list("charger__organisation_id", "backoffice_id", "state__last_error")
    for organisation, backoffice, error, number in said.annotate(Count("pk")):
        if error is None:
            continue
        office = found.setdefault(organisation, Gauges()).office(backoffice)
        if number > office.failing:
            office.failing, office.error = number, error[:LONGEST_ERROR]


# -- what passes --------------------------------------------------------------------------------------------


def add_counts(taken: Mapping[int, Tally], now: datetime | None = None) -> None:
    """Add what sessions have counted, by charger, to the minute that it is.

    Chargers that are gone meanwhile count no more.
    """
    minute = minute_of(now or timezone.now())
    owners = dict(_owners(sorted(taken)))
    sums: dict[int | None, list[int]] = {}
    refused: list[RefusedCharge] = []
    for charger, tally in taken.items():
        if charger not in owners:
            continue
        each = sums.setdefault(owners[charger], [0, 0, 0])
        for place, number in enumerate((tally.up, tally.down, tally.blocked)):
            each[place] += number
        refused += [RefusedCharge(charger_id=charger, exchange=exchange) for exchange in tally.refused]
    rows = [(of, minute, *each) for of, each in sorted(sums.items(), key=lambda item: item[0] or 0)]
    with transaction.atomic():
        _upsert(COUNTED, rows, adding=True)
        RefusedCharge.objects.bulk_create(refused, ignore_conflicts=True, batch_size=AT_ONCE)


def _owners(chargers: Sequence[int]) -> Iterable[tuple[int, int | None]]:
    model: Any = apps.get_model("chargers", "Charger")
    for start in range(0, len(chargers), AT_ONCE):
        part = model.objects.filter(pk__in=chargers[start : start + AT_ONCE]).order_by()
        yield from part.values_list("pk", "organisation_id")


def _upsert(columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, adding: bool) -> None:
    """Rows of organisation, minute and ``columns``, put in place of what is there or added to it."""
    if not rows:
        return
    table, quote = Snapshot._meta.db_table, connection.ops.quote_name
    names = ("organisation_id", "minute", *columns)
    plus = f"{quote(table)}." if adding else ""
    changes = ", ".join(
        f"{quote(name)} = " + (f"{plus}{quote(name)} + " if adding else "") + f"EXCLUDED.{quote(name)}"
        for name in columns
    )
    # No value of a person is in this text: names of our own columns only.
    sql = (
        f"INSERT INTO {quote(table)} ({', '.join(map(quote, names))}) "
        f"VALUES ({', '.join(['%s'] * len(names))}) "
        f"ON CONFLICT (COALESCE(organisation_id, 0), minute) DO UPDATE SET {changes}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, [tuple(map(_adapted, row)) for row in rows])


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


# -- what is old --------------------------------------------------------------------------------------------


def forget(now: datetime) -> None:
    """Drop what is older than two days; of single backoffices what is not the newest."""
    Snapshot.objects.filter(minute__lt=now - KEPT).delete()
    RefusedCharge.objects.filter(exchange__lt=number_at(now - KEPT)).delete()
    older = Snapshot.objects.filter(minute__lt=now - OFFICES_KEPT, minute__gte=now - 3 * OFFICES_KEPT)
    older.filter(backoffices__isnull=False).update(backoffices=None)
