"""Settings that one backoffice writes, and those that each has for itself (ocpp-semantics 3.9)."""

from __future__ import annotations

import json

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, route
from tests.routing.core.settings_charger import (
    VERSIONS,
    a_world,
    get_one,
    heartbeat,
    sampled,
    set_one,
)

ALL = pytest.mark.parametrize("version", VERSIONS)


# -- one writer ----------------------------------------------------------------------------------------


def name_for(version: str, key: str) -> str:
    twins = {
        "ConnectionTimeOut": "TxCtrlr.EVConnectionTimeOut",
        "VendorThing": "Vendor.Thing",
        "ChargeRate": "SmartChargingCtrlr.LimitChangeSignificance",
    }
    return key if version == "1.6" else twins[key]


@ALL
@pytest.mark.parametrize(
    ("key", "who"),
    [("ConnectionTimeOut", "billing"), ("VendorThing", "billing"), ("ChargeRate", "energy")],
)
def test_a_setting_of_one_backoffice(version, key, who):
    world, charger = a_world(version)
    name = name_for(version, key)
    for other in {"billing", "energy", "watcher"} - {who}:
        assert set_one(world, other, name, "31") == "Rejected"
    assert charger.told == []
    assert set_one(world, who, name, "32") == "Accepted"
    assert charger.told == [(name, "32")]


@ALL
def test_billing_owns_the_energy_where_nobody_else_does(version):
    world, _ = a_world(version, BILLING, WATCHER)
    assert set_one(world, "billing", name_for(version, "ChargeRate"), "20") == "Accepted"


@ALL
def test_a_permission_for_the_key_says_more_than_its_class(version):
    action = "ChangeConfiguration" if version == "1.6" else "SetVariables"
    name = name_for(version, "VendorThing")
    permissions = {f"{action}:{name}": Verdict.ALLOW, f"{action}:{sampled(version)}": Verdict.DENY}
    world, charger = a_world(version, BILLING, route(2, "energy", Role.CONTROL, permissions))
    assert set_one(world, "energy", name, "2") == "Accepted"
    assert set_one(world, "energy", sampled(version), "20") == "Rejected"
    assert charger.told == [(name, "2")]


@ALL
def test_the_last_writer_wins_and_the_one_before_reads_its_own(version):
    action = "ChangeConfiguration" if version == "1.6" else "SetVariables"
    name = name_for(version, "VendorThing")
    world, charger = a_world(
        version, BILLING, route(2, "energy", Role.CONTROL, {f"{action}:{name}": Verdict.ALLOW})
    )
    set_one(world, "billing", name, "7")
    set_one(world, "energy", name, "8")
    assert charger.values[name] == "8"
    assert (get_one(world, "billing", name), get_one(world, "energy", name)) == ("7", "8")
    assert [r.text for r in world.reports if r.kind == "configuration"] == [
        f"energy has overwritten {name}, set before by billing"
    ]
    set_one(world, "billing", name, "9")
    assert (get_one(world, "billing", name), get_one(world, "energy", name)) == ("9", "8")


# -- virtual -------------------------------------------------------------------------------------------


@ALL
def test_each_backoffice_has_its_own_heartbeat(version):
    world, charger = a_world(version)
    assert set_one(world, "energy", heartbeat(version), "60") == "Accepted"
    assert (get_one(world, "billing", heartbeat(version)), get_one(world, "energy", heartbeat(version))) == (
        "300",
        "60",
    )
    assert charger.asked == []
    world.forget()
    world.wait(599)
    assert len(world["energy"].payloads("Heartbeat")) == 9
    assert len(world["billing"].payloads("Heartbeat")) == 1


@ALL
@pytest.mark.parametrize("value", ["0", "-5", "1e3", "", "86401", "x"])
def test_a_heartbeat_interval_that_is_none(version, value):
    world, charger = a_world(version)
    assert set_one(world, "energy", heartbeat(version), value) == "Rejected"
    assert get_one(world, "energy", heartbeat(version)) == "300"
    assert charger.asked == []


@ALL
@pytest.mark.parametrize(("says", "counts"), [(300, "60"), (60, "60"), (120, "120")])
def test_a_heartbeat_interval_counts_until_the_backoffice_says_another(version, says, counts):
    world, _ = a_world(version)
    set_one(world, "energy", heartbeat(version), "60")
    world.restart()
    world["energy"].interval = says
    world.boot()
    assert get_one(world, "energy", heartbeat(version)) == counts
    world.boot()
    assert get_one(world, "energy", heartbeat(version)) == counts


