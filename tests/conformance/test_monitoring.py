"""Scenarios 21, 68 and 69: variable monitors and event streams of several backoffices."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.routing.core.backoffice import NOON, Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World
from tests.routing.core.schemas import judge

VERSIONS = pytest.mark.parametrize("version", ["2.0.1", "2.1"])

SUBJECT = {
    "type": "UpperThreshold",
    "severity": 5,
    "component": {"name": "EVSE"},
    "variable": {"name": "Power"},
}


def set_monitor(world: World, name: str, status: str, number: int | None = None, value: float = 10) -> Any:
    """A backoffice sets the monitor; the charger says this about it."""
    world.obey = None
    world[name].call("SetVariableMonitoring", {"setMonitoringData": [{"value": value, **SUBJECT}]}, "m")
    result = {"status": status, **SUBJECT} | ({} if number is None else {"id": number})
    world.frame(json.dumps([3, world.commands[-1][1], {"setMonitoringResult": [result]}]))
    judge(world.version, world[name].frames[-1], "SetVariableMonitoring")
    return world[name].answers[-1][2]["setMonitoringResult"][0]


def clear_monitor(world: World, name: str, number: int) -> str:
    """A backoffice clears a monitor; the charger, if it is asked, does so."""

    def cleared(charger: World, frame: Any) -> None:
        results = [{"id": n, "status": "Accepted"} for n in frame[3]["id"]]
        charger.frame(json.dumps([3, frame[1], {"clearMonitoringResult": results}]))

    world.obey = cleared
    world[name].call("ClearVariableMonitoring", {"id": [number]}, "c")
    judge(world.version, world[name].frames[-1], "ClearVariableMonitoring")
    return str(world[name].answers[-1][2]["clearMonitoringResult"][0]["status"])


def event_of(number: int | None, kind: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "eventId": 1,
        "timestamp": NOON,
        "trigger": "Alerting",
        "actualValue": "11",
        "eventNotificationType": kind,
        "component": SUBJECT["component"],
        "variable": SUBJECT["variable"],
    }
    return entry if number is None else {**entry, "variableMonitoringId": number}


def test_21_a_stream_is_its_owners() -> None:
    """Given values of a stream while a CALL is outstanding, then its owner alone gets them, unanswered."""
    world = World(version="2.1")
    world.boot()
    set_monitor(world, "energy", "Accepted", 3)
    world["energy"].behave = lambda b, m, a, p: b.result(m, {"status": "Accepted"})
    stream = {"id": 9, "variableMonitoringId": 3, "params": {"interval": 1, "values": 1}}
    assert world.call("OpenPeriodicEventStream", {"constantStreamData": stream})[2] == {"status": "Accepted"}
    assert world["energy"].payloads("OpenPeriodicEventStream") == [{"constantStreamData": stream}]
    world["energy"].behave = Backoffice.ignore
    world.call("MeterValues", {"evseId": 1, "meterValue": []})
    world["energy"].call("GetVariables", {"getVariableData": []}, "outstanding")
    asked, sent = len(world.commands), len(world.to_charger)
    values = {"id": 9, "pending": 0, "basetime": NOON, "data": [{"t": 1, "v": "11"}]}
    world.frame(json.dumps([6, "s", "NotifyPeriodicEventStream", values]))
    assert world["energy"].payloads("NotifyPeriodicEventStream") == [values]
    assert world["billing"].payloads("NotifyPeriodicEventStream") == []
    assert (len(world.commands), len(world.to_charger)) == (asked, sent)
    judge("2.1", world["energy"].frames[-1])


@VERSIONS
def test_68_a_monitor_that_two_have_set(version: str) -> None:
    """Given C sets what P has, and a Duplicate, then both hold it; C's clearing leaves it to P."""
    world = World(version=version)
    world.boot()
    first = set_monitor(world, "billing", "Accepted", 4)
    second = set_monitor(world, "energy", "Duplicate")
    assert (first["status"], second["status"]) == ("Accepted", "Accepted")
    assert set_monitor(world, "energy", "Duplicate", value=99)["status"] != "Accepted"
    event = {"generatedAt": NOON, "seqNo": 0, "eventData": [event_of(4, "CustomMonitor")]}
    for name, result in (("billing", first), ("energy", second)):
        world.call("NotifyEvent", event)
        told = world[name].payloads("NotifyEvent")[-1]["eventData"]
        assert [e["variableMonitoringId"] for e in told] == [result["id"]]
    world.forget()
    assert clear_monitor(world, "energy", second["id"]) == "Accepted"
    assert world.commands == []
    world.call("NotifyEvent", event)
    assert world["energy"].payloads("NotifyEvent") == []
    told = world["billing"].payloads("NotifyEvent")[-1]["eventData"]
    assert [e["variableMonitoringId"] for e in told] == [first["id"]]
    assert clear_monitor(world, "billing", first["id"]) == "Accepted"
    assert [c[3] for c in world.commands] == [{"id": [4]}]


@VERSIONS
def test_69_events_are_parted(version: str) -> None:
    """Given a hard-wired entry and one of C's, then P gets the first, C both, each from seqNo 0."""
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    number = set_monitor(world, "energy", "Accepted", 4)["id"]
    world.forget()
    entries = [event_of(None, "HardWiredNotification"), event_of(4, "CustomMonitor")]
    answer = world.call("NotifyEvent", {"generatedAt": NOON, "seqNo": 3, "tbc": True, "eventData": entries})
    assert answer[2] == {}
    for name, ids in (("billing", [None]), ("energy", [None, number])):
        (told,) = world[name].payloads("NotifyEvent")
        assert [e.get("variableMonitoringId") for e in told["eventData"]] == ids
        assert (told["seqNo"], told.get("tbc", False)) == (0, False)
        judge(version, world[name].frames[-1])
