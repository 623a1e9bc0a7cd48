"""The tab on which a charger is asked something: who is offered what, forms and what becomes of them."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from chargers.models import Charger
from routing.files.tokens import hash_of
from routing.models import ChargerSession, Command, FirmwareFile, FirmwareLink, Upload
from tests.chargers.commands.conftest import World

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def address(charger: Charger, what: str = "") -> str:
    return f"/admin/chargers/charger/{charger.pk}/commands/{what}"


def page(client: Client, charger: Charger, query: str = "") -> str:
    answer = client.get(address(charger) + query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def give(client: Client, charger: Charger, **values: str) -> Any:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return client.post(address(charger, "do/give/"), named)


def only() -> Command:
    return Command.objects.get()


# -- who ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["", "now/"])
def test_members_see_it_and_others_find_nothing(world: World, member: Any, what: str) -> None:
    for role in ("installer", "read_only"):
        client = member(role)
        assert client.get(address(world.charger, what)).status_code == 200
        assert client.get(address(world.foreign, what)).status_code == 404


def test_who_only_reads_is_offered_nothing(world: World, member: Any) -> None:
    client = member("read_only")
    content = page(client, world.charger)
    assert "do/give/" not in content
    assert "All actions" not in content
    assert give(client, world.charger, verb="clear_cache").status_code == 403
    assert not Command.objects.exists()


def test_nobody_asks_a_foreign_charger(world: World, member: Any) -> None:
    assert give(member(), world.foreign, verb="clear_cache").status_code == 404
    assert not Command.objects.exists()


def test_a_forged_or_mistaken_request_asks_nothing(world: World, member: Any) -> None:
    client = member()
    assert client.get(address(world.charger, "do/give/")).status_code == 405
    assert give(client, world.charger, verb="nonsense").status_code == 404
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(User.objects.get())
    assert give(forger, world.charger, verb="clear_cache").status_code == 403
    assert not Command.objects.exists()


@pytest.mark.parametrize(("role", "is_offered"), [("installer", False), ("owner", True)])
def test_dangerous_actions_and_json_are_for_owners(
    world: World, member: Any, role: str, is_offered: bool
) -> None:
    client = member(role)
    content = page(client, world.charger, "?action=Reset")
    assert (">InstallCertificate<" in content) is is_offered
    assert ('name="raw"' in content) is is_offered
    answer = give(client, world.charger, action="Reset", raw='{"type": "Soft"}')
    assert (answer.status_code == 302) is is_offered
    assert Command.objects.exists() is is_offered
    answer = give(client, world.charger, action="DataTransfer", p__vendorId="acme")
    assert (answer.status_code == 302) is is_offered


# -- what ---------------------------------------------------------------------------------------------


def test_what_a_version_does_not_know_is_not_offered(world: World, member: Any) -> None:
    client = member()
    assert 'value="get_profiles"' not in page(client, world.charger)
    world.speaks("2.0.1")
    content = page(client, world.charger)
    assert 'value="get_profiles"' in content
    assert ">GetBaseReport<" in content


def test_a_quick_action_leads_back_to_its_line(world: World, member: Any) -> None:
    client = member()
    answer = give(client, world.charger, verb="limit", a__limit="10", a__connector="1", a__minutes="60")
    command = only()
    assert answer.headers["Location"] == f"{address(world.charger)}#command-{command.uuid}"
    assert (command.verb, command.action, command.via) == ("limit", "SetChargingProfile", "admin")
    assert command.user == User.objects.get()
    content = page(client, world.charger)
    assert "waiting" in content
    assert "data-unfinished" in content
    assert "Authorization: Bearer $TOKEN" in content
    assert f"/api/v1/chargers/{world.charger.uuid}/commands" in content


def test_the_same_form_twice_is_one_command(world: World, member: Any) -> None:
    client = member()
    for _ in range(2):
        give(client, world.charger, verb="clear_cache", once="abc")
    assert Command.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"verb": "limit", "a__limit": "much"}, "a number is expected, not much"),
        ({"verb": "limit"}, "limit needs limit"),
        ({"verb": "reset", "a__how": "hard"}, "Tick the box"),
        ({"action": "Reset", "p__type": "Sometimes"}, "is not one of"),
        ({"action": "ChangeConfiguration", "p__key": "x" * 60, "p__value": "1"}, "more than 50"),
        ({"action": "Nonsense"}, "not something to ask"),
    ],
    ids=["no-number", "missing", "not-confirmed", "enum", "too-long", "unknown"],
)
def test_what_does_not_fit_is_said_and_kept(
    world: World, member: Any, values: dict[str, str], words: str
) -> None:
    answer = give(member(), world.charger, **values)
    assert answer.status_code == 422
    content = unescape(answer.content.decode())
    assert words in content
    for name, value in values.items():
        assert value in content, name
    assert f'data-commands="{address(world.charger)}now/"' in content
    assert f'method="get" action="{address(world.charger)}#raw"' in content
    assert not Command.objects.exists()


def test_an_action_is_built_of_the_fields_of_its_schema(world: World, member: Any) -> None:
    client = member()
    content = page(client, world.charger, "?action=SetChargingProfile&rows=3")
    period = "p.csChargingProfiles.chargingSchedule.chargingSchedulePeriod"
    assert f'name="{period}.2.limit"' in content
    values = {
        "action": "SetChargingProfile",
        "rows": "3",
        "p.connectorId": "1",
        "p.csChargingProfiles.chargingProfileId": "5",
        "p.csChargingProfiles.stackLevel": "0",
        "p.csChargingProfiles.chargingProfilePurpose": "TxDefaultProfile",
        "p.csChargingProfiles.chargingProfileKind": "Absolute",
        "p.csChargingProfiles.validTo": "2030-01-31T12:00",
        "p.csChargingProfiles.chargingSchedule.chargingRateUnit": "A",
        f"{period}.0.startPeriod": "0",
        f"{period}.0.limit": "10.5",
        f"{period}.2.startPeriod": "60",
        f"{period}.2.limit": "6",
    }
    assert client.post(address(world.charger, "do/give/"), values).status_code == 302
    profile = only().payload["csChargingProfiles"]
    assert profile["validTo"] == "2030-01-31T12:00:00Z"
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 10.5},
        {"startPeriod": 60, "limit": 6},
    ]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_every_action_has_a_form(world: World, member: Any, version: str) -> None:
    world.speaks(version)
    client = member("owner")
    actions = client.get(address(world.charger)).context["actions"]
    assert len(actions) > 15
    for action in actions[::6]:
        answer = client.get(address(world.charger), {"action": action, "rows": 5})
        assert answer.context["raw"]["action"] == action
        assert len(answer.content) < 2_000_000, action


# -- what became of it ----------------------------------------------------------------------------------


def test_no_answer_in_time_is_unknown_and_never_failed(world: World, member: Any) -> None:
    Command.objects.create(
        charger=world.charger, action="Reset", ocpp_version="1.6", payload={"type": "Soft"},
        command_class="maintenance", state="timed_out", words="timed out: the charger may still do it",
        deadline=NOW, via="admin", actor_name="anna", sent_at=NOW, finished_at=NOW + timedelta(seconds=45),
    )  # fmt: skip
    content = page(member("read_only"), world.charger)
    assert ">unknown<" in content
    assert ">failed<" not in content
    assert "45.0 s" in content
    assert "anna, Admin" in content
    assert "data-unfinished" not in content


def test_cards_are_masked_for_those_who_do_not_see_them(world: World, member: Any) -> None:
    client = member()
    give(client, world.charger, verb="start", a__id_tag="DEADBEEF1234")
    assert "DEADBEEF1234" in page(client, world.charger)
    content = page(member("read_only"), world.charger)
    assert "DEADBEEF" not in content
    assert "****1234" in content


def test_the_queries_do_not_grow_with_commands(world: World, member: Any) -> None:
    client = member()
    counts = []
    for number in (1, 9):
        for _ in range(number):
            give(client, world.charger, verb="clear_cache")
        with CaptureQueriesContext(connection) as queries:
            page(client, world.charger)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# -- files ----------------------------------------------------------------------------------------------


def test_diagnostics_are_sent_here_under_an_address_that_nobody_sees(world: World, member: Any) -> None:
    client = member()
    give(client, world.charger, verb="diagnostics", f__where="here")
    command, upload = only(), Upload.objects.get()
    assert upload.command == command
    assert command.payload["location"] == "http://testserver/uploads/***"
    assert command.sealed is not None
    location = json.loads(bytes(command.sealed))["location"]
    assert hash_of(location.rpartition("/")[2]) == upload.token_hash


def test_no_address_is_left_that_nothing_comes_to(world: World, member: Any) -> None:
    client = member()
    for _ in range(2):
        give(client, world.charger, verb="diagnostics", f__where="here", once="abc")
    assert Upload.objects.count() == 1
    ChargerSession.objects.update(online=False)
    give(client, world.charger, verb="diagnostics", f__where="here")
    assert Command.objects.latest("pk").state == "offline"
    assert Upload.objects.count() == 1


def test_diagnostics_go_where_the_person_says(world: World, member: Any) -> None:
    give(member(), world.charger, verb="diagnostics", f__where="own", a__location="ftp://files.example/in/")
    assert only().payload["location"] == "ftp://files.example/in/"
    assert not Upload.objects.exists()


def test_what_is_refused_leaves_no_address(world: World, member: Any) -> None:
    ChargerSession.objects.update(ocpp_version="")
    answer = give(member(), world.charger, verb="diagnostics", f__where="here")
    assert answer.status_code == 422
    assert not Upload.objects.exists()


def test_a_firmware_of_the_organisation_is_offered(world: World, member: Any) -> None:
    mine = FirmwareFile.objects.create(organisation=world.ours, name="fw.bin", version="2.0", sha256="x")
    other = FirmwareFile.objects.create(organisation=world.theirs, name="zebra.bin", sha256="x")
    client = member()
    content = page(client, world.charger)
    assert "fw.bin 2.0" in content
    assert "zebra.bin" not in content
    bad = give(client, world.charger, verb="firmware", f__file=str(other.uuid), confirm="yes")
    assert bad.status_code == 422
    give(client, world.charger, verb="firmware", f__file=str(mine.uuid), confirm="yes")
    assert only().payload["location"] == "http://testserver/firmware/***/fw.bin"
    assert FirmwareLink.objects.get().firmware == mine
