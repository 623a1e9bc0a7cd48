"""Test dials through the API: by the rules of the admin's, and with what is stored where nothing is said."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import Organisation, User
from backoffices.models import Backoffice
from backoffices.trial import Step, Wanted
from routing.models import Route, RouteState
from tests.api.conftest import member, program
from tests.api.test_resources import charger_of

pytestmark = pytest.mark.django_db
PATH = "/api/v1/backoffices/"


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What would have been dialled; its answer is a failed handshake."""
    found: list[Wanted] = []

    async def trial(wanted: Wanted) -> list[Step]:
        found.append(wanted)
        return [
            Step(name="dns", outcome="ok", found="It is.", milliseconds=1.5),
            Step(name="http", outcome="failed", found="HTTP 401.", remedy="Check the password."),
        ]

    monkeypatch.setattr("backoffices.api.trial.trial", trial)
    return found


@pytest.fixture
def office(ours: Organisation) -> Backoffice:
    return Backoffice.objects.create(
        name="B", organisation=ours, url="wss://b.example.org/ocpp", username="us", password=b"hush",
        ocpp_versions=["1.6"],
    )  # fmt: skip


def of(office: Backoffice) -> str:
    return f"{PATH}{office.uuid}/test/"


def test_what_is_stored_is_dialled(client: APIClient, office: Backoffice, dialled: list[Wanted]) -> None:
    answer = client.post(of(office), {"identity": "CP-1"}, format="json")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert [step["outcome"] for step in answer.json()["steps"]] == ["ok", "failed"]
    [wanted] = dialled
    assert (wanted.url, wanted.username) == ("wss://b.example.org/ocpp/CP-1", "us")
    assert (wanted.password, wanted.versions) == (b"hush", ("1.6",))
    assert wanted.allow_private is settings.PROXY_ALLOW_PRIVATE_UPSTREAMS
    assert "hush" not in answer.content.decode()


@pytest.mark.parametrize(
    "url", ["wss://evil.example.com/", "ws://b.example.org/ocpp", "wss://b.example.org:8443/"]
)
def test_the_stored_password_goes_nowhere_else(
    client: APIClient, office: Backoffice, dialled: list[Wanted], url: str
) -> None:
    assert client.post(of(office), {"url": url}, format="json").status_code == 422
    assert dialled == []
    assert client.post(of(office), {"url": url, "password": None}, format="json").status_code == 200
    assert dialled[0].password is None


def test_one_that_is_not_stored(client: APIClient, dialled: list[Wanted]) -> None:
    said = {"url": "wss://new.example.org/", "password": "6162", "password_is_hex": True, "username": "me"}
    assert client.post(f"{PATH}test/", said, format="json").status_code == 200
    assert (dialled[0].password, dialled[0].username) == (b"ab", "me")
    assert client.post(f"{PATH}test/", {}, format="json").json()["errors"]["url"]
    assert client.post(f"{PATH}test/", {"url": "http://x/"}, format="json").status_code == 422


def test_a_connected_route_is_not_pushed_out_unasked(
    client: APIClient, ours: Organisation, office: Backoffice, dialled: list[Wanted]
) -> None:
    route = Route.objects.create(charger=charger_of(ours), backoffice=office, role="control")
    RouteState.objects.create(route=route, state="connected", since=route.created_at)
    said: dict[str, Any] = {"identity": charger_of(ours).identity}
    assert client.post(of(office), said, format="json").status_code == 422
    assert dialled == []
    assert client.post(of(office), {**said, "dial_anyway": True}, format="json").status_code == 200


def test_so_many_a_minute(client: APIClient, office: Backoffice, dialled: list[Wanted]) -> None:
    answers = [client.post(of(office), {}, format="json") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].headers["Retry-After"]


def test_others_dial_nothing(
    foreign: APIClient, installer: User, ours: Organisation, office: Backoffice, dialled: list[Wanted]
) -> None:
    shared = Backoffice.objects.create(name="Shared", url="wss://shared.example.org/")
    reader, reads = program(member(ours, "read_only")), program(installer, "backoffices:read")
    for client, status in ((foreign, 404), (reader, 403), (reads, 403), (APIClient(), 401)):
        assert client.post(of(office), {}, format="json").status_code == status
    for client in (reader, reads):
        assert client.post(f"{PATH}test/", {"url": "wss://x.example/"}, format="json").status_code == 403
    assert program(installer).post(of(shared), {}, format="json").status_code == 403
    assert dialled == []
