"""Scenario 57, and what stands behind it: who may send what, and how a refusal looks (section 2).

The answers below are written from the tables of the design, the verdicts stand in
``tests/routing/core/actions.txt``, which was reviewed against them.
"""

from __future__ import annotations

from typing import Any

import pytest

from routing.core import actions, policy
from routing.core.snapshot import OCPP_VERSIONS, Role, RouteSnapshot, Verdict
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, route
from tests.routing.core.test_actions import REVIEWED

RESET = {"1.6": {"type": "Hard"}, "2.0.1": {"type": "Immediate"}, "2.1": {"type": "Immediate"}}

REASON = {"reasonCode": "UnsupportedRequest", "additionalInfo": "denied by proxy policy"}

# A word is a status; "!" begins the code of a CALLERROR; {} is an answer without anything in it.
REFUSALS_1_6: dict[str, Any] = {
    "CancelReservation": "Rejected",
    "CertificateSigned": "Rejected",
    "ChangeAvailability": "Rejected",
    "ChangeConfiguration": "Rejected",
    "ClearCache": "Rejected",
    "ClearChargingProfile": "Unknown",
    "DataTransfer": "UnknownVendorId",
    "DeleteCertificate": "Failed",
    "ExtendedTriggerMessage": "Rejected",
    "GetCompositeSchedule": "Rejected",
    "GetConfiguration": "!SecurityError",
    "GetDiagnostics": {},
    "GetInstalledCertificateIds": "NotFound",
    "GetLocalListVersion": {"listVersion": -1},
    "GetLog": "Rejected",
    "InstallCertificate": "Rejected",
    "RemoteStartTransaction": "Rejected",
    "RemoteStopTransaction": "Rejected",
    "ReserveNow": "Rejected",
    "Reset": "Rejected",
    "SendLocalList": "NotSupported",
    "SetChargingProfile": "Rejected",
    "SignedUpdateFirmware": "Rejected",
    "TriggerMessage": "Rejected",
    "UnlockConnector": "NotSupported",
    "UpdateFirmware": "!NotSupported",
}
VARIABLE = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}
MONITOR = {"type": "Delta", "severity": 5, **VARIABLE}
OF_VARIABLE = {"attributeStatus": "Rejected", "attributeStatusInfo": REASON, **VARIABLE}
REFUSALS_2_0_1: dict[str, Any] = {
    "CancelReservation": "Rejected",
    "CertificateSigned": "Rejected",
    "ChangeAvailability": "Rejected",
    "ClearCache": "Rejected",
    "ClearChargingProfile": "Unknown",
    "ClearDisplayMessage": "Unknown",
    "ClearVariableMonitoring": {
        "clearMonitoringResult": [{"status": "NotFound", "statusInfo": REASON, "id": 1}]
    },
    "CostUpdated": "!SecurityError",
    "CustomerInformation": "Rejected",
    "DataTransfer": "UnknownVendorId",
    "DeleteCertificate": "Failed",
    "GetBaseReport": "Rejected",
    "GetChargingProfiles": "NoProfiles",
    "GetCompositeSchedule": "Rejected",
    "GetDisplayMessages": "Unknown",
    "GetInstalledCertificateIds": "NotFound",
    "GetLocalListVersion": {"versionNumber": 0},
    "GetLog": "Rejected",
    "GetMonitoringReport": "Rejected",
    "GetReport": "Rejected",
    "GetTransactionStatus": "!SecurityError",
    "GetVariables": {"getVariableResult": [OF_VARIABLE]},
    "InstallCertificate": "Rejected",
    "PublishFirmware": "Rejected",
    "RequestStartTransaction": "Rejected",
    "RequestStopTransaction": "Rejected",
    "ReserveNow": "Rejected",
    "Reset": "Rejected",
    "SendLocalList": "Failed",
    "SetChargingProfile": "Rejected",
    "SetDisplayMessage": "Rejected",
    "SetMonitoringBase": "Rejected",
    "SetMonitoringLevel": "Rejected",
    "SetNetworkProfile": "Rejected",
    "SetVariableMonitoring": {
        "setMonitoringResult": [{"status": "Rejected", "statusInfo": REASON, **MONITOR}]
    },
    "SetVariables": {"setVariableResult": [OF_VARIABLE]},
    "TriggerMessage": "Rejected",
    "UnlockConnector": "UnlockFailed",
    "UnpublishFirmware": {"status": "NoFirmware"},
    "UpdateFirmware": "Rejected",
}
ADDED_BY_2_1: dict[str, Any] = {
    "AFRRSignal": "Rejected",
    "AdjustPeriodicEventStream": "Rejected",
    "ChangeTransactionTariff": "Rejected",
    "ClearDERControl": "NotFound",
    "ClearDisplayMessage": "Rejected",
    "ClearTariffs": {"clearTariffsResult": [{"status": "Rejected", "statusInfo": REASON, "tariffId": "day"}]},
    "GetDERControl": "Rejected",
    "GetPeriodicEventStream": {},
    "GetTariffs": "Rejected",
    "NotifyAllowedEnergyTransfer": "Rejected",
    "NotifyWebPaymentStarted": "!SecurityError",
    "RequestBatterySwap": "Rejected",
    "SetDERControl": "Rejected",
    "SetDefaultTariff": "Rejected",
    "UpdateDynamicSchedule": "Rejected",
    "UsePriorityCharging": "Rejected",
}
REFUSALS = {"1.6": REFUSALS_1_6, "2.0.1": REFUSALS_2_0_1, "2.1": REFUSALS_2_0_1 | ADDED_BY_2_1}

