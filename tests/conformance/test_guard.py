"""Scenarios 58, 63, 64 and 71: the guard, leases, and triggers. 59 is in test_passwords, through sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, BOOT, ENERGY, WATCHER, World, route

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
KEYS = ("BackOffice-URL-wired", "ServiceURL", "MyVendorBackendUrl")
PROFILE = {
    "configurationSlot": 1,
    "connectionData": {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://elsewhere.example",
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    },
}
LOG = {"logType": "DiagnosticsLog", "log": {"remoteLocation": "https://files.example.com/"}}


@ALL
@pytest.mark.parametrize("asker", ["billing", "energy", "watcher"])
@pytest.mark.parametrize("key", KEYS)
def test_58_a_key_that_moves_the_charger(version: str, asker: str, key: str) -> None:
    """Given any BO writes where the charger connects, then Rejected, on record, and nothing reaches it."""
    world = World(BILLING, ENERGY, WATCHER, version=version)
    world.boot()
    if version == "1.6":
        world[asker].call("ChangeConfiguration", {"key": key, "value": "wss://elsewhere.example"}, "move")
        assert world[asker].answers[-1] == [3, "move", {"status": "Rejected"}]
    else:
        names = {"component": {"name": "VendorCtrlr"}, "variable": {"name": key}}
        items = [{**names, "attributeValue": "wss://elsewhere.example"}]
        world[asker].call("SetVariables", {"setVariableData": items}, "move")
        (result,) = world[asker].answers[-1][2]["setVariableResult"]
        assert (result["attributeStatus"], result["variable"]) == ("Rejected", {"name": key})
    (row,) = [row for row in world.database.messages if row.message_id == "move"]
    assert row.outcome == "denied"
    assert row.rule
    if asker == "billing":
        assert row.rule.startswith("guard: ")
    assert "elsewhere" not in "".join(world.to_charger)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("asker", ["billing", "energy", "watcher"])
@pytest.mark.parametrize("verdict", [None, Verdict.ALLOW], ids=str)
def test_58_a_network_profile(version: str, asker: str, verdict: Verdict | None) -> None:
    """SetNetworkProfile is Rejected for everybody, also where a permission allows it."""
    permissions = {"SetNetworkProfile": verdict} if verdict is not None else {}
    roles = (Role.BILLING, Role.CONTROL, Role.OBSERVE)
    names = ("billing", "energy", "watcher")
    routes = [
        route(n, name, role, permissions) for n, (name, role) in enumerate(zip(names, roles, strict=True), 1)
    ]
    world = World(*routes, version=version)
    world.boot()
    world[asker].call("SetNetworkProfile", PROFILE, "move")
    assert world[asker].answers[-1][2]["status"] == "Rejected"
    assert "elsewhere" not in "".join(world.to_charger)
    assert [row.outcome for row in world.database.messages if row.message_id == "move"] == ["denied"]


@ALL
def test_63_a_log_that_somebody_else_fetches(version: str) -> None:
    """Given C asks for the log while P fetches it, then Rejected; its statuses go to P alone, as P counts."""
    world = World(BILLING, route(2, "energy", Role.CONTROL, {"GetLog": Verdict.ALLOW}), version=version)
    world.boot()
    world["billing"].call("GetLog", {**LOG, "requestId": 7}, "p")
    world["energy"].call("GetLog", {**LOG, "requestId": 7}, "c")
    asked = [frame for frame in world.commands if frame[2] == "GetLog"]
    assert len(asked) == 1
    assert world["billing"].answers[-1] == [3, "p", {"status": "Accepted"}]
    assert world["energy"].answers[-1][2]["status"] == "Rejected"
    number = asked[0][3]["requestId"]
    for status in ("Uploading", "Uploaded"):
        assert world.call("LogStatusNotification", {"status": status, "requestId": number})[2] == {}
    assert world["billing"].payloads("LogStatusNotification") == [
        {"status": "Uploading", "requestId": 7},
        {"status": "Uploaded", "requestId": 7},
    ]
    assert world["energy"].payloads("LogStatusNotification") == []
    world["energy"].call("GetLog", {**LOG, "requestId": 7}, "c2")
    assert world["energy"].answers[-1] == [3, "c2", {"status": "Accepted"}]


def test_64_a_firmware_status_that_nobody_asked_for() -> None:
    """Given a FirmwareStatusNotification out of the blue (1.6), then ``{}``, and every BO has a copy."""
    world = World(BILLING, ENERGY, WATCHER)
    world.boot()
    status = {"status": "Installed"}
    assert world.call("FirmwareStatusNotification", status)[2] == {}
    for name in ("billing", "energy", "watcher"):
        assert world[name].payloads("FirmwareStatusNotification") == [status]


def test_71_a_boot_that_one_asks_for() -> None:
    """Given C triggers BootNotification (1.6), then Accepted, and C alone gets the last boot, afterwards."""
    world = World(BILLING, ENERGY, WATCHER)
    world.boot()
    before = world.sent()
    world["energy"].call("TriggerMessage", {"requestedMessage": "BootNotification"}, "t")
    assert world["energy"].answers == [[3, "t", {"status": "Accepted"}]]
    assert [json.loads(frame)[0] for frame in world["energy"].frames[-2:]] == [3, 2]
    assert world["energy"].got == [("BootNotification", json.loads(BOOT))]
    after = world.sent()
    assert (after[0], after[1], after[3]) == (before[0], before[1], before[3])


def test_71_the_answer_to_it_concerns_nobody_else() -> None:
    """What C says to its boot changes nothing for the charger."""
    world = World(BILLING, ENERGY)
    world.boot()
    answer: Any = {"status": "Rejected", "interval": 60, "currentTime": "2026-01-01T00:00:00Z"}
    world["energy"].behave = lambda backoffice, message_id, action, payload: backoffice.result(
        message_id, answer
    )
    before = len(world.to_charger)
    world["energy"].call("TriggerMessage", {"requestedMessage": "BootNotification"}, "t")
    assert len(world.to_charger) == before
    assert world.call("Heartbeat", {})[0] == 3
