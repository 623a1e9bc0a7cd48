"""Boots asked for and resets, not in a loop (ocpp-semantics 3.10)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, WATCHER, World, route

RESET = {"1.6": {"type": "Soft"}, "2.0.1": {"type": "OnIdle"}, "2.1": {"type": "OnIdle"}}
BOOT = {"requestedMessage": "BootNotification"}
REJECTED = "Rejected"


def booted(*routes: Any, version: str = "1.6") -> World:
    world = World(*(routes or (BILLING, WATCHER)), version=version)
    world.boot()
    return world


def ask(world: World, name: str, action: str, payload: Any) -> str:
    """The status that the backoffice gets."""
    world[name].call(action, payload, f"m{len(world[name].answers)}")
    return str(world[name].answers[-1][2]["status"])


def reset(world: World, name: str) -> str:
    """The status of a reset; until the charger has booted the next is refused for that alone."""
    status = ask(world, name, "Reset", RESET[world.version])
    if status == "Accepted":
        world.disconnect()
        world.boot()
    return status


def rule(world: World) -> str:
    return world.database.messages[-1].rule


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_fourth_reset_in_ten_minutes_stays_with_the_proxy(version: str) -> None:
    world = booted(version=version)
    asked = [reset(world, "billing") for _ in range(5)]
    assert asked == ["Accepted"] * 3 + [REJECTED] * 2
    assert world.commands == []  # since the third


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
def test_a_fourth_boot_asked_for_stays_with_the_proxy(action: str) -> None:
    world = booted()
    asked = [ask(world, "watcher", action, BOOT) for _ in range(4)]
    assert asked[3] == REJECTED
    assert asked[:3] != [REJECTED] * 3
    assert rule(world).startswith("rate limit: a boot that is asked for is possible 3 times in 10 min")


def test_both_ways_to_ask_for_a_boot_count_together() -> None:
    world = booted()
    for action in ("TriggerMessage", "ExtendedTriggerMessage", "TriggerMessage"):
        ask(world, "billing", action, BOOT)
    assert ask(world, "billing", "ExtendedTriggerMessage", BOOT) == REJECTED


def test_other_messages_are_asked_for_without_a_limit() -> None:
    world = booted()
    payload = {"requestedMessage": "DiagnosticsStatusNotification"}
    for _ in range(10):
        ask(world, "billing", "TriggerMessage", payload)
        world.wait(10)
    assert not [row for row in world.database.messages if row.outcome == "denied"]


def test_the_denial_says_when_the_next_is_possible() -> None:
    world = booted()
    reset(world, "billing")
    world.wait(100)
    for _ in range(2):
        reset(world, "billing")
    assert reset(world, "billing") == REJECTED
    free = world.utc.timestamp() + 500
    assert rule(world).startswith(
        "rate limit: Reset is possible 3 times in 10 min; the next one in 500 s, at "
    )
    world.wait(500)
    assert world.utc.timestamp() >= free
    assert reset(world, "billing") == "Accepted"
    assert reset(world, "billing") == REJECTED


def test_each_backoffice_has_its_own_count() -> None:
    world = booted(BILLING, route(2, "service", Role.SERVICE))
    for _ in range(4):
        reset(world, "billing")
    assert reset(world, "service") == "Accepted"


def test_what_is_denied_does_not_count() -> None:
    world = booted(BILLING, WATCHER)
    for _ in range(5):
        assert reset(world, "watcher") == REJECTED
    world.configure(BILLING, route(3, "watcher", Role.OBSERVE, {"Reset": Verdict.ALLOW}))
    assert [reset(world, "watcher") for _ in range(4)] == ["Accepted"] * 3 + [REJECTED]


@pytest.mark.parametrize(("limit", "passed"), [(0, 0), (1, 1), (None, 10)])
def test_the_limit_is_an_option_of_the_route(limit: int | None, passed: int) -> None:
    world = booted(route(1, "billing", Role.BILLING, reset_limit=limit, trigger_limit=limit))
    resets = [reset(world, "billing") for _ in range(10)]
    boots = [ask(world, "billing", "TriggerMessage", BOOT) for _ in range(10)]
    assert [resets.count("Accepted"), boots.count(REJECTED)] == [passed, 10 - passed]


def test_the_count_outlives_the_process() -> None:
    world = booted()
    for _ in range(3):
        reset(world, "billing")
    world.restart()
    world.boot()
    assert reset(world, "billing") == REJECTED


def test_a_clock_that_goes_back_locks_nobody_out() -> None:
    world = booted()
    for _ in range(3):
        reset(world, "billing")
    world.utc = world.utc.replace(year=2025)
    assert reset(world, "billing") == "Accepted"


@pytest.mark.parametrize(
    "payload", ['{"requestedMessage":"Heartbeat","requestedMessage":"BootNotification"}']
)
def test_a_member_that_is_written_twice_counts(payload: str) -> None:
    world = booted()
    for n in range(4):
        world["billing"].say(f'[2,"x{n}","TriggerMessage",{payload}]')
    assert world["billing"].answers[-1][2]["status"] == REJECTED


@pytest.mark.parametrize("stored", ["", "{}", "null", '["a"]', "[1e400]"])
def test_what_was_stored_and_cannot_be_read_is_no_limit(stored: str) -> None:
    world = booted()
    for _ in range(3):
        reset(world, "billing")
    latest = world.database.latest
    latest["rate", "1/reset"] = replace(latest["rate", "1/reset"], payload=stored)
    world.restart()
    world.boot()
    assert reset(world, "billing") == "Accepted"


def test_what_the_charger_never_hears_of_does_not_count() -> None:
    world = booted()
    ask(world, "billing", "Reset", RESET["1.6"])
    for number in range(5):
        world["billing"].call("Reset", RESET["1.6"], f"while it boots {number}")
    assert [answer[0] for answer in world["billing"].answers] == [3, 4, 4, 4, 4, 4]
    world.disconnect()
    world.boot()
    assert [reset(world, "billing") for _ in range(3)] == ["Accepted", "Accepted", REJECTED]
