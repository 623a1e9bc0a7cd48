"""Telling a backoffice again what it was told of sessions since a date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from accounts.deeds import Deed
from accounts.models import Membership, User
from chargers.models import Charger
from routing import replaying
from routing.core.snapshot import Role
from routing.loading import config_changes, last_config_change
from routing.memories import load_memory
from routing.models import Delivery, Message, Route
from routing.replaying import Replay, TooMuch, replay
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.core.harness import World, meter, route, start, stop
from tests.routing.test_tables import store


@pytest.fixture(autouse=True)
def fleet(database: Database) -> None:
    make.fleet()


@pytest.fixture
def person() -> User:
    return make.installer_of(Charger.objects.all())


def lived_through(*routes: Any) -> World:
    """A charger's session of two hours with these routes; everything it stored is in the database."""
    world = World(*routes)
    world.boot()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.call("MeterValues", meter(number))
    world.call("MeterValues", meter(None, connector=2))  # of no session
    world.call("Heartbeat", {})
    world.call("StopTransaction", stop(number))
    keep(world)
    return world


def keep(world: World) -> None:
    base = world.database
    store([*base.transactions.values(), *base.route_transactions.values(), *base.messages])


def told_again(world: World, key: int) -> list[tuple[str, Any]]:
    """What the backoffice of a route gets when it is told everything once more, by a new session."""
    world.database.deliveries = {(key, row.seq): row for row in load_memory(1).deliveries[key]}
    world.restart()
    world.forget()
    world.connect()
    world.wait(3)
    backoffice = world.backoffices[key]
    return backoffice.of("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")


BILLING = route(1, "office 1", Role.BILLING)
SINCE = datetime.fromisoformat("2026-01-01T00:00:00Z")


def test_a_session_is_told_again_in_its_order_with_the_number_that_is_given_now(person: User) -> None:
    world = lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    assert replay(Route.objects.get(pk=2), SINCE, person) == Replay(queued=3, waiting=0, missing=0)
    got = told_again(world, 2)
    assert [action for action, _ in got] == ["StartTransaction", "MeterValues", "StopTransaction"]
    assert got[0][1] == start()
    assert [p["transactionId"] for _, p in got[1:]] == [901, 901]
    assert world.backoffices[1].of("StartTransaction") == []


def test_a_card_that_was_replaced_is_replaced_once(person: User) -> None:
    world = World(BILLING, route(2, "office 2", Role.OBSERVE))
    world.boot()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.call("StopTransaction", {**stop(number), "idTag": "CARD"})
    keep(world)
    before = [(a, p.get("idTag")) for a, p in world.backoffices[2].of("StartTransaction", "StopTransaction")]
    replay(Route.objects.get(pk=2), SINCE, person)
    got = told_again(world, 2)
    assert [(a, p.get("idTag")) for a, p in got] == before
    assert "CARD" not in json.dumps(got)


def test_what_was_hidden_stays_hidden(person: User) -> None:
    world = lived_through(BILLING, route(2, "office 2", Role.CONTROL, foreign_tx="hidden"))
    replay(Route.objects.get(pk=2), SINCE, person)
    assert {a for a, _ in told_again(world, 2)} <= {"MeterValues"}


def test_events_of_2_say_that_they_were_said_before(person: User) -> None:
    world = World(BILLING, route(2, "office 2", Role.OBSERVE), version="2.0.1")
    world.boot()
    event = {
        "eventType": "Started", "timestamp": "2026-01-01T00:00:00Z", "triggerReason": "Authorized",
        "seqNo": 0, "transactionInfo": {"transactionId": "T-1"},
        "idToken": {"idToken": "CARD", "type": "ISO14443"},
    }  # fmt: skip
    world.call("TransactionEvent", event)
    world.call("TransactionEvent", {**event, "eventType": "Ended", "seqNo": 1})
    keep(world)
    alias = world.backoffices[2].payloads("TransactionEvent")[0]["idToken"]
    assert replay(Route.objects.get(pk=2), SINCE, person).queued == 2
    got = told_again(world, 2)
    assert [(p["eventType"], p["offline"], p["idToken"]) for _, p in got] == [
        ("Started", True, alias), ("Ended", True, alias),
    ]  # fmt: skip


def test_a_second_click_does_nothing_as_long_as_the_first_is_worked_off(person: User) -> None:
    lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    row = Route.objects.get(pk=2)
    first = last_config_change()
    replay(row, SINCE, person)
    assert config_changes(first)[1] == [1]
    again = last_config_change()
    assert replay(row, SINCE, person) == Replay(queued=0, waiting=3, missing=0)
    assert last_config_change() == again
    assert Delivery.objects.count() == 3
    assert [deed.words for deed in Deed.objects.filter(verb="did")] == [
        "Replayed 3 messages since 2026-01-01 00:00 UTC."
    ]


def test_it_goes_behind_what_waits(person: User) -> None:
    lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    store([make.delivery(2, 5, exchange=5)])
    replay(Route.objects.get(pk=2), SINCE, person)
    assert Delivery.objects.filter(route=2).order_by("seq").values_list("exchange", flat=True)[0] == 5


def test_only_since_that_date(person: User) -> None:
    lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    assert replay(Route.objects.get(pk=2), SINCE + timedelta(days=1), person) == Replay(0, 0, 0)


def test_what_the_log_does_not_hold_any_more_is_counted(person: User) -> None:
    lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    Message.objects.filter(route=None).delete()
    found = replay(Route.objects.get(pk=2), SINCE, person)
    assert found.queued + found.missing == 3
    assert "StartTransaction" in Delivery.objects.values_list("action", flat=True)


def test_too_much_at_once_is_refused_whole(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    monkeypatch.setattr(replaying, "MOST", 2)
    with pytest.raises(TooMuch, match=r"more than 2 messages .* since 2026-01-01 00:00 UTC; choose a later"):
        replay(Route.objects.get(pk=2), SINCE, person)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("role", ["read_only", None])
def test_not_by_somebody_else(person: User, role: str | None) -> None:
    lived_through(BILLING, route(2, "office 2", Role.CONTROL))
    if role is None:
        Membership.objects.all().delete()
    else:
        Membership.objects.update(role=role)
    with pytest.raises(PermissionDenied):
        replay(Route.objects.get(pk=2), SINCE, person)
    assert not Delivery.objects.exists()


def test_two_who_replay_at_once_queue_nothing_twice(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lived_through(BILLING)
    target, deliveries = Route.objects.get(pk=1), replaying._deliveries
    others: list[Replay | None] = []

    def while_somebody_else_does_so_too(*args: Any) -> Iterator[Delivery]:
        if not others:
            others.append(None)
            others[0] = replay(target, SINCE, person)
        return deliveries(*args)

    monkeypatch.setattr(replaying, "_deliveries", while_somebody_else_does_so_too)
    assert replay(target, SINCE, person) == Replay(queued=0, waiting=3, missing=0)
    assert others == [Replay(queued=3, waiting=0, missing=0)]
    assert len(set(Delivery.objects.values_list("exchange", flat=True))) == Delivery.objects.count() == 3
    assert Deed.objects.filter(verb="did").count() == 1
