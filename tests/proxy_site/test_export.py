import io

import pytest
import yaml
from django.core.management import call_command

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.credentials import hash_password
from chargers.models import Charger
from proxy_site.configuration.applying import apply
from proxy_site.configuration.exporting import export
from routing.models import Card, DefaultRoute, PermissionPreset, Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything():
    """A row of every kind, each with every key that can be exported."""
    organisation = Organisation.objects.create(
        name="Säulen: & Söhne", keep_frames_days=30, keep_exchanges_days=40, keep_transactions_days=50
    )
    preset = PermissionPreset.objects.create(
        organisation=organisation, name="null", role="control", permissions={"Reset:Hard": "deny"}
    )
    PermissionPreset.objects.create(
        organisation=Organisation.objects.create(name="B"), name="null", role="energy"
    )
    Card.objects.create(organisation=organisation, id_tag="0123", label="- null", group="G", blocked=True)
    backoffice = Backoffice.objects.create(
        name="energy", organisation=organisation, url="wss://e/{identity}", username="0123",
        password=b"topsecret", ocpp_versions=["1.6", "2.1"], catch_up=7, enabled=False,
    )  # fmt: skip
    billing = Backoffice.objects.create(name="billing", url="ws://b/")
    charger = Charger.objects.create(
        identity="007", organisation=organisation, label="- yes: #no", enabled=False,
        password_hashes=hash_password("007", "topsecret"),
        options={"pinned": "1.6", "ping": 1.5, "pin_interval": None},
    )  # fmt: skip
    Charger.objects.create(identity="yes")
    Route.objects.create(
        charger=charger, backoffice=backoffice, role="control", alias="null", enabled=False, preset=preset,
        permissions={"Reset": "deny"}, options={"foreign_tx": "alias"},
    )  # fmt: skip
    Route.objects.create(charger=charger, backoffice=billing, role="billing")
    DefaultRoute.objects.create(backoffice=billing, role="billing", permissions={"Reset": "deny"})


def test_apply_takes_it_without_a_change(everything):
    assert apply("export", export()) == []
    assert apply("export", export(), prune=True) == []


def test_it_makes_the_same_elsewhere(everything):
    text = export()
    for model in (DefaultRoute, Route, PermissionPreset, Card, Charger, Backoffice, Organisation):
        model.objects.all().delete()
    apply("export", text)
    without_secrets = "\n".join(line for line in text.splitlines() if "password" not in line)
    assert "\n".join(line for line in export().splitlines() if "password" not in line) == without_secrets


def test_the_usual_number_of_slots_is_left_out(everything):
    backoffices = {entry["name"]: entry for entry in yaml.safe_load(export())["backoffices"]}
    assert backoffices["energy"]["catch_up"] == 7
    assert "catch_up" not in backoffices["billing"]


def test_it_holds_no_secret(everything):
    text = export()
    assert "topsecret" not in text
    assert "v1:" not in text
    assert not any(stored in text for charger in Charger.objects.all() for stored in charger.password_hashes)
    assert text.count("# password: one is set") == 2
    assert "password" not in yaml.safe_load(text)["backoffices"][1]


def test_the_command_prints_it(everything):
    out = io.StringIO()
    call_command("export", stdout=out)
    assert out.getvalue() == export()


def test_nothing_configured_is_still_yaml():
    assert yaml.safe_load(export()) is None


def test_queries_do_not_grow_with_rows(everything, django_assert_num_queries):
    Charger.objects.bulk_create(Charger(identity=f"CP-{n}") for n in range(50))
    with django_assert_num_queries(9):
        export()
