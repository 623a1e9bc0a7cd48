"""Presets of permissions in a configuration file."""

import pytest

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from proxy_site.configuration.applying import apply as apply_file
from proxy_site.configuration.document import Refused
from routing.models import ConfigChange, PermissionPreset, Route

pytestmark = pytest.mark.django_db

FILE = """\
organisations: [{name: A}, {name: B}]
presets:
  - {organisation: A, name: Night, role: control, permissions: {"Reset:Hard": allow}}
  - {organisation: B, name: Night, role: energy}
backoffices: [{name: energy, url: ws://e/}]
chargers:
  - identity: CP-1
    organisation: A
    routes:
      - {backoffice: energy, role: control, preset: Night}
"""


def apply(text, **how):
    return apply_file("apply.yaml", text, **how)


def errors(text, **how):
    with pytest.raises(Refused) as refused:
        apply(text, **how)
    return str(refused.value).splitlines()


def test_presets_are_made_and_used():
    assert apply(FILE) == [
        "create organisation A",
        "create organisation B",
        "create preset Night (A) (control)",
        "create preset Night (B) (energy)",
        "create backoffice energy",
        "create charger CP-1",
        "create route CP-1 to energy (control)",
    ]
    route = Route.objects.get()
    assert route.preset == PermissionPreset.objects.get(organisation__name="A")
    assert route.preset.permissions == {"Reset:Hard": "allow"}
    assert apply(FILE) == []


def test_a_change_of_a_preset_is_told_to_the_sessions_that_use_it():
    apply(FILE)
    ConfigChange.objects.all().delete()
    changed = FILE.replace('"Reset:Hard": allow', '"Reset:Hard": deny')
    assert apply(changed) == [
        'change preset Night (A): permissions from {"Reset:Hard":"allow"} to {"Reset:Hard":"deny"}'
    ]
    assert {change.charger_id for change in ConfigChange.objects.all()} == {Charger.objects.get().pk}


def test_a_route_that_the_file_gives_no_preset_has_none():
    apply(FILE)
    assert apply(FILE.replace(", preset: Night", "")) == [
        "change route CP-1 to energy: preset from Night to none"
    ]


def test_a_preset_that_is_there_already_can_be_used():
    apply(FILE)
    without = FILE.replace(FILE[FILE.index("presets") : FILE.index("backoffices")], "")
    assert apply(without) == []
    assert errors(without, prune=True) == [
        'apply.yaml:7: chargers[0].routes[0].preset: there is no preset "Night" of A; add it under presets'
    ]


def test_prune_removes_presets_and_a_dry_run_does_not():
    apply(FILE)
    pruned = FILE.replace(FILE[FILE.index("presets") : FILE.index("backoffices")], "").replace(
        ", preset: Night", ""
    )
    expected = [
        "change route CP-1 to energy: preset from Night to none",
        "remove preset Night (A)",
        "remove preset Night (B)",
    ]
    assert apply(pruned, prune=True, dry_run=True) == expected
    assert PermissionPreset.objects.count() == 2
    assert apply(pruned, prune=True) == expected
    assert not PermissionPreset.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "preset: Night",
            "preset: Nigth",
            '10: chargers[0].routes[0].preset: there is no preset "Nigth" of A; did you mean "Night"?',
        ),
        (
            "role: control, preset",
            "role: energy, preset",
            '10: chargers[0].routes[0].preset: preset "Night" is for routes with role control, '
            "this one has role energy; choose another preset or role",
        ),
        (
            "    organisation: A\n",
            "",
            "9: chargers[0].routes[0].preset: a charger without an organisation has no presets; "
            "name its organisation",
        ),
        (
            "{organisation: B, name: Night, role: energy}",
            "{organisation: A, name: Night, role: energy}",
            '4: presets[1]: "Night (A)" stands here twice, first in line 3',
        ),
        (
            "{organisation: B, name: Night, role: energy}",
            "{organisation: C, name: Night, role: energy}",
            '4: presets[1].organisation: there is no organisation "C"; add it under organisations',
        ),
        (
            "{organisation: B, name: Night, role: energy}",
            "{name: Night, role: energy}",
            "4: presets[1]: organisation is missing",
        ),
        (
            "{organisation: B, name: Night, role: energy}",
            "{organisation: null, name: Night, role: energy}",
            "4: presets[1].organisation: a preset belongs to an organisation; name one",
        ),
        (
            "{organisation: B, name: Night, role: energy}",
            "{organisation: B, name: Night}",
            "4: presets[1]: role is missing",
        ),
        (
            '"Reset:Hard": allow',
            '"Reset:Hrad": allow',
            '3: presets[0].permissions.Reset:Hrad: "Hrad" is not a kind of reset (Hard, Soft, Immediate, '
            'OnIdle, ImmediateAndResume); did you mean "Hard"?',
        ),
    ],
)
def test_each_fault_names_line_path_and_remedy(old, new, expected):
    assert errors(FILE.replace(old, new, 1)) == [f"apply.yaml:{expected}"]
    assert not Organisation.objects.exists()


def test_a_default_route_has_no_preset():
    text = (
        "backoffices: [{name: e, url: ws://e/}]\ndefault_routes: [{backoffice: e, role: control, preset: N}]"
    )
    (line,) = errors(text)
    assert line.startswith('apply.yaml:2: default_routes[0].preset: "preset" is not a key here')


def test_routes_that_the_file_does_not_name_keep_presets_that_are_for_them():
    apply(FILE)
    role = "presets: [{organisation: A, name: Night, role: energy}]"
    assert errors(role) == [
        "apply.yaml:1: presets[0].role: route CP-1 to energy uses this preset and has role control; "
        "name that route with another one"
    ]
    moved = "chargers: [{identity: CP-1, organisation: B}]"
    assert errors(moved) == [
        "apply.yaml:1: chargers[0].organisation: route CP-1 to energy uses the preset Night (A); "
        "name that route without it"
    ]
    assert Backoffice.objects.count() == 1
