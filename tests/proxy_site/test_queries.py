"""Each page of the admin takes as many queries for ten rows as for one, also those that nobody thought of.

Ten organisations with a row of every model, which the person sees all, and ten of everything on one charger.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from routing.models import Alarm, Message, Route, RouteState, Transaction
from tests.proxy_site.pages import addresses
from tests.proxy_site.test_admin_access import equipment, everything, world

pytestmark = pytest.mark.django_db

MANY = 10

OF_ONE_ROW = ("/change/", "/delete/", "/history/")
"""Pages of one row list nothing but what hangs on it; a form asks who each of its rows points at."""

EACH_PLACE = ("/overview/", "/overview/now/")
"""These ask for each connector and running session by index (``routing.readings``), of which one charger has
few. That they do not grow with routes is in tests/chargers/test_tabs.py."""


def lists(found: SimpleNamespace) -> list[str]:
    """The addresses of all pages that list something; that of messages without its window of time."""
    every = addresses(found)
    return [everything(Message), *(one for one in every if not one.endswith(OF_ONE_ROW + EACH_PLACE))]


def one_more(found: SimpleNamespace, number: int) -> None:
    """One more of everything that the pages of one charger list."""
    name, charger, now = f"more-{number}", found.charger, timezone.now()
    organisation = charger.organisation
    backoffice = Backoffice.objects.create(name=name, organisation=organisation, url=f"ws://{name}/")
    route = Route.objects.create(charger=charger, backoffice=backoffice, role="observe", alias=name)
    RouteState.objects.create(route=route, state="waiting", since=now, last_error=name)
    charger.connectors.create(connector_id=number, status="Faulted", updated_at=now)
    session = Transaction.objects.create(charger=charger, ocpp_version="1.6", id_tag=name, owner=route)
    session.route_transactions.create(route=route, route_transaction_id=name, state="known")
    Alarm.objects.create(charger=charger, kind=name, text=name, raised=now)
    charger.deliveries.create(route=route, seq=number, exchange=number, at=now, action=name, payload=name)
    join(User.objects.create_user(name), organisation)
    equipment(name, organisation, charger, connector_id=number)


def join(user: User, organisation: Organisation) -> None:
    Membership.objects.create(user=user, organisation=organisation, role="installer")


def queries(client: Client, address: str) -> int:
    """How often a page asks the database."""
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code < 500, address
    return len(asked)


@pytest.mark.parametrize("who", ["superuser", "installer"])
def test_a_page_takes_as_many_queries_for_ten_rows_as_for_one(who: str, client: Client) -> None:
    user = User.objects.create_user(who, is_staff=True, is_superuser=who == "superuser")
    user.user_permissions.set(Permission.objects.all())
    join(user, Organisation.objects.create(name="Empty"))  # who has one organisation need not choose
    found = world("World-1")
    join(user, found.charger.organisation)
    client.force_login(user)
    ContentType.objects.get_for_models(*apps.get_models())  # a cache of the framework
    few = {address: queries(client, address) for address in lists(found)}
    for number in range(2, MANY + 1):
        join(user, world(f"World-{number}").charger.organisation)
        one_more(found, number)
    many = {address: queries(client, address) for address in few}
    assert {address: (few[address], many[address]) for address in few if few[address] != many[address]} == {}
    assert sum(few.values()) > len(few)
