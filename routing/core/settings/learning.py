"""What the charger says of itself in passing: limits and times that other rules need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from routing.core.frames import quote
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
    "AlignedDataCtrlr.Measurands.maxLimit",
    "AlignedDataCtrlr.TxEndedMeasurands.maxLimit",
    "SampledDataCtrlr.TxEndedMeasurands.maxLimit",
    "SampledDataCtrlr.TxStartedMeasurands.maxLimit",
    "SampledDataCtrlr.TxUpdatedMeasurands.maxLimit",
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


class Limit(msgspec.Struct, frozen=True, gc=False):
    """How long a list may be: so many items, or so many characters; None where nobody knows."""

    items: int | None = None
    characters: int | None = None

    def holds(self, listed: Sequence[str]) -> bool:
        """Whether a list is short enough."""
        if self.items is not None and len(listed) > self.items:
            return False
        return self.characters is None or len(",".join(listed)) <= self.characters


NO_LIMIT = Limit()


def known(state: State, name: str) -> str | None:
    """The value that the charger last reported of a key of 1.6 (or its twin in 2.x), None if it never did.

    ``name`` is spelled as 1.6 spells it; only what is listed in this module is remembered.
    """
    row = state.remembered(KIND, name)
    if row is None:
        return None
    try:
        return msgspec.json.decode(row.payload, type=str)
    except msgspec.DecodeError:
        return None


def learn(state: State, turn: Turn, name: str, value: str) -> None:
    """Take note of a value that the charger has, under a 1.6 key or a 2.x ``Component.Variable``.

    ``Component.Variable.maxLimit`` is that of its characteristics in a NotifyReport.
    """
    plain = name.strip().lower()
    remembered = _REMEMBERED.get(plain)
    if remembered is None or not value or len(value) > LONGEST or known(state, remembered) == value:
        return
    state.remember(KIND, remembered, quote(value), turn)


def limit(state: State, name: str) -> Limit:
    """How long a list of measurands may be.

    Source: OCPP 1.6 edition 2, section 9.1 (MaxLength is a number of items); OCPP 2.0.1 part 2,
    VariableCharacteristicsType (maxLimit of a list is a number of characters).
    """
    value = known(state, name) if name else None
    number = int(value) if value and value.isascii() and value.isdecimal() and len(value) < 10 else None
    return Limit(characters=number) if name.endswith(".maxLimit") else Limit(items=number)
