"""What would take the charger away (ocpp-semantics 3.10), and what would not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import actions, guard
from routing.core.gate import Asked
from routing.core.guard import key_objection, variable_objection
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from routing.core.turn import Turn
from tests.routing.core.harness import World, route

MOVES = [
    "AuthorizationKey",
    "SecurityProfile",
    "CpoName",
    "AdditionalRootCertificateCheck",
    "WebSocketPingInterval",
    "BackOffice-URL-wired",
    "BackOffice-URL-APN",
    "BackOffice-Path-wired",
    "BackOfficeNetworkProfile1",
    "Identity",
    "PW-SetChargerPassword",
    "ServiceURL",
    "OCPPEndPoint",
    "Cst_BackendUrl",
    "Cst_ChargeBoxId",
    "Cst_WiFiSSID",
    "Cst_WiFiPASS",
    "Cst_ReconnectInterval",
    "Cst_StaleTimeout",
    "PW-Something",
    "Security Profile",
    "web_socket_ping_interval",
    "BasicAuthPassword",
    "OrganizationName",
    "AllowSecurityProfileDowngrade",
    "CsmsUrl",
    "NetworkConfigurationPriority",
    "ActiveNetworkProfile",
    "NetworkProfileConnectionAttempts",
    "RetryBackOffRepeatTimes",
    "RetryBackOffRandomRange",
    "RetryBackOffWaitMinimum",
    "MessageTimeout",
    "FileTransferProtocols",
    "central_system_host",
    "ocpp-port",
    "GatewayAddress",
    "DhcpEnabled",
    "TlsVersion",
    "FirewallRules",
    "SshEnabled",
    "FactoryReset",
    "ModemAPN",
    "vpn_config",
]

HARMLESS = [
    "CertSigningWaitMinimum",
    "CertSigningRepeatTimes",
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "BlinkRepeat",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LightIntensity",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MaxEnergyOnInvalidId",
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "MeterValueSampleInterval",
    "MinimumStatusDuration",
    "NumberOfConnectors",
    "ResetRetries",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "StopTxnAlignedData",
    "StopTxnSampledData",
    "SupportedFeatureProfiles",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ReserveConnectorZeroSupported",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported",
    "MaxChargingProfilesInstalled",
    "EVConnectionTimeOut",
    "TxUpdatedInterval",
    "SampledDataCtrlr",
    "AlignedDataCtrlr",
    "SmartChargingCtrlr",
    "TariffCostCtrlr",
]


def objection(
    action: str, payload: Any, role: Role = Role.BILLING, version: str = "1.6", **options: Any
) -> str:
    """What the guard says to a CALL; the payload as text or as what the text stands for."""
    world = World(route(1, "billing", Role.BILLING), route(2, "asker", role), version=version)
    world.options = ChargerOptions(**options)
    world.machine = world._machine()
    world.connect()
    state, turn = world.machine._state, Turn(world.now, world.utc)
    line = state.lines[1 if role is Role.BILLING else 2]
    row = actions.down(version, action)
    assert row is not None
    text = payload if isinstance(payload, str) else json.dumps(payload)
    asked = Asked(
        row, text, route=line.key, exchange=1, at=turn.utc, queued_at=0, priority=1, message_id="m",
        raw_id='"m"', text="",
    )  # fmt: skip
    return guard.check(state, turn, line, asked)


def variables(*names: tuple[str, str]) -> dict[str, Any]:
    return {"setVariableData": [{"component": {"name": c}, "variable": {"name": v}} for c, v in names]}


MOVES_IT = "may change how or where the charger connects"


@pytest.mark.parametrize("key", MOVES)
def test_keys_that_move_the_charger(key: str) -> None:
    for name in (key, key.lower(), key.upper(), f" {key} "):
        assert MOVES_IT in key_objection(name)
        assert MOVES_IT in variable_objection("Any", name)
    assert MOVES_IT in variable_objection(key, "Any")


@pytest.mark.parametrize("key", HARMLESS)
def test_keys_of_the_standard_pass(key: str) -> None:
    assert key_objection(key) == ""
    if not key.startswith("Cert"):  # of 2.x only in its component
        assert variable_objection(key, "Fine") == variable_objection("Fine", key) == ""


@pytest.mark.parametrize(
    ("component", "variable"),
    [
        ("SecurityCtrlr", "CertSigningWaitMinimum"),
        ("securityctrlr", " certsigningrepeattimes"),
        ("ISO15118Ctrlr", "V2GCertificateInstallationEnabled"),
        ("ISO15118Ctrlr", "OrganizationName"),
        ("OCPPCommCtrlr", "MessageAttempts"),
        ("OCPPCommCtrlr", "OfflineThreshold"),
        ("AuthCtrlr", "LocalPreAuthorize"),
    ],
)
def test_variables_of_the_standard_pass(component: str, variable: str) -> None:
    assert variable_objection(component, variable) == ""


@pytest.mark.parametrize(
    "name",
    [
        "\u0410uthorizationKey",
        "Authorization\u212aey",
        "Service\uff35RL",
        "Service\u200bURL",
        "Authorization\u00a0Key",
        "Authorization\x00Key",
        "ServiceU\tRL",
        "ServiceUR\nL",
        "HeartbeatInterval\u0301",
        "\ud800",
    ],
    ids=ascii,
)
def test_names_that_are_not_ascii_are_refused(name: str) -> None:
    assert key_objection(name).startswith("guard: ")
    assert variable_objection("SecurityCtrlr", name).startswith("guard: ")
    assert variable_objection(name, "Fine").isascii()


@pytest.mark.parametrize(
    "payload",
    [
        '{"key":"AuthorizationKey","key":"HeartbeatInterval"}',
        '{"key":"HeartbeatInterval","key":"AuthorizationKey"}',
        '{"key":"Authorization\\u004bey"}',
        '{"\\u006bey":"AuthorizationKey"}',
        '{"key":["ServiceURL"]}',
        '{"key":"%sServiceURL"}' % (" " * 1000),
    ],
)
def test_no_way_of_writing_a_key_gets_around(payload: str) -> None:
    assert objection("ChangeConfiguration", payload)


@pytest.mark.parametrize(
    "payload", ["{}", '{"key":null}', '{"key":7}', '{"key":{}}', '{"key":["x"]}', "null"]
)
def test_what_has_no_name_is_no_matter_of_the_guard(payload: str) -> None:
    assert objection("ChangeConfiguration", payload) == ""


@pytest.mark.parametrize(
    "item",
    [
        '{"component":{"name":"A"},"variable":{"name":"Fine","instance":"BackendUrl"}}',
        '{"component":{"name":"A","instance":"Modem"},"variable":{"name":"Fine"}}',
        '{"component":{"name":"A"},"variable":{"name":"CsmsUrl","name":"Fine"}}',
        '{"component":{"name":"A"},"variable":{"name":"Fine"},"variable":{"name":"CsmsUrl"}}',
        '{"variable":{"name":"CsmsUrl"}}',
        '{"component":{"name":"NetworkConfiguration"}}',
    ],
)
def test_no_item_gets_around(item: str) -> None:
    fine = '{"component":{"name":"A"},"variable":{"name":"Fine"},"attributeValue":"1"}'
    for items in (item, f"{item},{fine}", f"{fine},{item}"):
        assert objection("SetVariables", f'{{"setVariableData":[{items}]}}', version="2.0.1")
    assert objection(
        "SetVariables", f'{{"setVariableData":[{fine}],"setVariableData":[{item}]}}', version="2.1"
    )
    assert objection("SetVariables", f'{{"setVariableData":[{fine}]}}', version="2.1") == ""


@pytest.mark.parametrize("value", ["0", "1", "2", "", " 2", "-3", "3.0", "0x3", "three", "١٢", "null", "2e1"])
def test_too_few_attempts_throw_money_away(value: str) -> None:
    assert "attempts" in key_objection("transactionmessageattempts ", value)
    assert "attempts" in variable_objection("OCPPCommCtrlr", "MessageAttempts", value)
    assert objection("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": value})
    assert key_objection("ResetRetries", value) == ""


@pytest.mark.parametrize("value", ["3", " 10 ", "99999999999999999999"])
def test_enough_attempts_pass(value: str) -> None:
    assert key_objection("TransactionMessageAttempts", value) == ""
    assert variable_objection("OCPPCommCtrlr", "MessageAttempts", value) == ""


@pytest.mark.parametrize(
    ("kind", "role", "objected"),
    [
        ("CentralSystemRootCertificate", Role.BILLING, True),
        ("CSMSRootCertificate", Role.BILLING, True),
        ("csmsrootcertificate", Role.BILLING, True),
        ("CSMSRootCertificate ", Role.BILLING, True),
        ("CSMSRoot\u0421ertificate", Role.BILLING, True),
        (["CSMSRootCertificate"], Role.BILLING, True),
        (None, Role.BILLING, True),
        ("SomethingNew", Role.BILLING, True),
        ("ManufacturerRootCertificate", Role.BILLING, False),
        ("ManufacturerRootCertificate", Role.SERVICE, True),
        ("V2GRootCertificate", Role.BILLING, False),
        ("V2GRootCertificate", Role.SERVICE, False),
        ("MORootCertificate", Role.SERVICE, False),
        ("OEMRootCertificate", Role.BILLING, False),
    ],
)
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_root_certificates(kind: object, role: Role, objected: bool, version: str) -> None:
    assert bool(objection("InstallCertificate", {"certificateType": kind}, role, version)) is objected


def test_a_root_certificate_beside_a_harmless_one() -> None:
    payload = '{"certificateType":"CSMSRootCertificate","certificateType":"V2GRootCertificate"}'
    assert objection("InstallCertificate", payload)


HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa" * 32,
    "issuerKeyHash": "bb" * 32,
    "serialNumber": "1A2B",
}


@pytest.mark.parametrize("entry", ["1a2b", "001A2B", "1A:2B", "0x1a2b", "AA" * 32, "bb" * 32])
def test_the_root_that_knows_the_proxy_stays(entry: str) -> None:
    payload = {"certificateHashData": HASHES}
    assert objection("DeleteCertificate", payload) == ""
    assert "knows the proxy" in objection("DeleteCertificate", payload, protected_certificates=(entry,))
    other = {"certificateHashData": {**HASHES, "serialNumber": "1A2C"}}
    assert objection("DeleteCertificate", other, protected_certificates=("1a2b", "")) == ""


@pytest.mark.parametrize("payload", [{"certificateHashData": HASHES}, {}])
def test_only_billing_deletes_certificates(payload: Any) -> None:
    assert objection("DeleteCertificate", payload, Role.SERVICE)


FILES = [
    ("1.6", "GetDiagnostics", "location"),
    ("1.6", "UpdateFirmware", "location"),
    ("1.6", "SignedUpdateFirmware", "firmware.location"),
    ("1.6", "GetLog", "log.remoteLocation"),
    ("2.0.1", "UpdateFirmware", "firmware.location"),
    ("2.0.1", "PublishFirmware", "location"),
    ("2.1", "GetLog", "log.remoteLocation"),
]


@pytest.mark.parametrize(("version", "action", "path"), FILES, ids=[f"{v} {a}" for v, a, _ in FILES])
def test_files_go_to_listed_hosts_only(version: str, action: str, path: str) -> None:
    def asked(url: object, **options: Any) -> str:
        outer, _, inner = path.partition(".")
        return objection(action, {outer: {inner: url} if inner else url}, version=version, **options)

    listed: dict[str, Any] = {"file_hosts": ("files.example.com",)}
    assert asked("https://evil.example/x") == ""
    assert asked("https://files.example.com/x", **listed) == ""
    for url in (
        "https://evil.example/",
        "https://files.example.com@evil.example/",
        ["https://files.example.com/"],
        7,
    ):
        assert "is not in file_hosts" in asked(url, **listed)
    assert objection(action, {}, version=version, **listed) == ""
    assert "s3cret" not in asked("ftp://u:s3cret@evil.example/", **listed)


@pytest.mark.parametrize(
    ("payload", "vendors", "objected"),
    [
        ({"vendorId": "com.example"}, (), False),
        ({"vendorId": "com.example", "messageId": "Blink"}, (), False),
        ({"vendorId": "com.example.backend"}, (), True),
        ({"vendorId": "com.example", "messageId": "SetServerUrl"}, (), True),
        ({"vendorId": "com.example", "messageId": "SetServerUrl"}, ("com.example",), False),
        ({"vendorId": "Com.Example"}, ("com.example",), True),
        ({"vendorId": "other"}, ("com.example",), True),
        ({"vendorId": "org.openchargealliance.iso15118pnc", "messageId": "CertificateSigned"}, (), False),
        ({}, ("com.example",), False),
    ],
)
def test_vendors_that_may_move_a_charger(payload: Any, vendors: tuple[str, ...], objected: bool) -> None:
    assert bool(objection("DataTransfer", payload, data_vendors=vendors)) is objected


@pytest.mark.parametrize(
    ("key", "reaches"),
    [
        ("DataTransfer:com.example.backend", True),
        ("DataTransfer:COM.example.Backend", True),
        ("DataTransfer:com.example.*", False),
        ("DataTransfer", False),
    ],
)
def test_a_permission_that_names_the_vendor_lists_it(key: str, reaches: bool) -> None:
    world = World(route(1, "billing", Role.BILLING, {key: Verdict.ALLOW}))
    world.boot()
    world["billing"].call("DataTransfer", {"vendorId": "com.example.backend", "data": "x"})
    assert ([frame[2] for frame in world.commands] == ["DataTransfer"]) is reaches


@pytest.mark.parametrize(
    ("version", "payload", "objected"),
    [
        ("1.6", {"connectorId": 0, "type": "Inoperative"}, True),
        ("1.6", {"connectorId": "0", "type": "inoperative "}, True),
        ("1.6", {"type": "Inoperative"}, True),
        ("1.6", {"connectorId": -1, "type": "Inoperative"}, True),
        ("1.6", {"connectorId": None, "type": "Inoperative"}, True),
        ("1.6", {"connectorId": 0, "type": "Operative"}, False),
        ("1.6", {"connectorId": 1, "type": "Inoperative"}, False),
        ("2.0.1", {"operationalStatus": "Inoperative"}, True),
        ("2.1", {"operationalStatus": "Inoperative", "evse": {"id": 0}}, True),
        ("2.1", {"operationalStatus": "Inoperative", "evse": {"id": 1}}, False),
        ("2.1", {"operationalStatus": "Operative"}, False),
    ],
)
def test_only_billing_closes_the_whole_charger(version: str, payload: Any, objected: bool) -> None:
    assert bool(objection("ChangeAvailability", payload, Role.SERVICE, version)) is objected
    assert objection("ChangeAvailability", payload, Role.BILLING, version) == ""


def test_a_connector_written_twice() -> None:
    payload = '{"connectorId":1,"connectorId":0,"type":"Inoperative"}'
    assert objection("ChangeAvailability", payload, Role.SERVICE)


@pytest.mark.parametrize("action", ["Reset", "GetConfiguration", "TriggerMessage", "SetChargingProfile"])
def test_other_actions_pass(action: str) -> None:
    assert objection(action, '{"key":"AuthorizationKey"}') == ""


def test_a_long_name_is_shortened_in_the_words() -> None:
    assert len(key_objection("url" * 500)) < 200
