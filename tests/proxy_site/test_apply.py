"""``manage.py apply``: the database becomes what the file says."""

import io
from datetime import UTC, datetime
from textwrap import dedent
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.credentials import matches
from chargers.models import Charger
from routing import loading
from routing.models import Alarm, ConfigChange, DefaultRoute, GuardOverride, Route

pytestmark = pytest.mark.django_db

EXAMPLE = """\
organisations:
  - name: Example Installers
backoffices:
  - name: billing
    url: ws://127.0.0.1:9101/ocpp/{identity}     # {identity} is percent-encoded
    username: null
    password: null
  - name: energy
    url: ws://127.0.0.1:9102/ocpp/{identity}
default_routes:
  - {backoffice: billing, role: billing}
  - {backoffice: energy, role: control}
chargers:
  - identity: CP-1
    organisation: Example Installers
    password: null
    options: {offline_grace: 5}
    routes:
      - backoffice: billing
        role: billing
      - backoffice: energy
        role: control
        identity: CP-1-EMS
        permissions: {Reset: deny, RemoteStopTransaction: own}
        options: {foreign_tx: alias}
"""


@pytest.fixture
def apply(tmp_path):
    """Apply YAML, returns the lines that were printed."""

    def apply(text, *arguments):
        file = tmp_path / "apply.yaml"
        file.write_text(dedent(text))
        out = io.StringIO()
        call_command("apply", str(file), *arguments, stdout=out)
        return out.getvalue().splitlines()

    return apply


@pytest.fixture
def example(apply):
    apply(EXAMPLE)


def test_the_example_of_the_documentation(apply):
    assert apply(EXAMPLE) == [
        "create organisation Example Installers",
        "create backoffice billing",
        "create backoffice energy",
        "create charger CP-1",
        "create route CP-1 to energy (control)",
        "create route CP-1 to billing (billing)",
        "create default route to energy (control)",
        "create default route to billing (billing)",
        "8 changes",
    ]
    charger = Charger.objects.get()
    assert (charger.identity, str(charger.organisation), charger.options) == (
        "CP-1",
        "Example Installers",
        {"offline_grace": 5},
    )
    assert charger.password_hashes == []
    route = charger.routes.get(role="control")
    assert (route.alias, route.options) == ("CP-1-EMS", {"foreign_tx": "alias"})
    assert route.permissions == {"Reset": "deny", "RemoteStopTransaction": "own"}
    assert Backoffice.objects.get(name="billing").username is None
    assert DefaultRoute.objects.count() == 2


def test_a_second_run_changes_and_records_nothing(apply, example):
    before = ConfigChange.objects.count()
    assert apply(EXAMPLE) == ["no changes"]
    assert apply(EXAMPLE, "--prune") == ["no changes"]
    assert ConfigChange.objects.count() == before


def test_what_others_have_decided_meanwhile_stays(apply, example):
    """A password that a backoffice has set, an override of the guard, an alarm: no file names them."""
    route = Route.objects.get(role="billing")
    loading.set_password(route.pk, b"set by the backoffice")
    now = datetime.now(UTC)
    override = GuardOverride.objects.create(route=route, until=now, reason="why", by="somebody")
    alarm = Alarm.objects.create(charger=route.charger, kind="possible migration", text="gone", raised=now)
    assert apply(EXAMPLE) == ["no changes"]
    assert apply(EXAMPLE, "--prune") == ["no changes"]
    apply(EXAMPLE.replace("offline_grace: 5", "offline_grace: 6"))
    assert bytes(Route.objects.get(pk=route.pk).password or b"") == b"set by the backoffice"
    assert GuardOverride.objects.get() == override
    assert Alarm.objects.get() == alarm


def test_a_dry_run_says_everything_and_writes_nothing(apply):
    lines = apply(EXAMPLE, "--dry-run")
    assert lines[0] == "would create organisation Example Installers"
    assert lines[-1] == "8 changes, none written (dry run)"
    assert not Organisation.objects.exists()
    assert not ConfigChange.objects.exists()


def test_what_differs_is_said_in_words_and_recorded(apply, example):
    start = ConfigChange.objects.latest("id").id
    changed = EXAMPLE.replace("9102", "9999").replace("offline_grace: 5", "offline_grace: 7")
    changed = changed.replace("role: control\n        identity: CP-1-EMS", "role: observe")
    assert apply(changed) == [
        "change backoffice energy: url from ws://127.0.0.1:9102/ocpp/{identity} "
        "to ws://127.0.0.1:9999/ocpp/{identity}",
        'change charger CP-1: options from {"offline_grace":5} to {"offline_grace":7}',
        "change route CP-1 to energy: role from control to observe, identity from CP-1-EMS to none",
        "3 changes",
    ]
    keys = ConfigChange.objects.filter(id__gt=start).values_list("charger_id", flat=True)
    assert set(keys) == {Charger.objects.get().pk}


