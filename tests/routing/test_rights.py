"""What a route may do, as its rows say."""

import logging

import pytest

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import loading, rights
from routing.core.snapshot import OCPP_VERSIONS, Verdict
from routing.models import PermissionPreset, Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def route():
    organisation = Organisation.objects.create(name="Installers")
    preset = PermissionPreset.objects.create(
        organisation=organisation,
        name="Night",
        role="control",
        permissions={"Reset": "allow", "ClearCache": "no"},
    )
    return Route.objects.create(
        charger=Charger.objects.create(identity="CP-1", organisation=organisation),
        backoffice=Backoffice.objects.create(name="energy", url="ws://energy/"),
        role="control",
        preset=preset,
        permissions={"UnlockConnector:2": "allow"},
    )


def loaded(route):
    found = loading.load_charger(route.charger_id)
    assert found is not None
    return found[0].routes[0]


def test_a_session_gets_the_preset_with_its_name(route):
    snapshot = loaded(route)
    assert snapshot.preset == {"Reset": Verdict.ALLOW, "ClearCache": Verdict.DENY}
    assert snapshot.preset_name == "Night (Installers)"
    assert snapshot.permissions == {"UnlockConnector:2": Verdict.ALLOW}


def test_a_preset_of_another_organisation_has_no_say(route, caplog):
    Charger.objects.update(organisation=Organisation.objects.create(name="New owner"))
    with caplog.at_level(logging.ERROR):
        snapshot = loaded(route)
    assert (snapshot.preset, snapshot.preset_name) == ({}, "")
    assert "route energy of CP-1: preset Night belongs to another organisation" in caplog.text


def test_the_matrix_has_every_action_and_the_parts_that_are_told_apart(route):
    found = {right.action: right for right in rights.matrix(route, OCPP_VERSIONS)}
    assert found["UnlockConnector"].verdict is Verdict.DENY
    assert found["UnlockConnector:2"] == rights.Right(
        "control",
        "UnlockConnector:2",
        Verdict.ALLOW,
        "permission of route energy: UnlockConnector:2 is allow",
    )
    assert found["Reset"].rule == "preset Night (Installers): Reset is allow"
    assert {"ChangeConfiguration", "SetVariables", "SetDERControl"} <= set(found)
    assert "MeterValues" not in found


def test_an_edit_of_a_preset_is_loaded_and_told(route):
    preset = route.preset
    preset.permissions = {"Reset": "deny"}
    preset.save()
    last = loading.last_config_change()
    assert loading.config_changes(last - 1) == (last, [route.charger_id])
    assert loaded(route).preset == {"Reset": Verdict.DENY}
