"""The hourly upkeep: each step for itself, nothing thrown away by a clock that has jumped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from routing import keeping, partitions, upkeep
from routing.core.steady import STEADY, SteadyClock
from routing.keeping import DAY
from routing.models import Event, Message, Upkeep, Webhook, WebhookDelivery
from routing.models.traffic import number_at
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.days import no_tables


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def tables(database: Database) -> Iterator[None]:
    make.fleet()
    with no_tables() if database.vendor == "postgres" else nullcontext():
        yield


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> SteadyClock:
    """The clock of a process that runs for a while."""
    clock = SteadyClock()
    clock.is_steady(time.monotonic() - STEADY, timezone.now() - timedelta(seconds=STEADY))
    monkeypatch.setattr(upkeep, "CLOCK", clock)
    return clock


def log(days: float, **values: Any) -> None:
    at = timezone.now() - timedelta(days=days)
    Message.objects.create(
        charger_id=1, exchange=number_at(at), at=at, direction="up", outcome="answered", **values
    )


def test_all_that_there_is_to_do_is_done_and_noted() -> None:
    log(100)
    log(1)
    assert upkeep.run(never) == {}
    assert Message.objects.count() == 1
    rows = {row.step: row for row in Upkeep.objects.all()}
    days = {"days"} if connection.vendor == "postgresql" else set()
    kept = {upkeep.LOG, "transactions", "alarms", "commands", "deeds", "refused attempts", "events", "files"}
    assert set(rows) == kept | {"readings", "fewer readings", "firmware"} | days
    for row in rows.values():
        assert (row.error, row.left, row.done_at) == ("", 0, row.tried_at)
    assert upkeep.run(never) == {}


def test_tables_for_the_days_to_come(database: Database) -> None:
    if database.vendor != "postgres":
        pytest.skip("SQLite has one table")
    log(0)
    upkeep.run(never)
    today = number_at(timezone.now()) // DAY
    assert [part.start // DAY for part in partitions.parts()] == [today + ahead for ahead in range(4)]


def test_a_clock_that_has_just_jumped_throws_nothing_away(steady: SteadyClock) -> None:
    log(100)
    steady.is_steady(time.monotonic(), timezone.now() - timedelta(days=60))
    assert upkeep.run(never) == {}
    assert Message.objects.count() == 1
    assert set(Upkeep.objects.values_list("step", flat=True)) <= {"days"}


def test_the_first_run_of_a_process_throws_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "CLOCK", SteadyClock())
    log(100)
    upkeep.run(never)
    assert Message.objects.count() == 1


def test_a_step_that_fails_is_noted_and_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upkeep.run(never)
    before = Upkeep.objects.get(step=upkeep.LOG).tried_at

    def fails(now: Any) -> Any:
        raise OperationalError("canceling statement due to lock timeout\nDETAIL: of a card")

    with monkeypatch.context() as patched:
        patched.setattr(keeping, "keeping_at", fails)
        errors = upkeep.run(never)
    assert errors[upkeep.LOG] == "OperationalError: canceling statement due to lock timeout"
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == len(errors)
    assert "card" not in caplog.text
    row = Upkeep.objects.get(step=upkeep.LOG)
    assert row.error == errors[upkeep.LOG]
    assert row.done_at == before
    assert row.tried_at > before
    assert Upkeep.objects.get(step="transactions").error == ""
    assert upkeep.run(never) == {}
    assert Upkeep.objects.get(step=upkeep.LOG).error == ""


def test_rows_that_are_dated_ahead_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    log(-2)
    log(-5)
    log(-5000)
    upkeep.run(never)
    assert Upkeep.objects.get(step=upkeep.LOG).left == 2
    assert "2 rows of the audit log are dated more than 3 days ahead" in caplog.text
    assert Message.objects.count() == 3


def test_a_process_that_is_to_end_begins_nothing() -> None:
    log(100)
    upkeep.run(lambda: True)
    assert Message.objects.count() == 1
    assert not Upkeep.objects.exclude(step="days").exists()


def test_another_process_is_at_it(database: Database) -> None:
    if database.vendor != "postgres":
        pytest.skip("SQLite has one process")
    log(100)
    with psycopg.connect(database.url) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({partitions.ONE_AT_A_TIME})".encode())
        assert upkeep.run(never) == {}
        assert not Upkeep.objects.filter(step="days").exists()
    assert upkeep.run(never) == {}
    assert Upkeep.objects.get(step="days").error == ""


def test_events_go_after_a_week_with_their_deliveries() -> None:
    hook = Webhook.objects.create(url="https://hooks.example/", secret=b"whsec_x")
    for days in (6, 8):
        made = timezone.now() - timedelta(days=days)
        event = Event.objects.create(type="charger.booted", at=made, made_at=made, key=str(days))
        WebhookDelivery.objects.create(webhook=hook, event=event)
    upkeep.run(never)
    assert list(Event.objects.values_list("key", flat=True)) == ["6"]
    assert WebhookDelivery.objects.count() == 1
