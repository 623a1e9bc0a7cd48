"""Every way to take a charger away or to lock it out (ocpp-semantics 3.10), tried by every role.

Each is tried with the role's own rights, and with a permission that allows the action outright: what the
guard keeps is not a matter of permissions.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

NAMED_1_6 = """
AuthorizationKey SecurityProfile CpoName AdditionalRootCertificateCheck WebSocketPingInterval
"""
VENDORS_1_6 = """
BackOffice-URL-wired BackOffice-URL-APN BackOffice-Path-wired BackOffice-Path-APN BackOfficeNetworkProfile1
BackOfficeNetworkProfile9 Identity PW-SetChargerPassword ServiceURL OCPPEndPoint Cst_BackendUrl
Cst_ChargeBoxId Cst_WiFiSSID Cst_WiFiPASS Cst_ReconnectInterval Cst_StaleTimeout
"""
UNKNOWN = """
CentralSystem csms OcppServer ocpp_host ocppPort OCPPVersion ServiceAddress NetworkConfig APN wi-fi wifi PSK
SIM_PIN proxy VpnEnabled DNS1 gateway IP-Address DHCP Modem ChargeBoxId ChargePointId StationId Password
secret AuthKey Token Certificate RootCA TLS SSL Firewall SSH FactoryReset uri endpoint BackEnd
"""
DISGUISED_1_6 = (
    '"serviceurl"',
    '" ServiceURL "',
    r'"Service\u0055RL"',
    r'"\u0053erviceURL"',
    r'"Service\u200bURL"',
    r'"\uff33erviceURL"',
    r'"S\u0435rviceurl"',
    r'"ServiceURL\u0000"',
    '"x","key":"ServiceURL"',
    '"ServiceURL","key":"x"',
    r'"x","k\u0065y":"ServiceURL"',
)
VARIABLES = {
    "SecurityCtrlr": """
        BasicAuthPassword Identity SecurityProfile OrganizationName AllowSecurityProfileDowngrade
        AdditionalRootCertificateCheck CsmsUrl""",
    "OCPPCommCtrlr": """
        NetworkConfigurationPriority ActiveNetworkProfile NetworkProfileConnectionAttempts
        RetryBackOffRepeatTimes RetryBackOffRandomRange RetryBackOffWaitMinimum MessageTimeout
        WebSocketPingInterval FileTransferProtocols""",
    "AlfenStation": "BackOffice-URL-wired",
    "Modem": "Enabled",
    "WiFi": "Name",
    "Vendor": UNKNOWN,
}
VIRTUAL = ("AuthorizationKey", "BasicAuthPassword", "WebSocketPingInterval")
VIRTUAL_FOR_OTHERS = ("CpoName", "OrganizationName")
"""What is answered where it stays (ocpp-semantics 3.9): for Billing too, or for others only."""

EVIL = "https://evil.example/f"
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "0a"}
FIRMWARE = {"location": EVIL, "retrieveDateTime": "2026-01-01T00:00:00Z"}
LOG = {"requestId": 1, "logType": "DiagnosticsLog", "log": {"remoteLocation": EVIL}}
CONNECTION = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://evil.example",
    "messageTimeout": 30,
    "securityProfile": 0,
    "ocppInterface": "Wired0",
}
PROFILE = {"configurationSlot": 1, "connectionData": CONNECTION}

Way = tuple[str, str, str]


def of_1_6() -> list[Way]:
    """Action, payload and what it is about, in 1.6."""
    values = [(key, "0" * 32) for key in (NAMED_1_6 + VENDORS_1_6 + UNKNOWN).split()]
    values += [("TransactionMessageAttempts", number) for number in "012"]
    ways = [
        ("ChangeConfiguration", json.dumps({"key": key, "value": value}), f"{key} {value[:1]}")
        for key, value in values
    ]
    ways += [("ChangeConfiguration", f'{{"key":{key},"value":"x"}}', key) for key in DISGUISED_1_6]
    files: list[tuple[str, Any]] = [
        ("UpdateFirmware", {"location": EVIL, "retrieveDate": "2026-01-01T00:00:00Z"}),
        ("SignedUpdateFirmware", {"requestId": 1, "firmware": FIRMWARE}),
        ("GetDiagnostics", {"location": EVIL}),
        ("GetLog", LOG),
    ]
    return ways + [(action, json.dumps(payload), "another host") for action, payload in files]


def of_2() -> list[Way]:
    """The same in 2.x."""
    values = [(c, v, "0123456789abcdef") for c, names in VARIABLES.items() for v in names.split()]
    values += [("OCPPCommCtrlr", "MessageAttempts", number) for number in "012"]
    ways = []
    for component, name, value in values:
        item = {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}
        ways.append(
            ("SetVariables", json.dumps({"setVariableData": [item]}), f"{component}.{name} {value[:1]}")
        )
    files: list[tuple[str, Any]] = [
        ("UpdateFirmware", {"requestId": 1, "firmware": FIRMWARE}),
        ("PublishFirmware", {"requestId": 1, "location": EVIL, "checksum": "0" * 32}),
        ("GetLog", LOG),
    ]
    ways += [(action, json.dumps(payload), "another host") for action, payload in files]
    return [*ways, ("SetNetworkProfile", json.dumps(PROFILE), "a network profile")]


def of_all(version: str) -> list[Way]:
    """What is the same in all versions."""
    root = "CentralSystemRootCertificate" if version == "1.6" else "CSMSRootCertificate"
    payloads: list[tuple[str, Any]] = [
        ("InstallCertificate", {"certificateType": root, "certificate": "PEM"}),
        ("DeleteCertificate", {"certificateHashData": HASHES}),
        ("CertificateSigned", {"certificateChain": "PEM"}),
        ("DataTransfer", {"vendorId": "com.example.BackendUrl", "data": EVIL}),
        ("DataTransfer", {"vendorId": "com.example", "messageId": "SetServerUrl", "data": EVIL}),
    ]
    return [(action, json.dumps(payload), "") for action, payload in payloads]


WAYS = [
    pytest.param(version, action, payload, id=f"{version} {action} {about}".strip())
    for version in ("1.6", "2.0.1", "2.1")
    for action, payload, about in (of_1_6() if version == "1.6" else of_2()) + of_all(version)
]
OTHERS = [role for role in Role if role is not Role.BILLING]
OPTIONS = ChargerOptions(file_hosts=("files.example.com",), protected_certificates=("0A",))


def world(role: Role, version: str, *permitted: str) -> World:
    """A charger that accepts everything, and a backoffice of this role beside Billing."""
    permissions = dict.fromkeys(permitted, Verdict.ALLOW)
    routes = [route(1, "asker", role, permissions)]
    if role is not Role.BILLING:
        routes = [BILLING, route(2, "asker", role, permissions)]
    made = World(*routes, version=version, options=OPTIONS)
    made.boot()
    made.wait(60)
    made.commands.clear()
    return made


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("version", "action", "payload"), WAYS)
def test_no_way_to_take_the_charger(version: str, action: str, payload: str, role: Role) -> None:
    """Whoever tries it, and whatever the permissions say, the charger does not hear of it."""
    virtual = VIRTUAL if role is Role.BILLING else VIRTUAL + VIRTUAL_FOR_OTHERS
    for permitted in ((), (action,)):
        made = world(role, version, *permitted)
        made["asker"].say(f'[2,"hijack","{action}",{payload}]')
        made.wait(30)
        assert [frame[2:] for frame in made.commands if frame[2] == action] == []
        (answer,) = [answer for answer in made["asker"].answers if answer[1] == "hijack"]
        if not any(name in payload for name in virtual):
            assert "Accepted" not in json.dumps(answer)
        (row,) = [row for row in made.database.messages if row.message_id == "hijack"]
        assert row.rule


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize(
    ("version", "payload"),
    [
        ("1.6", {"connectorId": 0, "type": "Inoperative"}),
        ("2.0.1", {"operationalStatus": "Inoperative"}),
        ("2.1", {"operationalStatus": "Inoperative"}),
    ],
)
def test_nobody_but_billing_locks_all_drivers_out(version: str, payload: Any, role: Role) -> None:
    """ChangeAvailability of the whole charger stays with the proxy."""
    for permitted in ((), ("ChangeAvailability",)):
        made = world(role, version, *permitted)
        made["asker"].call("ChangeAvailability", payload, "m")
        assert made.commands == []
        assert made["asker"].answers[-1][2]["status"] == "Rejected"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_nobody_keeps_a_charger_down(version: str, role: Role) -> None:
    """Resets and boots in a loop: three in ten minutes, and boots are never the charger's."""
    made = world(role, version, "Reset", "TriggerMessage")
    for number in range(10):
        made["asker"].call("TriggerMessage", {"requestedMessage": "BootNotification"}, f"t{number}")
    for number in range(10):
        made["asker"].call("Reset", {"type": "Soft" if version == "1.6" else "Immediate"}, f"r{number}")
    assert {frame[2] for frame in made.commands} == {"Reset"}
    assert len(made.commands) <= 3
    words = [answer[2]["status"] for answer in made["asker"].answers if answer[1].startswith("t")]
    assert words == ["Accepted"] * 3 + ["Rejected"] * 7


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_nobody_but_billing_has_certificates_signed_or_removed(version: str, role: Role) -> None:
    """Also what nobody protects, and what the charger has asked Billing to sign."""
    trigger = "ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage"
    wanted = "SignChargePointCertificate" if version == "1.6" else "SignChargingStationCertificate"
    made = world(role, version, "DeleteCertificate", "CertificateSigned", trigger)
    made.call("SignCertificate", {"csr": "PEM"})
    other = {**HASHES, "serialNumber": "ff"}
    made["asker"].call("DeleteCertificate", {"certificateHashData": other}, "m1")
    made["asker"].call("CertificateSigned", {"certificateChain": "PEM"}, "m2")
    made["asker"].call(trigger, {"requestedMessage": wanted}, "m3")
    assert made.commands == []
    assert [answer[2]["status"] for answer in made["asker"].answers] == ["Failed", "Rejected", "Rejected"]


