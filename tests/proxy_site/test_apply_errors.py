"""What ``manage.py apply`` says about a file that can't be applied: file, line, path, and a remedy."""

import io
from textwrap import dedent

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Route

pytestmark = pytest.mark.django_db

BACKOFFICES = "backoffices: [{name: billing, url: ws://b/}, {name: energy, url: ws://e/}]\n"


@pytest.fixture
def errors(tmp_path, monkeypatch):
    """Apply YAML that is refused, returns the lines of the error without the first."""
    monkeypatch.chdir(tmp_path)

    def errors(text):
        (tmp_path / "apply.yaml").write_text(dedent(text))
        with pytest.raises(CommandError) as error:
            call_command("apply", "apply.yaml", stdout=io.StringIO())
        first, *lines = str(error.value).splitlines()
        plural = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
        assert first == f"{plural} in apply.yaml, nothing was changed"
        return lines

    return errors


def test_the_example_of_the_documentation(errors):
    text = (
        BACKOFFICES
        + """\
chargers:
  - identity: CP-1
    routes:
      - backoffice: billing
        role: billing
      - backoffice: energy
        role: billling
"""
    )
    assert errors(text) == [
        'apply.yaml:8: chargers[0].routes[1].role: "billling" is not a role '
        "(billing, control, energy, service, observe)"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("charger: []", '1: charger: "charger" is not a key here; did you mean "chargers"?'),
        (
            "chargers:\n- identity: CP-1\n  pasword: null",
            '3: chargers[0].pasword: "pasword" is not a key here; did you mean "password"?',
        ),
        (
            "organisations:\n- name: A\n  colour: red",
            '3: organisations[0].colour: "colour" is not a key here; expected one of name, keep_frames_days, '
            "keep_exchanges_days, keep_transactions_days, keep_actions_days",
        ),
        ("chargers:\n- label: x", "2: chargers[0]: identity is missing"),
        ("backoffices:\n- name: x", "2: backoffices[0]: url is missing"),
        ("chargers: {identity: CP-1}", "1: chargers: this is not a list; start each entry with a dash"),
        ("chargers: CP-1", '1: chargers: "CP-1" is not a list; start each entry with a dash'),
        ("chargers: [CP-1]", '1: chargers[0]: "CP-1" is not a mapping; expected keys with values'),
        ("- CP-1", "1: this is not a mapping; expected keys with values"),
        ("chargers: [{identity: [x]}]", "1: chargers[0].identity: this is not text"),
        ("chargers: [{identity: null}]", "1: chargers[0].identity: this field cannot be blank."),
        (
            "chargers: [{identity: CP-1, enabled: maybe}]",
            '1: chargers[0].enabled: "maybe" is neither true nor false',
        ),
        (
            "chargers:\n- identity: CP-1\n- identity: CP-1",
            '3: chargers[1]: "CP-1" stands here twice, first in line 2',
        ),
        (
            "chargers:\n- identity: CP-1\n  identity: CP-2",
            "3: chargers[0].identity: stands here twice; keep one of them",
        ),
        (
            "chargers:\n- identity: CP-1\n  options:\n    ping: 1\n    offline_grase: 5",
            '5: chargers[0].options.offline_grase: "offline_grase" is not an option; '
            'did you mean "offline_grace"?',
        ),
        (
            "chargers:\n- identity: CP-1\n  options:\n    pinned: 1.6",
            '4: chargers[0].options.pinned: 1.6 does not fit; expected one of "1.6", "2.0.1", "2.1" or null',
        ),
        (
            "chargers:\n- identity: CP-1\n  options: !!python/object:os.system {}",
            "3: chargers[0].options: this is no value that YAML knows (could not determine a constructor for "
            "the tag 'tag:yaml.org,2002:python/object:os.system')",
        ),
        (
            "chargers:\n- identity: CP-1\n  organisation: Exmaple",
            '3: chargers[0].organisation: there is no organisation "Exmaple"; did you mean "Example"?',
        ),
        (
            "chargers:\n- identity: CP-1\n  organisation: Other",
            '3: chargers[0].organisation: there is no organisation "Other"; add it under organisations',
        ),
        (
            "default_routes:\n- {backoffice: nobody, role: control}",
            '2: default_routes[0].backoffice: there is no backoffice "nobody"; add it under backoffices',
        ),
        (
            "backoffices: [{name: x, url: 'http://x/'}]",
            '1: backoffices[0].url: "http://x/" is not a WebSocket address; '
            "expected ws:// or wss:// and a host",
        ),
        (
            "backoffices: [{name: x, url: ws://x/, ocpp_versions: [1.5]}]",
            '1: backoffices[0].ocpp_versions[0]: "1.5" is not an OCPP version (1.6, 2.0.1, 2.1)',
        ),
        *(
            (
                f"backoffices:\n- name: x\n  url: ws://x/\n  catch_up: {given}",
                f"4: backoffices[0].catch_up: {told} is not a whole number from 1 to 32767; "
                "leave the key out for 20",
            )
            for given, told in [
                ("many", '"many"'),
                ("'5'", '"5"'),
                ("0", "0"),
                ("-3", "-3"),
                ("2.5", "2.5"),
                ("32768", "32768"),
                ("true", "true"),
                ("null", "null"),
                ("[5]", "[5]"),
            ]
        ),
        (
            "chargers: [{identity: CP-1, password: ''}]",
            "1: chargers[0].password: the password is empty; write null for none",
        ),
        (
            "chargers: [{identity: CP-1, password: 'hex:xyz'}]",
            "1: chargers[0].password: what follows hex: is not hexadecimal; expected pairs of 0-9 and a-f",
        ),
        (
            "chargers: [{identity: CP-1, password: 'env:NOT_SET'}]",
            '1: chargers[0].password: the environment variable "NOT_SET" is not set or empty',
        ),
        (
            "chargers:\n- {identity: CP-1",
            "2: this is not YAML: expected ',' or '}', but got '<stream end>' at column 18",
        ),
        ("a: b: c", "1: this is not YAML: mapping values are not allowed here at column 5"),
    ],
)
def test_each_fault_names_line_path_and_remedy(errors, text, expected):
    Organisation.objects.create(name="Example")
    (line,) = errors(text)
    assert line == f"apply.yaml:{expected}"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("{backoffice: energy}", "chargers[0].routes[0]: role is missing"),
        ("{role: control}", "chargers[0].routes[0]: backoffice is missing"),
        (
            "{backoffice: energi, role: control}",
            'chargers[0].routes[0].backoffice: there is no backoffice "energi"; did you mean "energy"?',
        ),
        (
            "{backoffice: energy, role: control, permissions: {Rest: deny}}",
            'chargers[0].routes[0].permissions.Rest: "Rest" is not an action of OCPP 1.6, 2.0.1, 2.1; '
            'did you mean "Reset"?',
        ),
        (
            "{backoffice: energy, role: control, permissions: {Reset: denyy}}",
            'chargers[0].routes[0].permissions.Reset: "denyy" is not a verdict (allow, deny, own, guard)',
        ),
        (
            "{backoffice: energy, role: control, permissions: {Reset: deny, Reset: allow}}",
            "chargers[0].routes[0].permissions.Reset: stands here twice; keep one of them",
        ),
        (
            "{backoffice: energy, role: control}, {backoffice: energy, role: observe}",
            'chargers[0].routes[1]: "energy" stands here twice, first in line 2',
        ),
        (
            "{backoffice: energy, role: billing}, {backoffice: billing, role: billing}",
            "chargers[0].routes[1].role: there is a billing route already, to energy; only one can be",
        ),
    ],
)
def test_routes(errors, route, expected):
    assert errors(BACKOFFICES + f"chargers: [{{identity: CP-1, routes: [{route}]}}]") == [
        f"apply.yaml:2: {expected}"
    ]


