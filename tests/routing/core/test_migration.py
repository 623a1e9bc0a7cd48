"""A charger that was told to connect elsewhere, and one that comes back (ocpp-semantics 3.10)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from routing.core.snapshot import Role
from tests.routing.core.harness import ENERGY, EPOCH, World, route

ALARM = "possible migration"
MOVE: dict[str, Any] = {"key": "BackOffice-URL-wired", "value": "wss://elsewhere/"}
VARIABLE: dict[str, Any] = {
    "component": {"name": "SecurityCtrlr"}, "variable": {"name": "CsmsUrl"}, "attributeValue": "wss://elsewhere/",
}  # fmt: skip
PROFILE: dict[str, Any] = {"configurationSlot": 1, "connectionData": {"ocppCsmsUrl": "wss://elsewhere/"}}


def world(version: str = "1.6") -> World:
    one = msgspec.structs.replace(
        route(1, "billing", Role.BILLING), override_until=EPOCH + timedelta(hours=1)
    )
    made = World(one, ENERGY, version=version)
    made.boot()
    return made


def alarms(world: World) -> list[str]:
    return [row.text for row in world.database.alarms.values() if row.kind == ALARM and row.cleared is None]


def obey(world: World, frame: Any) -> None:
    results = [{**item, "attributeStatus": "Accepted"} for item in frame[3].get("setVariableData", [])]
    for result in results:
        result.pop("attributeValue")
    answer = {"setVariableResult": results} if results else {"status": "Accepted"}
    world.frame(json.dumps([3, frame[1], answer]))


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        ("1.6", "ChangeConfiguration", MOVE),
        ("2.0.1", "SetVariables", {"setVariableData": [VARIABLE]}),
        ("2.1", "SetNetworkProfile", PROFILE),
    ],
)
def test_a_charger_that_does_not_come_back(version: str, action: str, payload: Any) -> None:
    made = world(version)
    made.obey = obey
    made["billing"].call(action, payload)
    assert [frame[2] for frame in made.commands] == [action]
    made.disconnect()
    made.wait(599)
    assert alarms(made) == []
    assert not made.machine.idle
    made.wait(2)
    assert alarms(made) == [
        f"billing has sent {action} under an override; the charger is gone for 10 minutes"
    ]
    assert made.machine.idle
    assert "elsewhere" not in repr(made.reports) + repr(made.database.alarms)
    made.restart()
    made.boot()
    assert alarms(made) == []


def test_one_that_was_only_away_for_a_moment_is_watched_further() -> None:
    made = world()
    made["billing"].call("ChangeConfiguration", MOVE)
    made.disconnect()
    made.wait(300)
    made.connect()
    made.wait(900)
    assert alarms(made) == []
    made.disconnect()
    made.wait(601)
    assert len(alarms(made)) == 1
    made.connect()
    assert alarms(made) == []


def test_one_that_has_booted_here_has_not_moved() -> None:
    made = world()
    made["billing"].call("ChangeConfiguration", MOVE)
    made.disconnect()
    made.boot()
    made.disconnect()
    made.wait(1000)
    assert alarms(made) == []


@pytest.mark.parametrize("answer", [[3, {"status": "Rejected"}], [4, "InternalError", "", {}]])
def test_one_that_has_refused_has_not_moved(answer: list[Any]) -> None:
    made = world()
    made.obey = lambda world, frame: world.frame(json.dumps([answer[0], frame[1], *answer[1:]]))
    made["billing"].call("ChangeConfiguration", MOVE)
    made.disconnect()
    made.wait(1000)
    assert alarms(made) == []


def test_what_the_guard_does_not_object_to_moves_nobody() -> None:
    made = world()
    made["billing"].call("ChangeConfiguration", {"key": "ResetRetries", "value": "3"})
    made.disconnect()
    made.wait(1000)
    assert alarms(made) == []


def test_a_restart_of_the_proxy_forgets_nothing() -> None:
    made = world()
    made["billing"].call("ChangeConfiguration", MOVE)
    made.restart()
    made.connect()
    made.disconnect()
    made.wait(601)
    assert len(alarms(made)) == 1


def test_overrides_are_reported() -> None:
    made = world()
    given, plain = made.routes[0], msgspec.structs.replace(made.routes[0], override_until=None)
    made.configure(plain, ENERGY)
    made.configure(given, ENERGY)
    made.configure(given, ENERGY)
    assert [report.text for report in made.reports if report.kind == "override"] == [
        "billing may not change how the charger connects any more",
        "billing may change how the charger connects until 01:00 UTC",
    ]
