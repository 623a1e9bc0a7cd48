"""What belongs to one charger: connectors, connection, password, configuration; switching its routes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.deeds import Deed
from accounts.models import Organisation, User
from chargers.credentials import matches
from chargers.models import Charger
from routing import nudging
from routing.models import ChargerSession, Command, ConfigurationKey, Reading, Route, Transaction
from tests.api.conftest import member, program
from tests.api.test_resources import route_of

pytestmark = pytest.mark.django_db
API = "/api/v1/"


@pytest.fixture
def charger(ours: Organisation) -> Charger:
    charger = Charger.objects.create(identity="CP 1", organisation=ours)
    ChargerSession.objects.create(
        charger=charger,
        online=True,
        ocpp_version="1.6",
        connected_at=timezone.now(),
        remote_address="192.0.2.9",
    )
    return charger


@pytest.fixture
def nudged() -> Iterator[list[tuple[int, int | None]]]:
    """Who was asked for a new socket or link."""
    asked: list[tuple[int, int | None]] = []

    def ask(charger: int, route: int | None) -> bool:
        asked.append((charger, route))
        return True

    nudging.install(ask)
    yield asked
    nudging.install(None)


def at(charger: Charger, what: str) -> str:
    return f"{API}chargers/{charger.uuid}/{what}/"


PATHS = ["connectors", "connectors/1", "connection", "configuration", "commands"]


@pytest.mark.parametrize("what", PATHS)
def test_foreign_ones_are_not_there(
    charger: Charger, client: APIClient, foreign: APIClient, installer: User, what: str
) -> None:
    charger.connectors.create(connector_id=1, status="Available", updated_at=timezone.now())
    assert client.get(at(charger, what)).status_code == 200
    assert foreign.get(at(charger, what)).status_code == 404
    assert APIClient().get(at(charger, what)).status_code == 401
    assert program(installer, "routes:read").get(at(charger, what)).status_code == 403


def test_connectors_say_what_they_measure(charger: Charger, client: APIClient) -> None:
    now = timezone.now()
    for number in (0, 1, 2):
        charger.connectors.create(connector_id=number, status="Charging", updated_at=now)
    for minutes, power in ((1, 7000.0), (9, 11.0)):
        Reading.objects.create(
            charger=charger, connector_id=1, at=now - timedelta(minutes=minutes), power_w=power
        )
    found = client.get(at(charger, "connectors")).json()["data"]
    assert [(row["connector_id"], (row["reading"] or {}).get("power_w")) for row in found] == [
        (0, None), (1, 7000.0), (2, None)
    ]  # fmt: skip
    assert client.get(at(charger, "connectors/1")).json()["reading"]["power_w"] == 7000.0
    assert client.get(at(charger, "connectors/7")).status_code == 404


def test_an_evse_of_ocpp_2_is_a_connector(charger: Charger, client: APIClient) -> None:
    now = timezone.now()
    for number, status in ((1, "Available"), (2, "Occupied")):
        charger.connectors.create(evse_id=3, connector_id=number, status=status, updated_at=now)
    Reading.objects.create(charger=charger, evse_id=3, at=now, energy_wh=12.0)
    found = client.get(at(charger, "connectors/3")).json()
    assert (found["connector_id"], found["reading"]["energy_wh"]) == (2, 12.0)
    assert client.get(at(charger, "connectors/2")).status_code == 404


def test_a_connection_is_told_and_closed(
    charger: Charger, client: APIClient, nudged: list[tuple[int, int | None]]
) -> None:
    found = client.get(at(charger, "connection")).json()
    assert (found["connection_status"], found["remote_address"]) == ("online", "192.0.2.9")
    assert client.delete(at(charger, "connection")).status_code == 202
    assert nudged == [(charger.pk, None)]
    assert Deed.objects.filter(words__contains="Closed the connection").exists()


@pytest.mark.parametrize(
    ("method", "what"), [("delete", "connection"), ("post", "credentials"), ("post", "configuration")]
)
def test_who_may_not_change_changes_nothing(
    charger: Charger, foreign: APIClient, nudged: list[Any], ours: Organisation, method: str, what: str
) -> None:
    reader = program(member(ours, "read_only"))
    for client, status in ((foreign, 404), (reader, 403), (APIClient(), 401)):
        assert getattr(client, method)(at(charger, what), format="json").status_code == status
    charger.refresh_from_db()
    assert (nudged, charger.password_hashes, Command.objects.count()) == ([], [], 0)


def test_a_password_is_told_once(charger: Charger, client: APIClient) -> None:
    answers = [
        client.post(at(charger, "credentials"), {}, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    said = answers[0].json()
    charger.refresh_from_db()
    assert matches(charger.identity, said["password"].encode(), charger.password_hashes)
    assert said["url"].endswith("/ocpp/CP%201")
    assert said["password"] not in answers[1].content.decode()


def test_the_old_password_ends_unless_it_is_kept(charger: Charger, client: APIClient) -> None:
    made = []
    for keep in (False, True, False):
        made.append(
            client.post(at(charger, "credentials"), {"keep_old": keep}, format="json").json()["password"]
        )
        charger.refresh_from_db()
        valid = [matches(charger.identity, one.encode(), charger.password_hashes) for one in made]
        assert valid == {1: [True], 2: [True, True], 3: [False, False, True]}[len(made)]


def test_settings_are_told_without_cards(charger: Charger, installer: User, client: APIClient) -> None:
    seen = timezone.now()
    for name, value in (("HeartbeatInterval", "300"), ("FreevendIdTag", "CARD1234")):
        ConfigurationKey.objects.create(charger=charger, variable=name, value=value, seen_at=seen)
    path = at(charger, "configuration")
    for asks, card in ((program(installer, "chargers:read"), "****1234"), (client, "CARD1234")):
        found = asks.get(path).json()
        assert {row["name"]: row["value"] for row in found["data"]} == {
            "HeartbeatInterval": "300", "FreevendIdTag": card
        }  # fmt: skip
        assert found["meta"]["read_at"]


def test_settings_are_read_anew_by_a_command(charger: Charger, client: APIClient, installer: User) -> None:
    answer = client.get(at(charger, "configuration"), {"refresh": "1"})
    assert answer.status_code == 202
    assert client.get(answer.headers["Location"]).json()["action"] == "GetConfiguration"
    reads = program(installer, "chargers:read")
    assert reads.get(at(charger, "configuration"), {"refresh": "1"}).status_code == 403
    assert reads.post(at(charger, "configuration")).status_code == 403
    both = program(installer, "chargers:read", "commands:maintenance")
    assert both.post(at(charger, "configuration")).status_code == 202


def test_a_page_of_others_reads_no_settings_with_a_cookie(charger: Charger, installer: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(installer)
    assert browser.get(at(charger, "configuration")).status_code == 200
    assert browser.get(at(charger, "configuration"), {"refresh": "1"}).status_code == 403
    assert browser.post(at(charger, "configuration")).status_code == 403
    assert not Command.objects.exists()


def test_an_address_needs_no_slash_at_its_end(charger: Charger, client: APIClient) -> None:
    assert client.get(at(charger, "connection").rstrip("/")).status_code == 200
    answer = client.post(at(charger, "commands").rstrip("/"), {"verb": "pause"}, format="json")
    assert answer.status_code == 202


# -- routes ---------------------------------------------------------------------------------------------


def test_a_route_is_switched_and_dialled_anew(
    client: APIClient, ours: Organisation, nudged: list[tuple[int, int | None]]
) -> None:
    route = route_of(ours, 1)
    path = f"{API}routes/{route.uuid}/"
    for what, enabled in (("disable", False), ("disable", False), ("enable", True)):
        answer = client.post(f"{path}{what}/")
        assert (answer.status_code, answer.json()["enabled"]) == (200, enabled)
        assert Route.objects.get(pk=route.pk).enabled is enabled
    assert client.post(f"{path}reconnect/").status_code == 202
    assert nudged == [(route.charger_id, route.pk)]
    client.post(f"{path}disable/")
    assert client.post(f"{path}reconnect/").status_code == 409


def test_a_second_billing_route_is_not_switched_on(client: APIClient, ours: Organisation) -> None:
    first = route_of(ours, 1)
    Route.objects.filter(pk=first.pk).update(role="billing")
    office = first.backoffice
    office.pk, office.name = None, "another"
    office.uuid = "6f1b4a66-6f0a-4a8e-9a55-3c1c61a3a001"
    office._state.adding = True
    office.save()
    second = Route.objects.create(charger=first.charger, backoffice=office, role="billing", enabled=False)
    assert client.post(f"{API}routes/{second.uuid}/enable/").status_code == 409


@pytest.mark.parametrize("what", ["enable", "disable", "reconnect"])
def test_a_foreign_route_is_not_switched(
    foreign: APIClient, ours: Organisation, nudged: list[Any], installer: User, what: str
) -> None:
    route = route_of(ours, 1)
    path = f"{API}routes/{route.uuid}/{what}/"
    reads, reader = program(installer, "routes:read"), program(member(ours, "read_only"))
    for client, status in ((foreign, 404), (reads, 403), (reader, 403), (APIClient(), 401)):
        assert client.post(path).status_code == status
    assert nudged == []
    assert Route.objects.get(pk=route.pk).enabled


# -- meter values ---------------------------------------------------------------------------------------


def test_meter_values_of_a_session_come_in_order(
    client: APIClient, foreign: APIClient, charger: Charger
) -> None:
    session = Transaction.objects.create(charger=charger, ocpp_version="1.6")
    began = timezone.now() - timedelta(hours=1)
    for minute in range(5):
        Reading.objects.create(
            charger=charger, connector_id=1, at=began + timedelta(minutes=minute), energy_wh=minute,
            transaction_id=session.pk,
        )  # fmt: skip
    path = f"{API}transactions/{session.pk}/meter-values/"
    found: list[float] = []
    answer = client.get(path, {"page_size": 2})
    while True:
        found += [row["energy_wh"] for row in answer.json()["data"]]
        if answer.json()["links"]["next"] is None:
            break
        answer = client.get(answer.json()["links"]["next"])
    assert found == [0, 1, 2, 3, 4]
    assert foreign.get(path).status_code == 404


# -- tokens ---------------------------------------------------------------------------------------------


def test_a_token_sees_and_ends_itself_alone(installer: User, foreign: APIClient) -> None:
    one, other = program(installer, "chargers:read"), program(installer, "routes:read")
    [own] = one.get(f"{API}tokens/").json()["data"]
    [others] = other.get(f"{API}tokens/").json()["data"]
    assert one.delete(f"{API}tokens/{others['uuid']}/").status_code == 404
    assert foreign.delete(f"{API}tokens/{others['uuid']}/").status_code == 404
    assert one.delete(f"{API}tokens/{own['uuid']}/").status_code == 204
    assert one.get(f"{API}tokens/").status_code == 401
    assert other.get(f"{API}tokens/").status_code == 200


def test_a_person_sees_all_tokens_of_their_own(installer: User, foreign: APIClient) -> None:
    for scope in ("chargers:read", "routes:read"):
        program(installer, scope)
    browser = Client()
    browser.force_login(installer)
    found = browser.get(f"{API}tokens/").json()["data"]
    assert [row["scopes"] for row in found] == [["chargers:read"], ["routes:read"]]
    assert not any("digest" in row for row in found)
