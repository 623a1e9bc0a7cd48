"""Handing the billing of a charger over: one step, recorded, and sessions that run stay where they are."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from msgspec.structs import replace

from accounts.deeds import Deed
from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import billing, loading
from routing.core.snapshot import Role
from routing.models import ConfigChange, PermissionPreset, Route, RouteState, Transaction
from tests.routing.core.harness import BILLING, ENERGY, World, start, stop

OLD_BECOMES = pytest.mark.parametrize("becomes", billing.BECOMES)


def add_route(charger, name, role, **values):
    backoffice = Backoffice.objects.create(name=name, url=f"ws://{name}/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role=role, **values)


@pytest.fixture
def routes(db):
    charger = Charger.objects.create(identity="CP-1", organisation=Organisation.objects.create(name="Ours"))
    old, new = add_route(charger, "old", "billing"), add_route(charger, "new", "control")
    RouteState.objects.create(route=new, state="connected", since="2026-01-01T00:00Z")
    return old, new


def now(*routes):
    found = [Route.objects.get(pk=route.pk) for route in routes]
    return [(route.role, route.enabled) for route in found]


@OLD_BECOMES
def test_billing_changes_hands_in_one_step(routes, becomes):
    old, new = routes
    start_of = loading.last_config_change()
    done = billing.hand_over(new, becomes)
    kept = ("billing", False) if becomes == "off" else (becomes, True)
    assert now(old, new) == [kept, ("billing", True)]
    assert len(done.words) == 2
    assert set(loading.config_changes(start_of)[1]) == {old.charger_id}
    loaded = loading.load_charger(old.charger_id)
    assert loaded is not None
    assert [one.backoffice for one in loaded[0].routes if one.role is Role.BILLING] == ["new"]


def test_it_is_recorded_for_both(routes):
    billing.hand_over(routes[1], "observe")
    of_new, of_old = Deed.objects.order_by("-id")[:2]
    assert of_old.words == "Billing handed over to new: old stays connected, as Observe only."
    assert (of_old.before, of_old.after) == ({"role": "billing"}, {"role": "observe"})
    assert of_new.words == "Billing handed over from old."


def test_one_that_is_off_is_switched_on(routes):
    Route.objects.filter(pk=routes[1].pk).update(enabled=False)
    done = billing.hand_over(Route.objects.get(pk=routes[1].pk), "off")
    assert now(*routes) == [("billing", False), ("billing", True)]
    assert "switched on" in done.words[1]


def test_a_billing_route_that_was_off_keeps_its_preset(routes):
    old, new = routes
    billing.hand_over(new, "off")
    preset = PermissionPreset.objects.create(
        organisation=old.charger.organisation, name="Strict", role="billing", permissions={"Reset": "deny"}
    )
    Route.objects.filter(pk=old.pk).update(preset=preset)
    billing.hand_over(Route.objects.get(pk=old.pk), "control")
    assert Route.objects.get(pk=old.pk).preset == preset
    assert now(*routes) == [("billing", True), ("control", True)]


def test_presets_of_another_role_are_dropped_and_that_is_told(routes):
    old, new = routes
    preset = PermissionPreset.objects.create(
        organisation=old.charger.organisation, name="Night", role="control", permissions={"Reset": "allow"}
    )
    Route.objects.filter(pk=new.pk).update(preset=preset)
    done = billing.hand_over(Route.objects.get(pk=new.pk), "control")
    assert done.words[2] == "new no longer uses preset Night, which is for another role."
    changed = Route.objects.get(pk=new.pk)
    assert changed.preset is None
    changed.full_clean()


def test_the_first_billing_route_takes_nothing_from_anybody(routes):
    old, new = routes
    old.delete()
    done = billing.hand_over(new, "control")
    assert done.old is None
    assert now(new) == [("billing", True)]


REFUSED = [
    ("same", "bills for CP-1 already"),
    ("off", "switched off as a whole"),
    ("word", "is not what"),
    ("theirs", "belongs to another organisation than CP-1; choose one of its own"),
]


@pytest.mark.parametrize(("case", "words"), REFUSED, ids=[case for case, _ in REFUSED])
def test_it_is_refused_in_words_and_nothing_changes(routes, case, words):
    old, new = routes
    if case == "off":
        Backoffice.objects.filter(name="new").update(enabled=False)
    if case == "theirs":  # its charger came from there
        Backoffice.objects.filter(name="new").update(organisation=Organisation.objects.create(name="Theirs"))
        Route.objects.filter(pk=new.pk).update(enabled=False)
        new = Route.objects.get(pk=new.pk)
    before = ConfigChange.objects.count(), now(old, new)
    becomes: Any = "gone" if case == "word" else "control"
    with pytest.raises(ValidationError, match=words):
        billing.hand_over(old if case == "same" else new, becomes)
    assert (ConfigChange.objects.count(), now(old, new)) == before


@pytest.mark.parametrize(
    ("becomes", "words"),
    [
        ("control", "1 running session(s) stay with old until they end"),
        ("observe", "1 running session(s) stay with old until they end"),
        ("off", "switched off it does not hear how they end"),
    ],
)
def test_a_running_session_is_warned_of(routes, becomes, words):
    old, new = routes
    assert billing.foresee(new, becomes).warnings == ()
    Transaction.objects.create(charger=old.charger, ocpp_version="1.6", owner=old)
    (warning,) = billing.foresee(new, becomes).warnings
    assert words in warning
    assert now(old, new) == [("billing", True), ("control", True)]


def test_other_things_worth_knowing_are_told(routes):
    new = routes[1]
    RouteState.objects.all().delete()
    Route.objects.filter(pk=new.pk).update(permissions={"Reset": "deny"})
    changed, away = billing.foresee(Route.objects.get(pk=new.pk), "control").warnings
    assert "changed by hand (1 permissions)" in changed
    assert "is not connected now" in away


def test_at_no_moment_are_there_two_in_either_database(database):
    charger = Charger.objects.create(identity="CP-1")
    old, new = add_route(charger, "old", "billing"), add_route(charger, "new", "control")
    for old_route, new_route in [(old, new), (new, old)]:
        billing.hand_over(Route.objects.get(pk=new_route.pk), "control")
        assert now(old_route, new_route) == [("control", True), ("billing", True)]


@pytest.mark.parametrize("becomes", [Role.CONTROL, Role.OBSERVE])
def test_a_session_that_runs_keeps_its_owner(becomes):
    """Through the core: the old one is asked for the end, the new one for the next session."""
    world = World(BILLING, ENERGY)
    world.boot()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.configure(replace(BILLING, role=becomes), replace(ENERGY, role=Role.BILLING))
    assert [row.owner for row in world.database.transactions.values()] == [BILLING.key]
    world.call("StopTransaction", stop(number))
    assert world["billing"].of("StopTransaction")
    world.call("StartTransaction", start(connector=2))
    assert [row.owner for row in world.database.transactions.values()] == [BILLING.key, ENERGY.key]
