"""What the charger says of itself in passing: limits and times that other rules need."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from routing.core.state import State
from routing.core.turn import Turn

KIND = "setting"
"""Kind under which such a value is remembered; the key is the name that 1.6 has for it."""

LONGEST = 500
"""Characters of a value that are kept: a limit is short."""

_NAMES = (
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectionTimeOut",
    "LocalAuthListMaxLength",
    "MaxChargingProfilesInstalled",
    "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledDataMaxLength",
    "NumberOfConnectors",
    "SendLocalListMaxLength",
    "StopTxnAlignedDataMaxLength",
    "StopTxnSampledDataMaxLength",
)

_TWINS = {
    "SmartChargingCtrlr.ProfileStackLevel": "ChargeProfileMaxStackLevel",
    "SmartChargingCtrlr.RateUnit": "ChargingScheduleAllowedChargingRateUnit",
    "SmartChargingCtrlr.PeriodsPerSchedule": "ChargingScheduleMaxPeriods",
    "TxCtrlr.EVConnectionTimeOut": "ConnectionTimeOut",
    "LocalAuthListCtrlr.Entries.maxLimit": "LocalAuthListMaxLength",
    "LocalAuthListCtrlr.ItemsPerMessage": "SendLocalListMaxLength",
}
"""What 2.x calls the same (OCPP 2.0.1 part 2, appendix 3.1)."""

_REMEMBERED: Mapping[str, str] = MappingProxyType(
    {name.lower(): name for name in _NAMES} | {twin.lower(): name for twin, name in _TWINS.items()}
)


def known(state: State, name: str) -> str | None:
    """The value that the charger last reported of a key of 1.6 (or its twin in 2.x), None if it never did.

    ``name`` is spelled as 1.6 spells it; only what is listed in this module is remembered.
    """
    row = state.remembered(KIND, name)
    return None if row is None else row.payload


def learn(state: State, turn: Turn, name: str, value: str) -> None:
    """Take note of a value that the charger has, under a 1.6 key or a 2.x ``Component.Variable``."""
    remembered = _REMEMBERED.get(name.strip().lower())
    if remembered is None or not value or len(value) > LONGEST or known(state, remembered) == value:
        return
    state.remember(KIND, remembered, value, turn)
