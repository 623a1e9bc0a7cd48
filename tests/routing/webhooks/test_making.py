"""Events of stored state and of the log: each once, however often it is looked."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from accounts.models import Organisation
from routing.models import (
    ChargerSession,
    Command,
    Event,
    EventMark,
    FirmwareEvent,
    LogReader,
    Reading,
    Route,
    RouteState,
    Transaction,
)
from routing.webhooks import states
from tests.routing.readings.logged import log, meter_values
from tests.routing.webhooks.world import (
    BOOT,
    RESET,
    attempts,
    begin,
    connectors,
    look,
    sample,
    told,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fleet(db: None) -> None:
    begin()


def only(type_: str) -> Event:
    """The one event that there is, after a second look by another process."""
    look()
    assert told() == [type_]
    look()
    assert told() == [type_]
    found = Event.objects.get()
    if found.charger_id:
        assert found.organisation is not None
        assert found.data["charger"]["identity"] == f"CP-{found.charger_id}"
    return found


# Stored state


def test_where_nothing_happens_nothing_is_told() -> None:
    assert look() == 0
    assert told() == []


def test_a_charger_that_connects() -> None:
    now = timezone.now()
    ChargerSession.objects.filter(pk=1).update(online=True, connected_at=now, ocpp_version="1.6")
    found = only("charger.connected")
    assert found.at == now
    assert found.data["ocpp_version"] == "1.6"


def test_a_charger_that_goes() -> None:
    ChargerSession.objects.filter(pk=1).update(online=False, disconnected_at=timezone.now())
    assert only("charger.disconnected").charger_id == 1


def test_a_connector_with_another_state() -> None:
    row = connectors().create(charger_id=1, connector_id=1, status="Available", updated_at=timezone.now())
    found = only("connector.status_changed")
    assert found.data["connector"]["status"] == "Available"
    row.updated_at = timezone.now()
    row.save()
    look()
    assert len(told()) == 1  # it has said the same again
    row.status, row.updated_at = "Charging", timezone.now()
    row.save()
    look()
    assert told() == ["connector.status_changed"] * 2


def test_a_session_begins_and_ends_with_its_card_masked() -> None:
    row = Transaction.objects.create(
        charger_id=1, ocpp_version="1.6", id_tag="CARD1234", owner=Route.objects.get(pk=1), meter_start=5
    )
    found = only("transaction.started")
    assert found.data["transaction"]["id"] == str(row.pk)
    assert found.data["transaction"]["id_tag"] == "****1234"
    assert "CARD" not in json.dumps(found.data)
    Transaction.objects.update(closed=timezone.now(), meter_stop=1005)
    look()
    assert told() == ["transaction.started", "transaction.ended"]
    assert Event.objects.latest("id").data["transaction"]["energy_wh"] == 1000


def test_a_command_that_has_ended() -> None:
    row = Command.objects.create(charger_id=1, action="Reset", deadline=timezone.now(), **RESET)
    look()
    assert told() == []
    Command.objects.update(state="accepted", finished_at=timezone.now())
    found = only("command.finished")
    assert found.data["command"]["uuid"] == str(row.uuid)
    assert found.data["command"]["state"] == "accepted"
    assert "C4RD" not in json.dumps(found.data)


def test_a_route_that_comes_and_goes() -> None:
    row = RouteState.objects.create(route_id=1, state="dialling", since=timezone.now())
    look()
    assert told() == []
    for state in ("connected", "waiting", "dialling", "waiting", "connected"):
        row.state, row.since = state, timezone.now()
        row.save()
        look()
    assert told() == ["route.connected", "route.disconnected", "route.connected"]
    said = Event.objects.latest("id").data["route"]
    assert (said["uuid"], said["backoffice"]["name"]) == (str(Route.objects.get(pk=1).uuid), "office 1")


def test_a_route_that_was_never_up_is_no_loss() -> None:
    RouteState.objects.create(route_id=1, state="waiting", since=timezone.now())
    look()
    assert told() == []


def test_what_was_before_the_first_look_is_no_news() -> None:
    EventMark.objects.all().delete()
    connectors().create(charger_id=1, connector_id=1, status="Available", updated_at=timezone.now())
    RouteState.objects.create(route_id=1, state="connected", since=timezone.now())
    look()
    assert told() == []
    RouteState.objects.update(state="waiting", since=timezone.now())
    look()
    assert told() == ["route.disconnected"]


def test_a_backoffice_is_unhealthy_after_two_minutes() -> None:
    sample(1, up=0)
    look()
    assert told() == []
    sample(0, up=0)
    found = only("backoffice.unhealthy")
    assert found.data["backoffice"]["name"] == "office 1"
    assert found.organisation == Organisation.objects.get()


def test_a_backoffice_recovers() -> None:
    sample(2, up=0)
    sample(1, up=0)
    look()
    sample(0, up=1)
    look()
    assert told() == ["backoffice.unhealthy", "backoffice.recovered"]


def test_a_backoffice_nobody_uses_is_not_unhealthy() -> None:
    for minutes in (0, 1, 2):
        sample(minutes, up=0, routes=0)
    look()
    assert told() == []


def test_news_of_firmware() -> None:
    now = timezone.now()
    FirmwareEvent.objects.create(charger_id=1, at=now, kind="firmware", status="Installed")
    FirmwareEvent.objects.create(charger_id=1, at=now, kind="log", status="Uploaded")
    assert only("firmware.status_changed").data["firmware"]["status"] == "Installed"


@pytest.mark.parametrize(
    ("identity", "cause", "number"),
    [("CP-1", "wrong_password", 1), ("CP-1", "unsupported_subprotocol", 0), ("nobody", "wrong_password", 0)],
)
def test_who_guesses_passwords(identity: str, cause: str, number: int) -> None:
    now = timezone.now()
    attempts().create(identity=identity, cause=cause, first_at=now, last_at=now, remote_address="192.0.2.1")
    look()
    assert told() == ["charger.auth_failed"] * number


def test_causes_are_those_of_the_edge() -> None:
    field = apps.get_model("chargers", "RefusedAttempt")._meta.get_field("cause")
    assert set(states.REFUSED) <= {value for value, _ in field.flatchoices}


# The log


def test_a_charger_that_boots() -> None:
    log("BootNotification", BOOT)
    found = only("charger.booted")
    assert found.data["model"] == {"vendor": "Acme", "name": "Wall", "firmware": "1.2", "serial": ""}


def test_a_call_that_a_rule_refuses_is_told_once_in_a_while() -> None:
    for _ in range(3):
        log("Reset", {"type": "Hard"}, direction="down", route_id=1, outcome="denied", rule="role control")
    log("Reset", {"type": "Hard"}, direction="down", route_id=1, outcome="answered")
    found = only("route.call_blocked")
    assert found.data["call"]["action"] == "Reset"
    assert found.data["call"]["rule"] == "role control"
    assert found.data["route"]["backoffice"]["name"] == "office 1"


def test_a_session_that_goes_on_is_told_of_once_in_a_while() -> None:
    begun = timezone.now() - timedelta(hours=2)
    session = Transaction.objects.create(charger_id=1, ocpp_version="1.6", connector_id=1, created=begun)
    now = timezone.now()
    Reading.objects.create(charger_id=1, connector_id=1, at=now, transaction_id=session.pk, power_w=7400)
    for _ in range(3):
        meter_values(1200, came=now, transaction_id=session.pk)
    found = only("transaction.updated")
    assert found.data["transaction"]["id"] == str(session.pk)
    assert found.data["reading"]["power_w"] == 7400
    assert "energy_wh" not in found.data["reading"]


def test_the_log_is_read_on_where_it_ended() -> None:
    log("BootNotification", BOOT, at=timezone.now() - timedelta(minutes=30))
    look()
    assert told() == []  # before the first look
    LogReader.objects.filter(name="events").update(exchange=0)  # as a spool that is read late does
    look()
    assert told() == ["charger.booted"]


def test_of_a_charger_that_is_gone_nothing_is_told() -> None:
    log("BootNotification", BOOT, charger_id=99)
    assert look() == 0