def test_how_many_waiting_messages_go_at_once_is_a_key_of_a_backoffice(apply, example):
    url = "url: ws://127.0.0.1:9102/ocpp/{identity}"
    changed = EXAMPLE.replace(url, f"{url}\n    catch_up: 5")
    start = ConfigChange.objects.latest("id").id
    told = "change backoffice energy: catch_up from 20 to 5"
    assert apply(changed, "--dry-run") == [f"would {told}", "1 change, none written (dry run)"]
    assert Backoffice.objects.get(name="energy").catch_up == 20
    assert apply(changed) == [told, "1 change"]
    assert Backoffice.objects.get(name="energy").catch_up == 5
    keys = ConfigChange.objects.filter(id__gt=start).values_list("charger_id", flat=True)
    assert set(keys) == {Charger.objects.get().pk}
    assert apply(EXAMPLE)[0] == "change backoffice energy: catch_up from 5 to 20"


def test_what_the_file_leaves_out_of_a_row_has_its_default(apply, example):
    Route.objects.update(enabled=False)
    lines = apply("chargers: [{identity: CP-1, routes: [{backoffice: energy, role: control}]}]")
    assert lines == [
        "change charger CP-1: organisation from Example Installers to none, "
        'options from {"offline_grace":5} to {}',
        'change route CP-1 to energy: permissions from {"Reset":"deny","RemoteStopTransaction":"own"} to {}, '
        'options from {"foreign_tx":"alias"} to {}, identity from CP-1-EMS to none, '
        "enabled from false to true",
        "2 changes",
    ]


def test_without_prune_nothing_is_removed(apply, example):
    apply("organisations: [{name: New}]")
    assert Charger.objects.exists()
    assert Route.objects.count() == 2
    assert DefaultRoute.objects.count() == 2


def test_prune_removes_what_is_not_named(apply, example):
    energy = Route.objects.get(role="control")
    energy.deliveries.create(
        charger=energy.charger,
        seq=1,
        exchange=1,
        at=datetime.now(UTC),
        action="StopTransaction",
        payload="{}",
    )
    lines = apply("backoffices: [{name: energy, url: 'ws://127.0.0.1:9102/ocpp/{identity}'}]", "--prune")
    assert lines == [
        "remove route CP-1 to billing",
        "remove route CP-1 to energy, with undelivered messages: 1",
        "remove default route to billing",
        "remove default route to energy",
        "remove charger CP-1",
        "remove backoffice billing",
        "remove organisation Example Installers",
        "7 changes",
    ]
    assert [b.name for b in Backoffice.objects.all()] == ["energy"]


def test_pruning_all_by_an_empty_file_is_refused(apply, example):
    with pytest.raises(CommandError, match="--prune would remove everything"):
        apply("", "--prune")
    assert apply("") == ["no changes"]


def test_default_routes_are_replaced_where_mentioned(apply, example):
    assert apply("default_routes: [{backoffice: energy, role: billing}]") == [
        "remove default route to billing",
        "change default route to energy: role from control to billing",
        "2 changes",
    ]
    assert apply("default_routes: []") == ["remove default route to energy", "1 change"]


@pytest.mark.parametrize(
    "routes",
    [
        "[{backoffice: energy, role: billing}, {backoffice: billing, role: control}]",
        "[{backoffice: energy, role: billing}, {backoffice: billing, role: billing, enabled: false}]",
    ],
)
def test_billing_changes_hands_in_one_run(apply, example, routes):
    apply(f"chargers: [{{identity: CP-1, routes: {routes}}}]")
    assert Route.objects.get(role="billing", enabled=True).backoffice.name == "energy"


def test_billing_changes_hands_by_pruning(apply, example):
    text = EXAMPLE[: EXAMPLE.index("    routes:")] + "    routes: [{backoffice: energy, role: billing}]\n"
    apply(text, "--prune")
    assert [str(route.backoffice) for route in Route.objects.all()] == ["energy"]


def test_aliases_are_swapped_in_one_run(apply):
    text = """
        backoffices: [{name: energy, url: ws://energy/}]
        chargers:
          - {identity: CP-1, routes: [{backoffice: energy, role: control, identity: %s}]}
          - {identity: CP-2, routes: [{backoffice: energy, role: control, identity: %s}]}
    """
    apply(text % ("a", "b"))
    assert len(apply(text % ("b", "a"))) == 3


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("correct horse battery", b"correct horse battery"),
        ("'with: colon'", b"with: colon"),
        ("0123456789012345", b"0123456789012345"),
        ("hex:00FF10", b"\x00\xff\x10"),
        ("env:CP_PASSWORD", b"from the environment"),
    ],
)
def test_the_password_of_a_charger(apply, monkeypatch, written, sent):
    monkeypatch.setenv("CP_PASSWORD", "from the environment")
    text = f"chargers: [{{identity: CP-1, password: {written}}}]"
    apply(text)
    assert matches("CP-1", sent, Charger.objects.get().password_hashes)
    assert apply(text) == ["no changes"]


