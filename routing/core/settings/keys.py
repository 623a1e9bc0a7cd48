"""Which configuration keys and variables there are, and what kind of agreement each needs (3.9).

Keys are compared without regard to case and to spaces around them: chargers do, and some are written
differently from the standard (``ConnectionTimeout``). A variable of 2.x is ``Component.Variable``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """How several backoffices share one setting of the charger.

    ``VIRTUAL``: each route has its own, the charger is not asked. ``INTERVAL``: the charger gets the
    shortest that anybody wants. ``SET``: it gets the union of all lists. ``BILLING``: one route sets it.
    ``ENERGY``: the same for the energy owner. ``UNKNOWN``: nobody knows what it does, Billing sets it.
    """

    VIRTUAL = "virtual"
    INTERVAL = "merged interval"
    SET = "merged set"
    BILLING = "primary only"
    ENERGY = "energy owner"
    UNKNOWN = "unknown vendor key"


class Setting(msgspec.Struct, frozen=True, gc=False):
    """A key of 1.6 or a ``Component.Variable`` of 2.x, as the standard spells it.

    ``limit``: the setting that says how long its list may be. ``guarded_for_billing``: virtual for
    others than Billing, for whom it is real and the guard's.
    """

    name: str
    kind: Kind
    limit: str = ""
    guarded_for_billing: bool = False


HEARTBEAT = ("HeartbeatInterval", "OCPPCommCtrlr.HeartbeatInterval")
PING = ("WebSocketPingInterval", "OCPPCommCtrlr.WebSocketPingInterval")
PASSWORD = ("AuthorizationKey", "SecurityCtrlr.BasicAuthPassword")
PROFILE = ("SecurityProfile", "SecurityCtrlr.SecurityProfile")
ORGANISATION = ("CpoName", "SecurityCtrlr.OrganizationName")
"""The virtual ones, in 1.6 and in 2.x."""

SAMPLED = ("MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval")
ALIGNED = ("ClockAlignedDataInterval", "AlignedDataCtrlr.Interval")
SAMPLED_VALUES = ("MeterValuesSampledData", "SampledDataCtrlr.TxUpdatedMeasurands")
ALIGNED_VALUES = ("MeterValuesAlignedData", "AlignedDataCtrlr.Measurands")
"""What meter values come by, in 1.6 and in 2.x (routing.core.metering)."""


def _all(kind: Kind, names: Iterable[str]) -> list[Setting]:
    return [Setting(name, kind) for name in names]


_COMMON = [
    *_all(Kind.VIRTUAL, (*HEARTBEAT, *PING, *PASSWORD, *PROFILE)),
    *(Setting(name, Kind.VIRTUAL, guarded_for_billing=True) for name in ORGANISATION),
    *_all(Kind.INTERVAL, (*SAMPLED, *ALIGNED)),
]

_OF_16 = [
    *(
        Setting(name, Kind.SET, f"{name}MaxLength")
        for name in (
            "MeterValuesSampledData",
            "MeterValuesAlignedData",
            "StopTxnSampledData",
            "StopTxnAlignedData",
        )
    ),
    *_all(
        Kind.BILLING,
        (
            "AllowOfflineTxForUnknownId",
            "AuthorizationCacheEnabled",
            "AuthorizeRemoteTxRequests",
            "BlinkRepeat",
            "ConnectionTimeOut",
            "ConnectorPhaseRotation",
            "LightIntensity",
            "LocalAuthListEnabled",
            "LocalAuthorizeOffline",
            "LocalPreAuthorize",
            "MaxEnergyOnInvalidId",
            "MinimumStatusDuration",
            "ResetRetries",
            "StopTransactionOnEVSideDisconnect",
            "StopTransactionOnInvalidId",
            "TransactionMessageAttempts",
            "TransactionMessageRetryInterval",
            "UnlockConnectorOnEVSideDisconnect",
        ),
    ),
    *_all(Kind.ENERGY, ("ChargeRate", "Station-MaxCurrent")),
]

_OF_2 = [
    *(
        Setting(name, Kind.SET, f"{name}.maxLimit")
        for name in (
            "SampledDataCtrlr.TxUpdatedMeasurands",
            "SampledDataCtrlr.TxStartedMeasurands",
            "SampledDataCtrlr.TxEndedMeasurands",
            "AlignedDataCtrlr.Measurands",
            "AlignedDataCtrlr.TxEndedMeasurands",
        )
    ),
    *_all(
        Kind.BILLING,
        (
            "OCPPCommCtrlr.MessageAttempts",
            "OCPPCommCtrlr.MessageAttemptInterval",
            "OCPPCommCtrlr.OfflineThreshold",
            "OCPPCommCtrlr.QueueAllMessages",
            "AuthCtrlr.*",
            "AuthCacheCtrlr.*",
            "DisplayMessageCtrlr.*",
            "ISO15118Ctrlr.*",
            "LocalAuthListCtrlr.*",
            "ReservationCtrlr.*",
            "TariffCostCtrlr.*",
            "TxCtrlr.*",
        ),
    ),
    *_all(Kind.ENERGY, ("SmartChargingCtrlr.*",)),
]


def _by_name(settings: Iterable[Setting]) -> Mapping[str, Setting]:
    return {setting.name.lower(): setting for setting in settings}


_16 = _by_name([s for s in _COMMON if "." not in s.name] + _OF_16)
_2 = _by_name([s for s in _COMMON if "." in s.name] + _OF_2)
_TABLES: Mapping[str, Mapping[str, Setting]] = {"1.6": _16, "2.0.1": _2, "2.1": _2}


def find(ocpp_version: str, name: str) -> Setting:
    """The setting that a key, or a ``Component.Variable``, names in this version.

    One that no table knows is of the kind ``UNKNOWN`` and has the name as it was given, trimmed.
    """
    table = _TABLES[ocpp_version]
    name = name.strip()
    plain = name.lower()
    if plain in table:
        return table[plain]
    whole = table.get(f"{plain.partition('.')[0]}.*")
    return Setting(name, Kind.UNKNOWN if whole is None else whole.kind)


def table(ocpp_version: str) -> tuple[Setting, ...]:
    """All settings that this version has a rule for."""
    return tuple(_TABLES[ocpp_version].values())


def of_version(names: tuple[str, str], ocpp_version: str) -> str:
    """Which of a pair of names (1.6, 2.x) this version uses."""
    return names[0 if ocpp_version == "1.6" else 1]
