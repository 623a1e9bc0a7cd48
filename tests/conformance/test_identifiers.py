"""Scenarios 19, 35, 41, 44 and 62: what backoffices number alike stays apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, event, meter, route, start, stop
from tests.routing.core.schemas import judge

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])

PERMITTED = dict.fromkeys(("ReserveNow", "SetDisplayMessage"), Verdict.ALLOW)
"""What a tenant lets the second backoffice do as well, so that there is something to clash."""


def world_with(version: str) -> World:
    world = World(BILLING, route(2, "energy", Role.CONTROL, PERMITTED), version=version)
    world.boot()
    return world


def judged(world: World) -> None:
    """Every CALL that anybody got, and every answer of the proxy, is as the standard has it."""
    for text in (*world.to_charger, *(f for b in world.backoffices.values() for f in b.frames)):
        judge(world.version, text)


def asked(world: World) -> Any:
    """What the charger was asked last."""
    return world.commands[-1][3]


@ALL
def test_19_the_same_message_id_twice(version: str) -> None:
    """Given two CALLs of two backoffices under one message id, when both run, each gets its own answer."""
    world = world_with(version)
    world.obey = None
    action = "GetCompositeSchedule"
    for name, number in (("billing", 1), ("energy", 2)):
        place = {"connectorId": number} if version == "1.6" else {"evseId": number}
        world[name].call(action, {**place, "duration": 60}, "same")
    for name, status in (("billing", "Accepted"), ("energy", "Rejected")):
        world.frame(json.dumps([3, world.commands[-1][1], {"status": status}]))
        assert world[name].answers == [[3, "same", {"status": status}]]
    ids = [frame[1] for frame in world.commands]
    assert len(set(ids)) == 2
    judged(world)


def test_35_a_session_is_ended_by_the_number_that_its_asker_was_given() -> None:
    """Given energy's 900 for the charger's 100, then its stop of 900 means 100, its stop of 100 nothing."""
    world = World(
        BILLING, route(2, "energy", Role.CONTROL, {"RemoteStopTransaction": Verdict.ALLOW}), version="1.6"
    )
    world.boot()
    assert world.call("StartTransaction", start())[2]["transactionId"] == 100
    assert world["energy"].payloads("StartTransaction")
    world.forget()
    world["energy"].call("RemoteStopTransaction", {"transactionId": 100}, "a")
    assert world["energy"].answers == [[3, "a", {"status": "Rejected"}]]
    assert world.commands == []
    world["energy"].call("RemoteStopTransaction", {"transactionId": 900}, "b")
    assert asked(world) == {"transactionId": 100}
    assert world["energy"].answers[-1] == [3, "b", {"status": "Accepted"}]
    world.call("MeterValues", meter(100))
    world.call("StopTransaction", stop(100))
    judged(world)


@TWO
def test_41_two_remote_starts_under_one_number(version: str) -> None:
    """Given remoteStartId 5 of both, when one runs after the other, then each sees its own 5 and no other."""
    world = world_with(version)
    seen = []
    for name, card in (("billing", "A"), ("energy", "B")):
        token = {"idToken": card, "type": "Central"}
        world[name].call("RequestStartTransaction", {"remoteStartId": 5, "idToken": token, "evseId": 1})
        number = asked(world)["remoteStartId"]
        seen.append(number)
        info = {"transactionId": f"T-{name}", "remoteStartId": number}
        begun = event("Started", 0, card=card, transactionInfo=info, triggerReason="RemoteStart")
        world.call("TransactionEvent", begun)
        ended = event("Ended", 1, transactionInfo={**info, "stoppedReason": "Remote"})
        world.call("TransactionEvent", ended)
    assert len(set(seen)) == 2
    for name, other in (("billing", "energy"), ("energy", "billing")):
        infos = [p["transactionInfo"] for p in world[name].payloads("TransactionEvent")]
        assert [i["remoteStartId"] for i in infos if i["transactionId"] == f"T-{name}"] == [5, 5]
        foreign = [i for i in infos if i["transactionId"] == f"T-{other}"]
        assert len(foreign) == 2
        assert all("remoteStartId" not in i for i in foreign)
    reasons = {p["triggerReason"] for p in world["billing"].payloads("TransactionEvent")[2:3]}
    assert reasons == {"RemoteStart"}  # it did not start it, but that is how it came
    judged(world)


@TWO
def test_44_messages_wait_at_the_proxy(version: str) -> None:
    """Given deliveries that wait for Billing, when the charger has none left, then Billing hears of some."""
    world = world_with(version)
    world.obey = lambda w, f: w.frame(json.dumps([3, f[1], {"messagesInQueue": False}]))
    world["billing"].behave = lambda b, m, a, p: None
    world.call("TransactionEvent", event("Started", 0))
    world["billing"].call("GetTransactionStatus", {"transactionId": "T-1"}, "a")
    world["energy"].call("GetTransactionStatus", {"transactionId": "T-1"}, "b")
    assert world["billing"].answers == [[3, "a", {"messagesInQueue": True}]]
    assert world["energy"].answers == [[3, "b", {"messagesInQueue": False}]]
    judged(world)


@TWO
@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed in between"])
def test_62_two_reports_under_one_number(version: str, killed: bool) -> None:
    """Given GetBaseReport requestId 1 of both at once, then each gets the parts of its own, as its 1."""
    world = world_with(version)
    numbers = {}
    for name in ("billing", "energy"):
        world[name].call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
        numbers[name] = asked(world)["requestId"]
    assert len(set(numbers.values())) == 2
    for seq_no in range(3):
        if killed and seq_no == 1:
            world.restart()
            world.connect()
            world.wait(3)
        for name, number in numbers.items():
            world.call("NotifyReport", part(number, seq_no, name))
    for name in ("billing", "energy"):
        assert world[name].payloads("NotifyReport") == [part(1, seq_no, name) for seq_no in range(3)]
    judged(world)


def part(number: int, seq_no: int, name: str) -> dict[str, Any]:
    """One part of a report of three."""
    data = {
        "component": {"name": name},
        "variable": {"name": f"V{seq_no}"},
        "variableAttribute": [{"value": "x"}],
    }
    payload = {
        "requestId": number,
        "generatedAt": "2026-01-01T00:00:00Z",
        "seqNo": seq_no,
        "reportData": [data],
    }
    return payload if seq_no == 2 else {**payload, "tbc": True}


@ALL
def test_two_reservations_under_one_number(version: str) -> None:
    """Given reservation 1 of both, then the charger has two, and each cancels and uses its own."""
    world = world_with(version)
    numbers = {}
    for place, name in enumerate(("billing", "energy"), 1):
        until, card = "2026-01-01T01:00:00Z", {"idToken": name, "type": "Central"}
        if version == "1.6":
            asks: dict[str, Any] = {
                "reservationId": 1,
                "connectorId": place,
                "expiryDate": until,
                "idTag": name,
            }
        else:
            asks = {"id": 1, "evseId": place, "expiryDateTime": until, "idToken": card}
        world[name].call("ReserveNow", asks)
        numbers[name] = asked(world)["reservationId" if version == "1.6" else "id"]
    assert len(set(numbers.values())) == 2
    number = numbers["energy"]
    if version == "1.6":
        world.call("StartTransaction", {**start(2, tag="energy"), "reservationId": number})
        copies = [world[n].payloads("StartTransaction")[0] for n in ("billing", "energy")]
    else:
        world.call("TransactionEvent", event("Started", 0, card="energy", reservationId=number))
        copies = [world[n].payloads("TransactionEvent")[0] for n in ("billing", "energy")]
    assert [c.get("reservationId") for c in copies] == [None, 1]
    world["billing"].call("CancelReservation", {"reservationId": 1})
    assert asked(world) == {"reservationId": numbers["billing"]}
    judged(world)


@TWO
def test_two_messages_under_one_number(version: str) -> None:
    """Given display message 1 of both, then neither replaces, reads or clears the other's."""
    world = world_with(version)
    numbers = {}
    for name in ("billing", "energy"):
        text = {"format": "UTF8", "content": name}
        world[name].call(
            "SetDisplayMessage", {"message": {"id": 1, "priority": "NormalCycle", "message": text}}
        )
        numbers[name] = asked(world)["message"]["id"]
    assert len(set(numbers.values())) == 2
    shown = [
        {"id": n, "priority": "NormalCycle", "message": {"format": "UTF8", "content": name}}
        for name, n in numbers.items()
    ]
    for name in ("billing", "energy"):
        world[name].call("GetDisplayMessages", {"requestId": 1})
        world.call("NotifyDisplayMessages", {"requestId": asked(world)["requestId"], "messageInfo": shown})
        (report,) = world[name].payloads("NotifyDisplayMessages")
        assert [(m["id"], m["message"]["content"]) for m in report["messageInfo"]] == [(1, name)]
    world["energy"].call("ClearDisplayMessage", {"id": 1})
    assert asked(world) == {"id": numbers["energy"]}
    judged(world)
