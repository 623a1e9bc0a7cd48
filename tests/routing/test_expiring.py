"""What waits for too long becomes a dead letter, also where no session looks after it."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import OperationalError
from django.db.models import Model
from django.utils import timezone

from backoffices.models import Backoffice
from backoffices.tasks import expire_deliveries
from chargers.models import Charger
from routing import expiring, letters
from routing.core.rows import DEAD_LETTERS, Row
from routing.core.steady import STEADY, SteadyClock
from routing.models import (
    Alarm,
    ChargerSession,
    Delivery,
    Message,
    Route,
    RouteTransaction,
    RuntimeProcess,
)
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.test_tables import store

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def fleet(database: Database) -> None:
    make.fleet()


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> SteadyClock:
    """The clock of a process that runs for a while."""
    clock = SteadyClock()
    clock.is_steady(time.monotonic() - STEADY, timezone.now() - timedelta(seconds=STEADY))
    monkeypatch.setattr(expiring, "CLOCK", clock)
    return clock


def test_nothing_by_a_clock_that_has_just_jumped(steady: SteadyClock) -> None:
    waits(1, 31)
    steady.is_steady(time.monotonic(), timezone.now() - 60 * DAY)
    assert expire_deliveries() == 0
    assert dead(1) == []


def waits(route: int, *days: float, charger: int = 1) -> None:
    """Deliveries that have waited for so many days."""
    now = timezone.now()
    store(
        [
            make.delivery(route, seq, charger=charger, exchange=seq, at=now - DAY * for_days)
            for seq, for_days in enumerate(days, 1)
        ]
    )


def dead(route: int = 1) -> list[int]:
    return list(
        Delivery.objects.filter(route_id=route, dead=True).order_by("seq").values_list("seq", flat=True)
    )


def live() -> None:
    """A runtime that lives has the sessions of all chargers."""
    RuntimeProcess.objects.create(pk="ours", beat_at=timezone.now())


def test_after_thirty_days_with_an_alarm_and_a_word_in_the_log() -> None:
    waits(1, 31, 30.1, 29.9, 1)
    waits(2, 5)
    before = timezone.now()
    assert expire_deliveries() == 2
    assert (dead(1), dead(2)) == ([1, 2], [])
    row = Delivery.objects.get(route_id=1, seq=1)
    assert row.error == "it has waited longer than 30 days (option keep_for)"
    assert row.died_at is not None
    assert row.died_at >= before
    alarm = Alarm.objects.get()
    assert (alarm.charger_id, alarm.kind, alarm.key, alarm.cleared) == (1, DEAD_LETTERS, "1", None)
    assert alarm.text == f"office 1: 2 messages could not be delivered: {row.error}"
    assert [m.outcome for m in Message.objects.all()] == ["dropped"] * 2
    assert expire_deliveries() == 0


def test_an_alarm_that_lasts_stays_and_one_that_is_over_is_raised_again() -> None:
    waits(1, 31)
    ago = timezone.now() - DAY
    Alarm.objects.create(charger_id=1, kind=DEAD_LETTERS, key="1", text="first", raised=ago)
    expire_deliveries()
    assert Alarm.objects.get().text == "first"
    Alarm.objects.update(cleared=timezone.now())
    Delivery.objects.update(dead=False)
    expire_deliveries()
    alarm = Alarm.objects.get()
    assert alarm.cleared is None
    assert alarm.raised > ago
    assert alarm.text.startswith("office 1: 1 messages")


def test_as_long_as_a_route_says(monkeypatch: pytest.MonkeyPatch) -> None:
    Route.objects.filter(pk=1).update(options={"keep_for": 3600})
    Route.objects.filter(pk=2).update(options={"keep_for": "long"})
    waits(1, 0.05, 0.01)
    waits(2, 31, 2)
    assert expire_deliveries() == 2
    assert (dead(1), dead(2)) == ([1], [1])


def test_in_small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "AT_ONCE", 3)
    waits(1, *[31] * 8)
    assert expire_deliveries() == 8
    assert Alarm.objects.get().text.startswith("office 1: 8 messages")


def test_what_a_live_session_looks_after_is_left_to_it() -> None:
    live()
    waits(1, 31)
    assert expire_deliveries() == 0
    RuntimeProcess.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    assert expire_deliveries() == 1


@pytest.mark.parametrize("what", ["route", "backoffice", "charger"])
def test_what_is_switched_off_nobody_else_looks_after(what: str) -> None:
    live()
    waits(1, 31)
    waits(4, 31, charger=2)
    models: dict[str, type[Model]] = {"route": Route, "backoffice": Backoffice, "charger": Charger}
    models[what]._default_manager.filter(pk=1).update(enabled=False)
    assert expire_deliveries() == 1
    assert dead(1) == [1]


def test_a_charger_that_was_never_connected() -> None:
    waits(1, 31)
    ChargerSession.objects.all().delete()
    assert expire_deliveries() == 1


def test_a_start_that_was_given_up_is_known_as_never_announced() -> None:
    session = UUID(int=7)
    rows: list[Row] = [make.transaction(session), make.route_transaction(session, 1)]
    start = make.delivery(1, 1, action="StartTransaction", transaction=session, at=timezone.now() - 31 * DAY)
    store([*rows, start])
    expire_deliveries()
    assert RouteTransaction.objects.get().state == "failed"


def test_the_alarm_of_a_route_that_was_deleted_ends() -> None:
    waits(1, 31)
    waits(2, 31)
    expire_deliveries()
    Route.objects.filter(pk=1).delete()
    expire_deliveries()
    assert [a.key for a in Alarm.objects.filter(cleared=None)] == ["2"]


def test_a_run_that_is_broken_off_leaves_no_dead_letter_without_its_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letters, "AT_ONCE", 1)
    waits(1, 31, 31)
    given_up = letters.given_up

    def broken_off(letter: Delivery, why: str) -> Message:
        if letter.seq == 2:
            raise OperationalError("database is locked")
        return given_up(letter, why)

    monkeypatch.setattr(letters, "given_up", broken_off)
    with pytest.raises(OperationalError):
        expiring.expire_deliveries()
    assert dead(1) == [1]
    assert Alarm.objects.get().text.startswith("office 1: 2 messages")


@pytest.mark.parametrize("what", ["served", "switched off"])
def test_of_two_processes_one_gives_up(
    database: Database, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    Route.objects.filter(pk=1).update(enabled=what == "served")
    waits(1, 31)
    free: list[bool] = []

    def too_long(keep_for: float) -> str:
        free.append(database.could("UPDATE routing_delivery SET attempts = 9 WHERE seq = 1"))
        return "too long"

    monkeypatch.setattr(expiring, "too_long", too_long)
    assert expire_deliveries() == 1
    assert free[0] is False  # what was found late is still there to be given up
