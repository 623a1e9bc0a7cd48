"""The process is about to stop: nobody is asked anything new, and answers are waited for."""

from __future__ import annotations

import pytest

from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, event, meter, start


@pytest.fixture
def world() -> World:
    world = World(BILLING, ENERGY)
    world.boot()
    return world


def test_nobody_is_waited_for_when_nothing_was_asked(world: World) -> None:
    world.machine.wind_down()
    assert not world.machine.awaits_answers


def test_what_was_asked_is_answered_and_what_comes_is_stored_alone(world: World) -> None:
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("MeterValues", meter(None, value="1"))
    world.machine.wind_down()
    assert world.machine.awaits_answers
    assert world.call("MeterValues", meter(None, value="2"))[2] == {}
    assert "currentTime" in world.call("Heartbeat", {})[2]
    energy.release()
    assert not world.machine.awaits_answers
    assert len(energy.payloads("MeterValues")) == 1
    world.wait(1000)
    assert len(energy.payloads("MeterValues")) == 1
    world.restart()
    energy.behave = Backoffice.answer
    world.connect()
    world.wait(3)
    values = [p["meterValue"][0]["sampledValue"][0]["value"] for p in energy.payloads("MeterValues")]
    assert values == ["1", "2"]


def test_who_is_late_already_is_not_waited_for(world: World) -> None:
    world["energy"].behave = Backoffice.ignore
    world.call("MeterValues", meter(None))
    world.wait(31)
    assert not world.machine.awaits_answers


def test_an_answer_that_waits_for_the_store_is_waited_for(world: World) -> None:
    world.commit_at_once = False
    world.call("MeterValues", meter(None), "m")
    world.machine.wind_down()
    assert world.machine.awaits_answers
    world.commit()
    assert world.answer_to("m") is not None
    assert not world.machine.awaits_answers


def test_the_charger_is_asked_nothing_new_and_its_answer_is_passed_on(world: World) -> None:
    world.obey = None
    world["billing"].call("Reset", {"type": "Soft"}, "a")
    assert world.machine.awaits_answers
    world.machine.wind_down()
    world["billing"].call("ClearCache", {}, "b")
    world.accept(world.commands[0])
    assert not world.machine.awaits_answers
    assert [answer[1] for answer in world["billing"].answers] == ["a"]
    world.do(world.machine.stop(1012, "service restart", *world.time))
    assert [frame[2] for frame in world.commands] == ["Reset"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_start_whose_owner_is_not_asked_any_more_is_said_again(version: str) -> None:
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    world.machine.wind_down()
    action, payload = ("StartTransaction", start()) if version == "1.6" else (
        "TransactionEvent", event("Started", 0, card="CARD"),
    )  # fmt: skip
    assert world.call(action, payload) is None
    world.restart()
    world.connect()
    world.call(action, payload, "again")
    world.wait(10)
    assert world.answer_to("again")[0] == 3
    assert [len(world[name].payloads(action)) for name in ("billing", "energy")] == [1, 1]