ASKED: dict[str, dict[str, Any]] = {
    "ClearTariffs": {"tariffIds": ["day"]},
    "ClearVariableMonitoring": {"id": [1]},
    "GetVariables": {"getVariableData": [VARIABLE]},
    "SetVariableMonitoring": {"setMonitoringData": [{"value": 1, **MONITOR}]},
    "SetVariables": {"setVariableData": [{"attributeValue": "true", **VARIABLE}]},
}
"""What is asked where the answer repeats it."""

EACH = [(version, action) for version in OCPP_VERSIONS for action in REFUSALS[version]]
each_action = pytest.mark.parametrize(("version", "action"), EACH)

VERDICTS = {
    "allow": Verdict.ALLOW,
    "virtual": Verdict.ALLOW,
    "guard": Verdict.GUARD,
    "own": Verdict.OWN,
    "deny": Verdict.DENY,
}


def row(version: str, action: str) -> actions.Down:
    found = actions.down(version, action)
    assert found is not None
    return found


def refusal(version: str, action: str) -> list[Any]:
    """The frame with which the backoffice hears no, without what may stand behind it."""
    words = REFUSALS[version][action]
    if isinstance(words, str) and words.startswith("!"):
        return [4, "x", words[1:]]
    if isinstance(words, str):
        words = {"status": words} if version == "1.6" else {"status": words, "statusInfo": REASON}
    return [3, "x", words]


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_57_an_observer_does_not_reset_the_charger(version: str) -> None:
    """Given an observer sends Reset, then it is Rejected, and nothing reaches the charger."""
    world = World(BILLING, ENERGY, WATCHER, version=version)
    world.boot()
    world["watcher"].call("Reset", RESET[version], "x")
    assert world["watcher"].answers == [refusal(version, "Reset")]
    assert world.to_charger == []
    assert [b.got for b in world.backoffices.values()] == [[], [], []]


def test_every_action_of_a_backoffice_has_its_refusal() -> None:
    for version in OCPP_VERSIONS:
        down = {action for action in actions.names(version) if actions.down(version, action)}
        assert set(REFUSALS[version]) == down


@each_action
@pytest.mark.parametrize("role", Role)
def test_the_verdict_is_that_of_the_design(version: str, action: str, role: Role) -> None:
    plain = RouteSnapshot(key=1, backoffice="b", role=role, alias="CP-1")
    expected = VERDICTS[REVIEWED[version, "down", role][action]]
    assert policy.decide(row(version, action), plain) == (expected, f"preset {role}: {action} is {expected}")


@each_action
def test_what_a_role_may_not_send_is_refused_in_the_actions_own_words(version: str, action: str) -> None:
    roles = [role for role in Role if REVIEWED[version, "down", role][action] == "deny"]
    routes = [route(n, str(role), role) for n, role in enumerate(Role, 1)]
    world = World(*routes, version=version, first_numbers=(100, 200, 300, 400, 500))
    world.boot()
    for role in roles:
        world[str(role)].call(action, ASKED.get(action, {}), "x")
        answer = world[str(role)].answers[-1]
        assert answer[:3] == refusal(version, action), role
        denied = world.database.messages[-1]
        assert (denied.outcome, denied.rule) == ("denied", f"preset {role}: {action} is deny")
    assert world.to_charger == []


@each_action
@pytest.mark.parametrize("role", [Role.BILLING, Role.SERVICE])
def test_what_a_route_may_not_send_never_reaches_the_charger(version: str, action: str, role: Role) -> None:
    world = World(route(1, "b", role, {action: Verdict.DENY}), version=version)
    world.boot()
    world["b"].call(action, ASKED.get(action, {}), "x")
    assert world["b"].answers[-1][:3] == refusal(version, action)
    assert world.to_charger == []
    denied = world.database.messages[-1]
    assert (denied.route, denied.direction, denied.action) == (1, "down", action)
    assert (denied.outcome, denied.rule) == ("denied", f"permission of route b: {action} is deny")


