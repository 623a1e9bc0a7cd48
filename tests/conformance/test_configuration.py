"""Scenarios 60 and 61, and what issue 3 asks of one configuration with several backoffices."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, EPOCH, World, event, route, start
from tests.routing.core.schemas import judge
from tests.routing.core.settings_charger import (
    VERSIONS,
    Charger,
    a_world,
    ask,
    get_one,
    heartbeat,
    sampled,
    set_one,
    values,
    variable,
)

ALL = pytest.mark.parametrize("version", VERSIONS)


def measure(world: World, seconds: int) -> None:
    """The charger sends one value of the running session, so many seconds after midnight."""
    at = (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    if world.version == "1.6":
        value = {"timestamp": at, "sampledValue": [{"value": "1.10"}]}
        payload: dict[str, Any] = {"connectorId": 1, "transactionId": 100, "meterValue": [value]}
        world.call("MeterValues", payload)
    else:
        value = {"timestamp": at, "sampledValue": [{"value": 1.10}]}
        reason = {"triggerReason": "MeterValuePeriodic"}
        world.call("TransactionEvent", event("Updated", seconds + 1, meterValue=[value], **reason))


def charge(world: World, seconds: int, every: int) -> None:
    """A session in which the charger sends values every so many seconds."""
    if world.version == "1.6":
        world.call("StartTransaction", start())
    else:
        world.call("TransactionEvent", event("Started", 0, card="CARD"))
    world.forget()
    for moment in range(0, seconds, every):
        measure(world, moment)


def received(world: World, who: str) -> int:
    """How many messages with meter values a backoffice has got."""
    return sum("meterValue" in p for _, p in world[who].of("MeterValues", "TransactionEvent"))


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_60_one_allowed_and_one_blocked_variable(version: str) -> None:
    """Given SetVariables with one allowed and one blocked variable, then the charger gets the first alone.

    The answer has both results in the order asked, the blocked one Rejected.
    """
    blocked = variable("OCPPCommCtrlr.NetworkConfigurationPriority", "2,1")
    allowed = variable("TxCtrlr.EVConnectionTimeOut", "90")
    for data in ([blocked, allowed], [allowed, blocked]):
        world, charger = a_world(version)
        answer = ask(world, "billing", "SetVariables", {"setVariableData": data})
        assert charger.asked == [{"setVariableData": [allowed]}]
        results = answer["setVariableResult"]
        assert [r["variable"] for r in results] == [item["variable"] for item in data]
        assert [r["attributeStatus"] for r in results] == [
            "Rejected" if item is blocked else "Accepted" for item in data
        ]


def test_61_billing_wants_a_value_a_minute_and_control_one_every_ten_seconds() -> None:
    """Given P sets MeterValueSampleInterval 60 and C 10, then the charger gets 10.

    P reads 60 and receives about one sample a minute, C one every 10 s.
    """
    world, charger = a_world("1.6")
    set_one(world, "billing", "MeterValueSampleInterval", "60")
    set_one(world, "energy", "MeterValueSampleInterval", "10")
    assert charger.values["MeterValueSampleInterval"] == "10"
    assert get_one(world, "billing", "MeterValueSampleInterval") == "60"
    charge(world, 600, every=10)
    assert 9 <= received(world, "billing") <= 11
    assert received(world, "energy") == 60


@ALL
def test_each_backoffice_gets_meter_values_at_its_own_rhythm(version: str) -> None:
    """One asks for meter values every 10 s, the other every 60 s: the charger gets 10.

    Each receives its own rhythm, and each reads back what it has set.
    """
    world, charger = a_world(version)
    assert set_one(world, "energy", sampled(version), "10") == "Accepted"
    assert set_one(world, "billing", sampled(version), "60") == "Accepted"
    assert charger.values[sampled(version)] == "10"
    charge(world, 360, every=10)
    assert (received(world, "billing"), received(world, "energy")) == (6, 36)
    assert get_one(world, "billing", sampled(version)) == "60"
    assert get_one(world, "energy", sampled(version)) == "10"


@ALL
def test_a_restart_keeps_what_each_has_wished_for(version: str) -> None:
    """Given wishes of two backoffices, when the process is killed, then all is as it was.

    The charger is told nothing again, each reads its own, and gets its own rhythm.
    """
    world, charger = a_world(version)
    set_one(world, "energy", sampled(version), "10")
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", values(version), "SoC")
    set_one(world, "energy", heartbeat(version), "45")
    told = list(charger.told)
    world.restart()
    world.boot()
    world.wait(30)
    assert charger.told == told
    assert [get_one(world, who, sampled(version)) for who in ("billing", "energy")] == ["60", "10"]
    assert get_one(world, "energy", heartbeat(version)) == "45"
    assert get_one(world, "energy", values(version)) == "SoC"
    charge(world, 120, every=10)
    assert (received(world, "billing"), received(world, "energy")) == (2, 12)


SECRETS = {
    "1.6": [
        "AuthorizationKey",
        "Cst_WiFiPASS",
        "ApnPassword",
        "ApiToken",
        "WPA-PSK",
        "ClientSecret",
        "DeviceKey",
    ],
    "2.x": ["SecurityCtrlr.BasicAuthPassword", "Wifi.Password", "Vendor.ApiToken", "Modem.SimPin", "Vpn.Psk"],
}


def settings_of(world: World, charger: Charger, who: str) -> str:
    """Everything that a backoffice hears when it asks for the whole configuration in every way there is."""
    names = list(charger.values)
    if world.version == "1.6":
        for payload in ({}, {"key": names}, *({"key": [name]} for name in names)):
            ask(world, who, "GetConfiguration", payload)
    else:
        for data in (names, *([name] for name in names)):
            ask(world, who, "GetVariables", {"getVariableData": [variable(name) for name in data]})
        world[who].call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
        asked = [c[3]["requestId"] for c in world.commands if c[2] == "GetBaseReport"]
        for request_id in asked[-1:] or [1]:
            world.call("NotifyReport", inventory(charger, request_id))
    return json.dumps([world[who].answers, world[who].got])


def inventory(charger: Charger, request_id: int) -> dict[str, Any]:
    """All variables of a charger, in one report."""
    data = [
        {**variable(name), "variableAttribute": [{"value": value, "mutability": "ReadWrite"}]}
        for name, value in charger.values.items()
    ]
    at = "2026-01-01T00:00:00Z"
    return {"requestId": request_id, "generatedAt": at, "seqNo": 0, "reportData": data}


@ALL
@pytest.mark.parametrize("role", list(Role))
def test_secrets_are_never_readable(version: str, role: Role) -> None:
    """Given a charger that tells its secrets, when any role asks in any way, then it does not get them."""
    permissions = dict.fromkeys(["GetConfiguration", "GetVariables", "GetBaseReport"], Verdict.ALLOW)
    other = ENERGY if role is Role.BILLING else BILLING
    world = World(route(7, "asker", role, permissions), other, version=version)
    charger = Charger(world)
    world.boot()
    secrets = SECRETS["1.6" if version == "1.6" else "2.x"]
    charger.values = {"VendorThing" if version == "1.6" else "Vendor.Thing": "plain"}
    charger.values |= {name: f"secret-of-{name}" for name in secrets}
    heard = settings_of(world, charger, "asker")
    assert "secret-of" not in heard
    assert "plain" in heard
    for frame in world["asker"].frames:
        if json.loads(frame)[0] == 2:
            judge(version, frame)
    assert not any("secret-of" in row.payload for row in world.database.latest.values())
