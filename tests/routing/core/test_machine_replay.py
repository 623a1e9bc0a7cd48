"""What a backoffice is told when its link opens, and of sessions that run: ocpp-semantics 4.2."""

from __future__ import annotations

import pytest

from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, event, meter, route, start, stop
from tests.routing.core.traffic import (
    VERSIONS,
    booting,
    status,
    statuses,
)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_sent_before_it_is_clear_whether_the_charger_boots(version: str) -> None:
    world = World(version=version)
    world.boot()
    world.disconnect()
    world.wait(10)
    world.forget()
    world.connect()
    assert world["billing"].got == []
    world.wait(1.9)
    assert world["billing"].got == []
    world.wait(0.2)
    assert [a for a, _ in world["billing"].got] == ["BootNotification"]


def test_the_first_frame_of_the_charger_settles_it() -> None:
    world = World()
    world.boot()
    world.disconnect()
    world.wait(10)
    world.connect()
    world.call("Heartbeat", {})
    assert [a for a, _ in world["energy"].got] == ["BootNotification"]


@pytest.mark.parametrize("version", VERSIONS)
def test_statuses_are_replayed_in_order_and_only_the_latest(version: str) -> None:
    world = World(version=version)
    world.boot()
    world["energy"].lose()
    for connector, state in (
        (2, "Available"),
        (1, "Preparing"),
        (0, "Available"),
        (1, "Charging"),
        (1, "Faulted"),
    ):
        status(world, connector, state)
    world["energy"].open()
    assert statuses(world["energy"]) == [(0, "Available"), (1, "Faulted"), (2, "Available")]
    assert statuses(world["billing"])[-1] == (1, "Faulted")


def test_statuses_from_before_the_last_boot_are_not_replayed() -> None:
    world = World()
    world.boot()
    status(world, 1, "Charging")
    world.wait(1)
    booting(world)
    status(world, 2, "Available")
    world["energy"].lose()
    world.forget()
    world["energy"].open()
    assert statuses(world["energy"]) == [(2, "Available")]


def test_a_status_that_waits_is_forgotten_when_the_charger_boots() -> None:
    world = World()
    world.boot()
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("StartTransaction", start())
    status(world, 1, "Charging")
    world.wait(1)
    booting(world)
    energy.behave = Backoffice.answer
    energy.release()
    assert statuses(energy) == []


def test_a_firmware_status_that_a_backoffice_missed_is_told_once() -> None:
    world = World()
    world.boot()
    world["energy"].lose()
    world.call("FirmwareStatusNotification", {"status": "Downloading"})
    world.call("FirmwareStatusNotification", {"status": "Installed"})
    world["energy"].open()
    assert world["energy"].payloads("FirmwareStatusNotification") == [{"status": "Installed"}]
    world["energy"].lose()
    world.forget()
    world["energy"].open()
    assert world["energy"].payloads("FirmwareStatusNotification") == []


def test_a_new_route_gets_boot_statuses_and_the_running_session_in_this_order() -> None:
    world = World()
    world.boot()
    status(world, 2, "Available")
    status(world, 1, "Charging")
    world.call("StartTransaction", start())
    world.configure(BILLING, ENERGY, route(3, "late", Role.CONTROL))
    world.call("MeterValues", meter(100))
    assert [a for a, _ in world["late"].got] == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
        "StartTransaction",
        "MeterValues",
    ]
    assert world["late"].payloads("StartTransaction") == [start()]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_new_route_gets_the_running_session_of_2x_as_offline(version: str) -> None:
    world = World(version=version)
    world.boot()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    for seq_no in (1, 2, 3):
        world.call("TransactionEvent", event("Updated", seq_no))
    world.configure(BILLING, ENERGY, route(3, "late", Role.CONTROL))
    world.call("TransactionEvent", event("Ended", 4))
    got = [(p["eventType"], p["seqNo"], p.get("offline")) for p in world["late"].payloads("TransactionEvent")]
    assert got == [("Started", 0, True), ("Updated", 3, True), ("Ended", 4, None)]


def test_adopting_running_sessions_can_be_switched_off() -> None:
    world = World()
    world.boot()
    world.call("StartTransaction", start())
    world.configure(BILLING, ENERGY, route(3, "late", Role.CONTROL, adopt_running_tx=False))
    world.call("StopTransaction", stop(100))
    assert world["late"].payloads("StartTransaction") == []
