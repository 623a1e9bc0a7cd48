"""Two devices with one identity (ocpp-semantics 1.5)."""

from __future__ import annotations

import itertools

import pytest

from tests.routing.core.harness import World

ALARM = ("identity conflict", "")


def arrive(world: World, address: str) -> None:
    """The charger connects from an address; who was connected is replaced."""
    world.do(world.machine.charger_connected(world.version, *world.time, address=address))


def fight(world: World, times: int, every: float, *addresses: str) -> None:
    """Devices connect in turn."""
    for address in itertools.islice(itertools.cycle(addresses), times):
        arrive(world, address)
        world.wait(every)


def test_two_devices_that_push_each_other_off_are_an_alarm_until_it_ends() -> None:
    world = World()
    fight(world, 7, 1, "10.0.0.1", "10.0.0.2")
    assert ALARM not in world.database.alarms
    fight(world, 1, 1, "10.0.0.2")
    assert world.database.alarms[ALARM].cleared is None
    assert "10.0.0.1 and 10.0.0.2" in world.database.alarms[ALARM].text
    fight(world, 4, 100, "10.0.0.1", "10.0.0.2")
    assert world.database.alarms[ALARM].cleared is None
    world.wait(601)
    assert world.database.alarms[ALARM].cleared is not None


@pytest.mark.parametrize(
    ("addresses", "every"),
    [(("10.0.0.1",), 1), (("10.0.0.1", "10.0.0.2"), 20), (("", "10.0.0.1"), 1)],
    ids=["one device", "slowly", "nobody knows"],
)
def test_what_is_no_conflict(addresses: tuple[str, ...], every: float) -> None:
    world = World()
    fight(world, 30, every, *addresses)
    assert world.database.alarms == {}


def test_a_charger_that_changes_its_address_between_connections_is_none() -> None:
    world = World()
    for number in range(30):
        arrive(world, f"10.0.0.{number}")
        world.disconnect()
    assert world.database.alarms == {}


def test_the_alarm_ends_after_a_restart_too() -> None:
    world = World()
    fight(world, 9, 1, "10.0.0.1", "10.0.0.2")
    world.restart()
    arrive(world, "10.0.0.1")
    world.wait(601)
    assert world.database.alarms[ALARM].cleared is not None
