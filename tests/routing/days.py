"""The audit log in tests of what is kept: its tables on PostgreSQL, and rows by the day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from routing import partitions
from routing.keeping import DAY, Span
from routing.models import Message
from routing.models.traffic import number_at

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
TODAY = number_at(NOW) // DAY


def ago(days: float) -> int:
    """The number of an exchange of so many days before NOW."""
    return number_at(NOW - timedelta(days=days))


def log(days: float, *, charger: int = 1, outcome: str = "answered", exchange: int = 0, **values: Any) -> int:
    """A row of the audit log, so many days before NOW; returns its exchange."""
    number = exchange or ago(days)
    at = datetime.fromtimestamp(number / 1e6, UTC)
    Message.objects.create(
        **{
            "charger_id": charger,
            "exchange": number,
            "at": at,
            "direction": "up",
            "outcome": outcome,
            **values,
        }
    )
    return number


def there() -> list[int]:
    """Exchanges of the rows that are there, oldest first, a number for each row."""
    return list(Message.objects.order_by("exchange", "pk").values_list("exchange", flat=True))


def rows_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def make(*days_ago: int) -> None:
    """Tables of these days before TODAY, where rows of them would go to the default one."""
    for day in (TODAY - days for days in days_ago):
        assert partitions._make(partitions.name_of_day(day), Span(day * DAY, (day + 1) * DAY))


def names() -> list[str]:
    return [part.name.removeprefix(f"{partitions.TABLE}_") for part in partitions.parts()]


@contextmanager
def no_tables() -> Iterator[None]:
    """Without a table for any day, before and after: the database serves other tests as well."""
    _drop_all()
    try:
        yield
    finally:
        _drop_all()


def _drop_all() -> None:
    with connection.cursor() as cursor:
        for part in partitions.parts():
            cursor.execute(f"DROP TABLE {part.name}")
        cursor.execute(f"DELETE FROM {partitions.DEFAULT}")
