"""Fewer readings with age, a span at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from uuid import UUID

import pytest

from routing.models import LogReader, Reading
from routing.readings.thinning import thin
from tests.routing.readings.logged import always

NOW = datetime(2024, 5, 17, 10, 30, tzinfo=UTC)
FIRST, SECOND = UUID(int=1), UUID(int=2)


def put(at: datetime, seconds: range, *, connector: int = 1, transaction: UUID | None = None) -> None:
    Reading.objects.bulk_create(
        Reading(
            charger_id=1,
            connector_id=connector,
            at=at + timedelta(seconds=second),
            transaction_id=transaction,
            energy_wh=second,
        )
        for second in seconds
    )


def left() -> list[float | None]:
    return [row.energy_wh for row in Reading.objects.order_by("at")]


AGES = {
    "two days are kept whole": (timedelta(hours=47), [*range(0, 1800, 20)]),
    "then the last of a minute": (timedelta(days=3), [*range(40, 1800, 60)]),
    "then the last of a quarter": (timedelta(days=15), [880, 1780]),
}


@pytest.mark.parametrize(("age", "expected"), AGES.values(), ids=AGES)
def test_readings_get_fewer_with_age(age: timedelta, expected: list[float]) -> None:
    put(NOW - age, range(0, 1800, 20))
    thin(NOW, always)
    assert left() == expected
    assert thin(NOW, always) == 0


def test_each_meter_and_session_keeps_its_last() -> None:
    at = NOW - timedelta(days=20)
    put(at, range(0, 60, 10))
    put(at, range(5, 60, 10), transaction=FIRST)
    put(at, range(3, 60, 10), transaction=SECOND)
    put(at, range(2, 60, 10), connector=2)
    thin(NOW, always)
    assert left() == [50, 52, 53, 55]


def test_a_span_that_is_not_over_waits() -> None:
    put(NOW - timedelta(hours=48, seconds=20), range(0, 40, 10))
    thin(NOW + timedelta(seconds=30), always)
    assert left() == [10, 20, 30]


def test_it_stops_between_spans_and_goes_on_there() -> None:
    put(NOW - timedelta(days=3), range(0, 180, 20))
    turns = chain([True], repeat(False))
    thin(NOW, lambda: next(turns))
    assert left() == [40, *range(60, 180, 20)]
    thin(NOW, always)
    assert left() == [40, 100, 160]


def test_what_is_thin_is_not_looked_at_again(django_assert_max_num_queries: Callable[..., object]) -> None:
    put(NOW - timedelta(days=3), range(0, 3600, 20))
    thin(NOW, always)
    with django_assert_max_num_queries(8):  # type: ignore[attr-defined]  # a context manager
        thin(NOW, always)
    assert LogReader.objects.filter(exchange__gt=0).count() == 1
