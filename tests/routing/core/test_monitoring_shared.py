"""Monitors that several backoffices hold, and what clears them all."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import route
from tests.routing.core.monitors_charger import (
    CLEAR,
    SET,
    VERSIONS,
    Monitors,
    ask,
    clear,
    entry,
    events,
    make_world,
    monitor,
    seen,
    set_,
)

# -- shared monitors -------------------------------------------------------------------------------------


@VERSIONS
def test_a_monitor_that_two_have_lives_until_the_last_clears_it(version: str) -> None:
    world, charger = make_world(version)
    same = monitor("A") | {"component": {"name": "evse", "evse": {"id": 1}}}
    assert set_(world, "billing", monitor("A")) == [("Accepted", 1)]
    charger.refusal = "Duplicate"
    assert set_(world, "energy", same) == [("Accepted", 1)]
    assert set_(world, "energy", same) == [("Duplicate", None)]
    world.restart()
    world.boot()
    Monitors.__init__(charger, world)
    charger.has = {1: monitor("A")}
    assert clear(world, "billing", 1) == ["Accepted"]
    assert charger.has == {1: monitor("A")}
    assert clear(world, "billing", 1) == ["NotFound"]
    world.call("NotifyEvent", events(entry(1)))
    assert (seen(world, "billing"), seen(world, "energy")) == ([], [[1]])
    assert clear(world, "energy", 1) == ["Accepted"]
    assert charger.has == {}
    assert [r for r in world.database.latest.values() if r.kind == "monitor" and r.payload] == []


@pytest.mark.parametrize(
    "other", [{"value": 11}, {"transaction": True}], ids=["another value", "of transactions only"]
)
def test_a_monitor_with_other_values_cannot_be_shared(other: dict[str, Any]) -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("A"))
    assert set_(world, "energy", monitor("A") | other) == [("Rejected", None)]
    assert clear(world, "energy", 1) == ["NotFound"]
    assert charger.has == {1: monitor("A")}


def test_a_stream_has_one_receiver() -> None:
    world, _ = make_world("2.1")
    streaming = monitor("A", periodicEventStream={"interval": 1})
    assert set_(world, "billing", streaming) == [("Accepted", 1)]
    assert set_(world, "energy", streaming) == [("Rejected", None)]


def test_the_monitor_of_a_backoffice_that_is_no_more_may_be_taken_over() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    world.database.identifiers.clear()  # with its route
    world.restart()
    world.boot()
    world.obey = charger.obey
    assert set_(world, "service", monitor("A", 11)) == [("Duplicate", None)]
    assert set_(world, "service", monitor("A")) == [("Accepted", 1)]
    assert clear(world, "service", 1) == ["Accepted"]
    assert charger.has == {}


def test_what_a_charger_has_of_its_own_stays_a_duplicate() -> None:
    world, charger = make_world()
    charger.has[77] = monitor("A")
    assert set_(world, "energy", monitor("A")) == [("Duplicate", None)]


def test_changing_a_shared_monitor_leaves_it_to_the_others() -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("A"))
    set_(world, "energy", monitor("A"))
    world.forget()
    assert set_(world, "energy", monitor("A", id=1)) == [("Accepted", 1)]
    assert world.commands == []
    assert set_(world, "energy", monitor("A", 50, id=1)) == [("Duplicate", None)]
    assert charger.has == {1: monitor("A")}
    assert set_(world, "energy", monitor("A", severity=2, id=1)) == [("Accepted", 1)]
    assert charger.has == {1: monitor("A"), 2: monitor("A", severity=2)}
    world.call("NotifyEvent", events(entry(1), entry(2)))
    assert (seen(world, "billing"), seen(world, "energy")) == ([[1]], [[1]])
    assert clear(world, "energy", 1) == ["Accepted"]
    assert list(charger.has) == [1]


def test_no_new_holder_of_a_monitor_that_is_about_to_be_cleared() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    world.obey = None
    world["watcher"].call("GetVariables", {"getVariableData": []}, "g")
    world["energy"].call(CLEAR, {"id": [1]}, "c")
    world["billing"].call(SET, {"setMonitoringData": [monitor("A")]}, "s")
    world.obey = charger.obey
    world.frame(f'[3,"{world.commands[-1][1]}",{{}}]')
    assert world["billing"].answers[-1][2]["setMonitoringResult"][0]["status"] == "Rejected"
    assert charger.has == {}


def test_an_id_that_the_charger_gives_anew_is_the_new_ones() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    charger.has.clear()
    charger.ids = itertools.count(1)
    assert set_(world, "billing", monitor("B")) == [("Accepted", 1)]
    assert clear(world, "energy", 1) == ["NotFound"]
    world.call("NotifyEvent", events(entry(1)))
    assert (seen(world, "billing"), seen(world, "energy")) == ([[1]], [])


def test_a_charger_that_accepts_a_second_equal_monitor_under_one_id() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    charger.has.clear()
    charger.ids = itertools.count(1)
    assert set_(world, "billing", monitor("A")) == [("Accepted", 1)]
    assert clear(world, "billing", 1) == ["Accepted"]
    assert list(charger.has) == [1]


# -- base and permissions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "answer", "lives"),
    [
        ("FactoryDefault", "Accepted", False),
        ("HardWiredOnly", "Accepted", False),
        ("All", "Accepted", True),
        ("HardWiredOnly", "Rejected", True),
    ],
)
def test_a_base_that_drops_monitors_closes_their_ids(base: str, answer: str, lives: bool) -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    charger.answer = lambda action, payload: {"status": answer}  # type: ignore[method-assign]  # this charger alone
    ask(world, "billing", "SetMonitoringBase", {"monitoringBase": base})
    world.forget()
    world["energy"].call(CLEAR, {"id": [1]}, "m")
    assert bool(world.commands) is lives


@pytest.mark.parametrize("action", ["SetMonitoringBase", "SetMonitoringLevel"])
@pytest.mark.parametrize("name", ["energy", "service", "watcher"])
def test_base_and_level_are_for_billing(action: str, name: str) -> None:
    world, _ = make_world()
    payload = {"monitoringBase": "All"} if action == "SetMonitoringBase" else {"severity": 9}
    assert ask(world, name, action, payload)["status"] == "Rejected"
    assert world.commands == []


def test_a_permission_to_clear_is_not_one_to_clear_what_others_have() -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("A"))
    world.configure(world.routes[0], route(2, "energy", Role.CONTROL, {CLEAR: Verdict.ALLOW}))
    assert clear(world, "energy", 1) == ["NotFound"]
    assert list(charger.has) == [1]
