"""The charger is away: the grace, the backlog without it, the end. ocpp-semantics 4.5."""

from __future__ import annotations

import pytest

from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import World
from tests.routing.core.traffic import (
    SESSION,
    session,
)


@pytest.fixture
def world() -> World:
    world = World()
    world.boot()
    return world


def test_links_are_kept_for_the_grace_and_then_closed(world: World) -> None:
    world.disconnect()
    world.wait(4.9)
    assert world["energy"].up
    world.wait(0.2)
    assert not world["energy"].up
    assert world.closed_links == [(1, 1000, "charger offline"), (2, 1000, "charger offline")]
    assert world.machine.idle
    assert world.machine.next_deadline is None or world.wait(1000) < 3


def test_a_return_within_the_grace_goes_unnoticed(world: World) -> None:
    world.disconnect()
    world.wait(3)
    world.connect()
    world.wait(100)
    assert world.closed_links == []
    assert world["energy"].payloads("BootNotification") == []


def test_deliveries_go_on_within_the_grace(world: World) -> None:
    energy = world["energy"]
    energy.behave = Backoffice.hold
    session(world)
    world.disconnect()
    energy.behave = Backoffice.answer
    energy.release()
    assert world.database.deliveries == {}


@pytest.mark.parametrize("messages", [1, 200])
def test_a_backlog_is_delivered_without_the_charger(world: World, messages: int) -> None:
    energy = world["energy"]
    energy.lose()
    session(world, values=messages)
    world.disconnect()
    world.wait(10)
    world.restart()
    world.forget()
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    assert [a for a, _ in energy.got] == [
        "BootNotification",
        "StartTransaction",
        *["MeterValues"] * messages,
        "StopTransaction",
    ]
    assert world["billing"].got == []
    assert not energy.up
    assert world.machine.idle
    assert world.database.deliveries == {}


def test_the_backlog_is_no_reason_to_end_the_grace_early_or_late(world: World) -> None:
    world["energy"].behave = Backoffice.ignore
    session(world)
    world.disconnect()
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    world.wait(5)
    assert [key for key, _, _ in world.closed_links] == [1, 2]
    assert world.machine.idle


def test_the_backlog_of_a_connected_charger_is_not_delivered_twice(world: World) -> None:
    world["energy"].behave = Backoffice.hold
    session(world)
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    world["energy"].behave = Backoffice.answer
    world["energy"].release()
    assert [a for a, _ in world["energy"].got].count("StartTransaction") == 1
    assert world["energy"].up


def test_the_charger_comes_back_while_its_backlog_is_delivered(world: World) -> None:
    energy = world["energy"]
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    energy.lose()
    session(world)
    world.disconnect()
    world.wait(10)
    energy.behave = Backoffice.hold
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    energy.release()
    energy.got.clear()
    world.connect()
    energy.behave = Backoffice.answer
    energy.release()
    world.wait(3)
    assert [a for a, _ in energy.of(*SESSION)] == [*["MeterValues"] * 3, "StopTransaction"]
    assert energy.payloads("StatusNotification") != []
    assert energy.up


def test_stop_closes_everything_with_its_codes(world: World) -> None:
    world["energy"].call("GetConfiguration", {}, "e1")
    world.obey = None
    world["energy"].call("GetConfiguration", {}, "e2")
    world["billing"].call("GetConfiguration", {}, "b1")
    world.do(world.machine.stop(1012, "restart", *world.time))
    assert world.closed_links == [(1, 1001, "restart"), (2, 1001, "restart")]
    assert [(c.code, c.reason) for c in world.closed] == [(1012, "restart")]
    assert world["energy"].answers[-1][:3] == [4, "e2", "GenericError"]
    assert world["billing"].answers[-1][:3] == [4, "b1", "GenericError"]


def test_backoffices_of_a_charger_that_may_not_go_on_see_it_leave() -> None:
    """It is not the proxy that goes away: 1000 toward backoffices where the charger gets 1008."""
    world = World()
    world.boot()
    world.do(world.machine.stop(1008, "charger disabled", *world.time))
    assert world.closed_links == [(1, 1000, "charger disabled"), (2, 1000, "charger disabled")]
    assert [closing.code for closing in world.closed] == [1008]
