"""Meter values that a charger says again."""

from __future__ import annotations

import pytest

from tests.routing.core.harness import BILLING, ENERGY, World, meter


@pytest.fixture
def world() -> World:
    world = World(BILLING, ENERGY)
    world.connect("1.6")
    world.boot()
    return world


def got(world: World) -> list[int]:
    """How many meter values each backoffice has."""
    return [len(world[name].payloads("MeterValues")) for name in ("billing", "energy")]


@pytest.mark.parametrize("restarted", [False, True], ids=["link lost", "proxy restarted"])
@pytest.mark.parametrize("message_id", ["one", "two"])
def test_values_that_come_again_on_another_connection_come_once(
    world: World, message_id: str, restarted: bool
) -> None:
    world.call("MeterValues", meter(None), "one")
    world.disconnect()
    if restarted:
        world.restart()
    world.answered.clear()
    world.connect("1.6")
    assert world.call("MeterValues", meter(None), message_id)[2] == {}
    assert got(world) == [1, 1]
    assert world.call("MeterValues", meter(None, value="2.20"), "three")[2] == {}
    assert got(world) == [2, 2]


def test_equal_values_on_one_connection_are_readings_of_their_own(world: World) -> None:
    world.call("MeterValues", meter(None), "one")
    world.call("MeterValues", meter(None), "two")
    assert got(world) == [2, 2]


def test_other_values_on_another_connection_are_new(world: World) -> None:
    world.call("MeterValues", meter(None), "one")
    world.disconnect()
    world.connect("1.6")
    world.call("MeterValues", meter(None, value="2.20"), "two")
    assert got(world) == [2, 2]
