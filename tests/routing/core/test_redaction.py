"""The audit log holds no value of a secret that a backoffice has written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import redaction
from tests.routing.core.harness import BILLING, WATCHER, World

KEY = "00112233445566778899aabbccddeeff"


def variable(component: str, name: str, value: str = KEY) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}


CALLS = [
    ("1.6", "ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY}),
    ("1.6", "ChangeConfiguration", {"value": KEY, "key": " authorizationkey "}),
    ("1.6", "ChangeConfiguration", {"key": "Cst_WiFiPASS", "value": KEY}),
    ("1.6", "ChangeConfiguration", {"key": "PW-SetChargerPassword", "value": {"in": KEY}}),
    ("1.6", "changeconfiguration", {"key": "AuthorizationKey", "value": KEY}),
    ("2.0.1", "SetVariables", {"setVariableData": [variable("SecurityCtrlr", "BasicAuthPassword")]}),
    (
        "2.1",
        "SetVariables",
        {
            "setVariableData": [
                variable("A", "B", "seen"),
                variable("WiFi", "Passphrase"),
                variable("A", "C", "x"),
            ]
        },
    ),
    (
        "2.1",
        "SetNetworkProfile",
        {
            "configurationSlot": 1,
            "connectionData": {"basicAuthPassword": KEY, "vpn": {"password": KEY, "key": KEY, "user": "u"}},
        },
    ),
    ("2.1", "setnetworkprofile", {"connectionData": {"basicAuthPassword": KEY}}),
]


@pytest.mark.parametrize(("version", "action", "payload"), CALLS, ids=[f"{v} {a}" for v, a, _ in CALLS])
@pytest.mark.parametrize("asker", ["billing", "watcher"])
def test_no_secret_is_kept(version: str, action: str, payload: Any, asker: str) -> None:
    world = World(BILLING, WATCHER, version=version)
    world.boot()
    world[asker].call(action, payload, "m1")
    assert len(world[asker].answers) == 1
    rows = [row for row in world.database.messages if row.message_id == "m1"]
    assert [json.loads(row.text)[2] for row in rows] == [action]
    assert "***" in rows[0].text
    assert not [row for row in world.database.messages if KEY in repr(row)]
    assert KEY not in repr(world.reports)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","ChangeConfiguration",{"key":"Authorization\\u004bey","value":"%s"},]',
        '[2,"1","ChangeConfiguration",{"value":"%s","key":"AuthorizationKey"',
        '[2,"1","SetVariables",{"setVariableData":[{"attributeValue":"%s","variable":{"name":"BasicAuthPassword',
        '[2,"1","SetNetworkProfile",{"connectionData":{"basicAuthPassword":"%s',
    ],
)
def test_nor_one_in_text_that_is_no_frame(text: str) -> None:
    world = World()
    world.boot()
    world["billing"].say(text % KEY)
    assert world.database.messages[-1].outcome == "malformed"
    assert not [row for row in world.database.messages if KEY in repr(row)]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", '{"key":"HeartbeatInterval", "value":"10"}'),
        (
            "SetVariables",
            '{"setVariableData":[{"component":{"name":"A"},"variable":{"name":"B"},"attributeValue":"1"}]}',
        ),
        ("Reset", '{"type":"Soft","value":"password"}'),
        ("ChangeConfiguration", "[]"),
        ("SetVariables", '{"setVariableData":7}'),
    ],
)
def test_what_is_no_secret_stays_as_it_is(action: str, payload: str) -> None:
    text = f'[2,"1","{action}",{payload}]'
    assert redaction.frame(action, payload, text) is text


def test_a_name_in_disguise_is_still_a_secret() -> None:
    payload = f'{{"key":"x","key":"Authorization\\u004bey","value":"{KEY}","value":"{KEY}"}}'
    hidden = redaction.redacted("ChangeConfiguration", payload)
    assert hidden == '{"key":"x","key":"Authorization\\u004bey","value":"***","value":"***"}'
