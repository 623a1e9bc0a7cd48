"""Named repairs of what a charger writes, before anything else looks at it (option ``repair``).

Only what the rule names is touched; the rest of the text stays byte for byte. A rule is for a charger of
which it is known that it needs it: what is right is never changed, but what is odd may be odd on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import msgspec

from routing.core import spans
from routing.core.frames import Call, CallResult, Frame

_SPACE = r"[ \t\n\r]*+"
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MEMBER = re.compile(rf"({_STRING})({_SPACE}:{_SPACE}null(?![A-Za-z]))?", re.DOTALL)
_COMMA_AFTER = re.compile(rf"{_SPACE},{_SPACE}")
_COMMA_BEFORE = re.compile(rf"{_SPACE},{_SPACE}\Z")

_TIME = re.compile(
    rf'("[A-Za-z]*(?:[tT]imestamp|At|Time|From|To|Date|Start|Schedule)"{_SPACE}:{_SPACE}"'
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r'([+-][0-9]{2})?"'
)

_INTEGERS = {
    "1.6": "connectorId|transactionId|meterStart|meterStop|reservationId|requestId|listVersion",
    "2": "evseId|connectorId|seqNo|requestId|reservationId|versionNumber",
}
_AS_TEXT = {
    version: re.compile(rf'("(?:{names})"{_SPACE}:{_SPACE})"(-?(?:0|[1-9][0-9]{{0,18}}))"')
    for version, names in _INTEGERS.items()
}
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_AS_NUMBER = {
    "1.6": re.compile(rf'("(?:value|idTag|parentIdTag)"{_SPACE}:{_SPACE})({_NUMBER})'),
    "2": re.compile(rf'("idToken"{_SPACE}:{_SPACE})({_NUMBER})'),
}
_READ_ONLY = re.compile(rf'("readonly"{_SPACE}:{_SPACE})"(true|false)"', re.IGNORECASE)


def without_nulls(payload: str) -> str:
    """The payload without members that are ``null``; elements of arrays stay.

    Source: OCPP 2.0.1 part 4 section 4.1 (a null or empty member is not to be sent).
    """
    if "null" not in payload:
        return payload
    kept, position = "", 0
    for match in _MEMBER.finditer(payload):
        if match[2] is None:
            continue
        kept += payload[position : match.start()]
        position = match.end()
        if comma := _COMMA_AFTER.match(payload, position):
            position = comma.end()
        else:
            kept = _COMMA_BEFORE.sub("", kept)
    return kept + payload[position:]


def _null_members(payload: str, version: str) -> str:
    return without_nulls(payload)


def _timezone(payload: str, version: str) -> str:
    """Times without a zone are UTC; one of full hours gets its minutes."""
    return _TIME.sub(lambda found: f'{found[1]}{f"{found[2]}:00" if found[2] else "Z"}"', payload)


def _types(payload: str, version: str) -> str:
    """Numbers that were written as text become numbers, cards and values that were numbers become text."""
    family = "1.6" if version == "1.6" else "2"
    payload = _AS_TEXT[family].sub(r"\1\2", payload)
    payload = _AS_NUMBER[family].sub(r'\1"\2"', payload)
    return _READ_ONLY.sub(lambda found: found[1] + found[2].lower(), payload)


RULES: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {"null_members": _null_members, "timezone": _timezone, "types": _types}
)
"""What each rule makes of a payload of an OCPP version."""


def _with_data_of(sent: str, mended: str) -> str:
    """A DataTransfer with its data as sent (any JSON in 2.x): what is right in it, its vendor alone knows."""
    data = [token for token in spans.find(sent, "$.data") if token != "null"]
    return spans.patch(mended, {"$.data": data[-1]}) if data else mended


def repaired(frame: Frame, rules: Iterable[str], version: str) -> Frame:
    """A CALL or CALLRESULT of the charger with its payload repaired; ``text`` stays what it sent."""
    if not isinstance(frame, (Call, CallResult)):
        return frame
    payload = frame.payload
    for rule in rules:
        payload = RULES[rule](payload, version)
    if isinstance(frame, Call) and frame.action == "DataTransfer":
        payload = _with_data_of(frame.payload, payload)
    return frame if payload == frame.payload else msgspec.structs.replace(frame, payload=payload)
