"""Configuration and versions that change under a live session: architecture.md section 5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import (
    BILLING,
    BOOT,
    BOOT_2,
    ENERGY,
    WATCHER,
    World,
    event,
    meter,
    route,
    start,
    stop,
)

SESSION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")


@pytest.fixture
def world() -> World:
    world = World(BILLING, ENERGY, WATCHER)
    world.boot()
    return world


def test_the_same_configuration_changes_nothing(world: World) -> None:
    before = world.sent()
    world.configure(*world.routes)
    world.wait(1)
    assert world.closed_links == []
    assert world.sent() == before


def test_a_route_that_is_switched_off_is_closed_and_nothing_else(world: World) -> None:
    world.configure(BILLING, WATCHER)
    assert world.closed_links == [(2, 1000, "route switched off")]
    assert world["billing"].up
    assert world["watcher"].up
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    assert world.backoffices[2].got == []
    assert world["watcher"].payloads("StatusNotification") != []


def test_a_route_that_is_switched_on_again_is_replayed(world: World) -> None:
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    world.configure(BILLING, WATCHER)
    world.forget()
    world.configure(BILLING, ENERGY, WATCHER)
    assert [a for a, _ in world["energy"].got] == ["BootNotification", "StatusNotification"]
    assert world["billing"].got == world["watcher"].got == []


def test_what_a_route_had_waiting_is_delivered_when_it_is_on_again(world: World) -> None:
    world["energy"].behave = Backoffice.ignore
    world.call("StartTransaction", start())
    world.call("MeterValues", meter(100))
    world.configure(BILLING, WATCHER)
    world.call("StopTransaction", stop(100))
    world.backoffices[2].got.clear()
    world.backoffices[2].behave = Backoffice.answer
    world.configure(BILLING, ENERGY, WATCHER)
    got = [(a, p.get("transactionId")) for a, p in world["energy"].of(*SESSION)]
    assert got == [("StartTransaction", None), ("MeterValues", 900), ("StopTransaction", 900)]
    assert world.database.deliveries == {}


def test_a_route_that_is_switched_off_and_on_while_its_queue_is_read_gets_each_message_once(
    world: World,
) -> None:
    """What was read for the route as it was before is not taken for what it is now."""
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world["energy"].lose()
    for value in range(3):
        world.call("MeterValues", meter(number, value=str(value)))
    world.loads_at_once = False
    for _ in range(2):
        world.configure(BILLING, WATCHER)
        world.configure(BILLING, ENERGY, WATCHER)
        world.read()
    world.call("StopTransaction", stop(number))
    world.forget()
    world.load()
    world.wait(3)
    world.load()
    assert [a for a, _ in world["energy"].of(*SESSION)] == [*["MeterValues"] * 3, "StopTransaction"]


def test_a_session_that_began_while_a_route_was_off_is_told_when_it_is_on(world: World) -> None:
    world.configure(BILLING, WATCHER)
    world.call("StartTransaction", start())
    world.configure(BILLING, ENERGY, WATCHER)
    world.call("StopTransaction", stop(100))
    got = [(a, p.get("transactionId")) for a, p in world["energy"].of(*SESSION)]
    assert got == [("StartTransaction", None), ("StopTransaction", 900)]


@pytest.mark.parametrize("waiting", ["Authorize", "StartTransaction", "BootNotification"])
def test_billing_is_switched_off_while_the_charger_waits_for_it(world: World, waiting: str) -> None:
    world["billing"].behave = Backoffice.ignore
    payload = {"Authorize": {"idTag": "X"}, "StartTransaction": start(), "BootNotification": json.loads(BOOT)}
    assert world.call(waiting, payload[waiting], "m") is None
    world.configure(ENERGY, WATCHER)
    assert world.answer_to("m")[0] == 3


def test_what_a_backoffice_asked_ends_with_its_route(world: World) -> None:
    world.obey = None
    world["billing"].call("GetConfiguration", {}, "b1")
    world["energy"].call("GetConfiguration", {}, "e1")
    world.configure(BILLING, WATCHER)
    world.frame(json.dumps([3, world.commands[0][1], {}]))
    assert len(world.commands) == 1
    assert world["billing"].answers == [[3, "b1", {}]]


def test_billing_moves_to_another_backoffice_in_mid_session(world: World) -> None:
    world.call("StartTransaction", start())
    world.configure(route(1, "billing", Role.CONTROL), route(2, "energy", Role.BILLING), WATCHER)
    assert world.call("Authorize", {"idTag": "X"})[2]["idTagInfo"]["status"] == "Accepted"
    assert world["energy"].payloads("Authorize") == [{"idTag": "X"}]
    assert world["billing"].payloads("Authorize") == []
    assert world.call("StopTransaction", stop(100))[2] == {}
    assert world["billing"].payloads("StopTransaction") == [stop(100)]
    assert world["energy"].payloads("StopTransaction") == [stop(900)]
    # The next session is the new owner's, with its number.
    assert world.call("StartTransaction", start(2))[2]["transactionId"] == 901
    assert world.closed_links == []


@pytest.mark.parametrize("order", ["off first", "on first"])
def test_billing_is_replaced_by_another_backoffice(world: World, order: str) -> None:
    new = route(4, "new", Role.BILLING)
    if order == "off first":
        world.configure(ENERGY)
    else:
        world.configure(route(1, "billing", Role.CONTROL), ENERGY, new)
    world.configure(ENERGY, new)
    assert world.call("StartTransaction", start())[2]["transactionId"] == 40_000
    assert world["energy"].payloads("StartTransaction") == [start()]


@pytest.mark.parametrize(("verdict", "passes"), [(Verdict.ALLOW, True), (Verdict.DENY, False)])
def test_a_permission_acts_on_the_next_call(world: World, verdict: Verdict, passes: bool) -> None:
    world.configure(BILLING, route(2, "energy", Role.CONTROL, {"Reset": verdict}), WATCHER)
    world["energy"].call("Reset", {"type": "Soft"}, "x")
    assert bool(world.commands) is passes
    assert world.closed_links == []


def test_a_route_that_may_see_sessions_now_is_told_of_the_running_one(world: World) -> None:
    world.configure(BILLING, route(2, "energy", Role.CONTROL, foreign_tx="hidden"))
    world.call("StartTransaction", start())
    assert world["energy"].payloads("StartTransaction") == []
    world.configure(BILLING, ENERGY)
    assert world["energy"].payloads("StartTransaction") == [start()]


def test_no_links_while_the_charger_is_away(world: World) -> None:
    world.disconnect()
    world.wait(10)
    world.configure(BILLING, ENERGY, WATCHER, route(4, "new", Role.CONTROL))
    assert world["new"].wanted == ""
    world.connect()
    assert world["new"].wanted == "1.6"


@pytest.mark.parametrize("waits", [True, False])
def test_a_route_is_dialled_elsewhere(world: World, waits: bool) -> None:
    world["billing"].behave = Backoffice.hold if waits else Backoffice.answer
    answer = world.call("StartTransaction", start(), "m")
    assert (answer is None) is waits
    world["billing"].behave = Backoffice.answer
    world["billing"].got.clear()
    world.do(world.machine.redial(1, *world.time))
    assert world.answer_to("m") is not None
    assert world.closed_links == [(1, 1000, "configuration changed")]
    assert [a for a, _ in world["billing"].got] == ["BootNotification", *["StartTransaction"] * waits]


def test_dialling_elsewhere_is_nothing_for_a_route_that_is_not_wanted(world: World) -> None:
    world.disconnect()
    world.wait(10)
    world.closed_links.clear()
    world.do(world.machine.redial(1, *world.time))
    world.do(world.machine.redial(99, *world.time))
    assert world.closed_links == []


# -- another version ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [("1.6", "2.0.1"), ("1.6", "2.1"), ("2.0.1", "1.6"), ("2.1", "1.6")])
@pytest.mark.parametrize("restarted", [True, False])
def test_what_was_said_in_another_version_is_not_replayed(old: str, new: str, restarted: bool) -> None:
    world = World(version=old)
    world.boot()
    world.call(
        "StatusNotification",
        {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        if old == "1.6"
        else {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": "t"},
    )
    world.disconnect()
    world.wait(10)
    if restarted:
        world.restart()
    world.forget()
    world.connect(new)
    world.wait(5)
    assert [b.got for b in world.backoffices.values()] == [[], []]
    assert {b.wanted for b in world.backoffices.values()} == {new}
    world.call("BootNotification", json.loads(BOOT if new == "1.6" else BOOT_2))
    assert len(world["energy"].payloads("BootNotification")) == 1


@pytest.mark.parametrize(("old", "new"), [("1.6", "2.0.1"), ("2.1", "1.6")])
def test_what_waited_in_another_version_becomes_a_dead_letter(old: str, new: str) -> None:
    world = World(version=old)
    world.boot()
    world["energy"].lose()
    if old == "1.6":
        world.call("StartTransaction", start())
        world.call("MeterValues", meter(100))
        world.call("StopTransaction", stop(100))
    else:
        world.call("TransactionEvent", event("Started", 0, card="C"))
    waiting = [d.action for d in world.database.waiting(2)]
    world.connect(new)
    world.call("BootNotification", json.loads(BOOT if new == "1.6" else BOOT_2))
    assert world["energy"].of(*SESSION) == []
    assert [a for r, a in world.database.dead] == waiting
    assert {r.kind for r in world.reports} == {"dead_letter", "alarm"}
    assert "1.6" in world.reports[0].text
    if new == "1.6":
        assert world.call("StartTransaction", start())[2]["transactionId"] == 100
        assert world["energy"].payloads("StartTransaction") == [start()]


@pytest.mark.parametrize(("old", "new"), [("1.6", "2.0.1"), ("2.1", "1.6")])
def test_a_session_that_ran_in_another_version_is_not_told_to_a_new_route(old: str, new: str) -> None:
    world = World(version=old)
    world.boot()
    if old == "1.6":
        world.call("StartTransaction", start())
    else:
        world.call("TransactionEvent", event("Started", 0, card="C"))
    world.connect(new)
    world.configure(BILLING, ENERGY, route(3, "late", Role.CONTROL))
    world.wait(5)
    assert world["late"].of(*SESSION) == []
    assert world.database.dead == []
    if new == "1.6":
        world.call("StopTransaction", stop(-1))
        assert [t.closed for t in world.database.transactions.values()] == [None]


def test_a_reconnect_with_the_same_version_keeps_the_links(world: World) -> None:
    world.connect("1.6")
    world.connect("1.6")
    assert world.closed_links == []


def test_a_backoffice_asks_while_the_charger_changes_its_version(world: World) -> None:
    world.obey = None
    world["billing"].call("GetConfiguration", {}, "b1")
    world["energy"].call("GetConfiguration", {}, "e1")
    world.connect("2.0.1")
    assert world["billing"].answers == [[4, "b1", "GenericError", "charger reconnected", {}]]
    assert [c[2] for c in world.commands] == ["GetConfiguration"]


# -- many chargers' worth of trouble in the configuration --------------------------------------------


@pytest.mark.parametrize("routes", [(), (WATCHER,), (ENERGY, WATCHER)], ids=len)
def test_a_charger_without_billing_goes_through_a_session(routes: tuple[Any, ...]) -> None:
    world = World(*routes or (ENERGY,))
    if not routes:
        world.configure()
    world.boot()
    answer = world.call("StartTransaction", start())[2]
    assert answer == {"transactionId": 1_000_000_000, "idTagInfo": {"status": "Invalid"}}
    assert world.call("MeterValues", meter(1_000_000_000))[2] == {}
    assert world.call("StopTransaction", stop(1_000_000_000))[2] == {}
    for backoffice in world.backoffices.values():
        numbers = {p["transactionId"] for _, p in backoffice.of("MeterValues", "StopTransaction")}
        assert 1_000_000_000 not in numbers
