"""Chargers in the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import IdempotentRequest, Organisation, User
from chargers.models import Charger
from routing.models import ChargerSession, LatestValue
from tests.api.conftest import member, program
from tests.api.resource import Resource

pytestmark = pytest.mark.django_db
PATH = "/api/v1/chargers/"


class TestChargers(Resource):
    path, read, write = PATH, "chargers:read", "chargers:write"

    def make(self, organisation: Organisation, number: int) -> Any:
        charger = Charger.objects.create(identity=f"CP-{organisation.pk}-{number}", organisation=organisation)
        charger.connectors.create(connector_id=1, status="Available", updated_at=timezone.now())
        ChargerSession.objects.create(charger=charger, online=True, connected_at=timezone.now())
        return charger


def test_a_charger_says_what_it_is(client: APIClient, ours: Organisation) -> None:
    charger = Charger.objects.create(identity="CP/1 é", organisation=ours, password_hashes=["text:abc"])
    boot = '{"chargePointVendor":"Acme","chargePointModel":"Wall","firmwareVersion":"1.2"}'
    LatestValue.objects.create(charger=charger, kind="boot", payload=boot, at=timezone.now())
    found = client.get(f"{PATH}{charger.uuid}/").json()
    assert found["identity"] == "CP/1 é"
    assert found["model"] == {"vendor": "Acme", "name": "Wall", "firmware": "1.2", "serial": ""}
    assert (found["connection_status"], found["ocpp_version"]) == ("never_seen", "")
    assert found["has_password"] is True
    assert "abc" not in str(found)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"connection_status": "online"}, ["on"]),
        ({"connection_status": "offline"}, ["off"]),
        ({"connection_status": "never_seen"}, ["new"]),
        ({"search": "ARAGE"}, ["on"]),
        ({"identity": "off"}, ["off"]),
        ({"enabled": "false"}, ["new"]),
        ({"ordering": "-identity"}, ["on", "off", "new"]),
    ],
    ids=str,
)
def test_filters(client: APIClient, ours: Organisation, asked: dict[str, str], found: list[str]) -> None:
    now = timezone.now()
    for identity, online in (("on", True), ("off", False)):
        charger = Charger.objects.create(identity=identity, organisation=ours, label="Garage" * online)
        ChargerSession.objects.create(charger=charger, online=online, connected_at=now)
    Charger.objects.create(identity="new", organisation=ours, enabled=False)
    assert [row["identity"] for row in client.get(PATH, asked).json()["data"]] == found


def test_a_charger_is_added_once(client: APIClient, ours: Organisation) -> None:
    said = {"identity": "CP-9", "organisation": str(ours.uuid), "label": "Garage"}
    answers = [client.post(PATH, said, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replay"] == "true"
    assert Charger.objects.filter(identity="CP-9").count() == 1
    other = client.post(PATH, {**said, "label": "Yard"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"identity": ""}, "identity"),
        ({"identity": "a" * 300}, "identity"),
        ({"identity": "CP-1"}, "organisation"),
        ({"identity": "CP-1", "organisation": "nonsense"}, "organisation"),
        ({"identity": "CP-1", "organisation": None}, "organisation"),
        ({"identity": "CP-1", "options": {"no such": 1}}, "organisation"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_field(client: APIClient, said: dict[str, Any], field: str) -> None:
    answer = client.post(PATH, said, format="json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert field in answer.json()["errors"]


def test_a_charger_is_not_put_into_an_organisation_of_others(
    client: APIClient, ours: Organisation, theirs: Organisation
) -> None:
    charger = Charger.objects.create(identity="CP-1", organisation=ours)
    answer = client.patch(f"{PATH}{charger.uuid}/", {"organisation": str(theirs.uuid)}, format="json")
    assert answer.status_code == 400
    assert client.patch(f"{PATH}{charger.uuid}/", {"label": "Yard"}, format="json").status_code == 200
    assert Charger.objects.get().label == "Yard"


def test_a_token_of_one_organisation_sees_no_other(ours: Organisation, theirs: Organisation) -> None:
    root = User.objects.create_superuser("root")
    for organisation in (ours, theirs):
        Charger.objects.create(identity=f"CP of {organisation}", organisation=organisation)
    whole, narrow = program(root), program(root, organisation=ours)
    assert whole.get(PATH).json()["meta"]["total"] == 2
    assert [row["identity"] for row in narrow.get(PATH).json()["data"]] == ["CP of Ours"]


def test_a_token_holds_where_it_was_made_for(installer: User) -> None:
    near, far = (program(installer, allowed_networks=[net]) for net in ("127.0.0.0/8", "192.0.2.0/24"))
    assert near.get(PATH).status_code == 200
    assert far.get(PATH).status_code == 401


def test_a_token_of_who_left_finds_nothing(ours: Organisation) -> None:
    user = member(ours)
    Charger.objects.create(identity="CP-1", organisation=ours)
    client = program(user)
    assert client.get(PATH).json()["meta"]["total"] == 1
    user.memberships.all().delete()
    assert client.get(PATH).json()["meta"]["total"] == 0
    user.is_active = False
    user.save()
    assert client.get(PATH).status_code == 401


def test_who_asks_too_often_is_told_when_to_ask_again(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.api.throttling.TokenThrottle.THROTTLE_RATES", {"read": "2/min"})
    first = client.get(PATH)
    assert first.headers["RateLimit-Remaining"] == "1"
    client.get(PATH)
    refused = client.get(PATH)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["code"] == "throttled"


def test_a_request_that_failed_meanwhile_is_done_by_the_next(
    client: APIClient, ours: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one with the same key is there when it is claimed, and gone when it is looked at."""
    real, refused = IdempotentRequest.objects.create, [IntegrityError()]

    def create(**values: Any) -> IdempotentRequest:
        if refused:
            raise refused.pop()
        return real(**values)

    monkeypatch.setattr(IdempotentRequest.objects, "create", create)
    said = {"identity": "CP-9", "organisation": str(ours.uuid)}
    assert client.post(PATH, said, HTTP_IDEMPOTENCY_KEY="k", format="json").status_code == 201


def test_a_request_that_took_too_long_is_answered(
    client: APIClient, ours: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim is gone, as if it had been cut off."""
    real = Charger.save

    def save(charger: Charger, *args: Any, **kwargs: Any) -> None:
        IdempotentRequest.objects.all().delete()
        real(charger, *args, **kwargs)

    monkeypatch.setattr(Charger, "save", save)
    said = {"identity": "CP-9", "organisation": str(ours.uuid)}
    assert client.post(PATH, said, HTTP_IDEMPOTENCY_KEY="k", format="json").status_code == 201


def test_the_person_is_told_who_they_are(client: APIClient) -> None:
    answer = client.get("/api/v1/me/")
    assert answer.headers["RateLimit-Remaining"] == "599"
    said = answer.json()
    assert said["organisations"][0]["name"] == "Ours"
    assert "chargers:read" in said["token"]["scopes"]


def test_the_document_describes_the_api(db: None) -> None:
    answer = APIClient().get("/api/v1/schema/", HTTP_ACCEPT="application/json")
    assert answer.status_code == 200
    page = APIClient().get("/api/v1/docs/")
    assert b"<script>" not in page.content  # our policy lets none run that stands in a page
    (script,) = re.findall(r'src="(/api/v1/docs/[^"]+)"', page.content.decode())
    assert APIClient().get(script).headers["Content-Type"].startswith("application/javascript")
