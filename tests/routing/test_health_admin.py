"""How routes, chargers and backoffices are, on their pages."""

from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.core.alarms import ALARMS
from routing.models import Alarm, ChargerSession, Delivery, Route, RouteState

pytestmark = pytest.mark.django_db

HOUR_AGO = timezone.now() - timedelta(hours=1)
LISTS = ["chargers_charger", "routing_route", "backoffices_backoffice", "routing_alarm"]


def organisation(name):
    """An organisation, its user, and a charger at a shared backoffice for which messages wait."""
    row = Organisation.objects.create(name=name)
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=row, role="installer")
    shared, _ = Backoffice.objects.get_or_create(name="Shared", url="ws://shared/")
    charger = Charger.objects.create(identity=f"CP-{name}", organisation=row)
    route = Route.objects.create(charger=charger, backoffice=shared, role="control")
    state = {"state": "waiting", "since": HOUR_AGO, "last_error": f"{name} refused", "round_trip_ms": 7}
    RouteState.objects.create(route=route, waiting=321, oldest=HOUR_AGO, **state)
    ChargerSession.objects.create(
        charger=charger,
        online=True,
        connected_at=HOUR_AGO,
        ocpp_version="1.6",
        waits_for=f"{name} to wake up",
    )
    Alarm.objects.create(charger=charger, kind="clock differs", text=f"{name} is late", raised=HOUR_AGO)
    Delivery.objects.create(
        charger=charger, route=route, seq=1, exchange=1, at=HOUR_AGO, action="StartTransaction", payload="{}",
        dead=True,
    )  # fmt: skip
    return user, route


@pytest.fixture
def mine():
    return organisation("mine")


@pytest.fixture
def theirs():
    return organisation("theirs")


def page(client, name, *args):
    kind = "change" if args else "changelist"
    return unescape(client.get(reverse(f"admin:{name}_{kind}", args=args)).content.decode())


def test_the_lists_say_it_in_words(admin_client, mine):
    chargers, routes, backoffices, alarms = (page(admin_client, name) for name in LISTS)
    assert "waits for mine to wake up" in chargers
    assert "321 messages wait, the oldest from" in chargers
    assert "clock differs" in chargers
    assert "mine refused" in routes
    assert "1 dead letter" in routes
    assert "0 of 1" in backoffices
    assert "321 messages wait" in backoffices
    assert "mine is late" in alarms
    assert ALARMS["clock differs"].remedy in alarms


def overview_of(route):
    return reverse("admin:backoffices_backoffice_overview", args=[route.backoffice_id])


def test_the_pages_say_it_in_words(admin_client, mine):
    _user, route = mine
    overview = reverse("admin:chargers_charger_tab", args=[route.charger_id, "overview"])
    charger = unescape(admin_client.get(overview).content.decode())
    assert "waits for mine to wake up" in charger
    assert "mine refused; 321 messages wait" in charger
    assert ALARMS["clock differs"].remedy in charger
    assert "321 messages wait" in page(admin_client, "routing_route", route.pk)
    backoffice = unescape(admin_client.get(overview_of(route)).content.decode())
    assert '<p class="p-figure">321</p>' in backoffice
    assert ALARMS["clock differs"].meaning in page(admin_client, "routing_alarm", Alarm.objects.get().pk)


def test_rows_that_are_being_added_have_no_health(admin_client):
    for name in LISTS[:3]:
        assert admin_client.get(reverse(f"admin:{name}_add")).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_an_installer_sees_only_what_is_about_their_own_chargers(client, mine, theirs, name):
    client.force_login(mine[0])
    listed = page(client, name)
    assert "theirs" not in listed
    assert "642" not in listed


def test_a_shared_backoffice_is_the_sum_of_the_users_own_routes(client, admin_client, mine, theirs):
    user, route = mine
    client.force_login(user)
    mine_alone = client.get(overview_of(route)).content.decode()
    assert '<p class="p-figure">321</p>' in mine_alone
    assert "642" not in mine_alone
    for_all = admin_client.get(overview_of(route)).content.decode()
    assert '<p class="p-figure">642</p>' in for_all
