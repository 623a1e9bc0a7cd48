"""Last verdicts about cards, for when their owner is away: ocpp-semantics 5.3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from routing.core.authorization import MOST_CARDS, AuthorizationCache, Judgement, capped
from routing.core.options import ChargerOptions
from routing.core.rows import LatestRow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPTIONS = ChargerOptions(auth_cache_ttl=3600)


ACCEPTED = '{"idTagInfo":{"status":"Accepted"}}'
ACCEPTED_2 = '{"idTokenInfo":{"status":"Accepted"}}'


def learnt(answer: str, card: str = "C", by: int | None = None) -> AuthorizationCache:
    cache = AuthorizationCache(1)
    cache.learn(card, answer, OPTIONS, NOON, by=by)
    return cache


@pytest.mark.parametrize(
    ("answer", "after", "status"),
    [
        ('{"idTagInfo":{"status":"Accepted"}}', 3599, "Accepted"),
        ('{"idTagInfo":{"status":"Accepted"}}', 3600, ""),
        ('{"idTokenInfo":{"status":"Accepted"}}', 3599, "Accepted"),
        ('{"idTagInfo":{"status":"Blocked"}}', 599, "Blocked"),
        ('{"idTagInfo":{"status":"Blocked"}}', 600, ""),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"2026-01-01T12:00:10Z"}}', 9, "Accepted"),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"2026-01-01T12:00:10Z"}}', 10, ""),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"2030-01-01T00:00:00Z"}}', 3600, ""),
        ('{"idTagInfo":{"status":"Accepted","expiryDate":"never"}}', 3599, "Accepted"),
        ('{"idTokenInfo":{"status":"Accepted","cacheExpiryDateTime":"2026-01-01T12:00:10Z"}}', 10, ""),
        ('{"transactionId":7,"idTagInfo":{"status":"Accepted"}}', 1, "Accepted"),
        ("{}", 1, ""),
        ('{"idTagInfo":null}', 1, ""),
        ('{"idTagInfo":{"status":7}}', 1, "7"),
        ("nonsense", 1, ""),
    ],
)
def test_how_long_a_verdict_counts(answer: str, after: int, status: str) -> None:
    assert learnt(answer).status("C", (), NOON + timedelta(seconds=after)) == status


def test_a_card_nobody_has_judged() -> None:
    assert learnt(ACCEPTED).status("OTHER", (), NOON) == ""


def test_a_card_is_the_same_in_capitals() -> None:
    assert learnt(ACCEPTED, "aB1").status("Ab1", (), NOON) == "Accepted"


@pytest.mark.parametrize(
    ("by", "asked", "status"),
    [(1, (1,), "Accepted"), (1, (2, 1), "Accepted"), (1, (2,), ""), (1, (), ""), (None, (), "Accepted")],
)
def test_only_the_verdict_of_who_would_be_asked_counts(by: int | None, asked: Any, status: str) -> None:
    assert learnt(ACCEPTED, by=by).status("C", asked, NOON) == status


def test_a_later_verdict_replaces_the_earlier() -> None:
    cache = learnt(ACCEPTED)
    cache.learn("c", '{"idTagInfo":{"status":"Blocked"}}', OPTIONS, NOON)
    assert cache.status("C", (), NOON) == "Blocked"


@pytest.mark.parametrize(("card", "answer"), [("", ACCEPTED), ("C", "{}")])
def test_what_says_nothing_is_not_stored(card: str, answer: str) -> None:
    assert AuthorizationCache(1).learn(card, answer, OPTIONS, NOON) == []


def test_verdicts_outlive_a_restart() -> None:
    (row,) = AuthorizationCache(1).learn("C", '{"idTagInfo":{"status":"Blocked"}}', OPTIONS, NOON)
    assert (row.charger, row.kind, row.key) == (1, "authorization", "C")
    again = AuthorizationCache(1)
    again.restore([row])
    assert again.status("C", (), NOON) == "Blocked"


@pytest.mark.parametrize("payload", ["", "{}", "nonsense", '{"status":1,"until":"x"}'])
def test_a_row_of_another_making_is_as_good_as_none(payload: str) -> None:
    cache = AuthorizationCache(1)
    cache.restore([LatestRow(charger=1, kind="authorization", key="C", payload=payload, at=NOON)])
    assert cache.status("C", (), NOON) == ""


def test_a_row_from_before_there_were_owners_counts_for_all() -> None:
    payload = '{"status":"Accepted","until":"2026-01-01T13:00:00Z"}'
    cache = AuthorizationCache(1)
    cache.restore([LatestRow(charger=1, kind="authorization", key="C", payload=payload, at=NOON)])
    assert cache.status("C", (7,), NOON) == "Accepted"


def test_who_has_accepted_an_authorize_owns_what_follows_for_ten_minutes() -> None:
    cache = AuthorizationCache(1)
    cache.learn("C", ACCEPTED, OPTIONS, NOON, by=2, authorizes=True)
    cache.learn("C", ACCEPTED, OPTIONS, NOON + timedelta(minutes=5), by=2)
    assert cache.accepted_by("c", NOON + timedelta(seconds=599)) == 2
    assert cache.accepted_by("C", NOON + timedelta(seconds=600)) is None
    assert learnt(ACCEPTED, by=2).accepted_by("C", NOON) is None


@pytest.mark.parametrize(("by", "answer"), [(2, '{"idTagInfo":{"status":"Blocked"}}'), (1, ACCEPTED_2)])
def test_another_verdict_ends_that(by: int, answer: str) -> None:
    cache = AuthorizationCache(1)
    cache.learn("C", ACCEPTED, OPTIONS, NOON, by=2, authorizes=True)
    cache.learn("C", answer, OPTIONS, NOON, by=by)
    assert cache.accepted_by("C", NOON) is None


def test_what_has_expired_is_dropped() -> None:
    cache = AuthorizationCache(1)
    cache.learn("OLD", ACCEPTED, OPTIONS, NOON, by=2, authorizes=True)
    rows = cache.learn("NEW", ACCEPTED, OPTIONS, NOON + timedelta(hours=2))
    assert [(row.key, bool(row.payload)) for row in rows] == [("OLD", False), ("NEW", True)]


def test_refusals_drive_out_no_good_card() -> None:
    cache = learnt(ACCEPTED, "GOOD")
    for n in range(MOST_CARDS):
        rows = cache.learn(f"C{n}", '{"idTagInfo":{"status":"Invalid"}}', OPTIONS, NOON)
    assert [row.key for row in rows if not row.payload] == ["C0"]
    assert cache.status("GOOD", (), NOON) == "Accepted"


def test_the_oldest_of_too_many_go() -> None:
    cache = AuthorizationCache(1)
    rows = [row for n in range(MOST_CARDS + 3) for row in cache.learn(f"C{n}", ACCEPTED, OPTIONS, NOON)]
    assert [row.key for row in rows if not row.payload] == ["C0", "C1", "C2"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("2026-01-01T12:59:59Z", "2026-01-01T12:59:59Z"),
        ("2030-01-01T00:00:00Z", "2026-01-01T13:00:00.000Z"),
        ("2030-01-01T00:00:00+02:00", "2026-01-01T13:00:00.000Z"),
        ("never", "never"),
    ],
)
@pytest.mark.parametrize("path", [("idTagInfo", "expiryDate"), ("idTokenInfo", "cacheExpiryDateTime")])
def test_the_charger_keeps_no_verdict_longer_than_the_proxy(given: str, told: str, path: Any) -> None:
    answer = f'{{"{path[0]}": {{"status":"Accepted","{path[1]}":"{given}"}},"x":1.10}}'
    assert capped(answer, OPTIONS, NOON) == answer.replace(given, told)


@pytest.mark.parametrize(
    ("version", "judgement", "info"),
    [
        ("1.6", Judgement("Blocked", ""), '{"status":"Blocked"}'),
        ("1.6", Judgement("NoCredit", ""), '{"status":"Invalid"}'),
        ("2.1", Judgement("NoCredit", ""), '{"status":"NoCredit"}'),
        ("2.0.1", Judgement('"', ""), '{"status":"Invalid"}'),
        (
            "1.6",
            Judgement("Accepted", "", "G", NOON),
            '{"status":"Accepted","expiryDate":"2026-01-01T12:00:00.000Z","parentIdTag":"G"}',
        ),
        ("1.6", Judgement("Accepted", "", "G" * 21), '{"status":"Accepted"}'),
        (
            "2.0.1",
            Judgement("Accepted", "", 'G"', NOON),
            '{"status":"Accepted","cacheExpiryDateTime":"2026-01-01T12:00:00.000Z",'
            '"groupIdToken":{"idToken":"G\\"","type":"Central"}}',
        ),
    ],
)
def test_what_the_proxy_says_itself_fits_the_version(version: str, judgement: Judgement, info: str) -> None:
    assert judgement.info(version) == info
