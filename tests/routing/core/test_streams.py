"""Periodic event streams of 2.1: ocpp-semantics 2.4."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.routing.core.backoffice import NOON, Backoffice
from tests.routing.core.harness import World
from tests.routing.core.monitors_charger import Monitors, entry, events, make_world, monitor, set_
from tests.routing.core.schemas import judge

OPEN, CLOSE, NOTIFY = "OpenPeriodicEventStream", "ClosePeriodicEventStream", "NotifyPeriodicEventStream"
STREAMING = {"interval": 1, "values": 2}


def accepts(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    """A CSMS that takes streams."""
    answer = {"status": "Accepted"} if action == OPEN else backoffice.payload_for(action)
    backoffice.result(message_id, answer)


@pytest.fixture
def world() -> World:
    """Billing has monitor 1, energy has monitor 2."""
    world, _ = make_world("2.1")
    set_(world, "billing", monitor("A", periodicEventStream=STREAMING))
    set_(world, "energy", monitor("B", periodicEventStream=STREAMING))
    for backoffice in world.backoffices.values():
        backoffice.behave = accepts
    world.forget()
    return world


def open_(world: World, stream: int, of: int) -> Any:
    data = {"id": stream, "variableMonitoringId": of, "params": STREAMING}
    answer = world.call(OPEN, {"constantStreamData": data})
    return answer[2] if answer else None


def values(world: World, stream: int) -> None:
    payload = {"id": stream, "pending": 0, "basetime": NOON, "data": [{"t": 1.10, "v": "1"}]}
    world.frame(json.dumps([6, "s", NOTIFY, payload]))


def told(world: World, action: str, *path: str) -> list[list[Any]]:
    """What each backoffice got of an action, as the value at a path."""
    found = []
    for name in ("billing", "energy", "service", "watcher"):
        for text in world[name].frames:
            if json.loads(text)[0] in (2, 6):
                judge("2.1", text)
        payloads = world[name].payloads(action)
        for key in path:
            payloads = [p[key] for p in payloads]
        found.append(payloads)
    return found


@pytest.mark.parametrize(("monitor_id", "owner"), [(1, 0), (2, 1)])
def test_a_stream_is_opened_closed_and_heard_by_who_has_the_monitor(
    world: World, monitor_id: int, owner: int
) -> None:
    assert open_(world, 7, monitor_id) == {"status": "Accepted"}
    values(world, 7)
    values(world, 8)
    assert world.call(CLOSE, {"id": 7})[2] == {}
    everybody: list[list[Any]] = [[], [], [], []]
    everybody[owner] = [7]
    assert told(world, OPEN, "constantStreamData", "id") == everybody
    assert told(world, CLOSE, "id") == everybody
    everybody[0] = [*everybody[0], 8]  # which nobody has opened: from before the proxy
    assert told(world, NOTIFY, "id") == everybody


def test_the_owners_refusal_reaches_the_charger(world: World) -> None:
    world["energy"].behave = lambda b, m, a, p: b.result(m, {"status": "Rejected"})
    assert open_(world, 7, 2) == {"status": "Rejected"}


@pytest.mark.parametrize("how", ["lost", "silent", "unknown"])
def test_without_its_owner_a_stream_is_not_opened(world: World, how: str) -> None:
    if how == "lost":
        world["energy"].lose()
    elif how == "silent":
        world["energy"].behave = Backoffice.ignore
    else:
        world.configure(*(r for r in world.routes if r.backoffice != "energy"))
    answer = open_(world, 7, 2)
    if how == "silent":
        assert answer is None
        world.wait(8)
        answer = world.answer_to(list(world.answered)[-1])[2]
    assert answer == {"status": "Rejected"}
    assert world["billing"].payloads(OPEN) == []


def test_a_number_that_the_charger_gives_anew_is_the_new_owners(world: World) -> None:
    open_(world, 7, 2)
    world.restart()
    world.boot()
    for backoffice in world.backoffices.values():
        backoffice.behave = accepts
    assert open_(world, 7, 1) == {"status": "Accepted"}  # the charger has given the number anew
    values(world, 7)
    assert told(world, NOTIFY, "id") == [[7], [], [], []]
    assert open_(world, 7, 2) == {"status": "Accepted"}
    assert told(world, OPEN, "constantStreamData", "id") == [[7], [7], [], []]


def test_unconfirmed_messages_do_not_wait_behind_calls(world: World) -> None:
    open_(world, 7, 2)
    world["energy"].behave = Backoffice.hold
    world.call("NotifyEvent", events(entry(2)))
    sampled = {"timestamp": NOON, "sampledValue": [{"value": 1}]}
    world.call("MeterValues", {"evseId": 1, "meterValue": [sampled]})
    values(world, 7)
    assert told(world, NOTIFY, "id")[1] == [7]
    world["energy"].lose()
    values(world, 7)
    world["energy"].open()
    assert told(world, NOTIFY, "id")[1] == [7]


@pytest.mark.parametrize(("name", "passes"), [("energy", True), ("billing", False), ("watcher", False)])
def test_a_stream_is_adjusted_by_its_owner(world: World, name: str, passes: bool) -> None:
    open_(world, 7, 2)
    world.forget()
    world[name].call("AdjustPeriodicEventStream", {"id": 7, "params": STREAMING}, "a")
    assert [c[3]["id"] for c in world.commands] == [7] * passes
    assert world[name].answers[-1][2]["status"] == ("Accepted" if passes else "Rejected")


@pytest.mark.parametrize(
    ("name", "expected"), [("billing", [(7, 1)]), ("energy", [(8, 2)]), ("service", None), ("watcher", None)]
)
def test_a_list_of_streams_shows_own_ones(
    world: World, name: str, expected: list[tuple[int, int]] | None
) -> None:
    open_(world, 7, 1)
    open_(world, 8, 2)
    streams = [{"id": n, "variableMonitoringId": m, "params": STREAMING} for n, m in ((7, 1), (8, 2))]

    def lists(charger: World, frame: Any) -> None:
        charger.frame(json.dumps([3, frame[1], {"constantStreamData": streams}]))

    world.obey = lists
    world[name].call("GetPeriodicEventStream", {}, "g")
    judge("2.1", world[name].frames[-1], "GetPeriodicEventStream")
    shown = world[name].answers[-1][2].get("constantStreamData")
    assert (shown and [(s["id"], s["variableMonitoringId"]) for s in shown]) == expected


@pytest.mark.parametrize(
    "payload",
    ["{}", '{"constantStreamData":5}', '{"constantStreamData":{"id":"x","variableMonitoringId":1}}'],
)
def test_odd_streams_are_refused(world: World, payload: str) -> None:
    world.frame(f'[2,"odd","{OPEN}",{payload}]')
    world.wait(10)
    assert world.answer_to("odd") == [3, "odd", {"status": "Rejected"}]


def test_a_stream_of_a_monitor_from_before_the_proxy_is_billings() -> None:
    world, charger = make_world("2.1")
    assert isinstance(charger, Monitors)
    world["billing"].behave = accepts
    assert open_(world, 7, 50) == {"status": "Accepted"}
    assert told(world, OPEN, "constantStreamData", "id") == [[7], [], [], []]