FINE = '{"component":{"name":"A"},"variable":{"name":"Fine"},"attributeValue":"1"}'
SHAPES = [
    '{"variable":{"name":"CsmsUrl"},"attributeValue":"x"}',
    '{"component":{},"variable":{"name":"CsmsUrl"},"attributeValue":"x"}',
    '{"component":{"name":""},"variable":{"name":"CsmsUrl"},"attributeValue":"x"}',
    '{"component":{"name":"CsmsUrl"},"variable":{"name":""},"attributeValue":"x"}',
    '{"component":{"name":["A"]},"variable":{"name":"CsmsUrl"},"attributeValue":"x"}',
    '{"component":{"name":"A","instance":"CsmsUrl"},"variable":{"name":"B"},"attributeValue":"x"}',
    '{"component":{"name":"A"},"variable":{"name":"B","instance":"CsmsUrl"},"attributeValue":"x"}',
    '{"component":{"name":"A"},"variable":{"name":"B"},"variable":{"name":"CsmsUrl"},"attributeValue":"x"}',
    '{"component":{"name":"A"},"variable":{"name":"CsmsUrl","name":"B"},"attributeValue":"x"}',
    '{"component":{"name":"CsmsUrl"},"component":{"name":"A"},"variable":{"name":"B"},"attributeValue":"x"}',
    '{"component":{"name":"A"},"variable":{"name":["CsmsUrl"]},"attributeValue":"x"}',
    '{"component":{"name":"A"},"variable":"CsmsUrl","attributeValue":"x"}',
    '"CsmsUrl"',
]
LISTS = [
    '{"setVariableData":[ITEM]}',
    '{"setVariableData":[ITEM,FINE]}',
    '{"setVariableData":[FINE,ITEM]}',
    '{"setVariableData":[FINE],"setVariableData":[ITEM]}',
    '{"setVariableData":[ITEM],"setVariableData":[FINE]}',
    '{"setVariableData":ITEM}',
    '{"set\\u0056ariableData":[ITEM]}',
]


def takes_all(world: World, frame: Any) -> None:
    """The charger accepts every item."""
    items = [item for item in frame[3]["setVariableData"] if isinstance(item, dict)]
    results = [{k: v for k, v in item.items() if k != "attributeValue"} for item in items]
    answer = {"setVariableResult": [{**result, "attributeStatus": "Accepted"} for result in results]}
    world.frame(json.dumps([3, frame[1], answer]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("items", LISTS)
def test_no_shape_of_an_item_gets_around(shape: str, items: str) -> None:
    """However SetVariables is written, what the charger gets of it does not name what is kept from it."""
    made = world(Role.BILLING, "2.0.1")
    made.obey = takes_all
    made.to_charger.clear()
    payload = items.replace("ITEM", shape).replace("FINE", FINE)
    made["asker"].say(f'[2,"hijack","SetVariables",{payload}]')
    assert "CsmsUrl" not in "".join(made.to_charger)
    assert len(made["asker"].answers) == 1
