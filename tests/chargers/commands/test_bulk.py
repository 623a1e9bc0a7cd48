"""The same command to many chargers of the list."""

from __future__ import annotations

from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chargers.models import Charger
from routing.models import ChargerSession, Command
from tests.chargers.commands.conftest import World

pytestmark = pytest.mark.django_db

LIST, DO = "/admin/chargers/charger/", "/admin/chargers/charger/command/"


def choose(client: Client, *chargers: Charger) -> Any:
    keys = [charger.pk for charger in chargers]
    return client.post(LIST, {"action": "send_command", ACTION_CHECKBOX_NAME: keys})


def post(client: Client, *chargers: Charger, **values: str) -> Any:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return client.post(DO, {ACTION_CHECKBOX_NAME: [charger.pk for charger in chargers], **named})


@pytest.fixture
def fleet(world: World) -> list[Charger]:
    """Connected, away, never there, of another OCPP."""
    away = world.connected("CP-2", world.ours, online=False)
    never = Charger.objects.create(identity="CP-3", organisation=world.ours)
    two = world.connected("CP-4", world.ours)
    ChargerSession.objects.filter(charger=two).update(ocpp_version="2.0.1")
    return [world.charger, away, never, two]


def test_the_list_leads_to_a_choice_and_that_to_whom_it_reaches(
    world: World, member: Any, fleet: list[Charger]
) -> None:
    client = member()
    content = choose(client, *fleet, world.foreign).content.decode()
    assert "Send a command to 4 chargers" in content
    assert "Zebra" not in content
    answer = post(client, *fleet, world.foreign, verb="get_profiles")
    found = [(one.charger.identity, one.words) for one in answer.context["reached"]]
    assert found == [
        ("CP-1", "not in OCPP 1.6"),
        ("CP-2", "not in OCPP 1.6"),
        ("CP-3", "never connected"),
        ("CP-4", "connected"),
    ]
    words = [one.words for one in post(client, *fleet, verb="clear_cache").context["reached"]]
    assert words == ["connected", "offline", "never connected", "connected"]
    assert not Command.objects.exists()


def test_what_is_sent_is_followed_on_a_page_of_its_own(
    world: World, member: Any, fleet: list[Charger]
) -> None:
    client = member()
    answer = post(client, *fleet, world.foreign, verb="clear_cache", send="yes", once="abc")
    states = dict(Command.objects.values_list("charger__identity", "state"))
    assert states == {"CP-1": "queued", "CP-2": "offline", "CP-4": "queued"}
    page = unescape(client.get(answer.headers["Location"]).content.decode())
    for part in (
        "CP-1",
        "2 waiting",
        "1 offline",
        "1 not asked: CP-3: this charger has never",
        "data-unfinished",
    ):
        assert part in page
    assert client.get(answer.headers["Location"] + "now/").status_code == 200
    post(client, *fleet, verb="clear_cache", send="yes", once="abc")
    assert Command.objects.count() == 3


def test_waves_and_patience(world: World, member: Any, fleet: list[Charger]) -> None:
    values = {"wave_size": "1", "pause_s": "60", "hours": "2", "confirm": "yes"}
    post(member(), *fleet[:2], verb="reset", send="yes", a__how="soft", **values)
    first, second = Command.objects.order_by("pk")
    assert 59 <= (second.not_before - first.not_before).total_seconds() <= 61
    assert {first.state, second.state} == {"queued"}
    assert second.valid_until is not None


@pytest.mark.parametrize(
    "values", [{"verb": "reset"}, {"verb": "limit", "a__limit": "x"}, {"verb": "clear_cache", "hours": "x"}]
)
def test_what_does_not_fit_is_said(world: World, member: Any, values: dict[str, str]) -> None:
    answer = post(member(), world.charger, send="yes", **values)
    assert answer.status_code == 422
    assert answer.context["form"].problems
    assert not Command.objects.exists()


def test_who_only_reads_sends_nothing(world: World, member: Any) -> None:
    client = member("read_only")
    assert "send_command" not in client.get(LIST).content.decode()
    choose(client, world.charger)
    assert post(client, world.charger, verb="clear_cache", send="yes").status_code == 404
    assert not Command.objects.exists()


def test_others_find_no_charger_and_no_group(world: World, member: Any) -> None:
    client = member()
    assert post(client, world.foreign, verb="clear_cache", send="yes").status_code == 404
    Command.objects.create(
        charger=world.foreign, action="ClearCache", ocpp_version="1.6", command_class="maintenance",
        deadline="2030-01-01T00:00Z", via="admin", group=(group := uuid4()),
    )  # fmt: skip
    for page in ("", "now/"):
        assert client.get(f"{DO}{group}/{page}").status_code == 404
    assert client.get(DO).status_code == 405
    forger = Client(enforce_csrf_checks=True)
    forger.cookies = client.cookies
    assert post(forger, world.charger, verb="clear_cache", send="yes").status_code == 403


def test_the_queries_of_a_group_do_not_grow(world: World, member: Any) -> None:
    client, counts = member(), []
    for chargers in ([world.charger], [world.connected(f"N-{n}", world.ours) for n in range(10)]):
        where = post(client, *chargers, verb="clear_cache", send="yes").headers["Location"]
        client.get(where)
        with CaptureQueriesContext(connection) as queries:
            client.get(where)
        counts.append(len(queries))
    assert counts[0] == counts[1]
