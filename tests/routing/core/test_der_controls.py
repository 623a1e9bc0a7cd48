"""Controls of distributed energy (OCPP 2.1): each backoffice has its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.routing.core.harness import World
from tests.routing.core.rewriting_world import (
    answering,
    asked,
    control,
    world_with,
)

# -- DER controls --------------------------------------------------------------------------------------


def set_control(world: World, name: str, control_id: str, kind: str = "VoltVar") -> str:
    world[name].call("SetDERControl", control(control_id, kind))
    return str(asked(world)["controlId"])


def test_controls_get_names_of_their_own() -> None:
    world = world_with()
    assert set_control(world, "billing", "a") == "a"
    other = set_control(world, "control", "a")
    assert other != "a"
    world.obey = answering("Accepted", supersededIds=["a", other, "older"])
    set_control(world, "control", "b")
    assert world["control"].answers[-1][2] == {"status": "Accepted", "supersededIds": ["a"]}
    set_control(world, "service", "b")
    assert world["service"].answers[-1][2] == {"status": "Accepted"}
    set_control(world, "billing", "b")
    assert world["billing"].answers[-1][2] == {"status": "Accepted", "supersededIds": ["a", "older"]}


@pytest.mark.parametrize("name", ['x"y', "a" * 37, "", "\u0000", "\ud800", 5, [], None])
def test_odd_names_of_controls_harm_nobody(name: Any) -> None:
    world = world_with()
    world["control"].call("SetDERControl", control(name))
    assert world["control"].answers[-1][0] == 3
    for frame in world.commands:
        assert name is None or name not in (frame[3].get("controlId"),)
    for row in world.database.identifiers.values():
        row.route_identifier.encode()


def test_a_broad_clear_means_ones_own() -> None:
    world = world_with()
    set_control(world, "billing", "a")
    kinds = {"a": "VoltVar", "b": "WattVar", "c": "VoltVar"}
    mine = [set_control(world, "control", name, kind) for name, kind in kinds.items()]
    world.forget()
    world["control"].call("ClearDERControl", {"isDefault": False, "controlType": "VoltVar"})
    assert [f[3] for f in world.commands] == [
        {"isDefault": False, "controlType": "VoltVar", "controlId": n} for n in (mine[0], mine[2])
    ]
    assert [a[2] for a in world["control"].answers] == [{"status": "Accepted"}]
    world.forget()
    world["control"].call("ClearDERControl", {"isDefault": True})
    assert world["control"].answers[-1][2]["status"] == "NotFound"
    world["billing"].call("ClearDERControl", {"isDefault": False})
    assert [f[3] for f in world.commands] == [{"isDefault": False, "controlId": "a"}]


def test_a_broad_clear_of_billing_alone_passes() -> None:
    world = world_with()
    set_control(world, "billing", "a")
    world["billing"].call("ClearDERControl", {"isDefault": False})
    assert asked(world) == {"isDefault": False}
    assert all(r.closed is not None for r in world.database.identifiers.values())


@pytest.mark.parametrize(
    ("statuses", "composed"),
    [
        (["Accepted", "NotFound"], "Accepted"),
        (["NotFound", "Accepted"], "Accepted"),
        (["NotFound", "Rejected"], "NotFound"),
    ],
)
def test_the_answers_to_a_broad_clear_become_one(statuses: list[str], composed: str) -> None:
    world = world_with()
    for name in ("a", "b"):
        set_control(world, "control", name)
    said = iter(statuses)

    def one_by_one(w: World, frame: Any) -> None:
        answering(next(said))(w, frame)

    world.obey = one_by_one
    world["control"].call("ClearDERControl", {"isDefault": False})
    assert [a[2]["status"] for a in world["control"].answers[2:]] == [composed]


@pytest.mark.parametrize("fate", ["timeout", "offline", "asker gone"])
def test_a_broad_clear_that_is_cut_short_is_answered_once(fate: str) -> None:
    world = world_with()
    for name in ("a", "b"):
        set_control(world, "control", name)
    world.forget()
    world.obey = None
    world["control"].call("ClearDERControl", {"isDefault": False})
    if fate == "timeout":
        world.wait(50)
    elif fate == "offline":
        world.disconnect()
        world.wait(10)
    else:
        world["control"].lose()
        world.frame(json.dumps([3, world.commands[0][1], {"status": "Accepted"}]))
        world.frame(json.dumps([3, world.commands[-1][1], {"status": "Accepted"}]))
    assert len(world["control"].answers) == (0 if fate == "asker gone" else 1)


@pytest.mark.parametrize("name", ["a", "nobody's"])
def test_a_control_of_another_is_not_found(name: str) -> None:
    world = world_with()
    set_control(world, "billing", "a")
    world.forget()
    for action in ("ClearDERControl", "GetDERControl"):
        world["control"].call(action, {"isDefault": False, "requestId": 1, "controlId": name})
        assert world["control"].answers[-1][2]["status"] == "NotFound"
    assert world.commands == []


def test_a_report_of_controls_shows_each_its_own() -> None:
    world = world_with()
    set_control(world, "billing", "a")
    other = set_control(world, "control", "a")
    world["control"].call("GetDERControl", {"requestId": 1})
    number = asked(world)["requestId"]
    world.call(
        "ReportDERControl",
        {"requestId": number, "tbc": True, "curve": [{"id": "a"}, {"id": other}], "gradient": [{"id": "z"}]},
    )
    world.call("ReportDERControl", {"requestId": number, "curve": [{"id": "a"}]})
    assert world["control"].payloads("ReportDERControl") == [
        {"requestId": 1, "tbc": True, "curve": [{"id": "a"}]},
        {"requestId": 1},
    ]
    assert world["billing"].payloads("ReportDERControl") == []


def test_the_start_of_a_control_is_told_its_owner() -> None:
    world = world_with()
    set_control(world, "billing", "a")
    other = set_control(world, "control", "a")
    said = {"started": True, "timestamp": "2026-01-01T00:00:00Z"}
    world.call("NotifyDERStartStop", {"controlId": other, **said, "supersededIds": ["a"]})
    assert world["control"].payloads("NotifyDERStartStop") == [{"controlId": "a", **said}]
    assert world["billing"].payloads("NotifyDERStartStop") == []
    world.call("NotifyDERStartStop", {"controlId": "older", **said})
    assert world["billing"].payloads("NotifyDERStartStop") == [{"controlId": "older", **said}]
