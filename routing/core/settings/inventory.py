"""NotifyReport and NotifyEvent as one backoffice reads them: its own values, nobody's secrets (3.9).

Reports are long, and most of what they hold is the same for everybody: it is read once, and only what
differs is edited.
"""

from __future__ import annotations

import msgspec

from routing.core import monitoring, payloads, reports, spans
from routing.core.frames import quote
from routing.core.lines import Line
from routing.core.payloads import Lenient
from routing.core.secrecy import is_secret, without_passwords
from routing.core.settings import elements, items, learning, views, wishes
from routing.core.settings.items import ACTUAL, Head, Named
from routing.core.state import Received, State
from routing.core.turn import Turn


class _Attribute(msgspec.Struct, gc=False):
    type: Lenient = msgspec.UNSET
    value: Lenient = msgspec.UNSET
    mutability: Lenient = msgspec.UNSET


class _Characteristics(msgspec.Struct, gc=False):
    maxLimit: Lenient = msgspec.UNSET


class _Reported(Head, gc=False):
    variableAttribute: list[_Attribute] = []
    variableCharacteristics: _Characteristics | None = None


class _Report(msgspec.Struct, gc=False):
    reportData: list[_Reported] = []


class _Events(msgspec.Struct, gc=False):
    eventData: list[Head] = []


_REPORT = msgspec.json.Decoder(_Report)
_EVENTS = msgspec.json.Decoder(_Events)
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


def report(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """What a route sees of a NotifyReport: its part, with its own values and without secrets."""
    payload = reports.own_part(state, turn, line, received)
    if payload is None:
        return None
    data = _read(payload)
    differs = None if data is None else [_differs(state, line, reported) for reported in data]
    if differs is not None and not any(differs):
        return without_passwords(payload)
    left = iter(differs or ())
    shown = elements.edited(
        payload, "$.reportData", lambda token: _shown(state, line, token) if next(left, True) else token
    )
    return without_passwords(shown)


def _read(payload: str) -> list[_Reported] | None:
    """What a report says, None where it cannot be read as a whole."""
    try:
        return _REPORT.decode(payload).reportData
    except _UNREADABLE:
        return None


def _differs(state: State, line: Line, reported: _Reported) -> bool:
    item = Named("", reported)
    if item.is_secret or any(map(_is_write_only, reported.variableAttribute)):
        return True
    own = views.own_value(state, line, item)
    return own is not None and any(_is_other(attribute, own) for attribute in reported.variableAttribute)


def _is_other(attribute: _Attribute, own: str) -> bool:
    is_actual = (payloads.text(attribute.type) or ACTUAL) == ACTUAL
    return is_actual and payloads.text(attribute.value, wishes.LONGEST_VALUE) != own


def _is_write_only(attribute: _Attribute) -> bool:
    return payloads.text(attribute.mutability) == "WriteOnly"


def _shown(state: State, line: Line, token: str) -> str:
    item = items.named(token)
    secret = is_secret(token) if item is None else item.is_secret
    own = None if item is None else views.own_value(state, line, item)
    return elements.edited(token, "$.variableAttribute", lambda part: _attribute(part, own, secret=secret))


def _attribute(token: str, own: str | None, *, secret: bool) -> str:
    if secret or spans.value(token, "$.mutability") == "WriteOnly":
        return spans.patch(token, {"$.value": None})
    is_actual = (views.member(token, "$.type") or ACTUAL) == ACTUAL
    if own is None or not is_actual or views.member(token, "$.value") == own:
        return token
    return spans.insert(token, "$.value", quote(own))


def events(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """What a route sees of a NotifyEvent: its part, and of secrets that they have changed."""
    payload = monitoring.own_events(state, turn, line, received)
    if payload is None:
        return None
    try:
        heads = _EVENTS.decode(payload).eventData
    except _UNREADABLE:
        heads = None
    if heads is not None and not any(Named("", head).is_secret for head in heads):
        return without_passwords(payload)
    return without_passwords(elements.edited(payload, "$.eventData", _event))


def _event(token: str) -> str:
    item = items.named(token)
    if not (is_secret(token) if item is None else item.is_secret):
        return token
    return spans.patch(token, {"$.actualValue": '""'})


def note(state: State, turn: Turn, received: Received) -> None:
    """Take note of what a NotifyReport says that other rules need."""
    for reported in _read(received.call.payload) or ():
        item = Named("", reported)
        if not item.is_plain:
            continue
        limits = reported.variableCharacteristics
        if limits is not None and limits.maxLimit is not msgspec.UNSET:
            learning.learn(state, turn, f"{item.name}.maxLimit", payloads.text(limits.maxLimit))
        for attribute in reported.variableAttribute:
            if (payloads.text(attribute.type) or ACTUAL) == ACTUAL:
                views.learn(state, turn, item.name, payloads.text(attribute.value, wishes.LONGEST_VALUE))
