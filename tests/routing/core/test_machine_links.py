"""Links that break, stall, refuse or talk nonsense: ocpp-semantics 2.5, 7.7 to 7.9, scenarios 23 to 34."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.snapshot import Role
from tests.routing.core.harness import (
    BILLING,
    ENERGY,
    WATCHER,
    Backoffice,
    World,
    event,
    meter,
    route,
    start,
    stop,
)

SESSION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")


@pytest.fixture
def world() -> World:
    world = World()
    world.boot()
    return world


def session(world: World, values: int = 3, connector: int = 1, at: str = "2026-01-01T00:00:00Z") -> None:
    """The charger goes through a session of 1.6."""
    number = world.call("StartTransaction", start(connector, at=at))[2]["transactionId"]
    for value in range(values):
        world.call("MeterValues", meter(number, connector, value=str(value)))
    world.call("StopTransaction", stop(number, at=at.replace("T00", "T01")))


def values(backoffice: Backoffice) -> list[int]:
    """The meter values it got, in order."""
    return [int(p["meterValue"][0]["sampledValue"][0]["value"]) for p in backoffice.payloads("MeterValues")]


def fails_with(code: str, *actions: str) -> Any:
    """A behaviour: these actions are refused, the others answered."""

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action in actions:
            return backoffice.say(f'[4,"{message_id}","{code}","",{{}}]')
        backoffice.answer(message_id, action, payload)

    return behave


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


# -- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["InternalError", "GenericError", "FormationViolation", "NotImplemented", "?"]
)
@pytest.mark.parametrize("attempts", [1, 2, 3, 5])
def test_a_message_is_tried_so_often_and_then_a_dead_letter(code: str, attempts: int) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, retry_attempts=attempts, retry_interval=10))
    world.boot()
    energy = world["energy"]
    energy.behave = fails_with(code, "MeterValues")
    world.call("StartTransaction", start())
    world.call("MeterValues", meter(100))
    world.call("StopTransaction", stop(100))
    assert world.call("Heartbeat", {})[0] == 3
    times = []
    for _ in range(200):
        times.append(len(energy.payloads("MeterValues")))
        world.wait(1)
    assert times[-1] == attempts
    # The wait grows with the attempts: 10, 20, 30 ... seconds.
    assert [times.index(n) for n in range(1, attempts + 1)] == [
        5 * n * (n - 1) for n in range(1, attempts + 1)
    ]
    assert world.database.dead == [(2, "MeterValues")]
    assert [r.kind for r in world.reports] == ["dead_letter"]
    assert [a for a, _ in energy.got][-1] == "StopTransaction"
    assert len(world["billing"].payloads("MeterValues")) == 1


def test_attempts_are_counted_over_a_restart() -> None:
    world = World()
    world.boot()
    energy = world["energy"]
    energy.behave = fails_with("InternalError", "StartTransaction")
    world.call("StartTransaction", start())
    for _ in range(3):
        world.restart()
        world.connect()
        world.wait(3)
    assert len(energy.payloads("StartTransaction")) == 3
    assert world.database.dead == [(2, "StartTransaction")]


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported", " notimplemented"])
def test_an_action_that_a_backoffice_does_not_know_is_not_sent_again(code: str) -> None:
    world = World()
    world.boot()
    billing = world["billing"]
    billing.behave = fails_with(code, "SecurityEventNotification")
    for _ in range(3):
        assert world.call("SecurityEventNotification", {"type": "x", "timestamp": "t"})[2] == {}
    assert len(billing.payloads("SecurityEventNotification")) == 1
    assert world.database.deliveries == {}
    assert world.database.dead == []


@pytest.mark.parametrize("action", ["StopTransaction", "MeterValues", "StartTransaction"])
def test_what_belongs_to_sessions_is_sent_whatever_a_backoffice_said_before(
    world: World, action: str
) -> None:
    billing = world["billing"]
    billing.behave = fails_with("NotSupported", action)
    payloads = {
        "StopTransaction": stop(77),
        "MeterValues": meter(None),
        "StartTransaction": start(9, tag="E"),
    }
    world.call(action, payloads[action])
    world.wait(1000)
    billing.behave = Backoffice.answer
    billing.got.clear()
    session(world)
    assert [a for a, _ in billing.of(*SESSION)] == [
        "StartTransaction",
        *["MeterValues"] * 3,
        "StopTransaction",
    ]


GARBAGE = (
    "",
    "null",
    "7",
    "[]",
    "[3]",
    '{"a":1}',
    "[3,null,{}]",
    '[9,"x",{}]',
    '[6,"x","Heartbeat",{}]',
    '[5,"x","InternalError","",{}]',
    '[3,"nobody asked",{}]',
    '[4,"nobody asked","InternalError","",{}]',
    '[2,"x","StartTransaction",{}]',
    '[2,"x","NoSuchAction",{}]',
    '[2,"x","Reset"]',
    '[2,7,"Reset",null]',
    "[" * 100,
    '[3,"' + "x" * 5000,
    "\x00\x01",
    "[2," + "9" * 5000 + ',"Reset",{}]',
)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_of_a_backoffice_ends_nothing(version: str, text: str) -> None:
    world = World(version=version)
    world.boot()
    world["energy"].behave = Backoffice.hold
    world.call("SecurityEventNotification", {"type": "x", "timestamp": "t"})
    world.call("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Available"})
    sent = len(world["energy"].got)
    world["energy"].say(text)
    assert len(world["energy"].got) == sent
    assert world.commands == []
    world["energy"].behave = Backoffice.answer
    world["energy"].release()
    assert world.call("Heartbeat", {})[0] == 3


@pytest.mark.parametrize(
    ("text", "outcome"),
    [('[3,"{}",{{"transactionId":5,"idTagIn', "c"), ('[3,"{}",[]]', "c"), ('[4,"{}",7,"",{{}}]', "c")],
)
def test_an_answer_that_cannot_be_read_ends_the_wait_at_once(world: World, text: str, outcome: str) -> None:
    billing = world["billing"]
    billing.behave = lambda b, m, a, p: b.say(text.format(m))
    answer = world.call("StartTransaction", start())
    assert answer[2]["transactionId"] >= 1_000_000_000
    billing.behave = Backoffice.answer
    world.wait(61)
    assert len(billing.payloads("StartTransaction")) == 2
    assert world.database.deliveries == {}


def test_a_start_answer_without_a_number_is_no_answer(world: World) -> None:
    billing = world["billing"]
    billing.behave = lambda b, m, a, p: b.result(m, {"idTagInfo": {"status": "Accepted"}})
    assert world.call("StartTransaction", start())[2]["transactionId"] >= 1_000_000_000
    billing.behave = Backoffice.answer
    world.wait(61)
    assert len(billing.payloads("StartTransaction")) == 2


def test_a_start_answer_without_a_verdict_gets_one_by_the_offline_policy(world: World) -> None:
    world["billing"].behave = lambda b, m, a, p: b.result(m, {"transactionId": 17})
    assert world.call("StartTransaction", start())[2] == {
        "transactionId": 17,
        "idTagInfo": {"status": "Invalid"},
    }


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


# -- without the charger -----------------------------------------------------------------------------


def test_links_are_kept_for_the_grace_and_then_closed(world: World) -> None:
    world.disconnect()
    world.wait(4.9)
    assert world["energy"].up
    world.wait(0.2)
    assert not world["energy"].up
    assert world.closed_links == [(1, 1000, "charger offline"), (2, 1000, "charger offline")]
    assert world.machine.idle
    assert world.machine.next_deadline is None or world.wait(1000) < 3


def test_a_return_within_the_grace_goes_unnoticed(world: World) -> None:
    world.disconnect()
    world.wait(3)
    world.connect()
    world.wait(100)
    assert world.closed_links == []
    assert world["energy"].payloads("BootNotification") == []


def test_deliveries_go_on_within_the_grace(world: World) -> None:
    energy = world["energy"]
    energy.behave = Backoffice.hold
    session(world)
    world.disconnect()
    energy.behave = Backoffice.answer
    energy.release()
    assert world.database.deliveries == {}


@pytest.mark.parametrize("messages", [1, 200])
def test_a_backlog_is_delivered_without_the_charger(world: World, messages: int) -> None:
    energy = world["energy"]
    energy.lose()
    session(world, values=messages)
    world.disconnect()
    world.wait(10)
    world.restart()
    world.forget()
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    assert [a for a, _ in energy.got] == [
        "BootNotification",
        "StartTransaction",
        *["MeterValues"] * messages,
        "StopTransaction",
    ]
    assert world["billing"].got == []
    assert not energy.up
    assert world.machine.idle
    assert world.database.deliveries == {}


def test_the_backlog_of_a_connected_charger_is_not_delivered_twice(world: World) -> None:
    world["energy"].behave = Backoffice.hold
    session(world)
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    world["energy"].behave = Backoffice.answer
    world["energy"].release()
    assert [a for a, _ in world["energy"].got].count("StartTransaction") == 1
    assert world["energy"].up


def test_the_charger_comes_back_while_its_backlog_is_delivered(world: World) -> None:
    energy = world["energy"]
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    energy.lose()
    session(world)
    world.disconnect()
    world.wait(10)
    energy.behave = Backoffice.hold
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    energy.release()
    energy.got.clear()
    world.connect()
    energy.behave = Backoffice.answer
    energy.release()
    world.wait(3)
    assert [a for a, _ in energy.of(*SESSION)] == [*["MeterValues"] * 3, "StopTransaction"]
    assert energy.payloads("StatusNotification") != []
    assert energy.up


def test_stop_closes_everything_with_its_codes(world: World) -> None:
    world["energy"].call("GetConfiguration", {}, "e1")
    world.obey = None
    world["energy"].call("GetConfiguration", {}, "e2")
    world["billing"].call("GetConfiguration", {}, "b1")
    world.do(world.machine.stop(1012, "restart", *world.time))
    assert world.closed_links == [(1, 1001, "restart"), (2, 1001, "restart")]
    assert [(c.code, c.reason) for c in world.closed] == [(1012, "restart")]
    assert world["energy"].answers[-1][:3] == [4, "e2", "GenericError"]
    assert world["billing"].answers[-1][:3] == [4, "b1", "GenericError"]
