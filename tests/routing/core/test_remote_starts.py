"""A start that waits for its car is its asker's, also after a restart (ocpp-semantics 3.2, 5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routing.core.harness import World, event, start

ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "1.6": ("RemoteStartTransaction", {"idTag": "EMS", "connectorId": 1}),
    "2.1": (
        "RequestStartTransaction",
        {"remoteStartId": 3, "evseId": 1, "idToken": {"idToken": "EMS", "type": "Central"}},
    ),
}
BOTH = pytest.mark.parametrize("version", list(ASKS))


def asked_by_energy(version: str) -> World:
    world = World(version=version)
    world.boot()
    world["energy"].call(*ASKS[version])
    return world


def owner(world: World) -> int | None:
    """Whose the session is that begins with the card."""
    if world.version == "1.6":
        world.call("StartTransaction", start(1, tag="EMS"))
    else:
        world.call("TransactionEvent", event("Started", 0, card="EMS", evse={"id": 1}))
    return list(world.database.transactions.values())[-1].owner


@BOTH
def test_a_start_outlives_the_proxy(version: str) -> None:
    world = asked_by_energy(version)
    world.restart()
    world.connect()
    world.wait(3)
    assert owner(world) == 2


@BOTH
def test_a_start_does_not_outlive_its_time(version: str) -> None:
    world = asked_by_energy(version)
    world.restart()
    world.wait(121)
    world.connect()
    assert [r for r in world.database.memory().latest if r.kind == "remote_start"] == []
    world.wait(3)
    assert owner(world) == 1


@BOTH
def test_a_start_is_for_one_session(version: str) -> None:
    world = asked_by_energy(version)
    assert owner(world) == 2
    assert [r for r in world.database.memory().latest if r.kind == "remote_start"] == []


@BOTH
def test_a_start_of_a_route_that_is_gone_is_nobodys(version: str) -> None:
    world = asked_by_energy(version)
    world.restart()
    world.connect()
    world.configure(world.routes[0])
    assert owner(world) == 1


@BOTH
def test_a_reconnect_does_not_count_a_start_twice(version: str) -> None:
    world = asked_by_energy(version)
    world.disconnect()
    world.connect()
    world.wait(3)
    assert owner(world) == 2
    if version == "1.6":
        world.call("StartTransaction", start(2, tag="EMS"))
        assert list(world.database.transactions.values())[-1].owner == 1


# -- several at once -------------------------------------------------------------------------------------

VERY_OWN = {"1.6": ("idTag", "connectorId"), "2.1": ("idToken", "evseId")}


def ask_for(world: World, card: str, place: int, name: str = "energy") -> None:
    action, payload = ASKS[world.version]
    token: Any = card if world.version == "1.6" else {"idToken": card, "type": "Central"}
    card_at, place_at = VERY_OWN[world.version]
    world[name].call(action, {**payload, card_at: token, place_at: place})


def begin(world: World, card: str, place: int, meter: int = 0) -> int | None:
    """Whose the session is that begins with this card there."""
    if world.version == "1.6":
        world.call("StartTransaction", start(place, tag=card, meter=meter))
    else:
        world.call(
            "TransactionEvent", event("Started", 0, f"T-{place}-{meter}", card=card, evse={"id": place})
        )
    return list(world.database.transactions.values())[-1].owner


@BOTH
def test_starts_with_one_card_on_two_places_outlive_the_proxy(version: str) -> None:
    world = World(version=version)
    world.boot()
    ask_for(world, "EMS", 1)
    ask_for(world, "EMS", 2)
    world.restart()
    world.connect()
    world.wait(3)
    assert begin(world, "EMS", 1) == 2
    world.restart()
    world.connect()
    world.wait(3)
    assert begin(world, "EMS", 2) == 2


@BOTH
def test_a_start_is_used_however_the_charger_writes_its_card(version: str) -> None:
    world = World(version=version)
    world.boot()
    ask_for(world, "ems", 1)
    assert begin(world, "EMS", 1) == 2
    world.restart()
    world.connect()
    world.wait(3)
    assert begin(world, "EMS", 1, meter=5) == 1


def test_starts_that_never_begin_do_not_pile_up() -> None:
    world = World()
    world.boot()
    for number in range(50):
        ask_for(world, f"CARD-{number}", 1)
        world.wait(600)
    assert len([r for r in world.database.memory().latest if r.kind == "remote_start"]) < 10
