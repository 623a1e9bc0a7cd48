"""The table of configuration keys: classes of ocpp-semantics 3.9, and what is a secret."""

from __future__ import annotations

import pytest

from routing.core.secrecy import is_secret
from routing.core.settings.keys import Kind, find, table


@pytest.mark.parametrize(
    ("version", "name", "kind"),
    [
        ("1.6", "HeartbeatInterval", Kind.VIRTUAL),
        ("1.6", " heartbeatINTERVAL ", Kind.VIRTUAL),
        ("1.6", "AuthorizationKey", Kind.VIRTUAL),
        ("1.6", "CpoName", Kind.VIRTUAL),
        ("1.6", "MeterValueSampleInterval", Kind.INTERVAL),
        ("1.6", "ClockAlignedDataInterval", Kind.INTERVAL),
        ("1.6", "StopTxnSampledData", Kind.SET),
        ("1.6", "ConnectionTimeout", Kind.BILLING),
        ("1.6", "ChargeRate", Kind.ENERGY),
        ("1.6", "Station-MaxCurrent", Kind.ENERGY),
        ("1.6", "VendorThing", Kind.UNKNOWN),
        ("1.6", "OCPPCommCtrlr.HeartbeatInterval", Kind.UNKNOWN),
        ("2.0.1", "OCPPCommCtrlr.HeartbeatInterval", Kind.VIRTUAL),
        ("2.1", "ocppcommctrlr.heartbeatinterval", Kind.VIRTUAL),
        ("2.1", "SecurityCtrlr.BasicAuthPassword", Kind.VIRTUAL),
        ("2.0.1", "SampledDataCtrlr.TxUpdatedInterval", Kind.INTERVAL),
        ("2.0.1", "AlignedDataCtrlr.Measurands", Kind.SET),
        ("2.1", "AuthCtrlr.LocalPreAuthorize", Kind.BILLING),
        ("2.1", "OCPPCommCtrlr.QueueAllMessages", Kind.BILLING),
        ("2.1", "SmartChargingCtrlr.LimitChangeSignificance", Kind.ENERGY),
        ("2.1", "Vendor.Thing", Kind.UNKNOWN),
        ("2.1", "HeartbeatInterval", Kind.UNKNOWN),
    ],
)
def test_the_kind_of_a_setting(version, name, kind):
    assert find(version, name).kind is kind


def test_an_unknown_setting_keeps_its_name():
    assert find("1.6", " VendorThing ").name == "VendorThing"


@pytest.mark.parametrize(("version", "count"), [("1.6", 31), ("2.0.1", 25), ("2.1", 25)])
def test_each_version_has_its_own_settings(version, count):
    names = {setting.name for setting in table(version)}
    assert len(names) == count
    assert all(("." in name) is (version != "1.6") for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "AuthorizationKey",
        " authorizationkey ",
        "BasicAuthPassword",
        "SecurityCtrlr.BasicAuthPassword",
        "Cst_WiFiPASS",
        "PW-SetChargerPassword",
        "SimPin",
        "APN_PIN",
        "WPA-PSK",
        "ApiKey",
        "Api_Key_2",
        "EncryptionKey[1]",
        "ClientSecret",
        "AccessToken",
        "TlsPrivateKeyPem",
        "TokenReader.Token",
        "ftp-pwd",
    ],
)
def test_a_secret(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(setting.name for version in ("1.6", "2.1") for setting in table(version)),
        "GetConfigurationMaxKeys",
        "MeterPublicKey",
        "MeterPublicKey1",
        "FiscalMetering.PublicKey",
        "NumberOfConnectors",
        "SupportedFeatureProfiles",
        "TokenReader.Enabled",
        "SpinLockTime",
        "SecurityCtrlr.CertificateEntries",
        "AuthCtrlr.MasterPassGroupId",
    ],
)
def test_no_secret(name):
    assert is_secret(name) is (name in ("AuthorizationKey", "SecurityCtrlr.BasicAuthPassword"))
