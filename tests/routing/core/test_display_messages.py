"""Messages on the display: each backoffice has its own (ocpp-semantics 3.7)."""

from __future__ import annotations

import pytest

from tests.routing.core.harness import World
from tests.routing.core.rewriting_world import (
    TWO,
    asked,
    message,
    world_with,
)

# -- display messages ----------------------------------------------------------------------------------


def shown(world: World, name: str, number: int) -> int:
    """What the charger calls the message that a backoffice shows."""
    world[name].call("SetDisplayMessage", message(number))
    return int(asked(world)["message"]["id"])


@TWO
def test_messages_of_one_are_not_replaced_nor_cleared_by_another(version: str) -> None:
    world = world_with(version)
    assert shown(world, "billing", 1) == 1
    other = shown(world, "control", 1)
    assert other != 1
    world.forget()
    world["service"].call("ClearDisplayMessage", {"id": 1})
    assert world["service"].answers[-1][2]["status"] == "Unknown"
    assert world.commands == []
    world["control"].call("ClearDisplayMessage", {"id": 1})
    assert asked(world) == {"id": other}
    world["control"].call("ClearDisplayMessage", {"id": 1})
    assert [r.closed is not None for r in world.database.identifiers.values()] == [False, True]


@pytest.mark.parametrize("priority", ["AlwaysFront", "InFront", "", None])
def test_only_billing_covers_what_is_shown(priority: str | None) -> None:
    world = world_with()
    world["control"].call("SetDisplayMessage", message(1, priority or ""))
    assert world["control"].answers[-1][2]["status"] == "Rejected"
    assert world.commands == []
    world["billing"].call("SetDisplayMessage", message(1, "AlwaysFront"))
    assert asked(world) == message(1, "AlwaysFront")


def test_a_report_of_messages_shows_each_its_own() -> None:
    world = world_with()
    shown(world, "billing", 1)
    other = shown(world, "control", 1)
    items = [{**message(n)["message"], "x": 1.5} for n in (1, other, 44)]
    for name in ("billing", "control"):
        world[name].call("GetDisplayMessages", {"requestId": 1})
        number = asked(world)["requestId"]
        world.call("NotifyDisplayMessages", {"requestId": number, "messageInfo": items, "tbc": True})
        world.call("NotifyDisplayMessages", {"requestId": number, "messageInfo": items[2:]})
    first, last = world["billing"].payloads("NotifyDisplayMessages")
    assert [m["id"] for m in first["messageInfo"]] == [1, 44]
    assert [m["id"] for m in last["messageInfo"]] == [44]
    first, last = world["control"].payloads("NotifyDisplayMessages")
    assert first == {"requestId": 1, "messageInfo": [{**items[1], "id": 1}], "tbc": True}
    assert last == {"requestId": 1}  # nothing of it is its own, but it says that this is all


def test_messages_are_read_by_own_ids() -> None:
    world = world_with()
    shown(world, "billing", 1)
    other = shown(world, "control", 9)
    world["control"].call("GetDisplayMessages", {"requestId": 1, "id": [1, 9, 77]})
    assert asked(world)["id"] == [other]
    world.forget()
    for ids in ([1], [77], 9, {"a": 9}):
        world["control"].call("GetDisplayMessages", {"requestId": 1, "id": ids})
        assert world["control"].answers[-1][2]["status"] == "Unknown"
    world["service"].call("GetDisplayMessages", {"requestId": 1})
    assert world["service"].answers[-1][2]["status"] == "Unknown"  # it has none
    assert world.commands == []
    world["billing"].call("GetDisplayMessages", {"requestId": 1, "id": [1, other, 77]})
    assert asked(world)["id"] == [1, 77]
