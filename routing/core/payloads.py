"""Reading payloads leniently: chargers write numbers as strings and the reverse; nothing raises.

Only what a decision needs is decoded; the payload itself stays text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from routing.core import spans

INT32_MAX = 2_147_483_647

LARGEST = 10**31
"""Integers from here on are no numbers of anything."""

Scalar = str | int | float | bool | None
Lenient = msgspec.Raw | msgspec.UnsetType


class MeterHead(msgspec.Struct, gc=False):
    """The head of a 1.6 MeterValues; the values themselves are skipped."""

    connectorId: Lenient = msgspec.UNSET
    transactionId: Lenient = msgspec.UNSET


class StartHead(msgspec.Struct, gc=False):
    """What identifies a 1.6 StartTransaction (ocpp-semantics 3.1)."""

    connectorId: Lenient = msgspec.UNSET
    idTag: Lenient = msgspec.UNSET
    meterStart: Lenient = msgspec.UNSET
    timestamp: Lenient = msgspec.UNSET


class StopHead(msgspec.Struct, gc=False):
    """What identifies a 1.6 StopTransaction."""

    transactionId: Lenient = msgspec.UNSET
    idTag: Lenient = msgspec.UNSET
    meterStop: Lenient = msgspec.UNSET
    timestamp: Lenient = msgspec.UNSET
    reason: Lenient = msgspec.UNSET


class StatusHead(msgspec.Struct, gc=False):
    """StatusNotification of every version."""

    connectorId: Lenient = msgspec.UNSET
    evseId: Lenient = msgspec.UNSET
    status: Lenient = msgspec.UNSET
    connectorStatus: Lenient = msgspec.UNSET
    errorCode: Lenient = msgspec.UNSET


class Token(msgspec.Struct, gc=False):
    """A 2.x IdTokenType."""

    idToken: Lenient = msgspec.UNSET
    type: Lenient = msgspec.UNSET


class Evse(msgspec.Struct, gc=False):
    """A 2.x EVSEType."""

    id: Lenient = msgspec.UNSET
    connectorId: Lenient = msgspec.UNSET


class TransactionInfo(msgspec.Struct, gc=False):
    """A 2.x TransactionType, as far as it identifies."""

    transactionId: Lenient = msgspec.UNSET
    remoteStartId: Lenient = msgspec.UNSET
    stoppedReason: Lenient = msgspec.UNSET


class EventHead(msgspec.Struct, gc=False):
    """What identifies a 2.x TransactionEvent."""

    eventType: Lenient = msgspec.UNSET
    seqNo: Lenient = msgspec.UNSET
    timestamp: Lenient = msgspec.UNSET
    transactionInfo: TransactionInfo | msgspec.UnsetType = msgspec.UNSET
    idToken: Token | msgspec.UnsetType = msgspec.UNSET
    evse: Evse | msgspec.UnsetType = msgspec.UNSET


class TagInfo(msgspec.Struct, gc=False):
    """An idTagInfo (1.6) or idTokenInfo (2.x)."""

    status: Lenient = msgspec.UNSET
    expiryDate: Lenient = msgspec.UNSET
    cacheExpiryDateTime: Lenient = msgspec.UNSET


class VerdictHead(msgspec.Struct, gc=False):
    """The answer to Authorize, StartTransaction, StopTransaction, TransactionEvent."""

    transactionId: Lenient = msgspec.UNSET
    idTagInfo: TagInfo | msgspec.UnsetType = msgspec.UNSET
    idTokenInfo: TagInfo | msgspec.UnsetType = msgspec.UNSET


class BootAnswer(msgspec.Struct, gc=False):
    """The answer to BootNotification, and to Heartbeat."""

    status: Lenient = msgspec.UNSET
    interval: Lenient = msgspec.UNSET
    currentTime: Lenient = msgspec.UNSET


class AuthorizeHead(msgspec.Struct, gc=False):
    """The card in an Authorize of every version."""

    idTag: Lenient = msgspec.UNSET
    idToken: Token | msgspec.UnsetType = msgspec.UNSET


class RemoteStartHead(msgspec.Struct, gc=False):
    """What a remote start announces, in every version."""

    connectorId: Lenient = msgspec.UNSET
    evseId: Lenient = msgspec.UNSET
    idTag: Lenient = msgspec.UNSET
    idToken: Token | msgspec.UnsetType = msgspec.UNSET


HeadT = TypeVar("HeadT", bound=msgspec.Struct)

_DECODERS: dict[type[msgspec.Struct], msgspec.json.Decoder[msgspec.Struct]] = {}


def read(payload: str, kind: type[HeadT]) -> HeadT:
    """The head of a payload; an empty head where the payload has another shape."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(payload)  # type: ignore[return-value]  # the decoder was made for this kind
    except msgspec.ValidationError:
        return _read_piecewise(payload, kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return kind()


def _read_piecewise(payload: str, kind: type[HeadT]) -> HeadT:
    """As much of a head as can be read: one member of another shape costs that member alone."""
    try:
        members = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return kind()
    head = kind()
    for field in msgspec.structs.fields(kind):
        if (raw := members.get(field.name)) is not None:
            try:
                setattr(head, field.name, msgspec.json.decode(raw, type=field.type))
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                continue
    return head


def scalar(raw: Lenient) -> Scalar:
    """The value of a raw token, None for absent, null, objects, arrays and what cannot be read."""
    if raw is msgspec.UNSET:
        return None
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, str | int | float) else None


def integer(raw: Lenient) -> int | None:
    """An integer, also where it was written as ``"17"`` or ``17.0``; None for all else."""
    value = scalar(raw)
    if type(value) is int and -LARGEST < value < LARGEST:
        return value
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value) if len(str(value)) <= 32 else None
    except (ValueError, OverflowError):
        return None


def written(raw: Lenient) -> str:
    """A token as it stands in the payload, "" where there is none."""
    return "" if raw is msgspec.UNSET else bytes(raw).decode()


def text(raw: Lenient, limit: int = 255) -> str:
    """A string, also where it was written as a number; "" where there is none."""
    value = scalar(raw)
    return "" if value is None or isinstance(value, bool) else str(value)[:limit]


def word(payload: str, path: spans.Path) -> str:
    """The string at a path, "" where something else or nothing stands there."""
    found = spans.value(payload, path)
    return found if isinstance(found, str) else ""


def strings(payload: str, path: spans.Path) -> list[str]:
    """The texts at a path; what is none stands there as it was written.

    Of a key written twice both come, for nobody knows which of them the charger reads.
    """
    tokens = spans.find(payload, path)
    return [text(msgspec.Raw(token.encode()), len(token)) or token for token in tokens]


def is_charger_id(number: int | None) -> bool:
    """Whether a 1.6 transaction id can stand on a charger's socket: a positive int32."""
    return number is not None and 0 < number <= INT32_MAX


def moment(value: str) -> datetime | None:
    """An aware UTC datetime from a timestamp on the wire, None where it cannot be read."""
    try:
        parsed = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def wire_time(utc: datetime) -> str:
    """A UTC datetime as OCPP writes it, in milliseconds with Z."""
    return f"{utc.isoformat(timespec='milliseconds')[:23]}Z"
