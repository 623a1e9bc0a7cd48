"""Every way to change something leaves its deeds: each page of the admin, files, commands, tasks.

A new model that can be edited in the admin fails the first test until it is among FORMS.
"""

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from accounts.acting import Via, current
from accounts.deeds import Deed
from accounts.models import ApiToken, Location, Membership, Organisation, User
from backoffices.models import Backoffice, CatalogueEntry
from chargers.models import Charger
from proxy_site.celery import ActingTask, app
from proxy_site.command_line import by_whom
from proxy_site.start import create_admin
from routing import loading
from routing.models import (
    Card,
    DefaultRoute,
    FirmwareFile,
    GuardOverride,
    PermissionPreset,
    Route,
    SettingsPreset,
    Webhook,
)

pytestmark = pytest.mark.django_db

CARD = "DEADBEEF0001"
SECRET = "zebra-secret-0123456789"
HEX = SECRET.encode().hex()


def no_rows(*names: str) -> dict[str, Any]:
    return {f"{name}-{kind}_FORMS": "0" for name in names for kind in ("TOTAL", "INITIAL")}


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.PROXY_DATA_DIR = tmp_path


@pytest.fixture
def there():
    organisation = Organisation.objects.create(name="Ours")
    charger = Charger.objects.create(identity="CP-1", organisation=organisation)
    other = Charger.objects.create(identity="CP-2", organisation=organisation)
    backoffice = Backoffice.objects.create(name="energy", url="wss://energy/", organisation=organisation)
    route = Route.objects.create(charger=charger, backoffice=backoffice, role="energy")
    user = User.objects.create_user("anna", password=SECRET)
    Deed.objects.all().drop()
    return SimpleNamespace(
        organisation=organisation.pk, charger=charger.pk, other=other.pk, backoffice=backoffice.pk,
        route=route.pk, user=user.pk,
    )  # fmt: skip


def user_form(**values):
    return no_rows("memberships") | values


RULES = {"permissions": "{}", "options": "{}"}

FORMS: dict[type, tuple[Any, dict[str, Any], set[str], set[str]]] = {
    Charger: (
        lambda there: no_rows("routes") | {"identity": "new", "options": "{}", "enabled": "on"},
        {"label": "Gate", "new_password": SECRET},
        {"identity", "enabled", "adopted"},
        {"label", "password_hashes"},
    ),
    Backoffice: (
        lambda there: {
            "name": "new", "url": "wss://new/", "enabled": "on", "catch_up": 20
        },
        {"catch_up": 3, "new_password": SECRET},
        {"name", "url", "enabled", "catch_up"},
        {"catch_up", "password"},
    ),
    CatalogueEntry: (
        lambda there: {"name": "new", "url_template": "wss://{host}/", "login": "user"},
        {"login": "none", "notes": "Ask them."},
        {"name", "url_template", "login"},
        {"login", "notes"},
    ),
    Route: (
        lambda there: RULES | {
            "charger": there.other, "backoffice": there.backoffice, "role": "energy", "enabled": "on"
        },
        {"options": '{"ping": 60}', "new_password": SECRET},
        {"charger", "backoffice", "role", "enabled"},
        {"options", "password"},
    ),
    DefaultRoute: (
        lambda there: RULES | {"backoffice": there.backoffice, "role": "energy"},
        {"role": "observe"},
        {"backoffice", "role"},
        {"role"},
    ),
    PermissionPreset: (
        lambda there: {
            "organisation": there.organisation, "name": "new", "role": "energy", "permissions": "{}"
        },
        {"permissions": '{"Reset": "deny"}'},
        {"organisation", "name", "role"},
        {"permissions"},
    ),
    SettingsPreset: (
        lambda there: {"organisation": there.organisation, "name": "new", "values": "A = 1"},
        {"values": "A = 2"},
        {"organisation", "name", "values"},
        {"values"},
    ),
    FirmwareFile: (
        lambda there: {
            "organisation": there.organisation, "file": SimpleUploadedFile("fw.bin", b"firmware"),
        },
        {"version": "2.0"},
        {"organisation", "name", "size", "sha256"},
        {"version"},
    ),
    Card: (
        lambda there: {"organisation": there.organisation, "id_tag": CARD},
        {"label": "Fleet 1"},
        {"organisation", "id_tag", "blocked"},
        {"label"},
    ),
    Organisation: (
        lambda there: no_rows("memberships") | {"name": "New"},
        {"name": "Newer"},
        {"name"},
        {"name"},
    ),
    Location: (
        lambda there: {"organisation": there.organisation, "name": "Yard"},
        {"address": "Main Street 1"},
        {"organisation", "name"},
        {"address"},
    ),
    Membership: (
        lambda there: {
            "user": there.user, "organisation": there.organisation, "role": "installer", "sees_cards": "on"
        },
        {"role": "operator", "sees_cards": ""},
        {"user", "organisation", "role", "sees_cards"},
        {"role", "sees_cards"},
    ),
    User: (
        lambda there: user_form(username="new", usable_password="true", password1=SECRET, password2=SECRET),
        {"email": "new@example.org", "date_joined_0": "2030-01-01", "date_joined_1": "00:00:00"},
        {"username", "password", "is_active", "is_staff", "is_superuser", "date_joined"},
        {"email", "date_joined", "is_active"},
    ),
    Group: (lambda there: {"name": "new"}, {"name": "newer"}, {"name"}, {"name"}),
}  # fmt: skip
"""Of each model a form, what is changed in it then, and the fields of both deeds."""

