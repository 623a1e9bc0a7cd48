"""Reading and changing settings, and holding them against a preset."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chargers.models import Charger
from routing.models import Command, ConfigurationKey, SettingsPreset
from tests.chargers.commands.conftest import World

pytestmark = pytest.mark.django_db


def address(charger: Charger, what: str = "") -> str:
    return f"/admin/chargers/charger/{charger.pk}/configuration/{what}"


def post(client: Client, charger: Charger, name: str, **values: Any) -> Any:
    return client.post(address(charger, f"do/{name}/"), values)


@pytest.fixture
def preset(world: World) -> SettingsPreset:
    for name, value, readonly in (("HeartbeatInterval", "60", False), ("NumberOfConnectors", "2", True)):
        ConfigurationKey.objects.create(
            charger=world.charger, variable=name, value=value, readonly=readonly, seen_at=timezone.now()
        )
    values = {"heartbeatinterval": "300", "NumberOfConnectors": "1", "MeterValueSampleInterval": "30"}
    return SettingsPreset.objects.create(organisation=world.ours, name="Ours", values=values)


def test_the_button_reads_the_configuration(world: World, member: Any) -> None:
    client = member()
    assert "Read configuration" in client.get(address(world.charger)).content.decode()
    answer = post(client, world.charger, "read")
    command = Command.objects.get()
    assert (command.action, command.payload) == ("GetConfiguration", {})
    assert answer.headers["Location"].endswith(f"/commands/#command-{command.uuid}")


def test_a_setting_is_changed(world: World, member: Any) -> None:
    post(member(), world.charger, "write", key="HeartbeatInterval", value="120")
    assert Command.objects.get().payload == {"key": "HeartbeatInterval", "value": "120"}


def test_what_would_take_the_charger_away_is_not_for_an_installer(world: World, member: Any) -> None:
    client = member()
    answer = post(client, world.charger, "write", key="AuthorizationKey", value="0123456789abcdef")
    assert not Command.objects.exists()
    assert "your role does not" in unescape(client.get(answer.headers["Location"]).content.decode())


def test_a_charger_is_held_against_a_preset(world: World, member: Any, preset: SettingsPreset) -> None:
    client = member()
    answer = client.get(address(world.charger), {"preset": preset.pk})
    found = [(one.key, one.wanted, one.found, one.read_only) for one in answer.context["differences"]]
    assert found == [
        ("heartbeatinterval", "300", "60", False),
        ("NumberOfConnectors", "1", "2", True),
        ("MeterValueSampleInterval", "30", None, False),
    ]
    post(client, world.charger, "fix", preset=preset.pk)
    first, second = Command.objects.order_by("pk")
    assert (first.payload["key"], second.payload["key"]) == ("heartbeatinterval", "MeterValueSampleInterval")
    assert second.after == first
    assert first.group == second.group


def test_a_preset_of_others_is_not_there(world: World, member: Any) -> None:
    other = SettingsPreset.objects.create(organisation=world.theirs, name="Zebra", values={"A": "1"})
    client = member()
    answer = client.get(address(world.charger), {"preset": other.pk})
    assert answer.context["preset"] is None
    assert "Zebra" not in answer.content.decode()
    assert post(client, world.charger, "fix", preset=other.pk).status_code == 404
    assert post(client, world.charger, "fix", preset="").status_code == 404


@pytest.mark.parametrize("name", ["read", "write", "fix"])
def test_who_may_not_asks_nothing(world: World, member: Any, preset: SettingsPreset, name: str) -> None:
    values = {"preset": preset.pk, "key": "A", "value": "1"}
    assert post(member(), world.foreign, name, **values).status_code == 404
    reader = member("read_only")
    assert "/do/" not in reader.get(address(world.charger), {"preset": preset.pk}).content.decode()
    assert post(reader, world.charger, name, **values).status_code == 403
    assert not Command.objects.exists()