@pytest.mark.parametrize("version", OCPP_VERSIONS)
@pytest.mark.parametrize("role", Role)
def test_what_no_table_lists_is_refused(version: str, role: Role) -> None:
    everything = {"Reboot": Verdict.ALLOW, "Heartbeat": Verdict.ALLOW}
    world = World(route(1, "b", role, everything), version=version)
    world.boot()
    for action, code in (("Reboot", "NotImplemented"), ("Heartbeat", "NotSupported")):
        world["b"].call(action, {}, "x")
        assert world["b"].answers[-1][:3] == [4, "x", code]
        assert world.database.messages[-1].outcome == "denied"
    assert world.to_charger == []


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_an_edit_acts_on_the_next_command(version: str) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL), version=version)
    world.boot()
    world["energy"].call("Reset", RESET[version], "x")
    kind = RESET[version]["type"]
    world.configure(BILLING, route(2, "energy", Role.CONTROL, {f"Reset:{kind}": Verdict.ALLOW}))
    world["energy"].call("Reset", RESET[version], "y")
    world.configure(BILLING, route(2, "energy", Role.CONTROL, {f"Reset:{kind}": Verdict.DENY}))
    world["energy"].call("Reset", RESET[version], "z")
    assert [answer[2]["status"] for answer in world["energy"].answers] == ["Rejected", "Accepted", "Rejected"]
    assert [frame[2] for frame in world.commands] == ["Reset"]
    assert world.closed_links == []


def test_own_is_for_billing_too() -> None:
    world = World(
        route(1, "billing", Role.BILLING, {"RemoteStopTransaction": Verdict.OWN}),
        route(2, "energy", Role.CONTROL),
    )
    world.boot()
    world["energy"].call("RemoteStartTransaction", {"connectorId": 1, "idTag": "CARD"}, "s")
    world.call(
        "StartTransaction",
        {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"},
    )
    assert {row.owner for row in world.database.transactions.values()} == {2}
    world["billing"].call("RemoteStopTransaction", {"transactionId": 100}, "x")
    assert world["billing"].answers[-1] == [3, "x", {"status": "Rejected"}]
    assert "RemoteStopTransaction" not in [frame[2] for frame in world.commands]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_of_several_variables_each_is_decided_by_itself(version: str) -> None:
    names = [("SmartChargingCtrlr", "LimitChangeSignificance"), ("AuthCtrlr", "Enabled")]
    items = [{"component": {"name": c}, "variable": {"name": v}} for c, v in names]
    permissions = {"SetVariables:AuthCtrlr.*": Verdict.DENY, "SetVariables": Verdict.ALLOW}
    world = World(BILLING, route(2, "energy", Role.CONTROL, permissions), version=version)
    world.boot()
    world.obey = None
    asked = {"setVariableData": [{"attributeValue": "1", **item} for item in items]}
    world["energy"].call("SetVariables", asked, "x")
    sent = [frame[3]["setVariableData"] for frame in world.commands if frame[2] == "SetVariables"]
    assert [[item["component"]["name"] for item in data] for data in sent] == [["SmartChargingCtrlr"]]


def test_a_key_is_opened_for_one_route_alone() -> None:
    world = World(
        BILLING,
        route(2, "energy", Role.ENERGY, {"ChangeConfiguration:LightIntensity": Verdict.ALLOW}),
        route(3, "other", Role.ENERGY),
    )
    world.boot()
    for name in ("energy", "other"):
        world[name].call("ChangeConfiguration", {"key": "LightIntensity", "value": "5"}, "x")
        world[name].call("ChangeConfiguration", {"key": "BlinkRepeat", "value": "5"}, "y")
    assert [frame[3]["key"] for frame in world.commands] == ["LightIntensity"]
    assert [answer[2]["status"] for answer in world["energy"].answers] == ["Accepted", "Rejected"]
    assert [answer[2]["status"] for answer in world["other"].answers] == ["Rejected", "Rejected"]


@pytest.mark.parametrize("version", ["2.1"])
def test_who_is_expressly_allowed_asks_for_what_is_billings(version: str) -> None:
    custom = {"requestedMessage": "CustomTrigger", "customTrigger": "Special"}
    world = World(
        BILLING,
        route(2, "energy", Role.CONTROL, {"TriggerMessage:CustomTrigger": Verdict.ALLOW}),
        route(3, "other", Role.CONTROL),
        version=version,
    )
    world.boot()
    for name in ("energy", "other"):
        world[name].call("TriggerMessage", custom, "x")
    assert [world[name].answers[-1][2]["status"] for name in ("energy", "other")] == ["Accepted", "Rejected"]
    assert len(world.commands) == 1


def test_vendors_are_allowed_one_by_one() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, {"DataTransfer:com.example": Verdict.ALLOW}))
    world.boot()
    for number, vendor in enumerate(("com.example", "com.other")):
        world["energy"].call("DataTransfer", {"vendorId": vendor}, f"x{number}")
    assert [frame[3] for frame in world.commands] == [{"vendorId": "com.example"}]
    assert world["energy"].answers[-1][2] == {"status": "UnknownVendorId"}
