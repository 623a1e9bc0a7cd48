"""Last verdicts about cards, for when their owner is away: ocpp-semantics 5.3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from routing.core.authorization import AuthorizationCache
from routing.core.options import ChargerOptions
from routing.core.rows import LatestRow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPTIONS = ChargerOptions(auth_cache_ttl=3600)


def learnt(answer: str, card: str = "C") -> AuthorizationCache:
    cache = AuthorizationCache(1)
    cache.learn(card, answer, OPTIONS, NOON)
    return cache


@pytest.mark.parametrize(
    ("answer", "after", "status"),
    [
        ('{"idTagInfo":{"status":"Accepted"}}', 3599, "Accepted"),
        ('{"idTagInfo":{"status":"Accepted"}}', 3600, "Invalid"),
        ('{"idTokenInfo":{"status":"Accepted"}}', 3599, "Accepted"),
        ('{"idTagInfo":{"status":"Blocked"}}', 599, "Blocked"),
        ('{"idTagInfo":{"status":"Blocked"}}', 600, "Invalid"),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"2026-01-01T12:00:10Z"}}', 9, "Accepted"),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"2026-01-01T12:00:10Z"}}', 10, "Invalid"),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"2030-01-01T00:00:00Z"}}', 3600, "Invalid"),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"never"}}', 3599, "Accepted"),
        ('{"idTokenInfo":{"status":"Accepted","cacheExpiryDateTime":"2026-01-01T12:00:10Z"}}', 10, "Invalid"),
        ('{"transactionId":7,"idTagInfo":{"status":"Accepted"}}', 1, "Accepted"),
        ("{}", 1, "Invalid"),
        ('{"idTagInfo":null}', 1, "Invalid"),
        ('{"idTagInfo":{"status":7}}', 1, "7"),
        ("nonsense", 1, "Invalid"),
    ],
)
def test_how_long_a_verdict_counts(answer: str, after: int, status: str) -> None:
    given, rule = learnt(answer).status("C", OPTIONS, NOON + timedelta(seconds=after))
    assert given == status
    assert rule.startswith("offline policy: ")


@pytest.mark.parametrize(("policy", "status"), [("accept", "Accepted"), ("reject", "Invalid")])
def test_a_card_nobody_has_judged(policy: Any, status: str) -> None:
    options = ChargerOptions(auth_offline=policy)
    given = learnt('{"idTagInfo":{"status":"Accepted"}}').status("OTHER", options, NOON)
    assert given == (status, f"offline policy: auth_offline is {policy}")


def test_a_later_verdict_replaces_the_earlier() -> None:
    cache = learnt('{"idTagInfo":{"status":"Accepted"}}')
    cache.learn("C", '{"idTagInfo":{"status":"Blocked"}}', OPTIONS, NOON)
    assert cache.status("C", OPTIONS, NOON)[0] == "Blocked"


@pytest.mark.parametrize(("card", "answer"), [("", '{"idTagInfo":{"status":"Accepted"}}'), ("C", "{}")])
def test_what_says_nothing_is_not_stored(card: str, answer: str) -> None:
    assert AuthorizationCache(1).learn(card, answer, OPTIONS, NOON) is None


def test_verdicts_outlive_a_restart() -> None:
    row = AuthorizationCache(1).learn("C", '{"idTagInfo":{"status":"Blocked"}}', OPTIONS, NOON)
    assert row is not None
    assert (row.charger, row.kind, row.key) == (1, "authorization", "C")
    again = AuthorizationCache(1)
    again.restore([row])
    assert again.status("C", OPTIONS, NOON)[0] == "Blocked"


@pytest.mark.parametrize("payload", ["", "{}", "nonsense", '{"status":1,"until":"x"}'])
def test_a_row_of_another_making_is_as_good_as_none(payload: str) -> None:
    cache = AuthorizationCache(1)
    cache.restore([LatestRow(charger=1, kind="authorization", key="C", payload=payload, at=NOON)])
    assert cache.status("C", OPTIONS, NOON)[0] == "Invalid"
