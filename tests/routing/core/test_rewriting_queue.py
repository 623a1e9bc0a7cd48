"""CALLs about one thing that wait for the charger together: the end of one must not spoil the other's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, event, route
from tests.stateful.objects import profile_2

ALLOWED = dict.fromkeys(
    (
        "AdjustPeriodicEventStream",
        "CancelReservation",
        "ClearVariableMonitoring",
        "GetDisplayMessages",
        "RequestStartTransaction",
        "ReserveNow",
        "SetChargingProfile",
        "SetDERControl",
        "SetDisplayMessage",
        "SetVariableMonitoring",
    ),
    Verdict.ALLOW,
)


def world_with(version: str = "2.1") -> World:
    """A charger that answers when it is told to."""
    world = World(
        BILLING,
        route(2, "control", Role.CONTROL, ALLOWED),
        route(3, "other", Role.CONTROL, ALLOWED),
        version=version,
    )
    world.boot()
    world.obey = None
    return world


def answer(world: World, payload: Any) -> None:
    """The charger answers what it was asked last."""
    world.frame(json.dumps([3, world.commands[-1][1], payload]))


def display(number: int, content: str) -> dict[str, Any]:
    text = {"format": "ASCII", "content": content}
    return {"message": {"id": number, "priority": "NormalCycle", "message": text}}


def token(card: str) -> dict[str, str]:
    return {"idToken": card, "type": "ISO14443"}


def reserve(number: int) -> dict[str, Any]:
    return {"id": number, "expiryDateTime": "2026-01-01T01:00:00Z", "idToken": token("CARD")}


def remote_start(evse: int) -> dict[str, Any]:
    return {"remoteStartId": 0, "evseId": evse, "idToken": token("CARD")}


def limit(level: int) -> dict[str, Any]:
    profile: dict[str, Any] = profile_2("energy", 1)[1]
    profile["chargingProfile"]["stackLevel"] = level
    return profile


TWICE = [
    pytest.param("SetDisplayMessage", display(1, "one"), display(1, "two"), "message.id", id="display"),
    pytest.param("ReserveNow", reserve(1), reserve(1), "id", id="reservation"),
    pytest.param(
        "RequestStartTransaction", remote_start(1), remote_start(2), "remoteStartId", id="remote start"
    ),
    pytest.param("SetChargingProfile", limit(1), limit(2), "chargingProfile.id", id="profile"),
]


def number_at(payload: Any, path: str) -> int:
    for name in path.split("."):
        payload = payload[name]
    return int(payload)


@pytest.mark.parametrize(("action", "first", "second", "path"), TWICE)
@pytest.mark.parametrize("answers", [("Rejected", "Accepted"), ("Accepted", "Rejected")])
def test_a_refusal_does_not_free_the_id_of_what_the_charger_has(
    action: str, first: Any, second: Any, path: str, answers: tuple[str, str]
) -> None:
    world = world_with()
    world["control"].call(action, first, "1")
    world["control"].call(action, second, "2")
    for status in answers:
        answer(world, {"status": status})
    mine = number_at(world.commands[-1][3], path)
    assert [a[1:3] for a in world["control"].answers] == [
        ["1", {"status": answers[0]}],
        ["2", {"status": answers[1]}],
    ]
    [row] = [r for r in world.database.identifiers.values() if r.charger_identifier == str(mine)]
    assert row.closed is None
    if action != "SetChargingProfile":  # whose purpose it is not, may not set one
        world["other"].call(action, first, "3")
        assert number_at(world.commands[-1][3], path) != mine


@pytest.mark.parametrize(("action", "first", "second", "path"), TWICE)
def test_two_refusals_free_it(action: str, first: Any, second: Any, path: str) -> None:
    world = world_with()
    world["control"].call(action, first, "1")
    world["control"].call(action, second, "2")
    answer(world, {"status": "Rejected"})
    answer(world, {"status": "Rejected"})
    mine = number_at(world.commands[-1][3], path)
    if action != "SetChargingProfile":
        world["other"].call(action, first, "3")
        assert number_at(world.commands[-1][3], path) == mine


def test_a_session_is_its_starters_whose_other_start_was_refused() -> None:
    world = world_with()
    world["control"].call("RequestStartTransaction", remote_start(1), "1")
    world["control"].call("RequestStartTransaction", remote_start(2), "2")
    answer(world, {"status": "Rejected"})
    number = world.commands[-1][3]["remoteStartId"]
    answer(world, {"status": "Accepted"})
    info = {"transactionId": "T-1", "remoteStartId": number}
    world.call("TransactionEvent", event("Started", 0, card="CARD", evse={"id": 2}, transactionInfo=info))
    seen = {
        name: world[name].payloads("TransactionEvent")[-1]["transactionInfo"].get("remoteStartId")
        for name in ("billing", "control", "other")
    }
    assert seen == {"billing": None, "control": 0, "other": None}
    assert [t.owner for t in world.database.transactions.values()] == [2]


def test_what_is_made_again_behind_its_end_exists() -> None:
    world = world_with()
    world["control"].call("SetDisplayMessage", display(1, "one"), "1")
    answer(world, {"status": "Accepted"})
    world["control"].call("ClearDisplayMessage", {"id": 1}, "2")
    world["control"].call("SetDisplayMessage", display(1, "two"), "3")
    answer(world, {"status": "Accepted"})
    answer(world, {"status": "Accepted"})
    world.restart()
    world.boot()
    world["control"].call("GetDisplayMessages", {"requestId": 1}, "4")
    assert world.commands[-1][2] == "GetDisplayMessages"


# -- numbers that the charger gives ----------------------------------------------------------------------


def item(variable: str, **more: Any) -> dict[str, Any]:
    kept = {
        "type": "UpperThreshold",
        "severity": 1,
        "component": {"name": "C"},
        "variable": {"name": variable},
    }
    return {**kept, **more}


@pytest.mark.parametrize(
    ("action", "late", "told"),
    [
        ("ClearVariableMonitoring", {"id": [1]}, "NotFound"),
        ("SetVariableMonitoring", {"setMonitoringData": [item("V1", value=2.0, id=1)]}, "Rejected"),
    ],
)
def test_a_monitor_of_another_is_not_touched_under_a_number_given_anew(
    action: str, late: Any, told: str
) -> None:
    world = world_with()
    world["control"].call("SetVariableMonitoring", {"setMonitoringData": [item("V1", value=1.0)]}, "1")
    answer(world, {"setMonitoringResult": [item("V1", status="Accepted", id=1)]})
    world["control"].call("ClearVariableMonitoring", {"id": [1]}, "2")
    world["other"].call("SetVariableMonitoring", {"setMonitoringData": [item("V2", value=1.0)]}, "3")
    world["control"].call(action, late, "4")
    answer(world, {"clearMonitoringResult": [{"id": 1, "status": "Accepted"}]})
    answer(world, {"setMonitoringResult": [item("V2", status="Accepted", id=1)]})
    assert [frame[2] for frame in world.commands].count(action) == 1 + (action == "SetVariableMonitoring")
    [results] = world["control"].answers[-1][2].values()
    assert [result["status"] for result in results] == [told]
    world["other"].call("ClearVariableMonitoring", {"id": [1]}, "5")
    assert world.commands[-1][3] == {"id": [1]}


def monitors_of(world: World, name: str) -> list[int]:
    """The monitors of which a backoffice has got an event, by its own numbers, since this was asked last."""
    events = [entry for payload in world[name].payloads("NotifyEvent") for entry in payload["eventData"]]
    world[name].got.clear()
    return [entry["variableMonitoringId"] for entry in events]


def notify(world: World, number: int, variable: str) -> None:
    entry = {
        "eventId": 1,
        "timestamp": "2026-01-01T00:00:00Z",
        "trigger": "Alerting",
        "actualValue": "1",
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": number,
        "component": {"name": "C"},
        "variable": {"name": variable},
    }
    world.call("NotifyEvent", {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [entry]})


def test_what_else_was_to_be_cleared_is_still_there() -> None:
    world = world_with()
    both = {"setMonitoringData": [item("V1", value=1.0), item("V3", value=1.0)]}
    world["control"].call("SetVariableMonitoring", both, "1")
    given = [item("V1", status="Accepted", id=1), item("V3", status="Accepted", id=2)]
    answer(world, {"setMonitoringResult": given})
    world["control"].call("ClearVariableMonitoring", {"id": [1]}, "2")
    world["other"].call("SetVariableMonitoring", {"setMonitoringData": [item("V2", value=1.0)]}, "3")
    world["control"].call("ClearVariableMonitoring", {"id": [1, 2]}, "4")
    answer(world, {"clearMonitoringResult": [{"id": 1, "status": "Accepted"}]})
    answer(world, {"setMonitoringResult": [item("V2", status="Accepted", id=1)]})
    results = world["control"].answers[-1][2]["clearMonitoringResult"]
    assert [(r["id"], r["status"]) for r in results] == [(1, "NotFound"), (2, "Rejected")]
    notify(world, 2, "V3")
    assert monitors_of(world, "control") == [2]


def test_a_shared_monitor_that_both_give_up_at_once_is_cleared() -> None:
    world = world_with()
    world["control"].call("SetVariableMonitoring", {"setMonitoringData": [item("V1", value=1.0)]}, "1")
    answer(world, {"setMonitoringResult": [item("V1", status="Accepted", id=1)]})
    world["other"].call("SetVariableMonitoring", {"setMonitoringData": [item("V1", value=1.0)]}, "2")
    answer(world, {"setMonitoringResult": [item("V1", status="Duplicate")]})
    own = {"setMonitoringData": [{**item("V1", value=5.0, id=1), "severity": 2}]}
    world["control"].call("SetVariableMonitoring", own, "3")
    world["other"].call("ClearVariableMonitoring", {"id": [1]}, "4")
    answer(world, {"setMonitoringResult": [{**item("V1", status="Accepted", id=2), "severity": 2}]})
    assert world.commands[-1][2:] == ["ClearVariableMonitoring", {"id": [1]}]
    answer(world, {"clearMonitoringResult": [{"id": 1, "status": "Accepted"}]})
    assert [a[0] for name in ("control", "other") for a in world[name].answers] == [3, 3, 3, 3]


def test_a_charger_that_has_lost_a_monitor_has_another_of_its_number() -> None:
    world = world_with()
    world["control"].call("SetVariableMonitoring", {"setMonitoringData": [item("V1", value=1.0)]}, "1")
    answer(world, {"setMonitoringResult": [item("V1", status="Accepted", id=1)]})
    world.boot()
    world["other"].call("SetVariableMonitoring", {"setMonitoringData": [item("V1", value=9.0)]}, "2")
    answer(world, {"setMonitoringResult": [item("V1", status="Accepted", id=1)]})
    notify(world, 1, "V1")
    assert (monitors_of(world, "control"), monitors_of(world, "other")) == ([], [1])
