"""What would take the charger away (ocpp-semantics 3.10), and what would not."""

from __future__ import annotations

import json

import pytest

from routing.core.guard import objection

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


def variables(*names: tuple[str, str]) -> str:
    return json.dumps(
        {"setVariableData": [{"component": {"name": c}, "variable": {"name": v}} for c, v in names]}
    )


@pytest.mark.parametrize("key", MOVES)
def test_keys_that_move_the_charger(key: str) -> None:
    for name in (key, key.lower(), key.upper(), f" {key} "):
        assert "may change how or where the charger connects" in objection(
            "ChangeConfiguration", json.dumps({"key": name})
        )
        assert objection("SetVariables", variables(("Any", "Fine"), ("Any", name)))
    assert objection("SetVariables", variables((key, "Any")))


@pytest.mark.parametrize("key", HARMLESS)
def test_keys_of_the_standard_pass(key: str) -> None:
    assert objection("ChangeConfiguration", json.dumps({"key": key})) == ""
    assert objection("SetVariables", variables((key, "Fine"), ("Fine", key))) == ""


@pytest.mark.parametrize(
    "payload",
    [
        '{"key":"AuthorizationKey","key":"HeartbeatInterval"}',
        '{"key":"HeartbeatInterval","key":"AuthorizationKey"}',
        '{"key":"Authorization\\u004bey"}',
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
    ("kind", "objected"),
    [
        ("CentralSystemRootCertificate", True),
        ("CSMSRootCertificate", True),
        ("ManufacturerRootCertificate", False),
        ("V2GRootCertificate", False),
        (None, False),
    ],
)
def test_root_certificates(kind: str | None, objected: bool) -> None:
    assert bool(objection("InstallCertificate", json.dumps({"certificateType": kind}))) is objected


def test_a_root_certificate_beside_a_harmless_one() -> None:
    payload = '{"certificateType":"CSMSRootCertificate","certificateType":"V2GRootCertificate"}'
    assert objection("InstallCertificate", payload)


def test_network_profiles_are_always_refused() -> None:
    assert objection("SetNetworkProfile", "{}")


@pytest.mark.parametrize("action", ["Reset", "GetConfiguration", "TriggerMessage", "SetChargingProfile", ""])
def test_other_actions_pass(action: str) -> None:
    assert objection(action, '{"key":"AuthorizationKey"}') == ""


def test_a_long_name_is_shortened_in_the_words() -> None:
    assert len(objection("ChangeConfiguration", json.dumps({"key": "url" * 500}))) < 200
