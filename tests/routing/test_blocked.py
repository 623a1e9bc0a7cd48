"""How often backoffices were kept from something."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing import blocked as module
from routing.blocked import blocked
from routing.models import Message
from routing.models.traffic import number_at
from tests.routing.rows import fleet

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def log(number: int, count: int = 1, **fields: Any) -> None:
    given: dict[str, Any] = {"route_id": 1, "direction": "down", "outcome": "denied", "at": NOW, **fields}
    Message.objects.bulk_create(
        Message(charger_id=1, exchange=number_at(NOW - timedelta(minutes=number)) + n, **given)
        for n in range(count)
    )


def test_what_a_rule_refused_is_counted_by_route() -> None:
    fleet(1)
    log(1, 2)
    log(2, route_id=2)
    log(3, outcome="error", rule="proxy: not for you")
    log(4, outcome="error", rule="the charger", error_code="NotSupported")
    log(5, outcome="answered")
    log(6, direction="up")
    log(7, route_id=None)
    log(60 * 25)
    found = blocked(1)
    assert (found.words(1), found.words(2), found.words(3)) == ("3", "1", "0")


def test_many_are_not_told_exactly() -> None:
    fleet(1)
    log(1, 120)
    assert blocked(1).words(1) == "99+"


def test_a_long_log_is_read_so_far_and_the_answer_says_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(1)
    log(5)
    log(2, 2)
    monkeypatch.setattr(module, "REACH", 2)
    with CaptureQueriesContext(connection) as asked:
        found = blocked(1)
    assert found.words(1) == "2"
    assert abs(found.since - (NOW - timedelta(minutes=2))) < timedelta(seconds=1)
    [query] = [query["sql"] for query in asked]
    assert "COUNT(" not in query
    assert "LIMIT 2" in query