def test_all_faults_are_named_at_once_in_order_and_nothing_is_written(errors):
    lines = errors("""\
        organisations:
          - name: Fine
        chargers:
          - identity: CP-1
            lable: x
            options: {pong: 1, offline_grace: often}
          - identity: CP-2
            organisation: Nobody
            routes: [{backoffice: nobody, role: boss}]
    """)
    assert [line.split(": ")[:2] for line in lines] == [
        ["apply.yaml:5", "chargers[0].lable"],
        ["apply.yaml:6", "chargers[0].options.offline_grace"],
        ["apply.yaml:6", "chargers[0].options.pong"],
        ["apply.yaml:8", "chargers[1].organisation"],
        ["apply.yaml:9", "chargers[1].routes[0].backoffice"],
        ["apply.yaml:9", "chargers[1].routes[0].role"],
    ]
    assert not Organisation.objects.exists()


@pytest.mark.parametrize(
    "broken",
    ["password: [topsecret]", "password: {a: topsecret}", "pasword: topsecret", "password: 'topsecret"],
)
def test_no_error_repeats_a_password(errors, broken):
    assert "topsecret" not in "\n".join(errors(f"chargers:\n- identity: CP-1\n  {broken}"))


@pytest.fixture
def there():
    """CP-7 is billed by billing and known to energy as CP 1."""
    billing = Backoffice.objects.create(name="billing", url="ws://b/")
    energy = Backoffice.objects.create(name="energy", url="ws://e/")
    charger = Charger.objects.create(identity="CP-7")
    Route.objects.create(charger=charger, backoffice=billing, role="billing")
    Route.objects.create(charger=charger, backoffice=energy, role="control", alias="CP 1")


