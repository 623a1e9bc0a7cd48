"""Whatever changes configuration leaves a ConfigChange row, in the same transaction."""

import pytest
from django.db import IntegrityError, transaction

from backoffices.models import Backoffice
from chargers.models import Charger
from routing import changes
from routing.models import ConfigChange, Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def charger():
    return Charger.objects.create(identity="CP-1")


@pytest.fixture
def other():
    return Charger.objects.create(identity="CP-2")


@pytest.fixture
def backoffice():
    return Backoffice.objects.create(name="energy", url="ws://energy/")


@pytest.fixture
def route(charger, backoffice):
    return Route.objects.create(charger=charger, backoffice=backoffice, role="control")


@pytest.fixture
def recorded(charger, other, backoffice, route):
    """What has been recorded since the rows of the test were there; primary keys, None for all."""
    start = ConfigChange.objects.latest("id")

    def read():
        rows = ConfigChange.objects.filter(id__gt=start.id).order_by("id")
        return list(rows.values_list("charger_id", flat=True))

    return read


def test_creating_a_charger_is_recorded():
    charger = Charger.objects.create(identity="new")
    assert [c.charger_id for c in ConfigChange.objects.all()] == [charger.pk]


@pytest.mark.parametrize(
    "act",
    [
        lambda charger: charger.save(),
        lambda charger: charger.delete(),
        lambda charger: Charger.objects.filter(pk=charger.pk).update(label="x"),
        lambda charger: Charger.objects.filter(pk=charger.pk).delete(),
        lambda charger: charger.routes.get().save(),
        lambda charger: charger.routes.get().delete(),
        lambda charger: charger.routes.update(enabled=False),
        lambda charger: charger.routes.all().delete(),
        lambda charger: Route.objects.bulk_update(_off(charger), ["enabled"]),
        lambda charger: Backoffice.objects.get().save(),
        lambda charger: Backoffice.objects.get().delete(),
        lambda charger: Backoffice.objects.update(url="ws://elsewhere/"),
        lambda charger: Backoffice.objects.all().delete(),
    ],
    ids=[
        *("save", "delete", "update", "delete_rows"),
        *("route_save", "route_delete", "route_update", "route_delete_rows", "route_bulk_update"),
        *("backoffice_save", "backoffice_delete", "backoffice_update", "backoffice_delete_rows"),
    ],
)
def test_each_change_is_recorded_once_for_its_charger_alone(act, charger, recorded):
    key = charger.pk
    act(charger)
    assert recorded() == [key]


def _off(charger: Charger) -> list[Route]:
    routes = list(charger.routes.all())
    for route in routes:
        route.enabled = False
    return routes


def test_an_update_that_hides_its_own_rows_is_recorded(charger, recorded):
    Route.objects.filter(enabled=True).update(enabled=False)
    assert recorded() == [charger.pk]


def test_bulk_created_rows_are_recorded(other, backoffice, charger, recorded):
    Route.objects.bulk_create([Route(charger=other, backoffice=backoffice, role="observe")])
    assert recorded() == [other.pk]


def test_a_route_that_moves_is_recorded_for_both_chargers(route, charger, other, recorded):
    route.charger = other
    route.save()
    assert recorded() == [charger.pk, other.pk]


def test_a_route_that_an_update_moves_is_recorded_for_both_chargers(charger, other, recorded):
    Route.objects.update(charger=other)
    assert recorded() == [charger.pk, other.pk]


def test_a_backoffice_without_routes_concerns_nobody(recorded):
    Backoffice.objects.create(name="new", url="ws://new/")
    assert recorded() == []


def test_very_many_chargers_are_one_row_for_all(recorded, monkeypatch):
    monkeypatch.setattr(changes, "MANY", 1)
    Charger.objects.update(label="x")
    assert recorded() == [None]


def test_a_change_that_fails_is_not_recorded(charger, backoffice, recorded):
    with pytest.raises(IntegrityError), transaction.atomic():
        Route.objects.create(charger=charger, backoffice=backoffice, role="observe")
    assert recorded() == []


def test_a_change_that_is_rolled_back_is_not_recorded(charger, recorded):
    with transaction.atomic():
        charger.save()
        transaction.set_rollback(True)
    assert recorded() == []
