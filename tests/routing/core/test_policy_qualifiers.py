"""Permissions for a part of an action: ``Reset:Hard``, ``ChangeConfiguration:Meter*``."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.policy import decide, decide_item
from routing.core.snapshot import OCPP_VERSIONS, Role, RouteSnapshot, Verdict
from tests.routing.core.test_policy import row as row_of

ALLOW, DENY, OWN, GUARD = Verdict.ALLOW, Verdict.DENY, Verdict.OWN, Verdict.GUARD


def verdict(version, action, payload, permissions, role="control", preset=()):
    return decided(version, action, payload, permissions, role, preset)[0]


def decided(version, action, payload, permissions, role="control", preset=()):
    row = row_of(action, version)
    route = RouteSnapshot(
        key=1, backoffice="energy", role=Role(role), alias="CP-1", permissions=permissions,
        preset=dict(preset), preset_name="Night (Example Installers)",
    )  # fmt: skip
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return decide(row, route, text)


LIGHT = {"key": "LightIntensity", "value": "5"}
LIMIT_CHANGE = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "LimitChangeSignificance"}}
STATION_RESET = {"type": "Hard"}


@pytest.mark.parametrize(
    ("version", "action", "payload", "key"),
    [
        ("1.6", "Reset", {"type": "Hard"}, "Reset:Hard"),
        ("2.0.1", "Reset", {"type": "OnIdle"}, "Reset:OnIdle"),
        ("1.6", "ChangeConfiguration", LIGHT, "ChangeConfiguration:LightIntensity"),
        ("1.6", "ChangeConfiguration", LIGHT, "ChangeConfiguration:Light*"),
        ("1.6", "UnlockConnector", {"connectorId": 2}, "UnlockConnector:2"),
        ("2.0.1", "UnlockConnector", {"evseId": 2, "connectorId": 1}, "UnlockConnector:2"),
        ("1.6", "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, "ChangeAvailability:0"),
        ("2.1", "ChangeAvailability", {"operationalStatus": "Inoperative"}, "ChangeAvailability:0"),
        ("2.1", "ChangeAvailability", {"evse": {"id": 3, "connectorId": 1}}, "ChangeAvailability:3"),
        ("1.6", "ReserveNow", {"connectorId": 2}, "ReserveNow:2"),
        ("1.6", "TriggerMessage", {"requestedMessage": "MeterValues"}, "TriggerMessage:MeterValues"),
        (
            "1.6",
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": {"chargingProfilePurpose": "TxProfile"}},
            "SetChargingProfile:TxProfile",
        ),
        (
            "2.0.1",
            "SetChargingProfile",
            {"evseId": 1, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}},
            "SetChargingProfile:TxProfile",
        ),
        (
            "1.6",
            "RemoteStartTransaction",
            {"idTag": "A", "chargingProfile": {"chargingProfilePurpose": "TxProfile"}},
            "RemoteStartTransaction:TxProfile",
        ),
        ("1.6", "DataTransfer", {"vendorId": "com.example"}, "DataTransfer:com.example"),
        ("2.0.1", "GetLog", {"logType": "SecurityLog"}, "GetLog:SecurityLog"),
        (
            "2.0.1",
            "SetVariables",
            {"setVariableData": [LIMIT_CHANGE]},
            "SetVariables:SmartChargingCtrlr.LimitChangeSignificance",
        ),
        ("2.0.1", "GetVariables", {"getVariableData": [LIMIT_CHANGE]}, "GetVariables:SmartChargingCtrlr.*"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_qualified_permission_is_for_that_part_alone(version, action, payload, key):
    other = f"{action}:none of these"
    before = verdict(version, action, payload, {})
    wanted = ALLOW if before is DENY else DENY
    assert decided(version, action, payload, {key: wanted, other: OWN}) == (
        wanted,
        f"permission of route energy: {key} is {wanted}",
    )
    assert verdict(version, action, payload, {other: OWN}) is before


@pytest.mark.parametrize(
    ("permissions", "preset", "expected", "source"),
    [
        ({}, {}, DENY, "preset control: Reset is deny"),
        ({"Reset": ALLOW}, {"Reset:Hard": DENY}, ALLOW, "permission of route energy: Reset is allow"),
        ({"Reset:Hard": DENY, "Reset": ALLOW}, {}, DENY, "permission of route energy: Reset:Hard is deny"),
        ({"Reset:Soft": DENY}, {"Reset": ALLOW}, ALLOW, "preset Night (Example Installers): Reset is allow"),
        (
            {},
            {"Reset:H*": ALLOW, "Reset": DENY},
            ALLOW,
            "preset Night (Example Installers): Reset:H* is allow",
        ),
        ({"Reset:*": ALLOW, "Reset": DENY}, {}, ALLOW, "permission of route energy: Reset:* is allow"),
        ({"Reset:H*": DENY, "Reset:Ha*": GUARD, "Reset:*": ALLOW}, {}, GUARD, None),
        ({"Reset:Hard": OWN, "Reset:Hard*": ALLOW}, {}, OWN, None),
        ({"Reset:Har": ALLOW}, {}, DENY, None),
    ],
    ids=str,
)
def test_the_more_specific_wins_in_one_source_and_the_nearer_source_over_the_rest(
    permissions, preset, expected, source
):
    found = decided("1.6", "Reset", STATION_RESET, permissions, preset=preset)
    assert found[0] is expected
    if source:
        assert found[1] == source


@pytest.mark.parametrize("key", ["lightintensity", " LightIntensity ", "LIGHTINTENSITY"])
def test_keys_are_compared_as_chargers_do(key):
    permissions = {"ChangeConfiguration:LightIntensity": DENY}
    assert verdict("1.6", "ChangeConfiguration", {"key": key}, permissions) is DENY


@pytest.mark.parametrize("token", ["2", "2.0", '"2"', '" 2"', '"02"', "2e0", '"\\u0032"'])
def test_a_connector_is_the_same_however_it_is_written(token):
    payload = f'{{"connectorId":{token}}}'
    assert verdict("1.6", "UnlockConnector", payload, {"UnlockConnector:2": ALLOW}) is ALLOW


@pytest.mark.parametrize("payload", ['{"type":"Soft","type":"Hard"}', '{"type":"Hard","type":"Soft"}'])
def test_of_a_member_that_is_written_twice_the_strictest_counts(payload):
    assert verdict("1.6", "Reset", payload, {"Reset:Soft": ALLOW, "Reset:Hard": DENY}) is DENY
    assert verdict("1.6", "Reset", payload, {"Reset:Soft": ALLOW}) is DENY
    assert verdict("1.6", "Reset", payload, {"Reset:Soft": ALLOW, "Reset:Hard": GUARD}) is GUARD


@pytest.mark.parametrize("payload", ["{}", '{"type":null}', '{"type":{}}', '{"type":["Hard"]}', "[]", ""])
def test_a_payload_that_says_nothing_is_decided_by_the_action(payload):
    assert verdict("1.6", "Reset", payload, {"Reset:Hard": ALLOW}) is DENY
    assert verdict("1.6", "Reset", payload, {"Reset:Hard": DENY, "Reset": ALLOW}) is ALLOW


def test_another_versions_place_says_nothing():
    payload = {"connectorId": 0, "evse": {"id": 1}}
    permissions = {"ChangeAvailability:1": ALLOW, "ChangeAvailability:0": DENY}
    assert verdict("1.6", "ChangeAvailability", payload, permissions) is DENY
    assert verdict("2.0.1", "ChangeAvailability", payload, permissions) is ALLOW


def test_a_remote_start_without_a_profile_is_decided_by_the_action():
    permissions = {"RemoteStartTransaction:TxProfile": DENY}
    assert verdict("1.6", "RemoteStartTransaction", {"idTag": "A"}, permissions) is GUARD


def test_a_list_of_variables_goes_on_while_anything_in_it_may():
    row = row_of("SetVariables", "2.0.1")
    other = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}
    permissions = {"SetVariables": DENY, "SetVariables:SmartChargingCtrlr.*": ALLOW}
    route = RouteSnapshot(key=1, backoffice="energy", role=Role.ENERGY, alias="CP-1", permissions=permissions)
    both = json.dumps({"setVariableData": [other, LIMIT_CHANGE]})
    assert decide(row, route, both)[0] is ALLOW
    assert decide(row, route, json.dumps({"setVariableData": [other]}))[0] is DENY
    assert decide_item(row, route, "SmartChargingCtrlr.LimitChangeSignificance") == (
        ALLOW,
        "permission of route energy: SetVariables:SmartChargingCtrlr.* is allow",
    )
    assert decide_item(row, route, "AuthCtrlr.Enabled") == (
        DENY,
        "permission of route energy: SetVariables is deny",
    )


def test_vendors_are_listed_one_by_one():
    permissions = {"DataTransfer:com.example.*": ALLOW}
    allowed, denied = {"vendorId": "com.example.lights"}, {"vendorId": "com.other"}
    assert verdict("1.6", "DataTransfer", allowed, permissions) is ALLOW
    assert verdict("1.6", "DataTransfer", denied, permissions) is DENY
    assert verdict("1.6", "DataTransfer", denied, {}, role="billing") is ALLOW


def test_a_value_of_the_payload_never_stands_in_the_rule():
    permissions = {"ChangeConfiguration:*": DENY}
    _, rule = decided("1.6", "ChangeConfiguration", {"key": "secret-in-a-key"}, permissions)
    assert "secret" not in rule


def test_a_part_that_is_named_without_end_is_refused():
    payload = "{" + ",".join(f'"type":"T{n}"' for n in range(100_000)) + "}"
    assert decided("1.6", "Reset", payload, {"Reset": ALLOW, "Reset:Hard": DENY}) == (
        DENY,
        "Reset names its kind of reset more than 200 times",
    )


def test_a_part_that_is_very_long_is_read():
    payload = '{"type":"' + "x" * 4_000_000 + '"}'
    assert verdict("1.6", "Reset", payload, {"Reset:Hard": DENY, "Reset": ALLOW}) is ALLOW


def test_nobody_keeps_the_proxy_busy_with_a_list_of_variables():
    names = ",".join(f'"name":"N{n}"' for n in range(10_000))
    payload = f'{{"setVariableData":[{{"component":{{{names}}},"variable":{{{names}}}}}]}}'
    started = time.perf_counter()
    assert verdict("2.1", "SetVariables", payload, {"SetVariables:A.b": ALLOW, "SetVariables": DENY}) is DENY
    assert time.perf_counter() - started < 10  # a hundred million pairs would take minutes


@given(st.text(max_size=80), st.sampled_from(["Reset:Hard", "Reset:*", "Reset", "Reset:", "Reset:é*", ":"]))
def test_no_text_is_too_odd(payload, key):
    for version in OCPP_VERSIONS:
        assert verdict(version, "Reset", payload, {key: ALLOW}, role="observe") in (ALLOW, DENY)