@pytest.mark.parametrize(
    ("written", "sent"),
    [("Säule", "Säule".encode()), ("hex:00FF10", b"\x00\xff\x10"), ("env:B_PASSWORD", b"\x00\x01")],
)
def test_the_password_toward_a_backoffice(apply, monkeypatch, written, sent):
    monkeypatch.setenv("B_PASSWORD", "hex:0001")
    text = f"backoffices: [{{name: energy, url: ws://energy/, password: {written}}}]"
    apply(text)
    assert Backoffice.objects.get().password == sent
    assert apply(text) == ["no changes"]


@pytest.fixture
def secrets(apply):
    apply("""
        backoffices: [{name: energy, url: ws://energy/, password: topsecret}]
        chargers: [{identity: CP-1, password: topsecret}]
    """)


def test_a_password_that_is_not_mentioned_stays(apply, secrets):
    text = "backoffices: [{name: energy, url: ws://energy/}]\nchargers: [{identity: CP-1}]"
    assert apply(text) == ["no changes"]
    assert Charger.objects.get().password_hashes
    assert Backoffice.objects.get().password == b"topsecret"


def test_null_removes_a_password_and_another_one_replaces_it(apply, secrets):
    text = """
        backoffices: [{name: energy, url: ws://energy/, password: %s}]
        chargers: [{identity: CP-1, password: %s}]
    """
    assert apply(text % ("other", "other")) == [
        "change backoffice energy: password set",
        "change charger CP-1: password set",
        "2 changes",
    ]
    assert apply(text % ("null", "null"))[0] == "change backoffice energy: password removed"
    assert Charger.objects.get().password_hashes == []
    assert Backoffice.objects.get().password is None


def test_a_password_that_no_key_reads_is_replaced(apply, secrets, settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    text = "backoffices: [{name: energy, url: ws://energy/, password: topsecret}]"
    assert apply("backoffices: [{name: energy, url: ws://energy/}]") == ["no changes"]
    assert apply(text) == ["change backoffice energy: password set", "1 change"]
    assert apply(text) == ["no changes"]


def test_identities_are_taken_as_written(apply):
    apply("chargers: [{identity: 0123}, {identity: 1e5}, {identity: yes}, {identity: Säule 1}]")
    assert {c.identity for c in Charger.objects.all()} == {"0123", "1e5", "yes", "Säule 1"}


def test_anchors_and_merges(apply):
    apply("""
        backoffices: [{name: energy, url: ws://energy/}]
        chargers:
          - &first
            identity: CP-1
            options: {ping: 10}
            routes: [{backoffice: energy, role: control}]
          - {<<: *first, identity: CP-2}
    """)
    assert Charger.objects.get(identity="CP-2").options == {"ping": 10}
    assert Route.objects.count() == 2


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(EXAMPLE.encode())))
    call_command("apply", "-", stdout=io.StringIO())
    assert Charger.objects.exists()


def test_many_chargers_take_few_queries(apply, django_assert_max_num_queries):
    text = "backoffices: [{name: energy, url: ws://energy/}]\nchargers:\n" + "".join(
        f"  - {{identity: CP-{n}, routes: [{{backoffice: energy, role: control}}]}}\n" for n in range(200)
    )
    with django_assert_max_num_queries(60):
        apply(text)
    with django_assert_max_num_queries(12):
        assert apply(text) == ["no changes"]


def test_how_long_an_organisation_keeps_what(apply, example):
    changed = EXAMPLE.replace(
        "- name: Example Installers", "- {name: Example Installers, keep_frames_days: 30}"
    )
    assert apply(changed) == [
        "change organisation Example Installers: keep_frames_days from none to 30",
        "1 change",
    ]
    assert Organisation.objects.get().keep_frames_days == 30
    assert apply(changed) == ["no changes"]
    assert apply(EXAMPLE)[0] == "change organisation Example Installers: keep_frames_days from 30 to none"


@pytest.mark.parametrize("days", ["2", "36501", "true", "forever", "7.5"])
def test_days_that_cannot_be(apply, days):
    with pytest.raises(CommandError, match=r"keep_frames_days: .* expected days from 3 to 36500"):
        apply(f"organisations: [{{name: A, keep_frames_days: {days}}}]")
    assert not Organisation.objects.exists()