each_form = pytest.mark.parametrize("model", FORMS, ids=lambda model: model.__name__)


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def deeds(model):
    return list(
        Deed.objects.filter(subject_type=model._meta.label_lower).exclude(verb="logged_in").order_by("id")
    )


def posted(client, url, form):
    response = client.post(url, form)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return response


def test_every_page_that_changes_something_is_tried_here():
    request: Any = SimpleNamespace(user=User(is_superuser=True))
    editable = {model for model, page in admin.site._registry.items() if page.has_add_permission(request)}
    # Overrides: tests/routing/test_overrides.py. What is answered with a secret: their own tests.
    assert editable - {ApiToken} == {*FORMS, GuardOverride, Webhook}


@each_form
def test_each_page_leaves_a_deed_of_each_change(model, admin_client, admin_user, there):
    form, changes, added, changed = FORMS[model]
    before = {row.pk for row in model.objects.all()}
    Deed.objects.all().drop()
    posted(admin_client, address(model, "add"), form(there))
    (row,) = model.objects.exclude(pk__in=before)
    posted(admin_client, address(model, "change", row.pk), form(there) | changes)
    posted(admin_client, address(model, "change", row.pk), form(there) | changes | {"new_password": ""})
    posted(admin_client, address(model, "delete", row.pk), {"post": "yes"})
    one, two, three = deeds(model)
    assert [deed.verb for deed in (one, two, three)] == ["added", "changed", "deleted"]
    assert (one.before, set(one.after)) == ({}, added)
    assert set(two.before) == set(two.after) == changed
    assert set(three.before) >= added - {"is_active"}
    assert three.after == {}
    for deed in (one, two, three):
        assert (deed.actor, deed.via, deed.address) == (admin_user, "admin", "127.0.0.1")
        assert deed.subject_id == str(row.pk)
    assert len({deed.correlation_id for deed in (one, two, three)}) == 3
    assert Deed.objects.exclude(verb="logged_in").count() == 3
    text = str(list(Deed.objects.values()))
    assert not [secret for secret in (SECRET, HEX, CARD) if secret in text]


@each_form
def test_rows_deleted_from_the_list_leave_a_deed_each(model, admin_client, there):
    form = FORMS[model][0]
    before = {row.pk for row in model.objects.all()}
    posted(admin_client, address(model, "add"), form(there))
    (row,) = model.objects.exclude(pk__in=before)
    Deed.objects.all().drop()
    chosen = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    assert admin_client.post(address(model, "changelist"), chosen).status_code == 302
    assert [(deed.verb, deed.subject_id) for deed in deeds(model)] == [("deleted", str(row.pk))]


def test_rows_edited_within_another_page_leave_theirs(admin_client, there):
    form = FORMS[Charger][0](there) | {"identity": "CP-1", "organisation": there.organisation}
    form |= {"routes-TOTAL_FORMS": "1", "routes-INITIAL_FORMS": "1", "routes-0-id": there.route}
    form |= {
        "routes-0-charger": there.charger,
        "routes-0-backoffice": there.backoffice,
        "routes-0-role": "observe",
    }
    posted(admin_client, address(Charger, "change", there.charger), form)
    (deed,) = deeds(Route)
    assert (deed.before, deed.after) == (
        {"role": "energy", "enabled": True},
        {"role": "observe", "enabled": False},
    )
    assert not deeds(Charger)


def test_somebody_elses_password(admin_client, there):
    url = reverse("admin:auth_user_password_change", args=[there.user])
    new = {"usable_password": "true", "password1": f"{SECRET}-2", "password2": f"{SECRET}-2"}
    assert admin_client.post(url, new).status_code == 302
    (deed,) = deeds(User)
    assert (deed.before, deed.after) == ({"password": "set"}, {"password": "changed"})
    assert deed.words == "Changed password of user anna."


FILE = f"""
organisations: [{{name: Fleet}}]
backoffices: [{{name: billing, url: "wss://billing/", organisation: Fleet, password: {SECRET}}}]
default_routes: [{{backoffice: billing, role: observe}}]
cards: [{{id_tag: {CARD}, organisation: Fleet}}]
chargers:
  - identity: F-1
    organisation: Fleet
    password: {SECRET}
    routes: [{{backoffice: billing, role: billing}}]
"""


