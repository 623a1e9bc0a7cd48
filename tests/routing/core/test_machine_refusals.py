"""Backoffices that refuse, do not know, or talk nonsense: ocpp-semantics 1.7, 2.5."""

from __future__ import annotations

import pytest

from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, World, meter, route, start, stop
from tests.routing.core.traffic import (
    SESSION,
    fails_with,
    session,
)


@pytest.fixture
def world() -> World:
    world = World()
    world.boot()
    return world


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
    assert [r.kind for r in world.reports] == ["dead_letter", "alarm"]
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
