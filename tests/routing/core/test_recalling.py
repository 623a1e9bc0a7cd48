"""What a charger says again to the next process, which was not told by the one that was killed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from tests.routing.core.harness import BILLING, ENERGY, World, event, meter, start, stop

SECURITY = {"type": "InvalidMessages", "timestamp": "2026-01-01T00:00:00Z"}


def booted(version: str, **options: Any) -> World:
    world = World(BILLING, ENERGY, version=version, options=ChargerOptions(**options))
    world.boot()
    return world


def kill(world: World) -> None:
    """Killed after the commit and before the answer; the charger is back."""
    world.restart()
    world.answered.clear()
    world.connect()
    world.wait(3)


def got(world: World, action: str) -> list[int]:
    return [len(world[name].payloads(action)) for name in ("billing", "energy")]


@pytest.mark.parametrize("message_id", ["m2", "another"])
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_each_event_that_comes_again_after_a_kill_is_known(version: str, message_id: str) -> None:
    world = booted(version)
    events = [event("Started", 0, "T", "CARD"), *(event("Updated", n, "T") for n in range(1, 6))]
    events.append(event("Ended", 6, "T"))
    events.append(event("Updated", 7, "T"))  # some charger comes with it afterwards
    for number, payload in enumerate(events):
        world.call("TransactionEvent", payload, f"m{number}")
    for payload in reversed(events):
        kill(world)
        assert world.call("TransactionEvent", payload, message_id) is not None
    assert got(world, "TransactionEvent") == [8, 8]


def test_events_of_several_sessions_at_once_are_known_each() -> None:
    world = booted("2.0.1")
    said = [event("Updated" if seq else "Started", seq, session) for seq in range(4) for session in "AB"]
    for payload in said:
        world.call("TransactionEvent", payload)
    kill(world)
    for payload in said:
        world.call("TransactionEvent", payload)
    assert got(world, "TransactionEvent") == [8, 8]


def test_a_repeated_event_gets_the_answer_that_it_had() -> None:
    world = booted("2.0.1")
    world["billing"].payload_for = lambda action: {"idTokenInfo": {"status": "Blocked"}}  # type: ignore[method-assign]  # one answer to all
    first = world.call("TransactionEvent", event("Started", 0, "T", "CARD"), "a")
    kill(world)
    assert world.call("TransactionEvent", event("Started", 0, "T", "CARD"), "b")[2] == first[2]


def test_a_repeated_start_gets_the_answer_that_it_had() -> None:
    world = booted("1.6")
    info = {"status": "Accepted", "parentIdTag": "FAMILY", "expiryDate": "2026-02-01T00:00:00Z"}
    world["billing"].payload_for = lambda action: {"transactionId": 100, "idTagInfo": info}  # type: ignore[method-assign]  # one answer to all
    first = world.call("StartTransaction", start(), "a")
    kill(world)
    assert world.call("StartTransaction", start(), "b")[2] == first[2]
    assert got(world, "StartTransaction") == [1, 1]


@pytest.mark.parametrize("repair", [(), ("types", "timezone")])
@pytest.mark.parametrize("message_id", ["one", "another"])
def test_meter_values_that_come_again_after_a_kill_come_once(
    message_id: str, repair: tuple[str, ...]
) -> None:
    world = booted("1.6", repair=repair)
    values: dict[str, Any] = {**meter(None), "connectorId": "1"}
    world.call("MeterValues", values, "one")
    kill(world)
    assert world.call("MeterValues", values, message_id)[2] == {}
    assert got(world, "MeterValues") == [1, 1]
    assert world.call("MeterValues", {**values, "transactionId": 7}, "next")[2] == {}
    assert got(world, "MeterValues") == [2, 2]


def test_other_messages_are_known_by_their_id_for_ten_minutes() -> None:
    world = booted("1.6")
    world.call("SecurityEventNotification", SECURITY, "one")
    for seconds, times in ((10, 1), (700, 2)):
        kill(world)
        world.wait(seconds)
        assert world.call("SecurityEventNotification", SECURITY, "one")[2] == {}
        assert got(world, "SecurityEventNotification")[0] == times


def test_what_is_not_delivered_is_asked_anew_on_each_connection() -> None:
    world = booted("1.6")
    for _ in range(2):
        world.answered.clear()
        world.connect()
        world.call("Authorize", {"idTag": "CARD"}, "1")
    assert len(world["billing"].payloads("Authorize")) == 2


def test_what_was_not_answered_yet_is_asked_again() -> None:
    world = booted("1.6")
    world.call("StartTransaction", start(), "a")
    world["billing"].behave = type(world["billing"]).hold
    world.call("StopTransaction", stop(100), "b")
    kill(world)
    assert world.call("StopTransaction", stop(100), "c")[2] == {}


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_an_id_that_begins_anew_with_each_connection_hides_no_change(version: str, restarted: bool) -> None:
    """What is said now is what was said first on the connection before, and then had changed."""
    world = World(version=version)
    world.boot()
    said = [("1", "Idle"), ("2", "Downloading"), ("1", "Idle")]
    for number, (message_id, told) in enumerate(said):
        if number == 2:
            world.disconnect()
            if restarted:
                world.restart()
            world.connect()
            world.wait(3)
        world.frame(f'[2,"{message_id}","FirmwareStatusNotification",{{"status":"{told}"}}]')
    assert [p["status"] for p in world["billing"].payloads("FirmwareStatusNotification")] == [
        told for _, told in said
    ]


def test_an_answer_by_a_clock_that_went_back_is_remembered_no_longer() -> None:
    world = World()
    world.boot()
    log = '[2,"7","LogStatusNotification",{"status":"Idle"}]'
    world.frame(log)
    world.restart()
    world.utc -= timedelta(days=3)
    world.connect()
    world.wait(601)
    world.frame(log)
    assert len(world["billing"].payloads("LogStatusNotification")) == 2
