"""Passes over state and log, on either database: once, by whomever, and to whoever wants it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Organisation
from routing.models import (
    ChargerSession,
    Command,
    Event,
    FirmwareEvent,
    LogReader,
    RouteState,
    Transaction,
    WebhookDelivery,
)
from routing.webhooks import making, states
from routing.webhooks.kinds import KINDS, TEST
from routing.webhooks.making import Maker
from tests.databases import Database
from tests.routing.readings.logged import always, log, meter_values, ready
from tests.routing.webhooks.conftest import webhook
from tests.routing.webhooks.world import (
    BOOT,
    RESET,
    attempts,
    begin,
    chargers,
    connectors,
    look,
    sample,
    told,
)


@pytest.fixture(autouse=True)
def fleet(database: Database) -> Database:
    begin()
    return database


def happen() -> None:
    """Something of every type."""
    now, before = timezone.now(), timezone.now() - timedelta(hours=2)
    ChargerSession.objects.filter(pk=1).update(online=True, connected_at=now)
    ChargerSession.objects.filter(pk=2).update(online=False, disconnected_at=now)
    connectors().create(charger_id=1, connector_id=1, status="Available", updated_at=now)
    session = Transaction.objects.create(charger_id=1, ocpp_version="1.6", id_tag="CARD", created=before)
    Transaction.objects.create(charger_id=1, ocpp_version="1.6", id_tag="CARD", closed=now)
    meter_values(1200, came=now, transaction_id=session.pk)
    Command.objects.create(charger_id=1, action="Reset", deadline=now, finished_at=now, **RESET)
    RouteState.objects.create(route_id=1, state="connected", since=now)
    FirmwareEvent.objects.create(charger_id=1, at=now, kind="firmware", status="Installed")
    attempts().create(identity="CP-1", cause="wrong_password", first_at=now, last_at=now)
    log("BootNotification", BOOT)
    log("Reset", {}, direction="down", route_id=1, outcome="denied", rule="role control")
    sample(1, up=0)
    sample(0, up=0)


def test_something_of_every_type_is_told_once() -> None:
    happen()
    look()
    RouteState.objects.update(state="waiting", since=timezone.now())
    sample(-1, up=2)
    look()
    look()
    assert Counter(told()) == dict.fromkeys(KINDS.keys() - {TEST}, 1)


def test_two_processes_tell_it_once() -> None:
    log("BootNotification", BOOT)
    first, second = Maker(), Maker()
    assert look(first) == 1
    assert second.run(always) == 0  # it is the other one's turn, or just was
    assert look(second) == 0
    assert Counter(told()) == {"charger.booted": 1}


def test_who_loses_the_turn_in_the_middle_stores_nothing() -> None:
    log("BootNotification", BOOT)
    maker = Maker()
    taken = maker.turns.take

    def take_and_lose(first: Any) -> Any:
        reader = taken(first)
        LogReader.objects.filter(name="events").update(exchange=1)
        return reader

    maker.turns.take = take_and_lose  # type: ignore[method-assign]
    assert look(maker) == 0
    assert told() == []
    assert look() == 1


def test_many_are_made_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "AT_ONCE", 2)
    happen()
    assert look() == 13
    assert look() == 0
    assert len(told()) == 13


def test_what_a_process_ended_with_is_told_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "AT_ONCE", 5)
    happen()
    turns = iter([True, False, False, False])
    ready()
    Maker().run(lambda: next(turns))
    assert len(told()) == 5
    look()
    assert len(told()) == 13
    assert max(Counter(told()).values()) == 1


def test_an_event_is_put_on_its_way_to_those_who_want_it() -> None:
    ours = Organisation.objects.get()
    theirs = Organisation.objects.create(name="Theirs")
    url = "https://hooks.example/"
    getting = [
        webhook(url, ours, label="all"),
        webhook(url, ours, label="this type", events=["charger.booted"]),
        webhook(url, ours, label="this charger", charger_id=1),
        webhook(url, label="everybody's"),
    ]
    webhook(url, ours, events=["charger.connected"])
    webhook(url, ours, charger_id=2)
    webhook(url, ours, enabled=False)
    webhook(url, theirs)
    log("BootNotification", BOOT)
    look()
    look()
    found = WebhookDelivery.objects.values_list("webhook__label", flat=True)
    assert sorted(found) == sorted(row.label for row in getting)


def test_an_event_stays_with_who_had_the_charger() -> None:
    log("BootNotification", BOOT)
    look()
    chargers().update(organisation=Organisation.objects.create(name="Theirs"))
    assert Event.objects.get().organisation == Organisation.objects.get(name="Ours")


def test_what_is_too_large_is_told_without() -> None:
    now = timezone.now()
    draft = states.Draft("charger.booted", str(uuid4()), now, 1, {"model": "x" * 70_000})
    made = Maker()
    ready()
    reader = made.turns.take(now)
    assert reader is not None
    assert made._tell(reader, [draft], reader.exchange, always) == 1
    assert Event.objects.get().data == {
        "charger": {"uuid": str(chargers().get(pk=1).uuid), "identity": "CP-1"},
        "shortened": True,
    }
