"""Killed anywhere, nothing is lost: style.md section 6 question 6, ocpp-semantics 7.9, scenario 39."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, meter, start, stop

SESSION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}


class Charger:
    """A charger that repeats what was not answered, as a real one does, with its own transaction id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = -1
        self.ids = itertools.count(1)

    def say(self, action: str, payload: Callable[[int], dict[str, Any]]) -> None:
        """Send a CALL; if nobody answers, reconnect and send it again under a new message id."""
        for attempt in range(5):
            answer = self.world.call(action, payload(self.number), f"k{next(self.ids)}")
            if answer is None:
                self.world.wait(9)
                answer = self.world.answer_to(f"k{next(self.ids) - 1}")
            if answer is not None:
                self.number = answer[2].get("transactionId", self.number)
                return
            self.world.commit_at_once = True
            self.world.restart()
            self.world.connect()
            assert attempt < 4


def the_steps(version: str) -> list[tuple[str, Callable[[int], dict[str, Any]]]]:
    """A full session, step by step."""
    if version == "1.6":
        return [
            ("StatusNotification", lambda number: STATUS),
            ("Authorize", lambda number: {"idTag": "CARD"}),
            ("StartTransaction", lambda number: start()),
            *[("MeterValues", lambda number, v=v: meter(number, value=str(v))) for v in range(5)],
            ("StopTransaction", stop),
        ]
    return [
        ("TransactionEvent", lambda number: event("Started", 0, card="CARD")),
        *[("TransactionEvent", lambda number, s=s: event("Updated", s)) for s in range(1, 6)],
        ("TransactionEvent", lambda number: event("Ended", 6)),
    ]


def story(backoffice: Backoffice) -> list[tuple[str, Any]]:
    """What it got of sessions, without repeats; a repeat must say the same (but for ``offline``)."""
    told: dict[str, Any] = {}
    for action, payload in backoffice.of(*SESSION):
        payload = {k: v for k, v in payload.items() if k != "offline"}
        value = payload["meterValue"][0]["sampledValue"][0]["value"] if action == "MeterValues" else ""
        key = f"{action}/{payload.get('seqNo', '')}/{value}"
        assert told.setdefault(key, (action, payload)) == (action, payload)
    return list(told.values())


def expected(version: str, number: int) -> list[tuple[str, Any]]:
    return [(a, p(number)) for a, p in the_steps(version) if a in SESSION]


STEPS = [(v, n) for v in ("1.6", "2.0.1", "2.1") for n in range(len(the_steps(v)))]


@pytest.mark.parametrize("when", ["before", "after", "stored"])
@pytest.mark.parametrize(("version", "step"), STEPS)
@pytest.mark.parametrize("silent", ["", "energy", "billing"])
def test_a_kill_after_any_step(version: str, step: int, when: str, silent: str) -> None:
    """``before`` and ``after`` the step was answered; ``stored`` but answered to nobody."""
    world = World(BILLING, ENERGY, version=version, options=ChargerOptions(auth_offline="accept"))
    world.boot()
    charger = Charger(world)
    if silent:
        world[silent].behave = Backoffice.ignore
    for number, (action, payload) in enumerate(the_steps(version)):
        if number == step and when == "before":
            world.restart()
            world.connect()
        if number == step and when == "stored":
            world.commit_at_once = False
        charger.say(action, payload)
        world.commit_at_once = True
        if number == step and when == "after":
            world.restart()
            world.connect()
    if silent:
        world[silent].lose()
        world[silent].behave = Backoffice.answer
        world[silent].open()
    world.wait(1000)
    for name, first in (("billing", 100), ("energy", 900)):
        stops = [p.get("transactionId", 0) for a, p in world[name].of("StopTransaction")]
        assert len(set(stops)) == (1 if version == "1.6" else 0)
        number = stops[-1] if stops else 0
        assert story(world[name]) == expected(version, number)
        assert number in range(first, first + 100) if version == "1.6" else number == 0
    assert world.database.deliveries == {}
    assert world.database.dead == []


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("kills", [(1, 3), (2, 3, 4), tuple(range(7))])
def test_killed_again_and_again(version: str, kills: tuple[int, ...]) -> None:
    world = World(BILLING, ENERGY, WATCHER, version=version)
    world.boot()
    charger = Charger(world)
    for number, (action, payload) in enumerate(the_steps(version)):
        charger.say(action, payload)
        if number in kills:
            world.restart()
            world.connect()
    world.wait(1000)
    for name in ("billing", "energy", "watcher"):
        assert [a for a, _ in story(world[name])] == [a for a, _ in expected(version, 0)]
    assert world.database.deliveries == {}