@ALL
def test_a_password_becomes_that_of_the_link(version):
    world, charger = a_world(version)
    name, value = (
        ("AuthorizationKey", "4f4350502d4b65792d31323334353637")
        if version == "1.6"
        else ("SecurityCtrlr.BasicAuthPassword", "a-password-of-20-chars")
    )
    assert set_one(world, "billing", name, value) == "Accepted"
    assert [key for key, _ in world.passwords] == [1]
    assert charger.asked == []
    assert set_one(world, "energy", name, "short") == "Rejected"
    assert get_one(world, "billing", name) is None
    assert value not in json.dumps([r.text for r in world.reports])
    assert all(value not in row.payload for row in world.database.latest.values())


@ALL
def test_other_virtual_settings(version):
    world, charger = a_world(version)
    is_16 = version == "1.6"
    profile = "SecurityProfile" if is_16 else "SecurityCtrlr.SecurityProfile"
    ping = "WebSocketPingInterval" if is_16 else "OCPPCommCtrlr.WebSocketPingInterval"
    name = "CpoName" if is_16 else "SecurityCtrlr.OrganizationName"
    assert set_one(world, "billing", profile, "3") == "Rejected"
    assert [set_one(world, "energy", ping, value) for value in ("45", "0", "-1", "45")] == [
        "Accepted",
        "Accepted",
        "Rejected",
        "Accepted",
    ]
    assert set_one(world, "energy", name, "Example") == "Accepted"
    assert set_one(world, "billing", name, "Example") == "Rejected"
    assert charger.asked == []
    assert (get_one(world, "energy", ping), get_one(world, "energy", name)) == ("45", "Example")
    world.restart()
    world.boot()
    assert (get_one(world, "energy", ping), get_one(world, "billing", name)) == ("45", None)


@ALL
@pytest.mark.parametrize(("value", "status"), [("3", "Accepted"), ("2", "Rejected"), ("0", "Rejected")])
def test_too_few_attempts_are_the_guards(version, value, status):
    world, charger = a_world(version)
    name = "TransactionMessageAttempts" if version == "1.6" else "OCPPCommCtrlr.MessageAttempts"
    charger.values[name] = "5"
    assert set_one(world, "billing", name, value) == status
    assert charger.values[name] == (value if status == "Accepted" else "5")


def test_a_vendors_own_key_is_recorded_as_such():
    world, _ = a_world("1.6")
    set_one(world, "billing", "VendorThing", "2")
    rules = [row.rule for row in world.database.messages if row.action == "ChangeConfiguration"]
    assert any("VendorThing is a vendor's own" in rule for rule in rules)


def test_keys_are_the_same_however_they_are_written():
    world, charger = a_world("1.6")
    charger.values["vendorthing"] = "1"
    set_one(world, "billing", "VendorThing", "2")
    allowed = route(2, "energy", Role.CONTROL, {"ChangeConfiguration:VendorThing": Verdict.ALLOW})
    world.configure(BILLING, allowed)
    set_one(world, "energy", "vendorthing", "3")
    assert get_one(world, "billing", "VendorThing") == "2"
    assert len([r for r in world.reports if r.kind == "configuration"]) == 1


@ALL
def test_a_ping_interval_is_that_of_the_link(version):
    world, charger = a_world(version)
    name = "WebSocketPingInterval" if version == "1.6" else "OCPPCommCtrlr.WebSocketPingInterval"
    assert [set_one(world, "energy", name, value) for value in ("45", "4", "86401", "0")] == [
        "Accepted",
        "Rejected",
        "Rejected",
        "Accepted",
    ]
    assert world.pings == [(2, 45.0), (2, 0.0)]
    set_one(world, "energy", name, "45")
    world["energy"].lose()
    world.pings.clear()
    world["energy"].open()
    assert world.pings == [(2, 45.0)]
    world.restart()
    world.pings.clear()
    world.boot()
    assert world.pings == [(2, 45.0)]
    assert charger.asked == []


@ALL
def test_what_a_route_may_not_set_any_more_is_as_it_was(version):
    world, _ = a_world(version)
    ping = "WebSocketPingInterval" if version == "1.6" else "OCPPCommCtrlr.WebSocketPingInterval"
    set_one(world, "energy", ping, "45")
    set_one(world, "energy", heartbeat(version), "60")
    denied = {"ChangeConfiguration": Verdict.DENY, "SetVariables": Verdict.DENY}
    world.configure(BILLING, route(2, "energy", Role.CONTROL, denied))
    assert world.pings[-1] == (2, 30)
    assert get_one(world, "energy", heartbeat(version)) == "300"
    world.configure(BILLING, ENERGY)
    assert get_one(world, "energy", heartbeat(version)) == "300"
