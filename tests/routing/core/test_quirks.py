"""Which oddities of a charger are noticed (ocpp-semantics 1.7, 10)."""

from __future__ import annotations

import json

import pytest

from routing.core.quirks import QUIRKS
from tests.routing.core.harness import World, meter, start


def quirks(world: World) -> set[str]:
    """What was recorded, and lasts."""
    return {key for (kind, key), row in world.database.latest.items() if kind == "quirk" and row.payload}


def test_a_charger_by_the_book_has_none() -> None:
    world = World()
    world.boot()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.call("MeterValues", meter(number))
    world.call("MeterValues", meter(None))
    world.call("Heartbeat", {})
    world["billing"].call("ClearCache", {})
    assert quirks(world) == set()


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ('[2,7,"Heartbeat",{}]', "numeric_message_id"),
        ('[2,"7","Heartbeat",{},]', "mangled_json"),
        ('[3,"7",{"status":"Acc', "mangled_json"),
        ('[2,"again","Heartbeat",{"a":1}]', "repeated_message_ids"),
        ('[2,"8","MeterValues",{"connectorId":1,"transactionId":"17","meterValue":[]}]', "numbers_as_text"),
        (
            '[2,"8","MeterValues",{"connectorId":1,"transactionId":17,"meterValue":[]}]',
            "unknown_transaction_id",
        ),
    ],
)
def test_what_is_noticed(frame: str, name: str) -> None:
    world = World()
    world.boot()
    world.frame('[2,"again","Heartbeat",{}]')
    world.frame(frame)
    assert quirks(world) == {name}
    assert name in QUIRKS


@pytest.mark.parametrize("number", [-1, None])
def test_what_the_standard_allows_is_no_quirk(number: int | None) -> None:
    world = World()
    world.boot()
    world.call("MeterValues", meter(number))
    assert quirks(world) == set()


def test_a_repeated_call_is_no_quirk() -> None:
    world = World()
    world.boot()
    for _ in range(2):
        world.frame('[2,"again","Heartbeat",{}]')
    assert quirks(world) == set()


def test_a_boot_that_is_missing_until_it_comes() -> None:
    world = World()
    world.connect()
    world.call("Heartbeat", {})
    assert quirks(world) == {"boot_missing"}
    world.call("BootNotification", json.loads('{"chargePointVendor":"V","chargePointModel":"M"}'))
    assert quirks(world) == set()


@pytest.mark.parametrize("name", sorted(QUIRKS))
def test_each_quirk_says_what_it_means_and_what_helps(name: str) -> None:
    assert len(name) <= 255
    assert QUIRKS[name].meaning.endswith(".")
    assert QUIRKS[name].remedy
