"""Scenarios 50, 53 and 54: what a backoffice is told when it comes, and when the charger goes."""

from __future__ import annotations

import pytest

from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, ENERGY, World, event, route, start

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def status(world: World, connector: int, state: str, at: str) -> None:
    """The charger reports a connector."""
    payload: dict[str, object] = {"connectorId": connector, "timestamp": at}
    if world.version == "1.6":
        payload |= {"errorCode": "NoError", "status": state}
    else:
        payload |= {"evseId": connector, "connectorStatus": state}
    world.call("StatusNotification", payload)


@ALL
def test_50_a_backoffice_that_joins_during_a_session(version: str) -> None:
    """Given a session and statuses, when a backoffice is added, then boot, statuses, start come first."""
    world = World(version=version)
    world.boot()
    status(world, 1, "Charging" if version == "1.6" else "Occupied", "2026-01-01T00:00:01Z")
    status(world, 2, "Available", "2026-01-01T00:00:02Z")
    if version == "1.6":
        world.call("StartTransaction", start(at="2026-01-01T00:00:03Z"))
    else:
        world.call("TransactionEvent", event("Started", 0, card="CARD"))
    world.configure(BILLING, ENERGY, route(7, "new", Role.CONTROL))
    status(world, 2, "Unavailable", "2026-01-01T00:00:09Z")
    world.wait(5)
    new = world["new"]
    first = "StartTransaction" if version == "1.6" else "TransactionEvent"
    assert [action for action, _ in new.got][:4] == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
        first,
    ]
    assert new.payloads("StatusNotification")[0]["timestamp"] == "2026-01-01T00:00:01Z"
    assert new.payloads(first)[0]["timestamp"].startswith("2026-01-01T00:00:0")


@ALL
def test_53_backoffices_see_the_charger_go_after_its_grace(version: str) -> None:
    """Given the charger disconnects, then links close with 1000 after the grace, and not within it."""
    world = World(version=version)
    world.boot()
    world.disconnect()
    world.wait(4)
    world.connect()
    world.wait(10)
    assert world.closed_links == []
    world.disconnect()
    world.wait(6)
    assert sorted((key, code) for key, code, _ in world.closed_links) == [(1, 1000), (2, 1000)]


@ALL
def test_54_only_the_last_status_is_sent_later(version: str) -> None:
    """Given three statuses while Billing is away, when it is back, then it gets the last one."""
    world = World(version=version)
    world.boot()
    world.auto_open = False
    world["billing"].lose()
    states = (
        ["Preparing", "Charging", "Finishing"] if version == "1.6" else ["Occupied", "Reserved", "Faulted"]
    )
    for second, state in enumerate(states):
        status(world, 1, state, f"2026-01-01T00:00:0{second}Z")
    world.forget()
    world["billing"].open()
    world.wait(5)
    said = world["billing"].payloads("StatusNotification")
    assert [payload["timestamp"] for payload in said] == ["2026-01-01T00:00:02Z"]
