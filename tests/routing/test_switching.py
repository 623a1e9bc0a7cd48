"""Switching a route on and off."""

from __future__ import annotations

import pytest

from accounts.deeds import Deed
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import loading
from routing.models import ConfigChange, Route, Transaction
from routing.switching import switch

pytestmark = pytest.mark.django_db


@pytest.fixture
def charger() -> Charger:
    return Charger.objects.create(identity="CP-1")


def route(charger: Charger, name: str, role: str, *, enabled: bool = True) -> Route:
    backoffice = Backoffice.objects.create(name=name, url=f"ws://{name}/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role=role, enabled=enabled)


def test_off_and_on_are_recorded_and_told_to_the_session(charger: Charger) -> None:
    energy = route(charger, "energy", "control")
    before = ConfigChange.objects.count()
    assert switch(energy, enabled=False) == (True, "energy is switched off.", "")
    assert not Route.objects.get().enabled
    assert Deed.objects.latest("id").words == "Switched off."
    assert switch(energy, enabled=True) == (True, "energy is switched on.", "")
    assert Deed.objects.latest("id").words == "Switched on."
    assert ConfigChange.objects.count() > before


def test_a_password_that_the_backoffice_sets_meanwhile_stays(charger: Charger) -> None:
    energy = route(charger, "energy", "control")
    loading.set_password(energy.pk, b"of the backoffice")
    assert switch(energy, enabled=False).done
    assert Route.objects.get().has_password


def test_what_is_so_already_is_no_deed(charger: Charger) -> None:
    energy = route(charger, "energy", "control")
    deeds = Deed.objects.count()
    assert switch(energy, enabled=True).done
    assert Deed.objects.count() == deeds


def test_a_second_billing_route_is_refused_in_words(charger: Charger) -> None:
    route(charger, "one", "billing")
    other = route(charger, "two", "billing", enabled=False)
    refused = switch(other, enabled=True)
    assert not refused.done
    assert "already has an enabled billing route" in refused.words
    assert not other.enabled
    assert not Route.objects.get(pk=other.pk).enabled


@pytest.mark.parametrize(
    ("role", "running", "warned"),
    [("billing", True, True), ("billing", False, False), ("control", True, False)],
    ids=["billing a session", "billing nothing", "not billing"],
)
def test_who_switches_the_billing_route_off_hears_of_running_sessions(
    charger: Charger, role: str, running: bool, warned: bool
) -> None:
    row = route(charger, "cpo", role)
    if running:
        Transaction.objects.create(charger=charger, ocpp_version="1.6", owner=row)
    assert bool(switch(row, enabled=False).warning) is warned
