"""Known operators: the repository's list, and who sees, adds and changes which."""

from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices import catalogue
from backoffices.models import Backoffice, CatalogueEntry, validate_url

pytestmark = pytest.mark.django_db

ADD = reverse("admin:backoffices_backoffice_add")
LIST = reverse("admin:backoffices_catalogueentry_changelist")


@pytest.fixture(autouse=True)
def there(db):
    """The migration has loaded the list; a test elsewhere may have emptied every table since."""
    call_command("load_catalogue", stdout=StringIO())


@pytest.fixture
def ours():
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def theirs():
    return CatalogueEntry.objects.create(
        name="Zebra", organisation=Organisation.objects.create(name="Theirs"), url_template="wss://zebra/"
    )


def login(client, role, organisation):
    user = User.objects.create_user(role, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    client.force_login(user)
    return client


@pytest.fixture
def installer(client, ours):
    return login(client, "installer", ours)


KNOWN = catalogue.known()


@pytest.mark.parametrize("values", KNOWN, ids=lambda values: values["key"])
def test_what_the_repository_lists_is_sound(values):
    entry = CatalogueEntry(**values)
    entry.full_clean(exclude=["key"])
    assert "{identity}" in entry.url_template
    assert entry.ocpp_versions
    for name in ("host", "provider", "account"):
        if f"{{{name}}}" in entry.url_template:
            assert f"{{{name}}}" in entry.notes, "says what to fill in"


def test_the_list_is_short_and_there_from_the_start():
    assert 5 <= len(KNOWN) <= 14
    assert set(CatalogueEntry.objects.values_list("key", flat=True)) == {values["key"] for values in KNOWN}
    assert not CatalogueEntry.objects.exclude(organisation=None).exists()


def test_loading_it_again_leaves_what_people_changed():
    steve = CatalogueEntry.objects.get(key="steve")
    steve.notes = "Ours runs at the office."
    steve.save()
    CatalogueEntry.objects.filter(key="evcc").delete()
    said = StringIO()
    call_command("load_catalogue", stdout=said)
    assert "1 known operators added, 0 changed" in said.getvalue()
    steve.refresh_from_db()
    assert steve.notes == "Ours runs at the office."
    call_command("load_catalogue", "--anew", stdout=said)
    steve.refresh_from_db()
    assert steve.notes != "Ours runs at the office."
    assert Deed.objects.filter(via="command").exists()


@pytest.mark.parametrize("url", ["ws://{host}/x", "wss://x/{account}/{identity}", "ws://x/{}"])
def test_what_is_left_open_is_no_address(url):
    with pytest.raises(ValidationError, match=r"replace \{"):
        validate_url(url)
    validate_url("ws://x/{identity}")


# -- adding a backoffice --------------------------------------------------------------------------------


def test_adding_begins_with_the_choice(installer, theirs):
    content = installer.get(ADD).content.decode()
    assert "SteVe" in content
    assert "catalogue=other" in content
    assert "Zebra" not in content


def test_the_choice_speaks_the_language_of_who_chooses(installer):
    answer = installer.get(reverse("admin:backoffices_backoffice_add"), HTTP_ACCEPT_LANGUAGE="de")
    assert "hinzufügen" in answer.context["title"]


def test_a_choice_fills_in_the_form(installer, ours):
    entry = CatalogueEntry.objects.get(key="steve")
    response = installer.get(f"{ADD}?catalogue={entry.pk}")
    form = response.context["adminform"].form
    assert form["url"].value() == entry.url_template
    assert form["ocpp_versions"].value() == ["1.6"]
    assert form["organisation"].value() == ours.pk
    assert entry.notes in response.context["entry"].notes


@pytest.mark.parametrize("key", ["other", "0", "x", "²", "99999999999999999999"])
def test_without_an_entry_the_form_is_empty(key, installer):
    response = installer.get(ADD, {"catalogue": key})
    assert not response.context["adminform"].form["url"].value()


def test_a_foreign_entry_fills_in_nothing(installer, theirs):
    response = installer.get(f"{ADD}?catalogue={theirs.pk}")
    assert "zebra" not in response.content.decode().lower()


def test_a_popup_stays_one(admin_client):
    assert "_popup=1&amp;catalogue=" in admin_client.get(f"{ADD}?_popup=1").content.decode()


def test_what_is_left_open_is_not_saved(installer, ours):
    form = {"name": "SteVe", "url": "ws://{host}:8180/x", "organisation": ours.pk, "catch_up": 20}
    response = installer.post(f"{ADD}?catalogue=1", form)
    assert "replace {host}" in response.content.decode()
    assert not Backoffice.objects.exists()
    assert installer.post(ADD, form | {"url": "wss://steve.example/x"}).status_code == 302


def test_who_only_reads_adds_nothing(client, ours):
    login(client, "read_only", ours)
    assert client.get(ADD).status_code == 403


# -- entries --------------------------------------------------------------------------------------------


def entry_form(**fields):
    return {"name": "CSMS", "url_template": "wss://{host}/", "login": "none"} | fields


def test_an_organisation_adds_entries_of_its_own(installer, ours):
    add = reverse("admin:backoffices_catalogueentry_add")
    assert installer.post(add, entry_form()).status_code == 200, "shared ones are for superusers"
    assert installer.post(add, entry_form(organisation=ours.pk)).status_code == 302
    assert CatalogueEntry.objects.get(name="CSMS").organisation == ours


@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_shared_and_foreign_entries_are_not_changed(role, client, ours, theirs):
    login(client, role, ours)
    shared = CatalogueEntry.objects.get(key="steve")
    for entry in (shared, theirs):
        address = reverse("admin:backoffices_catalogueentry_change", args=[entry.pk])
        answer = client.post(address, entry_form(organisation=ours.pk))
        assert answer.status_code in (403, 404)
        delete = reverse("admin:backoffices_catalogueentry_delete", args=[entry.pk])
        assert client.post(delete, {"post": "yes"}).status_code in (403, 404)
    assert CatalogueEntry.objects.filter(pk__in=[shared.pk, theirs.pk], name="CSMS").count() == 0
    assert "Zebra" not in client.get(LIST).content.decode()


def test_an_entry_may_not_hold_credentials(admin_client):
    add = reverse("admin:backoffices_catalogueentry_add")
    answer = admin_client.post(add, entry_form(url_template="ws://user:pw@x/"))
    assert "contains credentials" in answer.content.decode()
