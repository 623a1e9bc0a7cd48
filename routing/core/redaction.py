"""What of a frame the audit log must not hold: the values of secrets that a backoffice writes."""

from __future__ import annotations

import re

from routing.core import actions, spans
from routing.core.secrecy import PATTERN, is_secret

HIDDEN = '"***"'

VARIABLE = ("$.component.name", "$.component.instance", "$.variable.name", "$.variable.instance")

MEMBERS = {
    "SetNetworkProfile": (
        "$.connectionData.basicAuthPassword",
        "$.connectionData.apn.apnPassword",
        "$.connectionData.apn.simPin",
        "$.connectionData.vpn.password",
        "$.connectionData.vpn.key",
    )
}
"""Where a CALL has a secret in a place of its own."""

LISTS = {
    "GetConfiguration": ("$[].configurationKey[]", ("$.key",), "$.value"),
    "GetVariables": ("$[].getVariableResult[]", VARIABLE, "$.attributeValue"),
    "NotifyEvent": ("$[].eventData[]", VARIABLE, "$.actualValue"),
    "NotifyReport": ("$[].reportData[]", VARIABLE, "$.variableAttribute[].value"),
}
"""Where the charger tells what it has: the items, what names them, their values."""

FILES = frozenset({"GetDiagnostics", "GetLog", "PublishFirmware", "SignedUpdateFirmware", "UpdateFirmware"})
"""CALLs that name a place for files, often with the password for it."""

_IN_URL = re.compile(r'(:(?:\\?/){2}[^/@\s"\\:]*:)[^/@\s"\\]+(?=@)')

_NAMED = re.compile(r'"(?:name|key|instance)"\s*:\s*"([^"]*)"')
"""What a text names, in a way that is quick."""

_LOOSE_VALUE = re.compile(
    r'("(?:value|attributeValue|\w*(?:password|secret))"\s*:\s*)(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^,}\]"]++)',
    re.IGNORECASE | re.DOTALL,
)
_LOOSE_SECRET = re.compile(rf"\\u|{PATTERN.replace('$', '')}", re.IGNORECASE)


def frame(action: str, payload: str, text: str) -> str:
    """The frame of a backoffice's CALL as it may be kept: values of secrets are ``"***"``."""
    if not actions.any_version(action):
        return loose(text)
    hidden = redacted(action, payload)
    if hidden == payload:
        return text
    before, found, after = text.rpartition(payload)
    return f"{before}{hidden}{after}" if found else loose(text)


def told(action: str, text: str) -> str:
    """A frame in which the charger tells its configuration, as it may be kept."""
    if action not in LISTS or not ("\\u" in text or any(map(is_secret, set(_NAMED.findall(text))))):
        return text
    items, names, value = LISTS[action]
    for item in spans.find(text, items):
        hidden = _hidden(item, names, value)
        if hidden != item:
            text = text.replace(item, hidden)
    return text


def redacted(action: str, payload: str) -> str:
    """The payload with the values of secrets hidden; the same string where there is none."""
    if action == "ChangeConfiguration":
        return _hidden(payload, ("$.key",), "$.value")
    if action == "SetVariables":
        return _items(payload)
    if action in FILES:
        return _IN_URL.sub(r"\1***", payload)
    if action in MEMBERS:
        return spans.patch(payload, dict.fromkeys(MEMBERS[action], HIDDEN))
    return payload


def loose(text: str) -> str:
    """Text that is no frame one can trust, with whatever may be the value of a secret hidden."""
    return _LOOSE_VALUE.sub(rf"\1{HIDDEN}", text) if _LOOSE_SECRET.search(text) else text


def _items(payload: str) -> str:
    """SetVariables item by item; where one of several lists is meant, all are looked at."""
    for item in spans.find(payload, "$.setVariableData[]"):
        names = ("$.component.name", "$.component.instance", "$.variable.name", "$.variable.instance")
        hidden = _hidden(item, names, "$.attributeValue")
        if hidden != item:
            payload = payload.replace(item, hidden)
    return payload


def _hidden(payload: str, names: tuple[str, ...], value: str) -> str:
    """The payload without the value, where any of the names is a secret's."""
    found = (name for path in names for name in spans.find(payload, path))
    if any(is_secret(_name(token)) for token in found):
        return spans.patch(payload, {value: HIDDEN})
    return payload


def _name(token: str) -> str:
    decoded = spans.value(f'{{"name":{token}}}', "$.name")
    return decoded.strip() if isinstance(decoded, str) else token
