"""What of a frame the audit log must not hold: the values of secrets that a backoffice writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from routing.core import actions, frames, masking, spans
from routing.core.secrecy import PATTERN, is_secret, without_credentials

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

QUOTED = frozenset({"ChangeConfiguration", "DataTransfer", "SetVariables", *MEMBERS, *LISTS})
"""Actions with secrets in them: whoever refuses such a CALL often says what it was."""

SAID = (
    "$[].statusInfo.additionalInfo",
    "$[].setVariableResult[].attributeStatusInfo.additionalInfo",
    "$[].getVariableResult[].attributeStatusInfo.additionalInfo",
)
"""Where the answer to such a CALL has words of the charger's own."""

_NAMED = re.compile(r'"(?:name|key|instance)"\s*:\s*"([^"]*)"')
"""What a text names, in a way that is quick."""

_LOOSE_VALUE = re.compile(
    r'("(?:value|attributeValue|actualValue|\w*(?:password|secret|simpin))"\s*:\s*)(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^,}\]"]++)',
    re.IGNORECASE | re.DOTALL,
)
_KEY = re.compile(r'("key"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.DOTALL)
"""That of a VPN."""

_DATA_SECRET = re.compile(
    r"passw|passphrase|passcode|pwd|secret|psk|credential|auth.{0,40}key|private.?key", re.I
)
"""What vendors call secrets in their DataTransfer, in words that mean nothing else."""

_LOOSE_SECRET = re.compile(rf"\\u|{PATTERN.replace('$', '')}", re.IGNORECASE)


def frame(action: str, payload: str, text: str) -> str:
    """The frame of a backoffice's CALL as it may be kept: values of secrets are ``"***"``."""
    if not actions.any_version(action):
        return loose(text)
    hidden = redacted(action, payload)
    if hidden == payload:
        return without_credentials(text)
    before, found, after = text.rpartition(payload)
    return f"{before}{hidden}{after}" if found else loose(text)


def told(action: str, text: str) -> str:
    """A frame in which the charger tells its configuration, or a vendor's data, as it may be kept."""
    if text[:2] == "[4":
        return refusal(action, text)
    if '"additionalInfo"' in text and may_quote(action, text):
        text = spans.patch(text, dict.fromkeys(SAID, HIDDEN))
    if action == "DataTransfer":
        return _data(text, "$[].data")
    if action not in LISTS:
        return without_credentials(text)
    if not ("\\u" in text or any(map(is_secret, set(_NAMED.findall(text))))):
        return without_credentials(text)
    items, names, value = LISTS[action]
    for item in spans.find(text, items):
        hidden = _hidden(item, names, value)
        if hidden != item:
            text = text.replace(item, hidden)
    return without_credentials(text)


def redacted(action: str, payload: str) -> str:
    """The payload with the values of secrets hidden; the same string where there is none."""
    if action == "ChangeConfiguration":
        return _hidden(payload, ("$.key",), "$.value") if spans.find(payload, "$.key") else loose(payload)
    if action == "SetVariables":
        return _items(payload)
    if action == "DataTransfer":
        return _data(payload, "$.data")
    if action in MEMBERS:
        payload = spans.patch(payload, dict.fromkeys(MEMBERS[action], HIDDEN))
    return without_credentials(payload)


def _data(text: str, path: spans.Path) -> str:
    """What a vendor sends, whole or not at all: nobody knows how it is to be read."""
    if _DATA_SECRET.search(text):
        return spans.patch(text, {path: HIDDEN})
    return without_credentials(text)


def refusal(action: str, text: str) -> str:
    """A CALLERROR as it may be kept: where it may quote a secret, its code is left."""
    error = frames.parse(text)
    if isinstance(error, frames.CallError) and may_quote(action, text):
        return frames.call_error(error.raw_id, error.code, "***")
    return loose(text)


def may_quote(action: str, text: str) -> bool:
    """Whether what is said of a CALL with this action may repeat a secret that was in it."""
    has_secrets = action in QUOTED or not actions.any_version(action)
    return has_secrets and bool(_DATA_SECRET.search(text) or _LOOSE_SECRET.search(text))


def words(action: str, text: str) -> str:
    """What a peer says of a CALL with this action, "" where nobody knows it, as it may be kept and shown."""
    return "***" if may_quote(action, text) else loose(text)


def quoted(action: str, payload: str, text: str) -> str:
    """What the charger says in words of its own of a CALL with this payload, for whoever sees the command.

    It may repeat what it was asked: secrets and addresses of ours are hidden, cards masked. Where secrets
    are hidden in ``payload`` already nobody knows what to look for: all is hidden.
    """
    if may_quote(action, text) or HIDDEN in payload:
        return "***"
    hidden = set(_texts(json.loads(payload))) - set(_texts(json.loads(redacted(action, payload))))
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, "***")
    return masking.frame(without_credentials(text), masking.cards_in(payload))


def _texts(value: object) -> Iterator[str]:
    """All texts in a value of JSON that are not empty."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and value:
        yield value


def without_data(text: str) -> str:
    """A frame of DataTransfer, or of its answer, with the size of its data in place of it."""
    error = frames.parse(text)
    if isinstance(error, frames.CallError):
        return frames.call_error(error.raw_id, error.code, "***")
    parts = [part for part in spans.find(text, "$[].data") if part != "null"]
    if not parts and "data" in text:
        return f"(DataTransfer that cannot be read, {len(text)} characters)"
    size = sum(map(len, parts))
    return spans.patch(text, {"$[].data": f'"({size} characters)"'}) if parts else without_credentials(text)


def loose(text: str) -> str:
    """Text that is no frame one can trust, with whatever may be the value of a secret hidden."""
    text = without_credentials(text)
    if not _LOOSE_SECRET.search(text):
        return text
    if "networkprofile" in text.lower():
        text = _KEY.sub(rf"\1{HIDDEN}", text)
    return _LOOSE_VALUE.sub(rf"\1{HIDDEN}", text)


def _items(payload: str) -> str:
    """SetVariables item by item; where one of several lists is meant, all are looked at."""
    for item in spans.find(payload, "$.setVariableData[]"):
        named = any(spans.find(item, path) for path in VARIABLE)
        hidden = _hidden(item, VARIABLE, "$.attributeValue") if named else loose(item)
        if hidden != item:
            payload = payload.replace(item, hidden)
    return payload


def _hidden(payload: str, names: tuple[str, ...], value: str) -> str:
    """The payload without the value, where any of the names is a secret's."""
    found = (name for path in names for name in spans.find(payload, path))
    if any(is_secret(_name(token)) for token in found):
        return spans.patch(payload, {value: HIDDEN})
    return without_credentials(payload)


def _name(token: str) -> str:
    decoded = spans.value(f'{{"name":{token}}}', "$.name")
    return decoded.strip() if isinstance(decoded, str) else token
