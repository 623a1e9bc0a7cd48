"""What migrations make of rows that are there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from routing import partitions
from routing.keeping import DAY
from routing.models import Message
from routing.models.traffic import number_at
from tests.databases import default_database, empty_database, migrated
from tests.routing.days import rows_of

NOW = datetime.now(UTC)
TODAY = number_at(NOW) // DAY


@pytest.fixture(params=["sqlite", "postgres"])
def before(request: Any, tmp_path: Path, django_db_blocker: Any) -> Iterator[Any]:
    """The model of the log as it was in one table, in a database of that time."""
    with (
        empty_database(request.param, tmp_path) as url,
        django_db_blocker.unblock(),
        default_database(url),
    ):
        yield migrated(("routing", "0004_what_the_log_is_searched_by")).get_model("routing", "Message")


def _log(model: Any, days: float, **values: Any) -> Any:
    at = NOW - timedelta(days=days)
    defaults = {
        "charger_id": 1,
        "exchange": number_at(at),
        "at": at,
        "direction": "up",
        "outcome": "answered",
    }
    return model.objects.create(**{**defaults, "outcome": "answered", "text": f"[2,{days}]", **values})


def test_the_log_becomes_a_table_a_day_and_keeps_its_rows(before: Any) -> None:
    rows = [_log(before, days) for days in (500, 30, 30, 1, 0)]
    rows += [_log(before, 0, exchange=7), _log(before, -50, route_id=5, latency_ms=1.5, outcome="error")]
    told = [tuple(getattr(row, field.attname) for field in row._meta.concrete_fields) for row in rows]

    call_command("migrate", verbosity=0)
    names = [field.attname for field in rows[0]._meta.concrete_fields]
    assert list(Message.objects.order_by("pk").values_list(*names)) == told

    _log(Message, 0)  # numbers go on
    assert Message.objects.latest("pk").pk == rows[-1].pk + 1
    if connection.vendor == "postgresql":
        days = [part.start // DAY for part in partitions.parts()]
        assert days == [TODAY - 30, TODAY - 1, *range(TODAY, TODAY + 4)]
        assert rows_of(partitions.DEFAULT) == 3  # of 500 days ago, of 1970, of the future
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'routing_message'")
            assert cursor.fetchone() == (len(Message._meta.indexes),)


def test_an_empty_log_too(before: Any) -> None:
    call_command("migrate", verbosity=0)
    _log(Message, 0)
    assert Message.objects.get().pk == 1 if connection.vendor == "sqlite" else Message.objects.exists()
    if connection.vendor == "postgresql":
        assert [part.start // DAY for part in partitions.parts()] == list(range(TODAY, TODAY + 4))
        assert rows_of(partitions.DEFAULT) == 0
        assert partitions.make_days(TODAY, 0) == []
