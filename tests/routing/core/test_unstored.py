"""A database that is away for long, and chargers that say again what is not answered (ocpp-semantics 1.7)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from routing.core.state import ANSWERS_REMEMBERED
from tests.routing.core.harness import BILLING, ENERGY, World, event, meter, start, stop

SECURITY = {"type": "InvalidMessages", "timestamp": "2026-01-01T00:00:00Z"}
SAID: list[tuple[str, str, Any]] = [
    ("1.6", "MeterValues", meter(None)),
    ("1.6", "StartTransaction", start()),
    ("1.6", "StopTransaction", stop(77)),
    ("1.6", "SecurityEventNotification", SECURITY),
    ("2.0.1", "TransactionEvent", event("Started", 0, "T", "CARD")),
    ("2.0.1", "TransactionEvent", event("Updated", 0, "T", None)),
    ("2.0.1", "MeterValues", {"evseId": 1, "meterValue": meter(None)["meterValue"]}),
    ("2.1", "NotifyPriorityCharging", {"transactionId": "T", "activated": True}),
]
NAMES = [f"{version} {action} {number}" for number, (version, action, _) in enumerate(SAID)]


def world_without_store(version: str) -> World:
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    world.commit_at_once = False
    return world


@pytest.mark.parametrize(("version", "action", "payload"), SAID, ids=NAMES)
@pytest.mark.parametrize("reconnects", [False, True], ids=["gives up", "connects anew"])
def test_what_is_said_again_is_stored_once_and_answered_under_the_newest_id(
    version: str, action: str, payload: Any, reconnects: bool
) -> None:
    world = world_without_store(version)
    ids = [f"m{number}" for number in range(50)]
    world.call(action, payload, ids[0])
    world.wait(9)  # who is asked has answered by now
    for message_id in ids[1:]:
        world.wait(30)
        if reconnects:
            world.disconnect()
            world.connect()
        held = len(world.stored)
        world.call(action, payload, message_id)
        assert len(world.stored) == held
    world.commit()
    assert [message_id for message_id in ids if world.answer_to(message_id)] == ids[-1:]
    world.wait(60)
    assert len(world["billing"].payloads(action)) == 1


def test_after_it_was_answered_late_it_may_be_said_once_more() -> None:
    world = world_without_store("1.6")
    world.call("MeterValues", meter(None), "one")
    world.wait(30)
    world.commit()
    world.commit_at_once = True
    assert world.call("MeterValues", meter(None), "two")[2] == {}  # it was sent before the answer came
    assert len(world["energy"].payloads("MeterValues")) == 1
    assert world.call("MeterValues", meter(None), "three")[2] == {}  # a charger whose clock stands still
    assert len(world["energy"].payloads("MeterValues")) == 2


def test_equal_values_that_come_in_a_row_are_readings_of_their_own() -> None:
    world = world_without_store("1.6")
    for message_id in ("one", "two"):
        world.call("MeterValues", meter(None), message_id)
        world.wait(0.5)
    world.commit()
    assert [world.answer_to(message_id)[2] for message_id in ("one", "two")] == [{}, {}]
    assert len(world["energy"].payloads("MeterValues")) == 2


def test_another_message_is_not_taken_for_a_repeat() -> None:
    world = world_without_store("1.6")
    world.call("MeterValues", meter(None, value="1"), "one")
    world.wait(30)
    world.call("MeterValues", meter(None, value="2"), "two")
    world.commit()
    assert [world.answer_to(message_id)[2] for message_id in ("one", "two")] == [{}, {}]
    assert len(world["energy"].payloads("MeterValues")) == 2


def test_a_number_as_message_id_is_answered_as_a_number() -> None:
    world = world_without_store("1.6")
    payload = '{"connectorId":1,"meterValue":[]}'
    for number in itertools.islice(itertools.count(7), 3):
        world.frame(f'[2,{number},"MeterValues",{payload}]')
        world.wait(30)
    world.commit()
    assert world.to_charger == ["[3,9,{}]"]


def test_what_has_changed_and_changed_back_meanwhile_is_said_of_now() -> None:
    """Without a time of its own only the newest message can be one that comes again."""
    world = world_without_store("2.1")
    said = [{"transactionId": "T", "activated": active} for active in (True, False, True)]
    for payload in (*said, said[-1]):
        world.call("NotifyPriorityCharging", payload)
        world.wait(30)
    world.commit()
    assert world["billing"].payloads("NotifyPriorityCharging") == said


def test_however_often_it_comes_again_few_answers_are_remembered() -> None:
    world = world_without_store("1.6")
    for _ in range(50):
        world.call("MeterValues", meter(None))
        world.wait(30)
    assert len(world.machine._state.answered) <= ANSWERS_REMEMBERED


# -- what backoffices get (docs/decisions, 18) ---------------------------------------------------------


@pytest.mark.parametrize(("version", "action", "payload"), SAID, ids=NAMES)
def test_no_backoffice_gets_what_is_not_stored(version: str, action: str, payload: Any) -> None:
    world = world_without_store(version)
    world.call(action, payload)
    world.wait(120)
    assert not world["billing"].got
    assert not world["energy"].got
    world.commit()
    assert world["billing"].payloads(action)


def test_what_was_never_stored_is_sent_by_nobody_and_comes_once_when_said_again() -> None:
    """Of two processes one owns the session and can store: what the other was told, that can't send."""
    world = world_without_store("1.6")
    assert world.call("MeterValues", meter(None), "one") is None
    world.restart(committed=False)
    world.commit_at_once = True
    world.connect()
    assert world.call("MeterValues", meter(None), "two") == [3, "two", {}]
    assert [len(world[name].payloads("MeterValues")) for name in ("billing", "energy")] == [1, 1]


