"""Settings of a charger: keys of 1.6, and variables of components in 2.x."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Setting:
    """One setting. ``write_only`` ones (passwords) are never reported; ``reboot`` ones count after a boot."""

    value: str
    read_only: bool = False
    reboot: bool = False
    write_only: bool = False


class Configuration:
    """Settings by name; the name of a 2.x variable is ``Component.Variable``."""

    def __init__(self, settings: dict[str, Setting]) -> None:
        self._settings = settings

    def __contains__(self, name: str) -> bool:
        return name in self._settings

    def __iter__(self) -> Iterator[tuple[str, Setting]]:
        return iter(self._settings.items())

    def get(self, name: str) -> Setting | None:
        """The setting, None where the charger has no such thing."""
        return self._settings.get(name)

    def text(self, name: str) -> str:
        """The value as text, "" where there is none."""
        setting = self._settings.get(name)
        return setting.value if setting else ""

    def number(self, name: str, default: int) -> int:
        """The value as a whole number, ``default`` where it is none."""
        text = self.text(name)
        return int(text) if text.isdecimal() else default

    def is_true(self, name: str) -> bool:
        """Whether a boolean setting is on."""
        return self.text(name).lower() == "true"

    def change(self, name: str, value: str) -> str:
        """Set a value: "Accepted", "RebootRequired", "Rejected" (read only), or "Unknown"."""
        setting = self._settings.get(name)
        if setting is None:
            return "Unknown"
        if setting.read_only or (setting.value.isdecimal() and not value.isdecimal()):
            return "Rejected"
        setting.value = value
        return "RebootRequired" if setting.reboot else "Accepted"


def keys_of_16(connectors: int) -> Configuration:
    """What an ordinary 1.6 charger has (OCPP 1.6 edition 2, chapter 9)."""
    return Configuration(
        {
            "AllowOfflineTxForUnknownId": Setting("true"),
            "AuthorizationCacheEnabled": Setting("true"),
            "AuthorizationKey": Setting("", write_only=True),
            "AuthorizeRemoteTxRequests": Setting("false"),
            "ClockAlignedDataInterval": Setting("0"),
            "ConnectionTimeOut": Setting("60"),
            "GetConfigurationMaxKeys": Setting("50", read_only=True),
            "HeartbeatInterval": Setting("300"),
            "LocalAuthListEnabled": Setting("true"),
            "LocalAuthListMaxLength": Setting("100", read_only=True),
            "LocalAuthorizeOffline": Setting("true"),
            "LocalPreAuthorize": Setting("false"),
            "MeterValueSampleInterval": Setting("15"),
            "MeterValuesSampledData": Setting(
                "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"
            ),
            "NumberOfConnectors": Setting(str(connectors), read_only=True),
            "ResetRetries": Setting("1"),
            "StopTransactionOnEVSideDisconnect": Setting("true"),
            "StopTransactionOnInvalidId": Setting("true"),
            "SupportedFeatureProfiles": Setting(
                "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
                read_only=True,
            ),
            "TransactionMessageAttempts": Setting("3"),
            "TransactionMessageRetryInterval": Setting("60"),
            "UnlockConnectorOnEVSideDisconnect": Setting("true"),
            "WebSocketPingInterval": Setting("0", reboot=True),
            "ChargeProfileMaxStackLevel": Setting("10", read_only=True),
            "ChargingScheduleAllowedChargingRateUnit": Setting("Current,Power", read_only=True),
            "ChargingScheduleMaxPeriods": Setting("24", read_only=True),
            "MaxChargingProfilesInstalled": Setting("20", read_only=True),
        }
    )


def variables_of_2x(connectors: int) -> Configuration:
    """What an ordinary 2.x charging station has (2.0.1 part 2, appendix on variables)."""
    return Configuration(
        {
            "OCPPCommCtrlr.HeartbeatInterval": Setting("300"),
            "OCPPCommCtrlr.WebSocketPingInterval": Setting("0", reboot=True),
            "OCPPCommCtrlr.OfflineThreshold": Setting("60"),
            "OCPPCommCtrlr.MessageAttempts": Setting("3"),
            "OCPPCommCtrlr.MessageAttemptInterval": Setting("60"),
            "OCPPCommCtrlr.NetworkConfigurationPriority": Setting("1"),
            "AuthCtrlr.AuthorizeRemoteStart": Setting("false"),
            "AuthCtrlr.LocalPreAuthorize": Setting("false"),
            "AuthCtrlr.OfflineTxForUnknownIdEnabled": Setting("true"),
            "AuthCacheCtrlr.Enabled": Setting("true"),
            "LocalAuthListCtrlr.Enabled": Setting("true"),
            "SampledDataCtrlr.TxUpdatedInterval": Setting("15"),
            "SampledDataCtrlr.TxEndedInterval": Setting("0"),
            "SampledDataCtrlr.TxUpdatedMeasurands": Setting(
                "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"
            ),
            "SecurityCtrlr.BasicAuthPassword": Setting("", write_only=True),
            "SecurityCtrlr.SecurityProfile": Setting("1", read_only=True),
            "SmartChargingCtrlr.Enabled": Setting("true"),
            "TxCtrlr.EVConnectionTimeOut": Setting("60"),
            "TxCtrlr.StopTxOnInvalidId": Setting("true"),
            "ChargingStation.EVSECount": Setting(str(connectors), read_only=True),
            "ChargingStation.Model": Setting("Simulated", read_only=True),
        }
    )
