"""Readings get fewer with age: all for two days, one a minute for two weeks, then one in 15 minutes.

Of each meter and session the last reading of a span stays: registers are right by that, and the ends of
sessions are kept. How far this has come is kept in rows of ``LogReader``, so that nothing is looked at twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from routing.models import LogReader, Reading
from routing.models.traffic import number_at

if TYPE_CHECKING:
    from routing.readings.storing import Spot


class Level(NamedTuple):
    """From an age on, one reading is kept per ``span``."""

    name: str
    age: timedelta
    span: timedelta


LEVELS = (
    Level("a minute", timedelta(hours=48), timedelta(minutes=1)),
    Level("a quarter", timedelta(days=14), timedelta(minutes=15)),
)


def bucket(spot: Spot, transaction: UUID | None, now: datetime) -> tuple[object, ...]:
    """What a reading shares with those of which only the last is kept; its own where all are."""
    for level in reversed(LEVELS):
        if spot.at < now - level.age:
            return *spot[:3], transaction, _span_of(level, spot.at)
    return *spot[:3], transaction, spot.at


def thin(now: datetime, go_on: Callable[[], bool]) -> int:
    """Delete what is too many for its age, a span in each transaction; how many rows."""
    return sum(_thin(level, now - level.age, go_on) for level in LEVELS)


def _thin(level: Level, end: datetime, go_on: Callable[[], bool]) -> int:
    name, done = f"thinned to {level.name}", 0
    reader, _ = LogReader.objects.get_or_create(name=name)
    since = datetime.fromtimestamp(reader.exchange / 1_000_000, UTC)
    while go_on():
        at = Reading.objects.filter(at__gte=since, at__lt=end).order_by("at").values_list("at", flat=True)
        first = at.first()
        if first is None or (start := _span_of(level, first)) + level.span > end:
            break
        since = start + level.span
        done += _thin_span(start, since)
        LogReader.objects.filter(pk=name).update(exchange=number_at(since))
    return done


def _span_of(level: Level, at: datetime) -> datetime:
    """Where the span begins in which a moment lies."""
    seconds = int(level.span.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _thin_span(start: datetime, end: datetime) -> int:
    """Delete all readings of a span but the last of each meter and session."""
    its = ("charger", "evse_id", "connector_id")
    later = Reading.objects.filter(
        **{name: OuterRef(name) for name in its}, at__gt=OuterRef("at"), at__lt=end
    )
    of_session = Exists(later.filter(transaction_id=OuterRef("transaction_id")))
    of_none = Q(transaction_id=None) & Exists(later.filter(transaction_id=None))
    rows = Reading.objects.filter(of_session | of_none, at__gte=start, at__lt=end)
    return rows.order_by().delete()[0]
