"""Scenarios 20, 22, 51, 52, 55, 72 and 73: odd answers, registration per backoffice, a busy charger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, World, event, route, start

VERSIONS = ["1.6", "2.0.1", "2.1"]
ALL = pytest.mark.parametrize("version", VERSIONS)


def booting(world: World) -> Any:
    return world.call("BootNotification", json.loads(BOOT if world.version == "1.6" else BOOT_2))


def test_20_an_answer_under_an_id_that_nobody_sent() -> None:
    """Given one CALL outstanding, when a fitting answer comes under a foreign id, then it is the answer."""
    world = World()
    world.boot()
    world.obey = None
    world["billing"].call("Reset", {"type": "Soft"}, "b1")
    world.frame('[3,"nobody-sent-this",{"status":"Accepted"}]')
    assert world["billing"].answers == [[3, "b1", {"status": "Accepted"}]]
    assert ("quirk", "wrong_answer_id") in world.database.latest


def test_22_the_charger_complains_about_an_answer() -> None:
    """Given 2.1, when the charger cannot use Billing's answer, then Billing hears so under its own id."""
    world = World(version="2.1")
    world.boot()
    world.call("Authorize", {"idToken": {"idToken": "A", "type": "Central"}}, "c-auth")
    own_id = world.last_id(world["billing"])
    world.frame('[5,"c-auth","FormatViolation","no status",{"where":"idTokenInfo"}]')
    complaint = [5, own_id, "FormatViolation", "no status", {"where": "idTokenInfo"}]
    assert json.loads(world["billing"].frames[-1]) == complaint
    assert [f for f in world["energy"].frames if f.startswith("[5")] == []


def test_22_older_versions_know_no_complaint() -> None:
    """Given 2.0.1, when the charger sends one all the same, then no backoffice gets anything."""
    world = World(version="2.0.1")
    world.boot()
    world.call("Authorize", {"idToken": {"idToken": "A", "type": "Central"}}, "c-auth")
    before = world.sent()[1:]
    world.frame('[5,"c-auth","FormatViolation","",{}]')
    assert world.sent()[1:] == before


@ALL
def test_51_a_secondary_that_makes_the_charger_wait(version: str) -> None:
    """Given C answers Pending for 120 s, then the proxy boots again then; the charger sees nothing."""
    world = World(version=version)
    world["energy"].status, world["energy"].interval = "Pending", 120
    world.connect()
    assert booting(world)[2]["status"] == "Accepted"
    world.forget()
    world.wait(119)
    assert world["energy"].payloads("BootNotification") == []
    world.wait(2)
    assert len(world["energy"].payloads("BootNotification")) == 1
    assert world.to_charger == []


@ALL
def test_52_billing_makes_the_charger_wait_and_provisions_it(version: str) -> None:
    """Given P answers Pending, then its CALLs reach the charger, and C gets nothing but the boot."""
    world = World(version=version)
    world["billing"].status = "Pending"
    world.connect()
    assert booting(world)[2]["status"] == "Pending"
    if version == "1.6":
        world["billing"].call("ChangeConfiguration", {"key": "MinimumStatusDuration", "value": "5"}, "b1")
    else:
        variable = {
            "component": {"name": "TxCtrlr"},
            "variable": {"name": "EVConnectionTimeOut"},
            "attributeValue": "5",
        }
        world["billing"].call("SetVariables", {"setVariableData": [variable]}, "b1")
    assert [frame[2] for frame in world.commands][:1] == [
        "ChangeConfiguration" if version == "1.6" else "SetVariables"
    ]
    # Pending chargers are silent; one that is not must not be heard either.
    connector: dict[str, Any] = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    if version != "1.6":
        connector = {
            "evseId": 1,
            "connectorId": 1,
            "connectorStatus": "Available",
            "timestamp": "2026-01-01T00:00:00Z",
        }
    world.call("StatusNotification", connector)
    world.call("Heartbeat", {})
    if version == "1.6":
        world.call("StartTransaction", start())
    else:
        world.call("TransactionEvent", event("Started", 0))
    world.wait(45)
    assert {action for action, _ in world["energy"].got} == {"BootNotification"}
    world["billing"].status = "Accepted"
    assert booting(world)[2]["status"] == "Accepted"
    session = "StartTransaction" if version == "1.6" else "TransactionEvent"
    assert len(world["energy"].payloads(session)) == 1  # it waited, nothing is lost


@ALL
def test_55_a_backoffice_that_asks_for_the_boot_first(version: str) -> None:
    """Given SecurityError on a queued message, when boot_replay is if_needed, then a boot comes first."""
    world = World(BILLING, route(2, "energy", Role.CONTROL, boot_replay="if_needed"), version=version)
    world.boot()
    world.wait(100)
    energy = world["energy"]

    def forgetful(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action == "BootNotification":
            backoffice.behave = Backoffice.answer
            return backoffice.answer(message_id, action, payload)
        backoffice.say(f'[4,"{message_id}","SecurityError","",{{}}]')

    energy.behave = forgetful
    if version == "1.6":
        world.call("StartTransaction", start())
    else:
        world.call("TransactionEvent", event("Started", 0))
    session = "StartTransaction" if version == "1.6" else "TransactionEvent"
    assert [a for a, _ in energy.got] == [session, "BootNotification", session]


@ALL
def test_72_a_command_that_waits_too_long(version: str) -> None:
    """Given a CALL that waits longer than T_cmd_queue, then a CALLERROR, and the charger never sees it."""
    world = World(version=version)
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "first")
    world["energy"].call("GetCompositeSchedule", composite(version), "late")
    world.wait(21)
    assert [answer[:2] for answer in world["energy"].answers] == [[4, "late"]]
    assert len(world.commands) == 1
    world.accept(world.commands[0])
    world.wait(60)
    assert [frame[2] for frame in world.commands] == ["ClearCache"]


@ALL
def test_73_a_flood_of_commands(version: str) -> None:
    """Given C sends 1000 CALLs, then 20 wait, the rest are refused, and P's CALL is next."""
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    world.obey = None
    for number in range(1000):
        world["energy"].call("GetCompositeSchedule", composite(version), f"e{number}")
    assert len(world["energy"].answers) == 1000 - 21  # one is with the charger
    assert {answer[0] for answer in world["energy"].answers} == {4}
    world["billing"].call("ClearCache", {}, "b1")
    world.accept(world.commands[0])
    assert [frame[2] for frame in world.commands] == ["GetCompositeSchedule", "ClearCache"]
    world.accept(world.commands[1])
    assert world["billing"].answers[-1] == [3, "b1", {"status": "Accepted"}]


def composite(version: str) -> dict[str, int]:
    """What GetCompositeSchedule asks for."""
    return {"connectorId" if version == "1.6" else "evseId": 1, "duration": 60}