def test_a_file_leaves_one_deed_for_each_row_once(tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_text(FILE)
    call_command("apply", str(file), stdout=StringIO())
    made = list(Deed.objects.order_by("id"))
    assert {deed.subject_type for deed in made} == {
        "accounts.organisation", "backoffices.backoffice", "chargers.charger",
        "routing.route", "routing.defaultroute", "routing.card",
    }  # fmt: skip
    assert len(made) == 6
    assert {(deed.verb, deed.via, deed.correlation_id) for deed in made} == {
        ("added", "apply", made[0].correlation_id)
    }
    assert all(deed.actor_name.endswith(f" ({file})") and deed.actor is None for deed in made)
    call_command("apply", str(file), stdout=StringIO())
    assert Deed.objects.count() == 6
    file.write_text(FILE.replace("role: billing", "role: control"))
    call_command("apply", str(file), "--dry-run", stdout=StringIO())
    assert Deed.objects.count() == 6
    call_command("apply", str(file), stdout=StringIO())
    deed = Deed.objects.latest("id")
    assert (deed.before, deed.after) == ({"role": "billing"}, {"role": "control"})
    assert deed.correlation_id != made[0].correlation_id
    call_command("apply", str(file), "--prune", stdout=StringIO())
    assert Deed.objects.count() == 7
    text = str(list(Deed.objects.values()))
    assert not [secret for secret in (SECRET, HEX, CARD) if secret in text]


def test_what_a_file_removes(tmp_path, there):
    file = tmp_path / "fleet.yaml"
    file.write_text("organisations: [{name: Ours}]\n")
    call_command("apply", str(file), "--prune", stdout=StringIO())
    assert sorted(deed.subject_name for deed in Deed.objects.filter(verb="deleted", via="apply")) == [
        "CP-1", "CP-1 to energy", "CP-2", "energy",
    ]  # fmt: skip


def test_no_secret_stands_in_the_table(admin_client, there):
    """Every field that holds one is written, in every way there is."""
    backoffice = Backoffice.objects.get(pk=there.backoffice)
    charger, route = Charger.objects.get(pk=there.charger), Route.objects.get(pk=there.route)
    backoffice.password = SECRET.encode()
    backoffice.url = f"wss://energy/?token={SECRET}"
    backoffice.save()
    charger.options = {"free_id_tag": CARD, "password": SECRET, "deep": [{"api_key": SECRET}]}
    charger.password_hashes = [f"text:{SECRET}"]
    charger.save()
    route.options, route.password = {"foreign_tag": CARD}, SECRET.encode()
    route.save()
    loading.set_password(route.pk, f"{SECRET}-2".encode())
    Card.objects.create(organisation_id=there.organisation, id_tag=CARD, group=CARD)
    Card.objects.update(label="x")
    User.objects.filter(pk=there.user).update(password=f"md5${SECRET}")
    admin_client.post("/admin/login/", {"username": SECRET, "password": SECRET})
    sealed = Backoffice.objects.get(pk=backoffice.pk).__dict__["password"].stored
    Charger.objects.all().delete()
    Backoffice.objects.all().delete()
    User.objects.all().delete()
    text = str(list(Deed.objects.values()))
    assert Deed.objects.count() > 12
    assert not [one for one in (SECRET, HEX, CARD, sealed) if one in text]
    assert text.count("changed") > 5


def test_the_first_user_is_the_systems_deed(settings):
    settings.PROXY_ADMIN_PASSWORD = SECRET
    create_admin()
    deed = Deed.objects.get()
    assert (deed.via, deed.subject_name) == ("command", "admin")
    assert deed.actor_name.endswith(" (first start)")


@pytest.mark.parametrize("command", ["createsuperuser", "changepassword", "shell"])
def test_a_command_acts_in_the_name_of_who_runs_it(command):
    with by_whom(["manage.py", command]):
        Organisation.objects.create(name="New")
    deed = Deed.objects.get()
    assert deed.via == "command"
    assert deed.actor_name.endswith(f" ({command})")


@pytest.mark.parametrize("command", ["runproxy", "demo"])
def test_in_what_serves_others_act(command):
    with by_whom(["manage.py", command]):
        assert current().via == Via.PROXY


def test_a_task_acts_in_its_own_name():
    @app.task(name="tests.renames")
    def renames(name):
        Organisation.objects.create(name=name)

    try:
        renames("New")
    finally:
        app.tasks.unregister("tests.renames")
    deed = Deed.objects.get()
    assert (deed.via, deed.actor_name) == ("task", "tests.renames")


def test_every_task_of_ours_does():
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    assert ours
    assert all(isinstance(task, ActingTask) for task in ours)
