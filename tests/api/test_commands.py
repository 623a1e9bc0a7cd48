"""Commands in the API: given, found again, and given once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Organisation, User
from chargers.models import Charger
from routing.models import ChargerSession, Command
from tests.api.conftest import member, program
from tests.api.resource import Resource

pytestmark = pytest.mark.django_db
API = "/api/v1/"


def online(organisation: Organisation, number: int = 0, *, is_online: bool = True) -> Charger:
    charger, is_new = Charger.objects.get_or_create(
        identity=f"CP-{organisation.pk}-{number}", defaults={"organisation": organisation}
    )
    if is_new:
        ChargerSession.objects.create(
            charger=charger, online=is_online, ocpp_version="1.6", connected_at=timezone.now()
        )
    return charger


def stored(charger: Charger, **fields: Any) -> Command:
    given = {"action": "Reset", "ocpp_version": "1.6", "via": "api", "command_class": "maintenance"}
    return Command.objects.create(
        charger=charger, deadline=timezone.now() + timedelta(minutes=1), **given | fields
    )


def of(charger: Charger) -> str:
    return f"{API}chargers/{charger.uuid}/commands/"


class TestCommands(Resource):
    path, read = f"{API}commands/", "commands:read"
    is_by_cursor = True

    def make(self, organisation: Organisation, number: int) -> Any:
        return stored(online(organisation))


def test_a_command_is_stored_and_found_where_it_is_said(client: APIClient, ours: Organisation) -> None:
    answer = client.post(of(online(ours)), {"verb": "limit", "arguments": {"limit": 10}}, format="json")
    assert answer.status_code == 202, answer.json()
    assert answer.json()["state"] == "queued"
    found = client.get(answer.headers["Location"])
    assert found.status_code == 200
    assert found.json()["uuid"] == answer.json()["uuid"]
    assert found.json()["verb"] == "limit"


def test_a_charger_has_its_own_commands_only(client: APIClient, ours: Organisation) -> None:
    one, other = (stored(online(ours, number)) for number in (1, 2))
    found = client.get(of(one.charger)).json()["data"]
    assert [row["uuid"] for row in found] == [str(one.uuid)]
    assert client.get(of(other.charger), {"page_size": 1}).json()["links"]["next"] is None


def test_who_waits_is_told_the_end(
    client: APIClient, ours: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(seconds: float) -> None:
        Command.objects.update(state="accepted", finished_at=timezone.now(), answer={"status": "Accepted"})

    monkeypatch.setattr("routing.commands.service.time.sleep", ends)
    answer = client.post(of(online(ours)), {"verb": "restart", "wait": 5}, format="json")
    assert answer.status_code == 200
    assert answer.json()["state"] == "accepted"
    assert answer.json()["answer"] == {"status": "Accepted"}


def test_who_waits_in_vain_is_told_where_to_look(
    client: APIClient, ours: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.commands.service.time.sleep", lambda seconds: None)
    answer = client.post(of(online(ours)), {"verb": "restart", "wait": 0.01}, format="json")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_an_absent_charger_is_said_at_once(client: APIClient, ours: Organisation) -> None:
    charger = online(ours, is_online=False)
    answer = client.post(of(charger), {"verb": "restart", "wait": 30}, format="json")
    assert (answer.status_code, answer.json()["state"]) == (200, "offline")


def test_the_same_key_twice_is_one_command(client: APIClient, ours: Organisation) -> None:
    charger = online(ours)
    answers = [
        client.post(
            of(charger),
            {"action": "Reset", "payload": {"type": kind}},
            format="json",
            HTTP_IDEMPOTENCY_KEY="k",
        )
        for kind in ("Soft", "Soft", "Hard")
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 409]
    assert answers[1].headers["Location"] == answers[0].headers["Location"]
    assert Command.objects.count() == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"verb": "limit", "action": "Reset"},
        {"verb": "fly"},
        {"verb": "limit", "arguments": {"limit": "much"}},
        {"verb": "limit", "arguments": {"limit": 1, "colour": "red"}},
        {"verb": "limit", "payload": {}},
        {"action": "Reset", "payload": {"type": "Gentle"}},
        {"action": "Heartbeat", "payload": {}},
        {"action": "NoSuchThing", "payload": {}},
        {"action": "ChangeConfiguration", "payload": {"key": "a\x00b", "value": "1"}},
        {"verb": "restart", "wait": 31},
        {"verb": "restart", "valid_until": "tomorrow"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_told(client: APIClient, ours: Organisation, said: dict[str, Any]) -> None:
    answer = client.post(of(online(ours)), said, format="json")
    assert answer.status_code == 400, answer.json()
    assert answer.json()["errors"]
    assert not Command.objects.exists()


INSTALL = {"certificateType": "CentralSystemRootCertificate", "certificate": "x"}


@pytest.mark.parametrize(
    ("scopes", "role", "said", "status"),
    [
        (["commands:energy"], "installer", {"verb": "pause"}, 202),
        (["commands:energy"], "installer", {"verb": "restart"}, 403),
        (["commands:maintenance"], "installer", {"verb": "restart"}, 202),
        (["commands:maintenance"], "installer", {"verb": "pause"}, 403),
        (["commands:read"], "owner", {"verb": "pause"}, 403),
        (["commands:dangerous"], "installer", {"action": "InstallCertificate", "payload": INSTALL}, 403),
        (["commands:dangerous"], "owner", {"action": "InstallCertificate", "payload": INSTALL}, 202),
        (["commands:maintenance"], "owner", {"action": "InstallCertificate", "payload": INSTALL}, 403),
        (["commands:maintenance"], "owner", {"verb": "restart", "dangerous": True}, 403),
        (["commands:energy"], "read_only", {"verb": "pause"}, 403),
    ],
    ids=str,
)
def test_scope_and_role_are_asked_by_class(
    ours: Organisation, scopes: list[str], role: str, said: dict[str, Any], status: int
) -> None:
    answer = program(member(ours, role), *scopes).post(of(online(ours)), said, format="json")
    assert answer.status_code == status, answer.json()
    assert Command.objects.count() == (status == 202)


def test_a_foreign_charger_is_not_asked(client: APIClient, theirs: Organisation) -> None:
    charger = online(theirs)
    assert client.post(of(charger), {"verb": "pause"}, format="json").status_code == 404
    assert client.get(of(charger)).status_code == 404
    assert client.post(f"{API}chargers/{charger.uuid}/configuration/", format="json").status_code == 404
    assert not Command.objects.exists()


@pytest.mark.parametrize(
    ("scopes", "card"),
    [(["commands:read"], "****1234"), (["commands:read", "messages:sensitive"], "CARD1234")],
    ids=["without the scope", "with it"],
)
def test_cards_are_masked(installer: User, ours: Organisation, scopes: list[str], card: str) -> None:
    command = stored(online(ours), action="RemoteStartTransaction", payload={"idTag": "CARD1234"})
    found = program(installer, *scopes).get(f"{API}commands/{command.uuid}/").json()
    assert found["payload"] == {"idTag": card}


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"state": "queued"}, 1),
        ({"action": "Reset"}, 2),
        ({"verb": "limit"}, 0),
        ({"from": "2099-01-01T00:00Z"}, 0),
    ],
    ids=str,
)
def test_filters(client: APIClient, ours: Organisation, asked: dict[str, str], number: int) -> None:
    charger = online(ours)
    for state in ("queued", "accepted"):
        stored(charger, state=state)
    assert len(client.get(f"{API}commands/", asked).json()["data"]) == number


def test_many_at_once(client: APIClient, ours: Organisation, theirs: Organisation) -> None:
    mine = [online(ours, 1), online(ours, 2, is_online=False)]
    hidden = [online(theirs).uuid, uuid4()]
    said = {"chargers": [str(c.uuid) for c in mine] + [str(u) for u in hidden], "verb": "pause"}
    answer = client.post(f"{API}commands/bulk/", said, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert answer.status_code == 202, answer.json()
    assert answer.json()["states"] == {"queued": 1, "offline": 1}
    assert {row["charger"] for row in answer.json()["skipped"]} == {str(uuid) for uuid in hidden}
    assert {row["reason"] for row in answer.json()["skipped"]} == {"skipped_forbidden"}
    found = client.get(answer.headers["Location"])
    assert found.json()["is_finished"] is False
    assert len(found.json()["commands"]) == 2
    assert found.json()["skipped"] == answer.json()["skipped"]
    colleague = program(member(ours, "operator")).get(answer.headers["Location"]).json()
    assert (len(colleague["commands"]), colleague["skipped"]) == (2, [])
    again = client.post(f"{API}commands/bulk/", said, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert again.json() == answer.json()
    assert Command.objects.count() == 2
    assert program(member(theirs)).get(answer.headers["Location"]).status_code == 404


def test_many_need_the_scope_too(installer: User, ours: Organisation) -> None:
    said = {"chargers": [str(online(ours).uuid)], "verb": "restart"}
    answer = program(installer, "commands:energy").post(f"{API}commands/bulk/", said, format="json")
    assert answer.json()["skipped"][0]["reason"] == "skipped_forbidden"
    found = program(installer).get(answer.headers["Location"]).json()
    assert (found["commands"], found["skipped"]) == ([], answer.json()["skipped"])
    assert (
        program(installer, "commands:read").post(f"{API}commands/bulk/", said, format="json").status_code
        == 403
    )


def test_commands_have_a_rate_of_their_own(
    client: APIClient, ours: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "accounts.api.throttling.TokenThrottle.THROTTLE_RATES", {"read": "9/min", "commands": "1/min"}
    )
    charger = online(ours)
    answers = [client.post(of(charger), {"verb": "pause"}, format="json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert client.get(of(charger)).status_code == 200
