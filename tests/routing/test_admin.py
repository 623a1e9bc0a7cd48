import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.deeds import Deed
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import (
    ChargerSession,
    ConfigChange,
    Delivery,
    Message,
    Route,
    RouteState,
    Transaction,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def charger():
    return Charger.objects.create(identity="CP-1")


@pytest.fixture
def route(charger):
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role="control")


def list_of(model):
    return reverse(f"admin:routing_{model._meta.model_name}_changelist")


def switch(client, action, *routes):
    keys = [route.pk for route in routes]
    response = client.post(list_of(Route), {"action": action, "_selected_action": keys}, follow=True)
    return [str(message) for message in response.context["messages"]]


def test_routes_are_switched_from_the_list_and_that_is_recorded(admin_client, route, charger):
    start = ConfigChange.objects.latest("id").id
    assert switch(admin_client, "switch_off", route) == ["1 of 1 routes switched off."]
    assert not Route.objects.get().enabled
    assert [c.charger_id for c in ConfigChange.objects.filter(id__gt=start)] == [charger.pk]
    deed = Deed.objects.get(verb="changed")
    assert (deed.words, deed.before, deed.after) == ("Switched off.", {"enabled": True}, {"enabled": False})
    assert switch(admin_client, "switch_on", route) == ["1 of 1 routes switched on."]


def test_a_route_that_is_on_already_is_left_alone(admin_client, route):
    start = ConfigChange.objects.latest("id").id
    assert switch(admin_client, "switch_on", route) == ["0 of 1 routes switched on."]
    assert ConfigChange.objects.latest("id").id == start


def test_a_second_billing_route_is_not_switched_on(admin_client, charger):
    routes = [
        Route.objects.create(
            charger=charger, role="billing", enabled=enabled,
            backoffice=Backoffice.objects.create(name=name, url="ws://x/"),
        )
        for name, enabled in [("old", True), ("new", False)]
    ]  # fmt: skip
    problem, done = switch(admin_client, "switch_on", *routes)
    assert "CP-1 to new: This charger already has an enabled billing route" in problem
    assert done == "0 of 2 routes switched on."


def test_a_route_is_not_switched_by_a_get(admin_client, route):
    admin_client.get(list_of(Route), {"action": "switch_off", "_selected_action": route.pk})
    assert Route.objects.get().enabled


def test_the_list_says_what_is_wrong_with_a_route(admin_client, route):
    RouteState.objects.create(
        route=route, state="waiting", since=timezone.now(), last_error="connection refused"
    )
    page = admin_client.get(list_of(Route), {"state": "error"}).content.decode()
    assert "away since" in page
    assert "connection refused" in page


@pytest.mark.parametrize("state", ["connected", "down", "error", "waiting"])
def test_each_state_can_be_filtered_by(admin_client, route, state):
    response = admin_client.get(list_of(Route), {"state": state})
    assert (route in response.context["cl"].result_list) is (state == "down")
    RouteState.objects.create(route=route, state="closed", since=timezone.now(), waiting=1)
    response = admin_client.get(list_of(Route), {"state": state})
    assert (route in response.context["cl"].result_list) is (state in ("down", "waiting"))


def test_a_route_is_wrong_where_it_should_be_up_and_is_not(admin_client, charger, route):
    ChargerSession.objects.create(charger=charger, online=True, connected_at=timezone.now())
    state = RouteState.objects.create(route=route, state="waiting", since=timezone.now())
    shown = []
    for said in ("waiting", "connected", "waiting"):
        RouteState.objects.filter(pk=state.pk).update(state=said)
        found = admin_client.get(list_of(Route), {"state": "wrong"}).context["cl"].result_list
        shown.append(route in found)
    assert shown == [True, False, True]
    Charger.objects.update(enabled=False)
    assert route not in admin_client.get(list_of(Route), {"state": "wrong"}).context["cl"].result_list


@pytest.mark.parametrize("model", [Message, Delivery, Transaction])
def test_a_huge_table_is_never_counted(admin_client, charger, model):
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(list_of(model))
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]


def test_cards_are_masked_in_lists(admin_client, charger):
    charger.transactions.create(ocpp_version="1.6", id_tag="04AABBCCDD")
    page = admin_client.get(list_of(Transaction)).content.decode()
    assert "****CCDD" in page
    assert "04AABBCCDD" not in page


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2030-01-02T03:04:05.678Z", "2030-01-02 03:04"),
        ("2030-01-02T03:04:05+02:00", "2030-01-02 01:04"),
        ("yesterday", "yesterday"),
    ],
    ids=["UTC", "with its own zone", "no moment"],
)
def test_a_session_tells_when_in_utc(admin_client, written, shown):
    charger = Charger.objects.create(identity="CP-1")
    Transaction.objects.create(
        charger=charger, ocpp_version="1.6", charger_transaction_id="1", stopped_at=written
    )
    page = admin_client.get(list_of(Transaction)).content.decode()
    assert shown in page