def test_a_second_billing_route_is_refused_in_words(errors, there):
    assert errors("chargers: [{identity: CP-7, routes: [{backoffice: energy, role: billing}]}]") == [
        "apply.yaml:1: chargers[0].routes[0].role: charger CP-7 has an enabled billing route already, "
        "to billing; name that one with enabled: false or another role, or use --prune"
    ]


@pytest.mark.parametrize(
    ("route", "place"),
    [
        ("{backoffice: energy, role: control, identity: CP 1}", "chargers[0].routes[0].identity"),
        ("{backoffice: billing, role: control, identity: CP-7}", "chargers[0].routes[0].identity"),
    ],
)
def test_an_identity_that_another_charger_uses_is_refused_in_words(errors, there, route, place):
    (line,) = errors(f"chargers: [{{identity: CP-1, routes: [{route}]}}]")
    assert line.startswith(f"apply.yaml:1: {place}: route ")
    assert line.endswith("by CP-7; choose another alias")


def test_two_chargers_of_one_file_with_one_identity_are_refused(errors):
    (line,) = errors(
        BACKOFFICES
        + """\
chargers:
  - {identity: CP-1, routes: [{backoffice: energy, role: control, identity: CP-2}]}
  - {identity: CP-2, routes: [{backoffice: energy, role: control}]}
"""
    )
    assert line == (
        'apply.yaml:4: chargers[1].routes[0]: route energy of CP-2: identity "CP-2" is already used '
        "toward energy by CP-1; choose another alias"
    )


def test_a_name_that_prune_would_remove_is_unknown(there, tmp_path):
    file = tmp_path / "apply.yaml"
    file.write_text("chargers: [{identity: CP-7, routes: [{backoffice: energy, role: control}]}]")
    with pytest.raises(CommandError, match='there is no backoffice "energy"; add it under backoffices'):
        call_command("apply", str(file), "--prune", stdout=io.StringIO())


def test_a_file_that_is_not_there():
    with pytest.raises(CommandError, match=r"nowhere\.yaml can't be read: No such file or directory"):
        call_command("apply", "nowhere.yaml")


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"chargers: \x00", b"[" * 800, b"a: 1\n---\na: 2"],
    ids=lambda content: repr(content[:20]),
)
def test_bytes_that_are_no_yaml_end_in_an_error_of_ours(tmp_path, content):
    file = tmp_path / "apply.yaml"
    file.write_bytes(content)
    with pytest.raises(CommandError, match="1 error in"):
        call_command("apply", str(file))
