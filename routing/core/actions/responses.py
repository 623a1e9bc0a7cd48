"""What a charger's answer must and may hold, as the schemas of the responses say (tested against them)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

STATUS = ("status",)
"""Required in the answer to every action that is not named below."""

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "ClearTariffs": ("clearTariffsResult",),
    "ClearVariableMonitoring": ("clearMonitoringResult",),
    "CostUpdated": (),
    "GetConfiguration": (),
    "GetDiagnostics": (),
    "GetLocalListVersion": ("versionNumber",),
    "GetPeriodicEventStream": (),
    "GetTransactionStatus": ("messagesInQueue",),
    "GetVariables": ("getVariableResult",),
    "NotifyWebPaymentStarted": (),
    "SetVariableMonitoring": ("setMonitoringResult",),
    "SetVariables": ("setVariableResult",),
}

_REQUIRED_16: Mapping[str, tuple[str, ...]] = {"GetLocalListVersion": ("listVersion",), "UpdateFirmware": ()}
"""Where 1.6 asks for something else."""

_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "CostUpdated": (),
    "GetConfiguration": ("configurationKey", "unknownKey"),
    "GetDiagnostics": ("fileName",),
    "GetPeriodicEventStream": ("constantStreamData",),
    "NotifyWebPaymentStarted": (),
    "UpdateFirmware": (),
}
"""All that may stand in answers in which nothing has to: else any object would do."""


def required(version: str, action: str) -> tuple[str, ...]:
    """The members that an answer to this action of a backoffice must have."""
    known = _REQUIRED_16.get(action) if version == "1.6" else None
    return _REQUIRED.get(action, STATUS) if known is None else known


def fits(version: str, action: str, payload: str) -> bool:
    """Whether a payload can be the charger's answer to this action: it has the members it must."""
    try:
        members = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    needed = required(version, action)
    if needed:
        return all(name in members for name in needed)
    return set(members) <= {*_OPTIONAL.get(action, ()), "customData"}
