"""Overrides of the guard, passwords that backoffices have set, and alarms: who may, and what is left."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.acting import Via
from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import loading, overrides
from routing.models import Alarm, ConfigChange, GuardOverride, Route

pytestmark = pytest.mark.django_db


def person(name, organisation, role):
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    return user


@pytest.fixture
def route():
    organisation = Organisation.objects.create(name="Ours")
    charger = Charger.objects.create(identity="CP-1", organisation=organisation)
    backoffice = Backoffice.objects.create(name="billing", url="ws://billing/", password=b"entered")
    return Route.objects.create(charger=charger, backoffice=backoffice, role="billing")


@pytest.fixture
def owner(route):
    return person("owner", route.charger.organisation, "installer")


@pytest.fixture
def reader(route):
    return person("reader", route.charger.organisation, "read_only")


@pytest.fixture
def foreigner():
    return person("foreigner", Organisation.objects.create(name="Theirs"), "installer")


ADD = "admin:routing_guardoverride_add"
LIST = "admin:routing_guardoverride_changelist"


def give(client, user, route, reason="The installer moves it"):
    client.force_login(user)
    return client.post(reverse(ADD), {"route": route.pk, "reason": reason})


def loaded(route):
    """What a session of the route's charger is given."""
    found = loading.load_charger(route.charger_id)
    assert found
    return found


def test_an_owner_gives_an_override_for_an_hour(client, route, owner):
    before = ConfigChange.objects.latest("id").id
    assert give(client, owner, route).status_code == 302
    override = GuardOverride.objects.get()
    assert (override.route, override.by, override.reason) == (route, "owner", "The installer moves it")
    assert timedelta(minutes=59) < override.until - timezone.now() <= overrides.LASTS
    assert [c.charger_id for c in ConfigChange.objects.filter(id__gt=before)] == [route.charger_id]
    assert loaded(route)[0].routes[0].override_until == override.until
    deeds = Deed.objects.filter(via=Via.ADMIN)
    added, did = deeds.get(verb="added"), deeds.get(verb="did")
    assert (added.subject_type, did.subject_type) == ("routing.guardoverride", "routing.route")
    assert did.words.startswith("Override of the guard until ")
    assert (did.subject_id, did.actor_name) == (str(route.pk), "owner")
    page = client.get(reverse("admin:routing_route_change", args=[route.pk])).content.decode()
    assert "given by owner: The installer moves it" in page


@pytest.mark.parametrize("reason", ["", "   "])
def test_it_takes_a_reason(client, route, owner, reason):
    assert give(client, owner, route, reason).status_code == 200
    with pytest.raises(ValidationError):
        overrides.give(route, reason=reason, by=owner)
    assert not GuardOverride.objects.exists()


def test_who_only_reads_gives_none(client, route, reader):
    give(client, reader, route)
    assert not GuardOverride.objects.exists()


def test_who_belongs_to_somebody_else_gives_none(client, route, foreigner):
    response = give(client, foreigner, route)
    assert response.status_code == 200
    assert "route" in response.context["adminform"].form.errors
    assert "CP-1" not in client.get(f"{reverse(ADD)}?route={route.pk}").content.decode()
    assert not GuardOverride.objects.exists()


def test_who_may_not_add_overrides_gives_none(client, route, owner):
    owner.user_permissions.remove(Permission.objects.get(codename="add_guardoverride"))
    Membership.objects.filter(user=owner).update(role="read_only")
    assert give(client, owner, route).status_code == 403


def test_an_override_is_never_edited_or_removed(client, route, owner, admin_client):
    override = overrides.give(route, reason="why", by=owner)
    client.force_login(owner)
    page = reverse("admin:routing_guardoverride_change", args=[override.pk])
    assert client.get(page).status_code == 200
    for post in (page, reverse("admin:routing_guardoverride_delete", args=[override.pk])):
        for somebody in (client, admin_client):
            assert somebody.post(post, {"post": "yes", "until": "2099-01-01"}).status_code == 403
    assert GuardOverride.objects.get().until == override.until


def revoke(client, user, override):
    client.force_login(user)
    return client.post(reverse(LIST), {"action": "revoke", "_selected_action": override.pk}, follow=True)


def test_an_owner_takes_it_back(client, route, owner):
    override = overrides.give(route, reason="why", by=owner)
    before = ConfigChange.objects.latest("id").id
    revoke(client, owner, override)
    assert GuardOverride.objects.get().until <= timezone.now()
    assert ConfigChange.objects.filter(id__gt=before, charger=route.charger_id).exists()
    words = set(Deed.objects.filter(via=Via.ADMIN).values_list("words", flat=True))
    assert words == {"Revoked.", "Override of the guard revoked."}
    assert not overrides.revoke(override)


@pytest.mark.parametrize("who", ["reader", "foreigner"])
def test_nobody_else_takes_it_back(client, route, owner, who, request):
    override = overrides.give(route, reason="why", by=owner)
    revoke(client, request.getfixturevalue(who), override)
    assert GuardOverride.objects.get().until == override.until
    assert not Deed.objects.filter(via=Via.ADMIN).exists()


