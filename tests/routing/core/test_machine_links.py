"""Links that break, stall, refuse or talk nonsense: ocpp-semantics 2.5, 7.7 to 7.9, scenarios 23 to 34."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, meter, route, start, stop
from tests.routing.core.traffic import (
    SESSION,
    fails_with,
    session,
    values,
)


@pytest.fixture
def world() -> World:
    world = World()
    world.boot()
    return world


@pytest.mark.parametrize("trouble", ["silent", "down", "refused", "rude", "garbage", "hold"])
def test_trouble_of_a_secondary_costs_the_charger_and_billing_nothing(trouble: str) -> None:
    world = World()
    energy = world["energy"]
    if trouble in ("down", "refused"):
        world.auto_open = False
        world.connect()
        world["billing"].open()
        if trouble == "refused":
            energy.refuse()
    energy.behave = {
        "silent": Backoffice.ignore,
        "rude": fails_with("InternalError", *SESSION, "BootNotification", "StatusNotification"),
        "garbage": lambda b, m, a, p: b.say('{"no":"frame'),
        "hold": Backoffice.hold,
    }.get(trouble, Backoffice.answer)
    if trouble not in ("down", "refused"):
        world.connect()
    assert world.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})[2]["status"]
    assert (
        world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "x"})[2] == {}
    )
    assert world.call("Authorize", {"idTag": "CARD"})[2] == {"idTagInfo": {"status": "Accepted"}}
    session(world, values=100)
    assert [a for a, _ in world["billing"].of(*SESSION)] == [
        "StartTransaction",
        *["MeterValues"] * 100,
        "StopTransaction",
    ]
    assert all(len(a) == 1 for a in world.answered.values())


@pytest.mark.parametrize("phase", ["dialling", "registering", "outstanding", "ready"])
def test_a_link_lost_in_any_phase_comes_back_with_everything_in_order(phase: str) -> None:
    world = World()
    energy = world["energy"]
    if phase == "dialling":
        world.auto_open = False
    if phase == "registering":
        energy.behave = Backoffice.hold
    world.connect()
    world["billing"].open()
    world.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    if phase == "outstanding":
        energy.behave = Backoffice.hold
    world.call("StartTransaction", start())
    if phase == "dialling":
        energy.refuse()
    else:
        energy.lose()
    energy.behave = Backoffice.answer
    for value in range(5):
        world.call("MeterValues", meter(100, value=str(value)))
    energy.got.clear()
    energy.open()
    world.wait(3)
    world.call("StopTransaction", stop(100))
    assert [a for a, _ in energy.of(*SESSION)] == (
        ([] if phase == "ready" else ["StartTransaction"]) + ["MeterValues"] * 5 + ["StopTransaction"]
    )
    assert values(energy) == [0, 1, 2, 3, 4]
    assert {p["transactionId"] for a, p in energy.of("MeterValues", "StopTransaction")} == {900}
    assert world.database.deliveries == {}


@pytest.mark.parametrize("messages", [10, 64, 65, 66, 130, 300])
def test_a_backlog_of_any_length_arrives_in_order_and_once(world: World, messages: int) -> None:
    energy = world["energy"]
    energy.lose()
    world.call("StartTransaction", start())
    for value in range(messages):
        world.call("MeterValues", meter(100, value=str(value)))
    world.call("StopTransaction", stop(100))
    assert len(world.database.waiting(2)) == messages + 2
    energy.open()
    assert values(energy) == list(range(messages))
    assert [a for a, _ in energy.of(*SESSION)][-1] == "StopTransaction"
    assert world.database.deliveries == {}


@pytest.mark.parametrize("every", [1, 2, 7, 40])
def test_new_messages_arrive_while_a_backlog_is_delivered_and_loaded(world: World, every: int) -> None:
    energy = world["energy"]
    energy.lose()
    world.call("StartTransaction", start())
    for value in range(150):
        world.call("MeterValues", meter(100, value=str(value)))
    energy.behave = Backoffice.hold
    energy.open()
    for value in range(150, 400):
        if value % every == 0:
            energy.release()
        world.call("MeterValues", meter(100, value=str(value)))
    energy.behave = Backoffice.answer
    energy.release()
    assert values(energy) == list(range(400))
    assert world.database.deliveries == {}


@pytest.mark.parametrize("read_first", [True, False])
@pytest.mark.parametrize("delay", [0, 1, 5])
def test_reading_the_backlog_takes_a_while(world: World, delay: int, read_first: bool) -> None:
    """What is stored between the reading and its arrival is neither lost nor sent twice."""
    energy = world["energy"]
    energy.lose()
    world.call("StartTransaction", start())
    for value in range(100):
        world.call("MeterValues", meter(100, value=str(value)))
    world.loads_at_once = False
    energy.open()
    assert values(energy) == list(range(63))
    if read_first:
        world.read()
    for value in range(100, 100 + delay):
        world.call("MeterValues", meter(100, value=str(value)))
    world.loads_at_once = True
    world.load()
    world.call("MeterValues", meter(100, value=str(100 + delay)))
    assert values(energy) == list(range(101 + delay))
    assert world.database.deliveries == {}


def test_a_link_that_breaks_in_the_backlog_repeats_only_what_was_not_answered(world: World) -> None:
    energy = world["energy"]
    energy.lose()
    world.call("StartTransaction", start())
    for value in range(200):
        world.call("MeterValues", meter(100, value=str(value)))
    energy.behave = Backoffice.hold
    energy.open()
    for _ in range(100):
        energy.release()
    last = values(energy)[-1]
    energy.lose()
    energy.got.clear()
    energy.behave = Backoffice.answer
    energy.open()
    assert values(energy) == list(range(last, 200))


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_events_of_2x_that_were_missed_are_marked_offline(version: str) -> None:
    world = World(version=version)
    world.boot()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world["billing"].lose()
    for seq_no in (1, 2, 3):
        world.call("TransactionEvent", event("Updated", seq_no))
    world["billing"].open()
    world.call("TransactionEvent", event("Ended", 4))
    got = [(p["seqNo"], p.get("offline")) for p in world["billing"].payloads("TransactionEvent")]
    assert got == [(0, None), (1, True), (2, True), (3, True), (4, None)]
    assert [p.get("offline") for p in world["energy"].payloads("TransactionEvent")] == [None] * 5


# -- silence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("frozen_for", [1, 31, 59, 110])
@pytest.mark.parametrize("at", ["StartTransaction", "MeterValues", "StopTransaction"])
def test_a_frozen_backoffice_has_everything_once_when_it_wakes(at: str, frozen_for: int) -> None:
    world = World()
    world.boot()
    energy = world["energy"]
    for step in ("StartTransaction", "MeterValues", "StopTransaction"):
        if step == at:
            energy.behave = Backoffice.hold
        payload = {"StartTransaction": start(), "MeterValues": meter(100), "StopTransaction": stop(100)}[step]
        world.call(step, payload)
    world.wait(frozen_for)
    energy.behave = Backoffice.answer
    energy.release()
    world.wait(200)
    assert [a for a, _ in energy.of(*SESSION)] == ["StartTransaction", "MeterValues", "StopTransaction"]
    assert {p["transactionId"] for _, p in energy.of("MeterValues", "StopTransaction")} == {900}
    assert world.database.deliveries == {}


@pytest.mark.parametrize("back_after", [70, 1000, 40_000])
def test_a_backoffice_that_was_frozen_until_its_link_broke_has_everything_in_order(back_after: int) -> None:
    world = World()
    world.boot()
    energy = world["energy"]
    energy.behave = Backoffice.ignore
    session(world)
    world.wait(65)
    energy.lose("pings were not answered")
    energy.got.clear()
    world.wait(back_after)
    energy.behave = Backoffice.answer
    energy.open()
    world.wait(200)
    assert [a for a, _ in energy.of(*SESSION)] == [
        "StartTransaction",
        *["MeterValues"] * 3,
        "StopTransaction",
    ]
    assert {p["transactionId"] for _, p in energy.of("MeterValues", "StopTransaction")} == {900}
    assert world.database.deliveries == {}


def test_a_link_that_stands_without_an_answer_is_told_again() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, retry_attempts=2))
    world.boot()
    world["energy"].behave = Backoffice.ignore
    world.call("StartTransaction", start())
    world.wait(119)
    assert len(world["energy"].payloads("StartTransaction")) == 1
    world.wait(2)
    assert len(world["energy"].payloads("StartTransaction")) == 2
    world.wait(61)
    assert world.database.dead == [(2, "StartTransaction")]


def test_silence_asks_for_no_ticks_without_end(world: World) -> None:
    world["energy"].behave = world["billing"].behave = Backoffice.ignore
    world.call("StartTransaction", start())
    ticks = world.wait(10_000)
    assert ticks < 600  # heartbeats of two backoffices, not a busy loop


def test_a_backoffice_that_lost_one_message_gets_it_again_after_the_interval(world: World) -> None:
    energy = world["energy"]

    def loses_one(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action == "StartTransaction":
            backoffice.behave = Backoffice.answer
            return
        backoffice.answer(message_id, action, payload)

    energy.behave = loses_one
    world.call("StartTransaction", start())
    world.wait(31)
    energy.call("GetConfiguration", {})  # alive: so the answer was lost
    world.wait(59)
    assert len(energy.payloads("StartTransaction")) == 1
    world.wait(2)
    assert len(energy.payloads("StartTransaction")) == 2


def test_a_late_answer_to_what_was_to_be_repeated_counts(world: World) -> None:
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("StartTransaction", start())
    world.call("MeterValues", meter(100))
    world.wait(31)
    energy.call("GetConfiguration", {})
    energy.behave = Backoffice.answer
    energy.release()
    assert [a for a, _ in energy.of(*SESSION)] == ["StartTransaction", "MeterValues"]
    assert energy.payloads("MeterValues")[0]["transactionId"] == 900


def test_a_useless_late_answer_leaves_the_outstanding_call_alone(world: World) -> None:
    """One CALL outstanding: a late answer must not let the next one out."""
    energy = world["energy"]
    energy.behave = Backoffice.ignore
    world.call("StartTransaction", start())
    late = world.last_id(energy)
    world.wait(31)
    energy.call("GetConfiguration", {})
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    assert [a for a, _ in energy.got] == ["StartTransaction", "StatusNotification"]
    energy.result(late, {"idTagInfo": {}})
    world.call("StatusNotification", {"connectorId": 2, "errorCode": "NoError", "status": "Charging"})
    assert [a for a, _ in energy.got] == ["StartTransaction", "StatusNotification"]


def test_a_silent_billing_is_waited_for_once_only(world: World) -> None:
    billing = world["billing"]
    billing.behave = Backoffice.hold
    assert world.call("StartTransaction", start()) is None
    world.wait(8)
    assert world.answer_to("c2")[2]["transactionId"] >= 1_000_000_000
    world.wait(23)  # T_up has passed: it is known not to answer
    assert world.call("Authorize", {"idTag": "X"})[2] == {"idTagInfo": {"status": "Invalid"}}
    assert world.call("StartTransaction", start(2))[2]["transactionId"] >= 1_000_000_000
    billing.behave = Backoffice.answer
    billing.release()
    assert [a for a, _ in billing.got] == ["StartTransaction", "StartTransaction"]


def test_what_nobody_waits_for_any_more_is_not_sent(world: World) -> None:
    billing = world["billing"]
    billing.behave = Backoffice.hold
    world.call("MeterValues", meter(None))
    for card in ("A", "B", "C"):
        world.call("Authorize", {"idTag": card})
        world.wait(8)
    assert len(world.answered) == 4
    billing.behave = Backoffice.answer
    billing.release()
    assert billing.payloads("Authorize") == []


# -- order -------------------------------------------------------------------------------------------


def test_one_call_outstanding_per_backoffice() -> None:
    world = World(BILLING, ENERGY, WATCHER)
    world.boot()
    for name in ("billing", "energy", "watcher"):
        world[name].behave = Backoffice.hold
    world.call("StartTransaction", start())
    for _ in range(5):
        world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
        world.call("MeterValues", meter(100))
    world.call("Authorize", {"idTag": "X"})
    world.wait(20)
    for name in ("billing", "energy", "watcher"):
        assert len(world[name].held) == 1


def test_statuses_may_overtake_a_backlog_but_not_a_single_message(world: World) -> None:
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"})
    world.call("StartTransaction", start())
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    energy.behave = Backoffice.answer
    energy.release()
    assert [a for a, _ in energy.got] == ["StatusNotification", "StartTransaction", "StatusNotification"]


def test_a_line_that_waits_to_repeat_lets_statuses_and_questions_pass(world: World) -> None:
    billing = world["billing"]
    billing.behave = fails_with("InternalError", "MeterValues")
    world.call("MeterValues", meter(None))
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    assert world.call("Authorize", {"idTag": "X"})[2]["idTagInfo"]["status"] == "Accepted"
    assert [a for a, _ in billing.got] == ["MeterValues", "StatusNotification", "Authorize"]


def test_what_is_not_stored_is_not_kept_for_a_backoffice_that_is_silent() -> None:
    world = World(version="2.0.1")
    world.boot()
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world.wait(31)
    for _ in range(3):
        world.call("NotifyEVChargingNeeds", {"evseId": 1})
    energy.behave = Backoffice.answer
    energy.release()
    assert energy.payloads("NotifyEVChargingNeeds") == []
    world.call("NotifyEVChargingNeeds", {"evseId": 1})
    assert len(energy.payloads("NotifyEVChargingNeeds")) == 1
