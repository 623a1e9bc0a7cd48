"""Settings and news of firmware, as chargers of three versions tell them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.told_settings import (
    FIRMWARE,
    READERS,
    Setting,
    firmware_news,
    firmware_version,
    settings,
)
from tests.routing.core.test_meter_values import JSON, ODD

WS = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
EVSE = {
    "component": {"name": "EVSE", "instance": "a", "evse": {"id": 1, "connectorId": 2}},
    "variable": {"name": "Power", "instance": "max"},
}
PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}

EXCHANGES: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[Setting]]] = {
    "1.6 GetConfiguration": (
        "GetConfiguration",
        {},
        {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
                {"key": "Empty", "readonly": False},
                {"key": "AuthorizationKey", "readonly": False, "value": "***"},
                {"key": "WifiPassword", "readonly": False, "value": "open sesame"},
                {"key": "Odd", "readonly": "yes", "value": 7},
                {"key": "Upload", "readonly": False, "value": "ftp://me:secret@host/"},
            ]
        },
        [
            Setting("", "HeartbeatInterval", "", "300", False),
            Setting("", "NumberOfConnectors", "", "2", True),
            Setting("", "Odd", "", "7", None),
        ],
    ),
    "1.6 ChangeConfiguration": (
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "60"},
        {"status": "Accepted"},
        [Setting("", "HeartbeatInterval", "", "60", False)],
    ),
    "1.6 change after a reboot": (
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "60"},
        {"status": "RebootRequired"},
        [Setting("", "HeartbeatInterval", "", "60", False)],
    ),
    "1.6 change refused": (
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "60"},
        {"status": "Rejected"},
        [],
    ),
    "2.0.1 GetVariables": (
        "GetVariables",
        {},
        {
            "getVariableResult": [
                {**WS, "attributeStatus": "Accepted", "attributeValue": "300"},
                {**EVSE, "attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": "22000"},
                {**EVSE, "attributeStatus": "Accepted", "attributeType": "MaxSet", "attributeValue": "9"},
                {**WS, "attributeStatus": "UnknownVariable"},
                {**PASSWORD, "attributeStatus": "Accepted", "attributeValue": "sesame"},
            ]
        },
        [
            Setting("OCPPCommCtrlr", "HeartbeatInterval", "", "300", None),
            Setting("EVSE[a]@1/2", "Power", "max", "22000", None),
        ],
    ),
    "2.0.1 SetVariables": (
        "SetVariables",
        {"setVariableData": [{**WS, "attributeValue": "60"}, {**EVSE, "attributeValue": "1"}]},
        {
            "setVariableResult": [
                {**WS, "attributeStatus": "Accepted"},
                {**EVSE, "attributeStatus": "Rejected"},
            ]
        },
        [Setting("OCPPCommCtrlr", "HeartbeatInterval", "", "60", False)],
    ),
    "2.1 NotifyReport": (
        "NotifyReport",
        {
            "reportData": [
                {**WS, "variableAttribute": [{"value": "300", "mutability": "ReadOnly"}]},
                {**EVSE, "variableAttribute": [{"type": "Target", "value": "1"}, {"value": "2"}]},
                {
                    "component": {"name": "X"},
                    "variable": {"name": "Code"},
                    "variableAttribute": [{"value": "2", "mutability": "WriteOnly"}],
                },
            ]
        },
        {},
        [
            Setting("OCPPCommCtrlr", "HeartbeatInterval", "", "300", True),
            Setting("EVSE[a]@1/2", "Power", "max", "2", False),
        ],
    ),
    "another action": ("Reset", {}, {"status": "Accepted"}, []),
}


@pytest.mark.parametrize(("action", "asked", "answer", "expected"), EXCHANGES.values(), ids=EXCHANGES)
def test_exchanges_tell_settings_and_no_secrets(
    action: str, asked: dict[str, Any], answer: dict[str, Any], expected: list[Setting]
) -> None:
    assert settings(action, json.dumps(asked), json.dumps(answer)) == expected


NEWS = {
    "1.6 firmware": (
        "FirmwareStatusNotification",
        '{"status":"Installed"}',
        ("firmware", "Installed", ""),
    ),
    "1.6 diagnostics": (
        "DiagnosticsStatusNotification",
        '{"status":"Uploaded"}',
        ("diagnostics", "Uploaded", ""),
    ),
    "2.0.1 log": (
        "LogStatusNotification",
        '{"status":"Uploading","requestId":12}',
        ("log", "Uploading", "request 12"),
    ),
    "2.1 with a reason": (
        "FirmwareStatusNotification",
        '{"status":"DownloadFailed","requestId":3,"statusInfo":{"reasonCode":"NotFound","additionalInfo":"404"}}',
        ("firmware", "DownloadFailed", "request 3: NotFound: 404"),
    ),
    "nothing": ("LogStatusNotification", "{}", None),
    "another action": ("Heartbeat", '{"status":"Installed"}', None),
}


@pytest.mark.parametrize(("action", "payload", "expected"), NEWS.values(), ids=NEWS)
def test_news_of_firmware_and_files(action: str, payload: str, expected: tuple[str, ...] | None) -> None:
    assert firmware_news(action, payload) == expected


BOOTS = {
    "1.6": ('{"chargePointVendor":"V","firmwareVersion":"1.2.3"}', "1.2.3"),
    "2.x": ('{"reason":"PowerUp","chargingStation":{"firmwareVersion":"2.0"}}', "2.0"),
    "none": ('{"chargePointVendor":"V"}', ""),
}


@pytest.mark.parametrize(("payload", "version"), BOOTS.values(), ids=BOOTS)
def test_a_boot_names_its_firmware(payload: str, version: str) -> None:
    assert firmware_version(payload) == version


@pytest.mark.parametrize("payload", ODD, ids=ascii)
def test_what_cannot_be_read_tells_nothing(payload: str) -> None:
    for action in READERS:
        assert settings(action, payload, payload) == []
    assert firmware_version(payload) == ""


NAMED = st.fixed_dictionaries(
    {},
    optional={
        "component": JSON | st.fixed_dictionaries({"name": JSON, "instance": JSON, "evse": JSON}),
        "variable": JSON | st.fixed_dictionaries({"name": JSON, "instance": JSON}),
        "attributeStatus": JSON | st.just("Accepted"),
        "attributeValue": JSON,
        "variableAttribute": st.lists(st.fixed_dictionaries({"value": JSON, "mutability": JSON}), max_size=2),
        "key": JSON,
        "value": JSON,
        "readonly": JSON,
    },
)
LISTS = ["configurationKey", "getVariableResult", "setVariableData", "setVariableResult", "reportData"]
PAYLOAD = st.fixed_dictionaries(
    {name: st.lists(NAMED | JSON, max_size=3) | JSON for name in LISTS},
    optional={"status": JSON | st.just("Accepted"), "key": JSON, "value": JSON, "statusInfo": JSON},
)


@given(action=st.sampled_from([*READERS, *FIRMWARE]), asked=PAYLOAD, answer=PAYLOAD)
def test_whatever_is_written_nothing_raises(action: str, asked: Any, answer: Any) -> None:
    found = settings(action, json.dumps(asked), json.dumps(answer))
    assert all(one.variable for one in found)
    firmware_news(action, json.dumps(asked))