def test_a_foreign_installer_sees_none_of_it(client, route, owner, foreigner):
    override = overrides.give(route, reason="Zebra", by=owner)
    alarm = Alarm.objects.create(charger=route.charger, kind="zebra", text="Zebra", raised=timezone.now())
    client.force_login(foreigner)
    for name, row in (("guardoverride", override), ("alarm", alarm)):
        response = client.get(reverse(f"admin:routing_{name}_change", args=[row.pk]), follow=True)
        assert response.status_code == 404 or "Zebra" not in response.content.decode()
        assert "Zebra" not in client.get(reverse(f"admin:routing_{name}_changelist")).content.decode()


def test_an_override_that_is_over_lets_nothing_through_any_more(route):
    GuardOverride.objects.create(route=route, until=timezone.now() - timedelta(seconds=1), reason="x", by="x")
    until = loaded(route)[0].routes[0].override_until
    assert until is not None
    assert until < timezone.now()


# -- alarms ---------------------------------------------------------------------------------------------


def test_alarms_that_last_are_shown_in_their_list_and_with_the_charger(client, route, owner):
    now = timezone.now()
    Alarm.objects.create(charger=route.charger, kind="possible migration", text="It is gone", raised=now)
    Alarm.objects.create(charger=route.charger, kind="old", text="Long over", raised=now, cleared=now)
    client.force_login(owner)
    listed = reverse("admin:routing_alarm_changelist")
    for page in (listed, reverse("admin:chargers_charger_tab", args=[route.charger_id, "overview"])):
        text = client.get(page).content.decode()
        assert "It is gone" in text
        assert "Long over" not in text
    assert "Long over" in client.get(listed, {"over": "yes"}).content.decode()


# -- passwords ------------------------------------------------------------------------------------------


def target(route):
    return loaded(route)[1][route.pk]


def test_a_password_that_a_backoffice_sets_is_the_routes_own(route):
    assert (target(route).password, target(route).has_fallback) == (b"entered", False)
    before = ConfigChange.objects.latest("id").id
    loading.set_password(route.pk, b"first")
    assert [c.charger_id for c in ConfigChange.objects.filter(id__gt=before)] == [route.charger_id]
    assert (target(route).password, target(route).fallback_password) == (b"first", b"entered")
    loading.set_password(route.pk, b"second")
    assert (target(route).password, target(route).fallback_password) == (b"second", b"first")
    assert target(route).has_fallback
    assert Backoffice.objects.get().password == b"entered"


def test_the_same_password_again_changes_nothing(route):
    loading.set_password(route.pk, b"first")
    before = ConfigChange.objects.latest("id").id
    loading.set_password(route.pk, b"first")
    assert target(route).fallback_password == b"entered"
    assert ConfigChange.objects.latest("id").id == before


def test_a_backoffice_that_had_no_password(route):
    Backoffice.objects.update(password=None)
    loading.set_password(route.pk, b"first")
    assert (target(route).password, target(route).fallback_password) == (b"first", None)
    assert target(route).has_fallback


def test_a_password_for_a_route_that_is_gone(route):
    loading.set_password(route.pk + 1, b"first")
    assert target(route).password == b"entered"


def test_passwords_are_stored_encrypted(route):
    loading.set_password(route.pk, b"first")
    with connection.cursor() as cursor:
        cursor.execute("SELECT password, previous_password FROM routing_route")
        assert not any("first" in str(value) or "entered" in str(value) for value in cursor.fetchone())


def forget(client, user, route):
    client.force_login(user)
    page = reverse("admin:routing_route_changelist")
    return client.post(page, {"action": "forget_password", "_selected_action": route.pk}, follow=True)


def test_a_person_has_it_forgotten(client, route, owner):
    loading.set_password(route.pk, b"first")
    response = forget(client, owner, route)
    assert "1 of 1 routes had such a password." in response.content.decode()
    assert (target(route).password, target(route).has_fallback) == (b"entered", False)
    assert Route.objects.get().previous_password is None
    words = "Forgot the password that this backoffice has set."
    assert Deed.objects.get(words=words).before == {"password": "set", "previous_password": "set"}
    assert "0 of 1" in forget(client, owner, route).content.decode()


@pytest.mark.parametrize("who", ["reader", "foreigner"])
def test_nobody_else_has_it_forgotten(client, route, who, request):
    loading.set_password(route.pk, b"first")
    forget(client, request.getfixturevalue(who), route)
    assert target(route).password == b"first"


def test_no_page_shows_a_password(client, route, owner):
    loading.set_password(route.pk, b"first-secret")
    client.force_login(owner)
    for page in (
        reverse("admin:routing_route_change", args=[route.pk]),
        reverse("admin:routing_route_changelist"),
        reverse("admin:chargers_charger_change", args=[route.charger_id]),
    ):
        text = client.get(page).content.decode()
        assert "first-secret" not in text
        assert "entered" not in text
    assert (
        "This backoffice has set its own."
        in client.get(reverse("admin:routing_route_change", args=[route.pk])).content.decode()
    )
