"""Dead letters in the hands of people: whose they are, in which order they go, what the alarm does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, User
from chargers.models import Charger
from routing import letters
from routing.core.rows import DEAD_LETTERS
from routing.loading import config_changes, last_config_change, load_charger
from routing.models import Alarm, Delivery, Message
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.test_tables import store


@pytest.fixture(autouse=True)
def fleet(database: Database) -> None:
    make.fleet()


@pytest.fixture
def person() -> User:
    """An installer of the organisation that chargers 1 and 2 belong to."""
    return make.installer_of(Charger.objects.filter(pk__in=[1, 2]))


def dead(route: int, *seqs: int, charger: int = 1) -> None:
    """These deliveries of a route are dead letters, with the alarm that goes with them."""
    for seq in seqs:
        delivery = make.delivery(route, seq, charger=charger, exchange=seq, attempts=3)
        store([delivery, make.failed(route, seq, charger=charger, attempts=3, error="no", dead=True)])
    Alarm.objects.update_or_create(
        charger_id=charger, kind=DEAD_LETTERS, key=str(route),
        defaults={"text": "gave up", "raised": timezone.now(), "cleared": None},
    )  # fmt: skip


def queue(route: int) -> list[int]:
    """What waits for a route, in its order, by its exchange."""
    waiting = Delivery.objects.filter(route_id=route, dead=False).order_by("seq")
    return list(waiting.values_list("exchange", flat=True))


def alarms() -> list[str]:
    return list(Alarm.objects.filter(cleared=None).order_by("key").values_list("key", flat=True))


def test_letters_go_behind_what_waits_in_the_order_they_had(person: User) -> None:
    dead(1, 3, 1, 5)
    store([make.delivery(1, seq, exchange=seq) for seq in (2, 4, 9)])
    start = last_config_change()
    assert letters.retry(Delivery.objects.filter(exchange__in=[1, 5, 9]), person) == 2
    assert queue(1) == [2, 4, 9, 1, 5]
    assert alarms() == ["1"]
    assert config_changes(start)[1] == [1]
    assert letters.retry(Delivery.objects.all(), person) == 1
    assert queue(1) == [2, 4, 9, 1, 5, 3]
    assert alarms() == []
    after = last_config_change()
    assert letters.retry(Delivery.objects.all(), person) == 0
    assert queue(1) == [2, 4, 9, 1, 5, 3]
    assert last_config_change() == after


def test_a_letter_that_was_put_back_is_as_new(person: User) -> None:
    dead(1, 1)
    before = timezone.now()
    letters.retry(Delivery.objects.all(), person)
    row = Delivery.objects.get()
    assert (row.dead, row.died_at, row.attempts, row.error) == (False, None, 0, "")
    assert row.at >= before


def test_its_number_is_above_what_a_live_session_gives_meanwhile(person: User) -> None:
    dead(1, 1, 2)
    letters.retry(Delivery.objects.filter(exchange=1), person)
    letters.retry(Delivery.objects.all(), person)
    first, second = Delivery.objects.order_by("seq").values_list("seq", flat=True)
    in_fifty_minutes = (timezone.now() + timedelta(minutes=50)).timestamp() * 1_000_000
    assert first > in_fifty_minutes
    assert second - first >= letters.APART
    loaded = load_charger(1)
    assert loaded is not None
    assert loaded[0].routes[0].newest == second


def test_it_is_above_what_a_session_gave_by_a_clock_that_was_ahead(person: User) -> None:
    """All of that is delivered: only the audit log still knows the numbers, which go on from there."""
    dead(1, 1)
    ahead = int((timezone.now() + timedelta(days=30)).timestamp() * 1_000_000)
    store([make.message(exchange=ahead), make.message(exchange=7)])
    letters.retry(Delivery.objects.all(), person)
    assert Delivery.objects.get().seq >= ahead + letters.APART


def test_letters_in_many_parts_keep_their_order(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "AT_ONCE", 3)
    dead(1, *range(1, 9))
    dead(2, *range(11, 14))
    assert letters.retry(Delivery.objects.all(), person) == 11
    assert queue(1) == list(range(1, 9))
    assert queue(2) == [11, 12, 13]


def test_discarded_letters_are_gone_and_the_log_says_by_whom(person: User) -> None:
    dead(1, 1, 2)
    store([make.delivery(1, 3)])
    assert letters.discard(Delivery.objects.filter(exchange=1), person) == 1
    assert alarms() == ["1"]
    assert letters.discard(Delivery.objects.all(), person) == 1
    assert alarms() == []
    assert list(Delivery.objects.values_list("seq", flat=True)) == [3]
    said = Message.objects.order_by("id").values_list("exchange", "route_id", "outcome", "rule")
    assert list(said) == [
        (exchange, 1, "dropped", "dead letter discarded by installer: no") for exchange in (1, 2)
    ]


@pytest.mark.parametrize("work", [letters.retry, letters.discard])
def test_each_is_in_the_history_of_its_route(person: User, work: Callable[..., int]) -> None:
    dead(1, 1, 2)
    dead(2, 3)
    work(Delivery.objects.all(), person)
    deeds = Deed.objects.filter(verb="did").order_by("subject_id")
    entries = deeds.values_list("actor_id", "subject_id", "words")
    word = "Sent {} dead letters again." if work is letters.retry else "Discarded {} dead letters."
    assert list(entries) == [(person.pk, "1", word.format(2)), (person.pk, "2", word.format(1))]


@pytest.mark.parametrize("work", [letters.retry, letters.discard])
@pytest.mark.parametrize("role", ["read_only", None])
def test_nobody_decides_about_what_is_not_theirs(
    person: User, work: Callable[..., int], role: str | None
) -> None:
    dead(1, 1)
    if role is None:
        Membership.objects.all().delete()
    else:
        Membership.objects.update(role=role)
    start = last_config_change()
    assert work(Delivery.objects.all(), person) == 0
    assert Delivery.objects.get().dead
    assert alarms() == ["1"]
    assert last_config_change() == start
    assert not Deed.objects.filter(verb="did").exists()


def test_of_two_people_at_once_each_letter_is_put_back_by_one(
    person: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "AT_ONCE", 5)
    dead(1, *range(1, 21))
    together = threading.Barrier(2)

    def click() -> int:
        together.wait(20)
        return letters.retry(Delivery.objects.all(), person)

    with ThreadPoolExecutor(2) as threads:
        clicks = [threads.submit(database.here, click) for _ in range(2)]
        assert sum(one.result(60) for one in clicks) == 20
    assert queue(1) == list(range(1, 21))
    assert alarms() == []
