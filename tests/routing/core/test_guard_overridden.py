"""A person lets one backoffice change how a charger connects, for an hour (ocpp-semantics 3.10)."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, EPOCH, World, route

# -- a person lets a route do it ------------------------------------------------------------------------


def overridden(role: Role = Role.BILLING, version: str = "1.6", **permissions: Verdict) -> World:
    """A world in which billing may change how the charger connects for an hour."""
    one = msgspec.structs.replace(
        route(1, "billing", role, permissions), override_until=EPOCH + timedelta(hours=1)
    )
    world = World(one, ENERGY, version=version)
    world.boot()
    return world


PROFILE = {"configurationSlot": 1, "connectionData": {"ocppCsmsUrl": "wss://other"}}


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_an_override_lets_one_route_through_for_its_time(version: str) -> None:
    world = overridden(version=version)
    world["energy"].call("SetNetworkProfile", PROFILE)
    assert world.commands == []
    world["billing"].call("SetNetworkProfile", PROFILE, "b1")
    assert [frame[2:] for frame in world.commands] == [["SetNetworkProfile", PROFILE]]
    assert world["billing"].answers == [[3, "b1", {"status": "Accepted"}]]
    row = next(row for row in world.database.messages if row.message_id == "b1")
    assert row.rule == "guard: overridden until 01:00 UTC"
    world.wait(3600)
    world["billing"].call("SetNetworkProfile", PROFILE, "b2")
    assert world["billing"].answers[-1][2]["status"] == "Rejected"
    assert len(world.commands) == 1


def test_an_override_is_none_of_the_permissions() -> None:
    world = overridden(version="2.0.1", SetNetworkProfile=Verdict.DENY)
    world["billing"].call("SetNetworkProfile", PROFILE)
    assert world.commands == []
    world = overridden(Role.OBSERVE)
    world["billing"].call("InstallCertificate", {"certificateType": "CentralSystemRootCertificate"})
    assert world.commands == []


def test_an_override_that_is_over_when_the_route_is_changed() -> None:
    world = overridden()
    install = {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"}
    world["billing"].call("InstallCertificate", install)
    assert len(world.commands) == 1
    world.configure(BILLING, ENERGY)
    world["billing"].call("InstallCertificate", install)
    assert len(world.commands) == 1
