"""Scenarios 23 to 28: the charger's answers, and how backoffices are kept apart."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.routing.core.backoffice import Backoffice, decode
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, WATCHER, World, event, meter, start

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def values(world: World, number: int) -> object:
    """MeterValues of this version."""
    if world.version == "1.6":
        return {**meter(None), "connectorId": number % 2 + 1}
    sampled = [{"timestamp": "2026-01-01T00:30:00Z", "sampledValue": [{"value": number}]}]
    return {"evseId": 1, "meterValue": sampled}


@ALL
def test_23_a_silent_secondary_delays_nobody(version: str) -> None:
    """Given a backoffice that never answers, when 100 MeterValues come, then each is answered at once."""
    world = World(version=version)
    world.boot()
    world["energy"].behave = Backoffice.ignore
    before = world.now
    for number in range(100):
        assert world.call("MeterValues", values(world, number))[2] == {}
    assert world.now == before  # no time passed in this world: nothing was waited for


@ALL
def test_24_an_error_of_a_secondary_stays_its_own(version: str) -> None:
    """Given an observer that refuses MeterValues, when they come, then only its own queue tries again."""
    world = World(BILLING, WATCHER, version=version)
    world.boot()
    watcher = world["watcher"]

    def refuse(backoffice: Backoffice, message_id: str, action: str, payload: object) -> None:
        backoffice.say(f'[4,"{message_id}","InternalError","no",{{}}]')

    watcher.behave = refuse
    assert world.call("MeterValues", values(world, 1))[2] == {}
    assert len(world["billing"].payloads("MeterValues")) == 1
    watcher.behave = Backoffice.answer
    world.wait(61)
    assert len(watcher.payloads("MeterValues")) == 2
    assert len(world["billing"].payloads("MeterValues")) == 1
    assert len(world.to_charger) == 1


@ALL
def test_25_the_proxy_tells_the_time_itself(version: str) -> None:
    """Given Billing answers heartbeats late, then the charger has the time at once, Billing its rhythm."""
    world = World(version=version)
    world["billing"].interval = 300
    world.boot()
    world["billing"].behave = Backoffice.ignore
    answer = world.call("Heartbeat", {})
    told = datetime.fromisoformat(answer[2]["currentTime"].replace("Z", "+00:00"))
    assert abs((told - world.utc).total_seconds()) < 1
    assert world["billing"].payloads("Heartbeat") == []  # the charger's own is not passed on
    world["billing"].behave = Backoffice.answer
    world.wait(301)
    assert len(world["billing"].payloads("Heartbeat")) == 1


@ALL
def test_26_each_backoffice_has_its_own_interval(version: str) -> None:
    """Given 300 s of Billing, 60 s of another, then the charger gets 300, the other its heartbeats."""
    world = World(version=version)
    world["billing"].interval, world["energy"].interval = 300, 60
    world.connect()
    answer = world.call("BootNotification", json.loads(BOOT if version == "1.6" else BOOT_2))
    assert answer[2]["interval"] == 300
    world.forget()
    world.wait(299)
    assert len(world["energy"].payloads("Heartbeat")) == 4
    assert world["billing"].payloads("Heartbeat") == []


@ALL
def test_27_two_answers_and_the_charger_gets_one(version: str) -> None:
    """Given two backoffices that both answer, then exactly one CALLRESULT reaches the charger."""
    world = World(version=version)
    world.boot()
    if version == "1.6":
        world.call("StartTransaction", start(), "s")
    else:
        world.call("TransactionEvent", event("Started", 0, card="CARD"), "s")
    world.wait(60)
    assert len(world.answered["s"]) == 1
    assert len(world["billing"].got) == len(world["energy"].got) == 1


@ALL
def test_28_what_is_relayed_is_not_touched(version: str) -> None:
    """Given the number 1.10 and a field nobody knows, when a frame passes, then both arrive as they were."""
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    place = '"connectorId":1' if version == "1.6" else '"evseId":1'
    payload = (
        f'{{{place}, "meterValue":[{{"timestamp":"t","sampledValue":[{{"value":1.10}}]}}],"x-mine":[1e400]}}'
    )
    world.frame(f'[2,"m","MeterValues",{payload}]')
    assert decode(world.to_charger[-1]) == [3, "m", {}]
    for name in ("billing", "energy"):
        assert world[name].frames[-1].endswith(f",{payload}]")
