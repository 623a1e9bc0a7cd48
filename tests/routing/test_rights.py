"""What a route may do, as its rows say."""

import logging

import pytest

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import loading, rights
from routing.core.snapshot import OCPP_VERSIONS, Role, RouteSnapshot, Verdict
from routing.models import PermissionPreset, Route
from routing.rights_form import CATEGORIES

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


# -- what may be chosen ---------------------------------------------------------------------------------

BASE = RouteSnapshot(
    key=1,
    backoffice="energy",
    role=Role.CONTROL,
    alias="",
    preset={"ClearCache": Verdict.GUARD},
    preset_name="Night (Ours)",
)


def choices(chosen, versions=("1.6",)):
    found = rights.sheet(chosen, BASE, versions)
    lines = [line for section in found.sections for line in section.lines]
    return {choice.key: choice for line in lines for choice in (line.choice, *line.parts)}, found


INHERITED = [
    ({}, "Reset", "deny", "preset control: Reset is deny"),
    ({"Reset": "allow"}, "Reset", "deny", "preset control: Reset is deny"),
    ({"Reset": "allow"}, "Reset:Hard", "allow", "permission of route energy: Reset is allow"),
    ({"Reset": "allow", "Reset:Hard": "deny"}, "Reset:Hard", "allow",
     "permission of route energy: Reset is allow"),
    ({}, "ClearCache", "guard", "preset Night (Ours): ClearCache is guard"),
    ({"ChangeConfiguration:Meter*": "allow"}, "ChangeConfiguration:Meter*", "guard",
     "preset control: ChangeConfiguration is guard"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "key", "inherited", "rule"), INHERITED, ids=[f"{row[1]} {row[0]}" for row in INHERITED]
)
def test_a_choice_says_what_holds_without_it(chosen, key, inherited, rule):
    choice = choices(chosen)[0][key]
    assert (choice.inherited, choice.rule) == (inherited, rule)
    assert choice.chosen == chosen.get(key, "")


def test_verdicts_are_offered_where_they_mean_something():
    found, _ = choices({})
    assert found["Reset"].offers == ("allow", "deny")
    assert found["ClearChargingProfile"].offers == ("allow", "own", "deny")
    assert found["SetChargingProfile"].offers == ("allow", "guard", "deny")


def test_parts_with_known_values_are_all_there_and_others_can_be_added():
    _, found = choices({"UnlockConnector:2": "allow"})
    lines = {line.action: line for section in found.sections for line in section.lines}
    assert [part.label for part in lines["Reset"].parts] == ["Hard", "Soft"]
    assert not lines["Reset"].takes_any
    assert [part.label for part in lines["UnlockConnector"].parts] == ["2"]
    assert lines["UnlockConnector"].takes_any
    assert (lines["ClearCache"].parts, lines["ClearCache"].what) == ([], "")
    control = next(section for section in found.sections if section.category == "control")
    assert control.chosen == 1


def test_what_is_stored_and_does_not_fit_is_not_lost():
    _, found = choices({"SetVariables:A.B": "allow", "Rest": "deny", "Reset": "perhaps"})
    assert found.strays == [("SetVariables:A.B", "allow"), ("Rest", "deny")]
    assert choices({"Reset": "perhaps"})[0]["Reset"].chosen == "perhaps"


def test_every_category_has_words():
    assert {row.category for row in rights.commands(OCPP_VERSIONS).values()} == set(CATEGORIES)


def test_parts_of_all_versions_are_offered_where_the_version_is_not_known():
    found, _ = choices({}, OCPP_VERSIONS)
    assert {"Reset:Hard", "Reset:Soft", "Reset:Immediate", "Reset:OnIdle"} <= set(found)