def test_a_backoffice_gets_what_was_stored_late_in_the_chargers_order() -> None:
    world = world_without_store("1.6")
    for value in ("1", "2", "3"):
        world.call("MeterValues", meter(None, value=value))
    first, *others = world.stored
    world.stored = [first]
    world.commit()
    world.call("MeterValues", meter(None, value="4"))
    world.stored[:0] = others
    world.commit()
    values = [p["meterValue"][0]["sampledValue"][0]["value"] for p in world["energy"].payloads("MeterValues")]
    assert values == ["1", "2", "3", "4"]


def test_what_is_not_kept_flows_while_the_database_is_away() -> None:
    world = world_without_store("1.6")
    world.call("MeterValues", meter(None))
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    assert world.call("StatusNotification", status) == [3, "c3", {}]
    assert world.call("Heartbeat", {})[0] == 3
    assert world["energy"].payloads("StatusNotification") == [status]
    world["billing"].call("Reset", {"type": "Soft"})
    assert [command[2] for command in world.commands] == ["Reset"]


def test_a_start_whose_owner_could_not_be_asked_in_time_is_answered_by_the_offline_policy() -> None:
    world = world_without_store("1.6")
    world.call("StartTransaction", start(), "m")
    world.wait(60)
    assert world.answer_to("m") is None
    world.commit_all()
    assert world.answer_to("m")[2]["idTagInfo"] == {"status": "Invalid"}  # nobody knows this card
    assert world["billing"].payloads("StartTransaction") == [start()]


def test_a_start_that_is_stored_late_is_still_its_owners_to_answer() -> None:
    world = world_without_store("1.6")
    world.call("StartTransaction", start(), "m")
    world.wait(3)
    world.commit_all()
    assert world.answer_to("m") == [3, "m", {"idTagInfo": {"status": "Accepted"}, "transactionId": 100}]


def test_a_slot_is_not_asked_for_what_is_not_stored() -> None:
    world = World(BILLING, ENERGY)
    world.boot()
    world["energy"].drop()
    world.do(world.machine.link_closed(ENERGY.key, "gone", *world.time))
    world.commit_at_once = world.grants_at_once = False
    world.call("MeterValues", meter(None))
    world["energy"].up = True
    world.do(world.machine.link_opened(ENERGY.key, *world.time))
    assert not world.slots_asked
    world.commit()
    assert [asked.route for asked in world.slots_asked] == [ENERGY.key]
