"""Settings, and news of firmware and files, out of messages of every version. Nothing raises.

Secrets, and what a backoffice may only write, are never told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from routing.core.redaction import HIDDEN
from routing.core.secrecy import is_secret, without_credentials

LONGEST_VALUE = 2_500
"""Characters of a value that are kept (2.1 has so many)."""

ACCEPTED = frozenset({"Accepted", "RebootRequired"})

FIRMWARE: Mapping[str, str] = {
    "FirmwareStatusNotification": "firmware",
    "SignedFirmwareStatusNotification": "firmware",
    "DiagnosticsStatusNotification": "diagnostics",
    "LogStatusNotification": "log",
}
"""Actions by which a charger says how far it is, and with what."""


@dataclass(slots=True, frozen=True)
class Setting:
    """A setting as it is now; 1.6 has a ``variable`` only. ``readonly`` None: not said."""

    component: str
    variable: str
    instance: str
    value: str
    readonly: bool | None


def settings(action: str, asked: str, answer: str) -> list[Setting]:
    """What an exchange says of the charger's settings, by the payloads of a CALL and of its answer.

    Of NotifyReport the CALL says it all.
    """
    read = READERS.get(action)
    if read is None:
        return []
    return [one for one in read(_object(asked), _object(answer)) if one.variable and _may_be_told(one)]


def _may_be_told(setting: Setting) -> bool:
    names = (setting.component, setting.variable, setting.instance)
    hidden = setting.value == HIDDEN.strip('"') or without_credentials(setting.value) != setting.value
    return not (hidden or is_secret(*names))


# -- 1.6 -----------------------------------------------------------------------------------------------


def _get_configuration(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[Setting]:
    for key in _objects(answer.get("configurationKey")):
        if "value" in key:
            readonly = key.get("readonly")
            told = readonly if isinstance(readonly, bool) else None
            yield Setting("", _word(key.get("key")), "", _value(key["value"]), told)


def _change_configuration(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[Setting]:
    if _word(answer.get("status")) in ACCEPTED and "value" in asked:
        yield Setting("", _word(asked.get("key")), "", _value(asked["value"]), False)


# -- 2.x -----------------------------------------------------------------------------------------------


def _get_variables(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[Setting]:
    for item in _objects(answer.get("getVariableResult")):
        if item.get("attributeStatus") == "Accepted" and _is_actual(item, "attributeType"):
            yield _setting(item, item.get("attributeValue", ""), None)


def _set_variables(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[Setting]:
    results = {
        _named(item)
        for item in _objects(answer.get("setVariableResult"))
        if _word(item.get("attributeStatus")) in ACCEPTED and _is_actual(item, "attributeType")
    }
    for item in _objects(asked.get("setVariableData")):
        if _is_actual(item, "attributeType") and _named(item) in results:
            yield _setting(item, item.get("attributeValue", ""), False)


def _notify_report(asked: dict[str, Any], answer: dict[str, Any]) -> Iterator[Setting]:
    for item in _objects(asked.get("reportData")):
        for attribute in _objects(item.get("variableAttribute")):
            mutability = attribute.get("mutability", "ReadWrite")
            if "value" in attribute and mutability != "WriteOnly" and _is_actual(attribute, "type"):
                yield _setting(item, attribute["value"], mutability == "ReadOnly")


def _setting(item: dict[str, Any], value: object, readonly: bool | None) -> Setting:
    return Setting(*_named(item), _value(value), readonly)


def _named(item: dict[str, Any]) -> tuple[str, str, str]:
    """Component (with its instance and EVSE), variable and its instance."""
    component, variable = (
        found if isinstance(found := item.get(name), dict) else {} for name in ("component", "variable")
    )
    name = _word(component.get("name"))
    if instance := _word(component.get("instance")):
        name += f"[{instance}]"
    if isinstance(evse := component.get("evse"), dict):
        numbers = (_word(evse.get("id")), _word(evse.get("connectorId")))
        name += f"@{'/'.join(filter(None, numbers))}"
    return name[:120], _word(variable.get("name")), _word(variable.get("instance"))


def _is_actual(item: dict[str, Any], member: str) -> bool:
    return bool(item.get(member, "Actual") == "Actual")


READERS: Mapping[str, Callable[[dict[str, Any], dict[str, Any]], Iterator[Setting]]] = {
    "GetConfiguration": _get_configuration,
    "ChangeConfiguration": _change_configuration,
    "GetVariables": _get_variables,
    "SetVariables": _set_variables,
    "NotifyReport": _notify_report,
}


# -- firmware ------------------------------------------------------------------------------------------


def firmware_news(action: str, payload: str) -> tuple[str, str, str] | None:
    """Kind, status and detail of what a charger says of its firmware or a file; None for other CALLs."""
    kind, said = FIRMWARE.get(action), _object(payload)
    status = _word(said.get("status"))
    if kind is None or not status:
        return None
    request = _word(said.get("requestId"))
    reason = said.get("statusInfo")
    words = [f"request {request}" if request else "", *_reason(reason if isinstance(reason, dict) else {})]
    return kind, status[:64], ": ".join(filter(None, words))[:255]


def _reason(info: dict[str, Any]) -> list[str]:
    return [without_credentials(_word(info.get(name))) for name in ("reasonCode", "additionalInfo")]


def firmware_version(payload: str) -> str:
    """The version that a BootNotification names, "" where it names none."""
    said = _object(payload)
    station = said.get("chargingStation")
    holder = station if isinstance(station, dict) else said
    return _word(holder.get("firmwareVersion"))[:64]


# -- values --------------------------------------------------------------------------------------------


def _object(payload: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(payload) if payload else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _word(value: object) -> str:
    """A name, also where it was written as a number; "" for all else."""
    is_word = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip()[:255] if is_word else ""


def _value(value: object) -> str:
    """A value as text; "" for none. Some chargers write numbers and booleans as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:LONGEST_VALUE] if isinstance(value, str | int | float) else ""