def test_a_restart_with_a_long_backlog_goes_on_where_it_was() -> None:
    world = World()
    world.boot()
    energy = world["energy"]
    energy.lose()
    world.call("StartTransaction", start())
    for value in range(150):
        world.call("MeterValues", meter(100, value=str(value)))
    energy.behave = Backoffice.hold
    energy.open()
    for _ in range(40):
        energy.release()
    world.restart()
    energy.behave = Backoffice.answer
    world.connect()
    world.wait(3)
    assert [a for a, _ in story(energy)] == ["StartTransaction", *["MeterValues"] * 150]
    assert len(energy.of(*SESSION)) <= 152  # one may have come twice
    assert world.database.deliveries == {}


def test_what_is_known_of_cards_boots_and_statuses_outlives_a_restart() -> None:
    world = World()
    world["billing"].interval = 240
    world.boot()
    world.call("Authorize", {"idTag": "KNOWN"})
    world.call("StatusNotification", STATUS)
    world.restart()
    world.auto_open = False
    world.connect()
    world["billing"].refuse()
    assert world.call("BootNotification", {"chargePointVendor": "V"})[2]["interval"] == 240
    assert world.call("Authorize", {"idTag": "KNOWN"})[2]["idTagInfo"]["status"] == "Accepted"
    world.connect()
    world["energy"].open()
    world.wait(3)
    assert world["energy"].payloads("BootNotification") == [{"chargePointVendor": "V"}]


def test_numbers_of_the_proxy_go_on_after_a_restart() -> None:
    world = World()
    world.boot()
    world["billing"].lose()
    first = world.call("StartTransaction", start(1))[2]["transactionId"]
    world.restart()
    world.auto_open = False
    world.connect()
    world["billing"].refuse()
    second = world.call("StartTransaction", start(2))[2]["transactionId"]
    assert second == first + 1


def test_sequence_numbers_go_on_even_when_the_clock_was_set_back() -> None:
    world = World()
    world.boot()
    world["energy"].lose()
    world.call("MeterValues", meter(None, value="1"))
    world.restart()
    world.auto_open = False
    world.utc = world.utc.replace(year=2020)
    world.connect()
    world.call("MeterValues", meter(None, value="2"))
    world["energy"].open()
    world.wait(3)
    values = [p["meterValue"][0]["sampledValue"][0]["value"] for p in world["energy"].payloads("MeterValues")]
    assert values == ["1", "2"]


@pytest.mark.parametrize("given", ["known", "unknown"])
def test_a_start_that_billing_answered_while_the_charger_was_away(given: str) -> None:
    world = World()
    world.boot()
    world["billing"].behave = Backoffice.hold
    world.call("StartTransaction", start(), "a")
    if given == "known":
        world.disconnect()
        world["billing"].release()
    world.restart()
    world["billing"].behave = Backoffice.answer
    world.connect()
    answer = world.call("StartTransaction", start(), "b")
    world.wait(8)
    answer = answer or world.answer_to("b")
    assert answer[2]["transactionId"] in (100, 101)
    world.call("StopTransaction", stop(answer[2]["transactionId"]))
    assert len({p["transactionId"] for p in world["billing"].payloads("StopTransaction")}) == 1
