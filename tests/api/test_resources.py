"""Backoffices, routes, presets, sessions and messages in the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Message, PermissionPreset, Route, RouteState, Transaction
from routing.models.traffic import number_at
from tests.api.conftest import member, program
from tests.api.resource import Resource

pytestmark = pytest.mark.django_db
API = "/api/v1/"


def charger_of(organisation: Organisation, number: int = 0) -> Charger:
    found, _ = Charger.objects.get_or_create(
        identity=f"CP-{organisation.pk}-{number}", defaults={"organisation": organisation}
    )
    return found


def route_of(organisation: Organisation, number: int) -> Route:
    backoffice, _ = Backoffice.objects.get_or_create(
        name=f"office of {organisation}", defaults={"organisation": organisation, "url": "ws://127.0.0.1/x"}
    )
    route = Route.objects.create(
        charger=charger_of(organisation, number), backoffice=backoffice, role="control"
    )
    RouteState.objects.create(route=route, state="connected", since=timezone.now())
    return route


class TestBackoffices(Resource):
    path, read, write = f"{API}backoffices/", "backoffices:read", "backoffices:write"
    queries = 9  # fixed, but more are asked how all is with each of them

    def make(self, organisation: Organisation, number: int) -> Any:
        return Backoffice.objects.create(
            name=f"{organisation} {number}", organisation=organisation, url="wss://csms.example.org/ocpp"
        )


class TestRoutes(Resource):
    path, read, write = f"{API}routes/", "routes:read", "routes:write"

    def make(self, organisation: Organisation, number: int) -> Any:
        return route_of(organisation, number)


class TestPresets(Resource):
    path, read, write = f"{API}presets/", "routes:read", "routes:write"

    def make(self, organisation: Organisation, number: int) -> Any:
        return PermissionPreset.objects.create(organisation=organisation, name=f"p{number}", role="control")


class TestTransactions(Resource):
    path, read = f"{API}transactions/", "transactions:read"
    is_by_cursor = True

    def make(self, organisation: Organisation, number: int) -> Any:
        session = Transaction.objects.create(
            charger=charger_of(organisation), ocpp_version="1.6", id_tag="CARD1234"
        )
        session.route_transactions.create(
            route=Route.objects.filter(charger=session.charger).first() or route_of(organisation, 0),
            route_transaction_id="7", state="known",
        )  # fmt: skip
        return session

    def name_of(self, row: Any) -> str:
        return str(row.pk)


class TestMessages(Resource):
    path, read = f"{API}messages/", "messages:read"
    is_by_cursor = True

    def make(self, organisation: Organisation, number: int) -> Any:
        at = timezone.now() - timedelta(seconds=number + organisation.pk)
        return Message.objects.create(
            charger=charger_of(organisation), at=at, exchange=number_at(at), direction="up",
            action="StatusNotification", message_id=f"m{number}", text="[2]", answer="[3]",
            outcome="answered", rule="the proxy",
        )  # fmt: skip

    def asked(self) -> dict[str, str]:
        return {"from": (timezone.now() - timedelta(hours=1)).isoformat()}

    def name_of(self, row: Any) -> str:
        return f"{row.exchange}-{row.charger_id}"


def test_a_password_of_a_backoffice_goes_in_and_never_out(client: APIClient, ours: Organisation) -> None:
    said = {
        "name": "B",
        "organisation": str(ours.uuid),
        "url": "wss://b.example.org/",
        "password": "top secret!",
    }
    answer = client.post(f"{API}backoffices/", said, format="json")
    assert answer.status_code == 201, answer.json()
    assert "top secret!" not in answer.content.decode()
    assert answer.json()["has_password"] is True
    assert Backoffice.objects.get().password == b"top secret!"
    one = f"{API}backoffices/{answer.json()['uuid']}/"
    wrong = client.patch(one, {"password": "xyz", "password_is_hex": True}, format="json")
    assert wrong.json()["errors"]["password"] == ["This is not hexadecimal; expected pairs of 0-9 and a-f."]
    client.patch(one, {"password": "6162", "password_is_hex": True}, format="json")
    assert Backoffice.objects.get().password == b"ab"
    client.patch(one, {"password": None}, format="json")
    assert Backoffice.objects.get().password is None


def test_a_shared_backoffice_shows_its_name_only(client: APIClient) -> None:
    row = Backoffice.objects.create(name="Shared", url="wss://secret.example.org/", username="who")
    found = client.get(f"{API}backoffices/{row.uuid}/")
    assert found.json()["name"] == "Shared"
    assert "secret.example.org" not in found.content.decode()
    assert "who" not in found.json().values()
    assert client.delete(f"{API}backoffices/{row.uuid}/").status_code == 403


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"role": "nonsense"}, 400),
        ({"permissions": {"Reset": "perhaps"}}, 400),
        ({"backoffice": "foreign"}, 400),
        ({"charger": "foreign"}, 400),
    ],
    ids=str,
)
def test_a_route_joins_what_is_ours(
    client: APIClient, ours: Organisation, theirs: Organisation, change: dict[str, Any], status: int
) -> None:
    foreign = route_of(theirs, 1)
    mine = TestBackoffices().make(ours, 1)
    said = {"charger": str(charger_of(ours).uuid), "backoffice": str(mine.uuid), "role": "control", **change}
    for name in ("charger", "backoffice"):
        if said[name] == "foreign":
            said[name] = str(getattr(foreign, name).uuid)
    answer = client.post(f"{API}routes/", said, format="json")
    assert answer.status_code == status, answer.json()


def test_one_billing_route_at_a_time(client: APIClient, ours: Organisation) -> None:
    charger = charger_of(ours)
    for number, status in enumerate([201, 400]):
        backoffice = TestBackoffices().make(ours, number)
        said = {"charger": str(charger.uuid), "backoffice": str(backoffice.uuid), "role": "billing"}
        assert client.post(f"{API}routes/", said, format="json").status_code == status


def test_a_route_says_how_it_is(client: APIClient, ours: Organisation) -> None:
    found = client.get(f"{API}routes/{route_of(ours, 1).uuid}/").json()
    assert found["health"]["state"] == "connected"
    assert found["health"]["words"].startswith("connected")


@pytest.mark.parametrize(
    ("scopes", "role", "shown"),
    [
        (["transactions:read"], "installer", "****1234"),
        (["transactions:read", "messages:sensitive"], "installer", "CARD1234"),
        (["transactions:read", "messages:sensitive"], "read_only", "****1234"),
    ],
    ids=["without the scope", "with both", "without the role"],
)
def test_a_card_needs_scope_and_role(ours: Organisation, scopes: list[str], role: str, shown: str) -> None:
    session = TestTransactions().make(ours, 1)
    client = program(member(ours, role), *scopes)
    assert client.get(f"{API}transactions/{session.pk}/").json()["id_tag"] == shown
    assert client.get(f"{API}transactions/").json()["data"][0]["id_tag"] == shown


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"charger": "nonsense"},
        {"from": "nonsense"},
        {"from": "2030-01-01", "cursor": "x"},
        {"from": "2030-01-01", "page_size": "0"},
        {"from": "2030-01-01", "card": "CARD"},
        {"from": "2030-01-01", "outcome": "perhaps"},
        {"from": "2030-01-01", "action": "a\x00b"},
    ],
    ids=str,
)
def test_what_cannot_be_looked_for_is_told(installer: User, asked: dict[str, str]) -> None:
    answer = program(installer, "messages:read").get(f"{API}messages/", asked)
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_the_messages_of_a_foreign_charger_are_not_told(
    client: APIClient, theirs: Organisation, foreign: APIClient
) -> None:
    row = TestMessages().make(theirs, 1)
    asked = {"charger": str(row.charger.uuid)}
    assert client.get(f"{API}messages/", asked).status_code == 400
    assert len(foreign.get(f"{API}messages/", asked).json()["data"]) == 1


def test_a_narrow_token_of_a_superuser_reads_no_foreign_message(
    ours: Organisation, theirs: Organisation
) -> None:
    rows = [TestMessages().make(organisation, 1) for organisation in (ours, theirs)]
    narrow = program(User.objects.create_superuser("root"), organisation=ours)
    found = narrow.get(f"{API}messages/", TestMessages().asked()).json()["data"]
    assert [row["id"] for row in found] == [TestMessages().name_of(rows[0])]
    assert narrow.get(f"{API}messages/{TestMessages().name_of(rows[1])}/").status_code == 404


def test_an_export_streams_lines(client: APIClient, ours: Organisation) -> None:
    TestMessages().make(ours, 1)
    answer: Any = client.get(f"{API}messages/export/", TestMessages().asked())
    assert answer.status_code == 200
    assert b"StatusNotification" in b"".join(answer.streaming_content)
