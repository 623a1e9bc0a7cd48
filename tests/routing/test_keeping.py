"""What is kept for how long, where it is deleted a few rows at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps

from accounts.deeds import Deed
from accounts.models import Organisation
from routing import keeping
from routing.core.rows import Row
from routing.keeping import KINDS, keeping_at
from routing.models import Alarm, Delivery, FirmwareEvent, Message, Reading, RouteTransaction, Transaction
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.days import NOW, ago, log, there
from tests.routing.test_tables import store

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def fleet(database: Database, settings: Any) -> None:
    """Charger 1 of an organisation of its own, charger 2 of none."""
    settings.PROXY_KEEP_FRAMES_DAYS, settings.PROXY_KEEP_EXCHANGES_DAYS = 90, 365
    settings.PROXY_KEEP_TRANSACTIONS_DAYS = settings.PROXY_KEEP_ACTIONS_DAYS = 730
    make.fleet()
    own = Organisation.objects.create(name="own")
    apps.get_model("chargers", "Charger")._default_manager.filter(pk=1).update(organisation=own)


@pytest.fixture
def own() -> Organisation:
    return Organisation.objects.get()


def always() -> bool:
    return True


def keep(own: Organisation, **days: int) -> None:
    for name, value in days.items():
        setattr(own, f"keep_{name}_days", value)
    own.save()


def drop_messages() -> int:
    return keeping.drop_messages(keeping_at(NOW), always)


# The audit log


def test_what_went_well_goes_after_90_days_and_what_did_not_stays_whole_for_a_year() -> None:
    log(400, outcome="error")
    wrong = log(100)
    log(0, exchange=wrong, route_id=1, outcome="timeout")
    log(0, exchange=wrong, charger=2)
    log(99)
    young = log(90)
    assert drop_messages() == 3
    assert there() == [wrong, wrong, young]
    assert drop_messages() == 0


def test_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 3)
    same = ago(100)
    for number in range(10):
        log(0, exchange=same + number // 7)  # more of one number than a piece holds
    wrong = log(99, outcome="error")
    young = log(1)
    assert drop_messages() == 10
    assert there() == [wrong, young]


def test_nothing_begins_when_the_process_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 1)
    for days in (102, 101, 100):
        log(days)
    answers = iter([True, False])
    assert keeping.drop_messages(keeping_at(NOW), lambda: next(answers)) == 1
    assert there() == [ago(101), ago(100)]


def test_an_organisation_keeps_its_own_longer_or_shorter(own: Organisation) -> None:
    keep(own, frames=120)
    kept = log(100, charger=1)
    for charger in (2, 77):
        log(100, charger=charger)
    assert drop_messages() == 2
    keep(own, frames=10, exchanges=20)
    wrong = log(15, outcome="error")
    log(15, exchange=wrong + 1)
    log(25, outcome="error")
    other = log(25, charger=2)
    assert drop_messages() == 3
    assert there() == [other, wrong]
    assert not Message.objects.filter(exchange=kept).exists()


def test_a_writer_gets_on_between_two_pieces(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 1)
    could: list[bool] = []

    def go_on() -> bool:
        could.append(database.could("UPDATE routing_chargersession SET waits_for = 'x'"))
        return True

    for days in (101, 100):
        log(days)
    assert keeping.drop_messages(keeping_at(NOW), go_on) == 2
    assert could
    assert all(could)


@pytest.mark.parametrize("frames", [90, 400])
def test_what_is_kept_at_all(settings: Any, frames: int) -> None:
    settings.PROXY_KEEP_FRAMES_DAYS = frames
    rules = keeping_at(NOW)
    assert rules.default.frames == (ago(0) // keeping.DAY - frames) * keeping.DAY
    assert rules.oldest == (ago(0) // keeping.DAY - max(frames, 365)) * keeping.DAY
    assert rules.organisations == {}


# Sessions


def session(number: int, closed_days: float | None, *, charger: int = 1, route: int = 1) -> UUID:
    key = UUID(int=number)
    closed = None if closed_days is None else NOW - closed_days * DAY
    created = NOW - 900 * DAY if closed is None else closed - DAY
    rows: list[Row] = [make.transaction(key, charger=charger, created=created, closed=closed)]
    store([*rows, make.route_transaction(key, route)])
    return key


def drop(name: str) -> int:
    kind = KINDS[name]
    return keeping.drop(keeping.over(kind, NOW), always, kind.drop_some)


def test_sessions_go_two_years_after_their_end_with_the_numbers_of_their_routes() -> None:
    session(1, 731)
    kept = [session(2, 729), session(3, None)]
    assert drop("transactions") == 1
    assert sorted(Transaction.objects.values_list("pk", flat=True)) == kept
    assert sorted(RouteTransaction.objects.values_list("transaction_id", flat=True)) == kept


@pytest.mark.parametrize("dead", [False, True])
def test_a_session_that_a_backoffice_has_still_to_hear_of_stays(dead: bool) -> None:
    key = session(1, 800)
    store([make.delivery(1, 1, transaction=key)])
    Delivery.objects.update(dead=dead)
    assert drop("transactions") == 0
    Delivery.objects.all().delete()
    assert drop("transactions") == 1


def test_what_people_did_goes_after_two_years_or_by_the_rule_of_whom_it_concerns(own: Organisation) -> None:
    keep(own, actions=31)
    Deed.objects.all().drop()
    for words, days, whose in (("old", 731, None), ("kept", 729, None), ("its", 32, own), ("new", 30, own)):
        Deed.objects.create(at=NOW - days * DAY, via="admin", verb="did", words=words, organisation=whose)
    assert drop("deeds") == 2
    assert {deed.words for deed in Deed.objects.all()} == {"kept", "new"}


def test_sessions_of_an_organisation_go_by_its_own_rule(own: Organisation) -> None:
    keep(own, transactions=31)
    session(1, 32)
    kept = [session(2, 30), session(3, 32, charger=2, route=3)]
    assert drop("transactions") == 1
    assert sorted(Transaction.objects.values_list("pk", flat=True)) == kept


def test_sessions_go_in_small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    for number in range(5):
        session(number, 800)
    assert drop("transactions") == 5
    assert not RouteTransaction.objects.exists()


# Readings, and news of firmware


@pytest.mark.parametrize("kind", ["readings", "firmware"])
def test_readings_and_news_of_firmware_go_as_sessions_do(kind: str, own: Organisation) -> None:
    rows: Any = {"readings": Reading, "firmware": FirmwareEvent}[kind]._default_manager
    for charger, days in ((1, 731), (1, 40), (2, 729)):
        rows.create(charger_id=charger, at=NOW - days * DAY)
    assert drop(kind) == 1
    keep(own, transactions=31)
    assert drop(kind) == 1
    assert rows.get().charger_id == 2


# Alarms and refused attempts


def test_alarms_that_are_over_go_as_errors_do(own: Organisation) -> None:
    for charger, key, days in ((1, "old", 366), (1, "young", 20), (2, "other", 364), (1, "lasts", None)):
        Alarm.objects.create(
            charger_id=charger, kind="k", key=key, text="t", raised=NOW - 500 * DAY,
            cleared=None if days is None else NOW - days * DAY,
        )  # fmt: skip
    assert drop("alarms") == 1
    keep(own, exchanges=10)
    assert drop("alarms") == 1
    assert sorted(Alarm.objects.values_list("key", flat=True)) == ["lasts", "other"]


def attempts() -> Any:
    return apps.get_model("chargers", "RefusedAttempt")._default_manager


def attempt(identity: str, days: float) -> None:
    at = NOW - days * DAY
    attempts().create(identity=identity, cause="unknown", first_at=at, last_at=at)


def test_refused_attempts_go_when_they_were_not_seen_for_long() -> None:
    attempt("old", 91)
    attempt("young", 89)
    assert keeping.drop_attempts(NOW, always) == 1
    assert [row.identity for row in attempts().all()] == ["young"]


def test_of_refused_attempts_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_ATTEMPTS", 3)
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    for number in range(8):
        attempt(str(number), number)
    assert keeping.drop_attempts(NOW, always) == 5
    assert sorted(row.identity for row in attempts().all()) == ["0", "1", "2"]
