"""What a charger's answer to a command means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ACCEPTED, REJECTED, NOT_SUPPORTED, TIMED_OUT, OFFLINE, FAILED = (
    "accepted",
    "rejected",
    "not_supported",
    "timed_out",
    "offline",
    "failed",
)

POSITIVE = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked", "Idle"})
"""Statuses by which a charger says that it does, or has done, what it was asked."""

UNSUPPORTED = frozenset({"NotImplemented", "NotSupported", "UnknownVendorId", "UnknownMessageId"})

CODES = frozenset({"NotImplemented", "NotSupported"})
"""Codes of errors by which a charger says that it does not know such a thing."""

ITEMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "GetVariables": ("getVariableResult", "attributeStatus"),
        "SetVariables": ("setVariableResult", "attributeStatus"),
        "SetVariableMonitoring": ("setMonitoringResult", "status"),
        "ClearVariableMonitoring": ("clearMonitoringResult", "status"),
    }
)
"""Actions whose answer has a status for each item, and where."""

LOST_WORDS = "the connection was lost before the answer: the charger may have done it"
TIMEOUT_WORDS = "timed out: the charger may still do it"


class Result(NamedTuple):
    """The state in which a command ends, and why in words, "" where the state says it all."""

    state: str
    words: str = ""


def of_answer(action: str, payload: Mapping[str, Any]) -> Result:
    """What a CALLRESULT means."""
    if action in ITEMS:
        array, member = ITEMS[action]
        items = [item for item in _list(payload.get(array)) if isinstance(item, dict)]
        return _of_items([str(item.get(member, "")) for item in items])
    if action == "GetConfiguration":
        return _of_configuration(payload)
    if action in ("GetDiagnostics", "UpdateFirmware") and "status" not in payload:
        nothing = action == "GetDiagnostics" and not payload.get("fileName")
        return Result(REJECTED, "the charger has no diagnostics to send") if nothing else Result(ACCEPTED)
    status = None if payload.get("status") is None else str(payload["status"])
    if status is None or status in POSITIVE:
        return Result(ACCEPTED, "" if status in (None, "Accepted") else status)
    return Result(NOT_SUPPORTED if status in UNSUPPORTED else REJECTED, _said(payload))


def _list(value: Any) -> list[Any]:
    """What should be a list: chargers write what they like."""
    return value if isinstance(value, list) else []


def _of_items(statuses: list[str]) -> Result:
    good = sum(status in POSITIVE for status in statuses)
    if good == len(statuses):
        return Result(ACCEPTED, "RebootRequired" if "RebootRequired" in statuses else "")
    told = ", ".join(dict.fromkeys(status for status in statuses if status not in POSITIVE))
    if good:
        return Result(ACCEPTED, f"{len(statuses) - good} of {len(statuses)} not: {told}")
    unknown = all(status.startswith(("Unknown", "NotSupported")) for status in statuses)
    return Result(NOT_SUPPORTED if unknown else REJECTED, told)


def _of_configuration(payload: Mapping[str, Any]) -> Result:
    unknown = [str(key) for key in _list(payload.get("unknownKey"))]
    words = f"the charger does not know {', '.join(unknown)}" if unknown else ""
    return Result(NOT_SUPPORTED if unknown and not payload.get("configurationKey") else ACCEPTED, words)


def _said(payload: Mapping[str, Any]) -> str:
    info = payload.get("statusInfo")
    reason = info if isinstance(info, dict) else {}
    parts = [payload.get("status"), reason.get("reasonCode"), reason.get("additionalInfo")]
    return ": ".join(str(part) for part in parts if part)


def of_end(action: str, outcome: str, payload: Mapping[str, Any] | None, code: str, words: str) -> Result:
    """What the end of a command that was sent means (``routing.core.decisions.CommandEnded``)."""
    if outcome == "answered":
        return of_answer(action, payload or {})
    if outcome == "error":
        told = f"{code}: {words}" if words else code
        return Result(NOT_SUPPORTED if code in CODES else FAILED, told)
    if outcome == "denied":
        return Result(REJECTED, f"refused by the proxy: {words}")
    if outcome == "timeout":
        return Result(TIMED_OUT, TIMEOUT_WORDS)
    if outcome == "lost":
        return Result(TIMED_OUT, LOST_WORDS)
    return Result(FAILED, words)
