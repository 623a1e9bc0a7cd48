"""The list of deeds, their pages, and the history of rows."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.acting import Via, acting
from accounts.deeds import Deed, did
from accounts.models import Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Route

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_deed_changelist")


class World:
    def __init__(self, name):
        self.organisation = Organisation.objects.create(name=f"{name} GmbH")
        self.charger = Charger.objects.create(identity=f"{name}-1", organisation=self.organisation)
        self.backoffice = Backoffice.objects.create(
            name=f"{name} energy", url=f"wss://{name.lower()}/", organisation=self.organisation
        )
        self.route = Route.objects.create(charger=self.charger, backoffice=self.backoffice, role="energy")
        with acting(via=Via.APPLY, actor_name=f"{name}-boss", address=f"{name}-address", correlation_id=name):
            Charger.objects.update_or_create(pk=self.charger.pk, defaults={"label": f"{name} gate"})

    def member(self, role="installer"):
        user = User.objects.create_user(f"{self.organisation.name} {role}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__startswith="view"))
        user.user_permissions.add(Permission.objects.get(codename="change_charger"))
        self.organisation.memberships.create(user=user, role=role)
        return user


@pytest.fixture
def ours():
    return World("Ours")


@pytest.fixture(autouse=True)
def theirs():
    return World("Zebra")


@pytest.fixture
def installer(client, ours):
    client.force_login(ours.member())
    return client


@pytest.fixture
def reader(client, ours):
    client.force_login(ours.member("read_only"))
    return client


def listed(client, query=""):
    return [deed.words for deed in client.get(f"{LIST}?{query}").context["cl"].result_list]


def page(deed):
    return reverse("admin:accounts_deed_change", args=[deed.pk])


def history(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_history", args=[row.pk])


def test_the_newest_is_first_and_each_shows_what_was_and_is(installer, ours):
    newest = next(words for words in listed(installer) if "membership" not in words)
    assert newest == "Changed label of charger Ours-1."
    text = installer.get(page(Deed.objects.get(correlation_id="Ours"))).content.decode()
    for shown in ("Ours-boss", "manage.py apply", "Ours-address", "<td>label</td>", "<td>Ours gate</td>"):
        assert shown in text


def test_nobody_adds_changes_or_deletes_one(admin_client):
    deed = Deed.objects.latest("id")
    assert admin_client.get(reverse("admin:accounts_deed_add")).status_code == 403
    assert admin_client.post(page(deed), {"words": "x"}).status_code == 403
    assert admin_client.post(reverse("admin:accounts_deed_delete", args=[deed.pk])).status_code == 403
    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": deed.pk, "post": "yes"})
    assert Deed.objects.get(pk=deed.pk).words == deed.words


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=Ours-1", True),
        ("q=Ours", True),
        ("q=Ours-boss", True),
        ("q=Our", False),
        ("q=Zebra-1", False),
        ("q=Zebra", False),
        ("q=Zebra-boss", False),
        ("since=hour", True),
        ("via__exact=apply", True),
        ("via__exact=api", False),
        ("verb__exact=changed", True),
        ("verb__exact=deleted", False),
        ("actor_name=Ours-boss", True),
        ("actor_name=Zebra-boss", False),
    ],
)
def test_it_is_narrowed_by_whole_names_within_what_is_ones_own(query, found, installer):
    response = installer.get(f"{LIST}?{query}")
    words = [deed.words for deed in response.context["cl"].result_list]
    assert ("Changed label of charger Ours-1." in words) is found
    assert not any("Zebra" in word for word in words)


def test_a_foreign_installer_sees_none_of_it_anywhere(installer, ours, theirs):
    Charger.objects.filter(pk=ours.charger.pk).update(label="one more")
    text = installer.get(LIST).content.decode()
    assert "Zebra" not in text
    assert "Ours-boss" in text
    for deed in Deed.objects.filter(correlation_id="Zebra"):
        assert installer.get(page(deed)).status_code == 404
    for row in (theirs.charger, theirs.route, theirs.backoffice):
        assert installer.get(history(row)).status_code == 404
    assert installer.get(f"{LIST}?before__label=Zebra").status_code == 400


def test_a_charger_that_comes_from_somebody_else_brings_no_history(installer, admin_client, ours, theirs):
    theirs.charger.organisation = ours.organisation
    theirs.charger.identity = "Ours-2"
    theirs.charger.save()
    text = installer.get(history(theirs.charger)).content.decode()
    assert "here from another organisation" in text
    assert "Zebra" not in text


def test_accounts_are_for_superusers(installer, admin_client, ours):
    did(None, "Did something to the whole installation.")
    assert not any("user" in words or "installation" in words for words in listed(installer))
    assert any("Added user" in words for words in listed(admin_client))


def test_who_only_reads_sees_who_did_what_but_no_values(reader, ours):
    deed = Deed.objects.get(correlation_id="Ours")
    for address in (page(deed), history(ours.charger)):
        text = reader.get(address).content.decode()
        assert "Changed label of charger Ours-1." in text
        assert "Ours gate" not in text
        assert "Ours-address" not in text


def test_the_history_of_a_charger_has_its_routes_too(installer, ours):
    ours.route.delete()
    text = installer.get(history(ours.charger)).content.decode()
    for words in (
        "Changed label of charger Ours-1.",
        "Added route Ours-1",
        "Deleted route Ours-1 to Ours energy.",
    ):
        assert words in text
    assert '→</span> <span class="p-hidden">After</span> Ours gate</li>' in text


def test_the_history_of_an_organisation_has_what_it_owns(admin_client, ours):
    text = admin_client.get(history(ours.organisation)).content.decode()
    for words in ("Added organisation Ours GmbH.", "Added charger Ours-1.", "Added backoffice Ours energy."):
        assert words in text
    assert "Zebra" not in text


def test_histories_of_routes_backoffices_and_users(admin_client, ours, admin_user):
    for row, words in (
        (ours.route, "Added route Ours-1 to Ours energy."),
        (ours.backoffice, "Added backoffice Ours energy."),
        (admin_user, "Logged in."),
    ):
        assert words in admin_client.get(history(row)).content.decode()


def test_what_is_gone_has_no_history_but_stands_in_the_list(installer, ours):
    gone = history(ours.charger)
    ours.charger.delete()
    assert installer.get(gone).status_code == 404
    assert "Deleted charger Ours-1." in listed(installer, "q=Ours-1")


def test_pages_take_as_many_queries_for_many_deeds_as_for_few(
    admin_client, ours, django_assert_max_num_queries
):
    for number in range(130):
        did(ours.charger, f"Looked {number}.")
    for address in (LIST, history(ours.charger)):
        admin_client.get(address)
        with django_assert_max_num_queries(12):
            assert "Looked 129." in admin_client.get(address).content.decode()
    assert "Looked 29." in admin_client.get(history(ours.charger) + "?p=2").content.decode()


def test_a_deed_and_its_filters_are_in_the_readers_language(installer, ours):
    found = installer.get(page(Deed.objects.get(correlation_id="Ours")), HTTP_ACCEPT_LANGUAGE="nl")
    assert '<th scope="col">Veld</th>' in found.content.decode()
    assert "Laatste 30 dagen" in installer.get(LIST, HTTP_ACCEPT_LANGUAGE="nl").content.decode()
