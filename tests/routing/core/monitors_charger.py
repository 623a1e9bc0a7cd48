"""A charger that monitors, for the tests of who holds which monitor."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from routing.core.snapshot import Role
from tests.routing.core.backoffice import NOON
from tests.routing.core.harness import World, route
from tests.routing.core.schemas import judge

SET, CLEAR = "SetVariableMonitoring", "ClearVariableMonitoring"
NAMES = ("billing", "energy", "service")
VERSIONS = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


class Monitors:
    """A charger that keeps monitors as the standard says, and judges every frame it gets."""

    def __init__(self, world: World, first: int = 1) -> None:
        self.ids = itertools.count(first)
        self.has: dict[int, dict[str, Any]] = {}
        self.silent = False
        self.refusal = ""
        world.obey = self.obey

    def obey(self, world: World, frame: Any) -> None:
        judge(world.version, json.dumps(frame))
        if not self.silent:
            answer = self.answer(frame[2], frame[3])
            world.frame(json.dumps([3, frame[1], answer], separators=(",", ":")))

    def answer(self, action: str, payload: Any) -> Any:
        if action == SET:
            return {"setMonitoringResult": [self.set(item) for item in payload["setMonitoringData"]]}
        if action == CLEAR:
            return {"clearMonitoringResult": [self.clear(number) for number in payload["id"]]}
        return {"status": "Accepted"}

    def set(self, item: Any) -> Any:
        result = {k: item[k] for k in ("type", "severity", "component", "variable")}
        if self.refusal:
            return {**result, "status": self.refusal}
        number = item.get("id")
        if number is not None and number not in self.has:
            return {**result, "status": "Rejected"}
        equal = [n for n, has in self.has.items() if subject(has) == subject(item) and n != number]
        if equal:
            return {**result, "status": "Duplicate"}
        number = next(self.ids) if number is None else number
        self.has[number] = item
        return {**result, "status": "Accepted", "id": number}

    def clear(self, number: int) -> Any:
        return {"id": number, "status": "NotFound" if self.has.pop(number, None) is None else "Accepted"}


def subject(item: Any) -> Any:
    return json.dumps([item["component"], item["variable"], item["type"], item["severity"]])


def monitor(name: str = "Power", value: float = 10, severity: int = 5, **more: Any) -> dict[str, Any]:
    component, variable = {"name": "EVSE", "evse": {"id": 1}}, {"name": name}
    kind = {"type": "UpperThreshold", "severity": severity, "component": component, "variable": variable}
    return {"value": value, **kind, **more}


def make_world(version: str = "2.0.1", first: int = 1) -> tuple[World, Monitors]:
    world = World(
        route(1, "billing", Role.BILLING),
        route(2, "energy", Role.CONTROL),
        route(3, "service", Role.SERVICE),
        route(4, "watcher", Role.OBSERVE),
        version=version,
    )
    world.boot()
    return world, Monitors(world, first)


def ask(world: World, name: str, action: str, payload: Any) -> Any:
    """What a backoffice is answered, judged by the schema."""
    asker = world[name]
    asker.call(action, payload, "m")
    answer = asker.answers[-1]
    assert answer[:2] == [3, "m"], answer
    judge(world.version, asker.frames[-1], action)
    return answer[2]


def set_(world: World, name: str, *items: Any) -> list[tuple[str, int | None]]:
    results = ask(world, name, SET, {"setMonitoringData": list(items)})["setMonitoringResult"]
    assert [subject(r) for r in results] == [subject(i) for i in items]
    return [(r["status"], r.get("id")) for r in results]


def clear(world: World, name: str, *ids: int) -> list[str]:
    results = ask(world, name, CLEAR, {"id": list(ids)})["clearMonitoringResult"]
    assert [r["id"] for r in results] == list(ids)
    return [r["status"] for r in results]


def entry(number: int | None, kind: str = "CustomMonitor", event_id: int = 1) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "eventId": event_id,
        "timestamp": NOON,
        "trigger": "Alerting",
        "actualValue": "1",
        "eventNotificationType": kind,
        "component": {"name": "EVSE"},
        "variable": {"name": "Power"},
    }
    return payload if number is None else {**payload, "variableMonitoringId": number}


def events(*entries: Any, seq: int = 0, tbc: bool | None = None) -> dict[str, Any]:
    payload = {"generatedAt": NOON, "seqNo": seq, "eventData": list(entries)}
    return payload if tbc is None else {**payload, "tbc": tbc}


def seen(world: World, name: str) -> list[list[int | None]]:
    """The monitors in each NotifyEvent that a backoffice got."""
    for text in world[name].frames:
        judge(world.version, text) if json.loads(text)[0] == 2 else None
    return [
        [e.get("variableMonitoringId") for e in p["eventData"]] for p in world[name].payloads("NotifyEvent")
    ]
