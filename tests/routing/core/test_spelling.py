"""What some chargers take for another member does not pass by what is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

RIGHTS = dict.fromkeys(
    ("ChangeConfiguration", "DataTransfer", "InstallCertificate", "Reset", "SetVariables"), Verdict.ALLOW
)
SERVICE = route(2, "service", Role.SERVICE, {**RIGHTS, "Reset:Hard": Verdict.DENY})

MOVES = [
    ("1.6", "ChangeConfiguration", {"key": "LightIntensity", "KEY": "AuthorizationKey", "value": "x"}),
    ("1.6", "ChangeConfiguration", '{"key":"LightIntensity","\\u004bey":"ServiceURL","value":"x"}'),
    ("1.6", "ChangeConfiguration", {"key": "LightIntensity", "Value": "a", "value": "x"}),
    ("1.6", "Reset", {"type": "Soft", "Type": "Hard"}),
    ("1.6", "DataTransfer", {"VendorId": "SetBackendUrl"}),
    ("1.6", "InstallCertificate", {"CertificateType": "CentralSystemRootCertificate", "certificate": "x"}),
    ("1.6", "InstallCertificate", {"certificate": "x"}),
    (
        "2.1",
        "SetVariables",
        {
            "setVariableData": [
                {
                    "component": {"name": "AuthCtrlr", "Name": "SecurityCtrlr"},
                    "variable": {"name": "Enabled", "NAME": "Identity"},
                    "attributeValue": "x",
                }
            ]
        },
    ),
    ("2.1", "RequestStopTransaction", {"transactionId": "mine", "TransactionId": "T"}),
]


def said(version: str, action: str, payload: Any) -> World:
    world = World(BILLING, SERVICE, version=version)
    world.boot()
    world.commands.clear()
    if isinstance(payload, str):
        world["service"].say(f'[2,"x","{action}",{payload}]')
    else:
        world["service"].call(action, payload)
    return world


@pytest.mark.parametrize(("version", "action", "payload"), MOVES, ids=[f"{a} {p}"[:60] for _, a, p in MOVES])
def test_it_stays_with_the_proxy(version: str, action: str, payload: Any) -> None:
    world = said(version, action, payload)
    assert len(world["service"].answers) == 1
    assert world.commands == []


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Reset", {"type": "Soft"}),
        ("ChangeConfiguration", {"key": "LightIntensity", "value": "Key"}),
        ("DataTransfer", {"vendorId": "v", "data": {"Key": "Type", "x": "VendorId"}}),
        ("DataTransfer", '{"vendorId":"v","data":"\\u00e9"}'),
    ],
)
def test_other_capitals_elsewhere_do_not_matter(action: str, payload: Any) -> None:
    assert [frame[2] for frame in said("1.6", action, payload).commands] == [action]


def test_spaces_do_not_hide_a_qualifier() -> None:
    rights = {"ChangeConfiguration": Verdict.ALLOW, "ChangeConfiguration:LightIntensity": Verdict.DENY}
    world = World(BILLING, route(2, "service", Role.SERVICE, rights))
    world.boot()
    world.commands.clear()
    world["service"].call("ChangeConfiguration", {"key": " " * 300 + "LightIntensity", "value": "1"})
    assert world.commands == []


def test_what_may_not_be_read_is_not_read_by_naming_it_twice() -> None:
    rights = {"GetVariables": Verdict.ALLOW, "GetVariables:AuthCtrlr.Enabled": Verdict.DENY}
    world = World(BILLING, route(2, "service", Role.SERVICE, rights), version="2.1")
    world.boot()
    world.obey = None
    item = '{"component":{"name":"X","name":"AuthCtrlr"},"variable":{"name":"Enabled","name":"Enabled"}}'
    world["service"].say(f'[2,"x","GetVariables",{{"getVariableData":[{item}]}}]')
    told = '{"attributeStatus":"Accepted","attributeValue":"hush",' + item[1:]
    if world.commands:
        world.frame(f'[3,"{world.commands[-1][1]}",{{"getVariableResult":[{told}]}}]')
    assert len(world["service"].answers) == 1
    assert "hush" not in repr(world["service"].frames)
