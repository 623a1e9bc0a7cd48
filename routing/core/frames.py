"""The frame codec of OCPP-J: the envelope is read, the payload stays the text that it was.

``parse`` reads any text and never raises; the functions below it write frames from raw payloads.
Source: OCPP-J 1.6 section 4, OCPP 2.0.1 and 2.1 part 4 section 4; ocpp-semantics 1.6 and 1.7.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring_ascii

import msgspec

from routing.core import spans

MAX_DEPTH = 32
"""Levels of objects and arrays in one frame, its own array included."""

MAX_DESCRIPTION = 255
"""Characters of an error description (OCPP-J 1.6 section 4.2.3, 2.x part 4 section 4.2.3)."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """A question, ``[2, message id, action, payload]``.

    ``message_id`` is the decoded id (of a number its text), ``raw_id`` its JSON token as written:
    ``"7"`` with its quotes, or ``7``; an answer repeats it. ``payload`` is the raw JSON text of the
    payload: an object, or ``null`` where the sender wrote that (see ``is_empty``). ``text`` is the
    whole frame. Ids of any length are read.
    """

    message_id: str
    raw_id: str
    action: str
    payload: str
    text: str


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """An answer, ``[3, message id, payload]``; fields as in Call."""

    message_id: str
    raw_id: str
    payload: str
    text: str


class CallError(msgspec.Struct, frozen=True, gc=False):
    """A refusal, ``[4, message id, code, description, details]``.

    ``code`` as the peer spelled it (``errors.read_code`` reads it). ``details`` is raw JSON text,
    by specification an object, yet strings occur; ``{}`` where the sender left them out. Code and
    description hold nothing that a database cannot store.
    """

    message_id: str
    raw_id: str
    code: str
    description: str
    details: str
    text: str


class CallResultError(msgspec.Struct, frozen=True, gc=False):
    """The sender of a CALL could not use the answer (2.1): type 5; fields as in CallError."""

    message_id: str
    raw_id: str
    code: str
    description: str
    details: str
    text: str


class Send(msgspec.Struct, frozen=True, gc=False):
    """A message that nobody answers (2.1), ``[6, message id, action, payload]``; fields as in Call."""

    message_id: str
    raw_id: str
    action: str
    payload: str
    text: str


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """Text that is no frame. ``problem`` is a sentence: what, where, and the value, shortened.

    ``message_type``, ``message_id`` and ``raw_id`` are what could be salvaged, None where not.
    ``text`` is the text received, except that NUL and lone surrogates, which no database stores and
    nothing encodes, are U+FFFD: it is for the record, never relayed.
    """

    text: str
    problem: str
    message_type: int | None
    message_id: str | None
    raw_id: str | None


class UnknownType(msgspec.Struct, frozen=True, gc=False):
    """An array that begins with a message type that no OCPP version knows; id None where unreadable."""

    text: str
    message_type: int
    message_id: str | None
    raw_id: str | None


Frame = Call | CallResult | CallError | CallResultError | Send | Malformed | UnknownType


def parse(text: str) -> Frame:
    """The frame in ``text``. Never raises, for any text.

    Read generously, as chargers need it (ocpp-semantics 1.7): numbers as ids, ``null`` as payload,
    errors without details, a byte order mark, spaces and line feeds anywhere. Numbers of any size
    and keys written twice pass through in the payload. Text that nests more than 32 levels, or is
    no JSON, or not of the shape of its message type, is Malformed.
    """
    try:
        envelope = _decode_envelope(text)
    except (ValueError, RecursionError):
        return _parse_any(text)
    payload = str(envelope.payload, "utf-8")
    # Without a backslash before the payload, id and action are written as they read.
    if payload[0] != "{" or text.find("\\", 0, len(text) - len(payload)) >= 0 or _too_deep(text):
        return _parse_any(text)
    message_id = envelope.message_id
    if type(envelope) is _CallEnvelope:
        return Call(message_id, f'"{message_id}"', envelope.action, payload, text)
    if type(envelope) is _SendEnvelope:
        return Send(message_id, f'"{message_id}"', envelope.action, payload, text)
    return CallResult(message_id, f'"{message_id}"', payload, text)


def is_empty(payload: str) -> bool:
    """Whether a payload says nothing: ``{}``, with or without space inside, or ``null``."""
    return payload in ("{}", "null") or payload[1:-1].isspace()


def call(message_id: str, action: str, payload: str) -> str:
    """A CALL with this raw JSON payload."""
    return f"[2,{quote(message_id)},{quote(action)},{payload}]"


def call_result(raw_id: str, payload: str) -> str:
    """A CALLRESULT to the CALL whose id has this JSON token."""
    return f"[3,{raw_id},{payload}]"


def to_other(frame: str, raw_id: str, other: str) -> str:
    """The answer ``frame`` to the CALL with this token, as the answer to another CALL."""
    kind = frame[:3]  # [3, or [4,
    return f"{kind}{other}{frame[len(kind) + len(raw_id) :]}"


def call_error(raw_id: str, code: str, description: str, details: str = "{}") -> str:
    """A CALLERROR to the CALL whose id has this JSON token; ``details`` is raw JSON text.

    A description of more than 255 characters is cut there.
    """
    return f"[4,{raw_id},{quote(code)},{quote(description[:MAX_DESCRIPTION])},{details}]"


def call_result_error(raw_id: str, code: str, description: str, details: str = "{}") -> str:
    """A CALLRESULTERROR (2.1 only) to the CALLRESULT whose id has this JSON token; as ``call_error``."""
    return f"[5,{raw_id},{quote(code)},{quote(description[:MAX_DESCRIPTION])},{details}]"


def send(message_id: str, action: str, payload: str) -> str:
    """A SEND (2.1 only) with this raw JSON payload."""
    return f"[6,{quote(message_id)},{quote(action)},{payload}]"


def quote(message_id: str) -> str:
    """The JSON token of a string, in ASCII: valid and encodable whatever the string holds."""
    return encode_basestring_ascii(message_id)


# --- the common case: well-formed CALL, CALLRESULT and SEND, at msgspec's speed -------------------


class _CallEnvelope(msgspec.Struct, array_like=True, tag=2, forbid_unknown_fields=True, gc=False):
    message_id: str
    action: str
    payload: msgspec.Raw


class _CallResultEnvelope(msgspec.Struct, array_like=True, tag=3, forbid_unknown_fields=True, gc=False):
    message_id: str
    payload: msgspec.Raw


class _SendEnvelope(msgspec.Struct, array_like=True, tag=6, forbid_unknown_fields=True, gc=False):
    message_id: str
    action: str
    payload: msgspec.Raw


_decode_envelope = msgspec.json.Decoder(_CallEnvelope | _CallResultEnvelope | _SendEnvelope).decode


def _too_deep(text: str) -> bool:
    """Whether valid JSON text nests too deep, most often told by counting.

    At the deepest place every level is opened before it and closed behind it. So there are no more
    levels of objects than opening braces in the first half of the text, or than closing ones in the
    second, and no more of arrays than opening brackets. Brackets in strings only make it more.
    """
    half = len(text) // 2
    if half <= MAX_DEPTH:
        return False
    levels = max(text.count("{", 0, half), text.count("}", half))
    position = text.find("[")  # finding a few is faster than counting
    while position >= 0 and levels <= MAX_DEPTH:
        levels += 1
        position = text.find("[", position + 1)
    return levels > MAX_DEPTH and spans.deeper_than(text, MAX_DEPTH)


# --- everything else: read by hand, told exactly what is wrong ------------------------------------

_BYTE_ORDER_MARK = "\ufeff"  # RFC 8259 section 8.1: a reader may ignore it

# name, smallest and largest number of elements, shape in words
_SHAPES = {
    2: ("a CALL", 4, 4, "[2, message id, action, payload]"),
    3: ("a CALLRESULT", 3, 3, "[3, message id, payload]"),
    4: ("a CALLERROR", 4, 5, "[4, message id, code, description, details]"),
    5: ("a CALLRESULTERROR", 4, 5, "[5, message id, code, description, details]"),
    6: ("a SEND", 4, 4, "[6, message id, action, payload]"),
}

_MESSAGE_TYPE = re.compile(r"-?[0-9]{1,9}")
_SALVAGE = re.compile(
    r"\ufeff?\s*\[\s*([0-9]{1,9})\s*,"
    r'(?:\s*(?P<raw>"(?P<string>[^"\\\x00-\x1f\ud800-\udfff]{1,36})"|(?P<number>-?[0-9]{1,36})(?=\s*,)))?'
)
_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\ud800-\udfff]")
_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")

_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


_strict_json = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)


class _Fault(Exception):
    """Why text is no frame, as the rest of the sentence that begins "not an OCPP-J frame: "."""


def _parse_any(text: str) -> Frame:
    body = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        tokens = _elements(body)
    except _Fault as fault:
        return _malformed(text, str(fault), *_salvaged(text))
    if not tokens or not _MESSAGE_TYPE.fullmatch(tokens[0]):
        got = _shown(tokens[0] if tokens else "[]")
        return _malformed(
            text, f"the first element must be a message type, 2 to 6; got {got}", None, None, None
        )
    message_type = int(tokens[0])
    raw_id = tokens[1] if len(tokens) > 1 else None
    message_id = _read_id(raw_id)
    if message_id is None:
        raw_id = None
    if message_type not in _SHAPES:
        return UnknownType(text, message_type, message_id, raw_id)
    try:
        return _shaped(text, message_type, message_id, tokens)
    except _Fault as fault:
        return _malformed(text, str(fault), message_type, message_id, raw_id)


def _elements(body: str) -> list[str]:
    """The raw tokens of the frame's elements. Raises _Fault."""
    try:
        tokens = [str(raw, "utf-8") for raw in _decode_elements(body)]
    except UnicodeEncodeError as error:
        raise _Fault(f"character {error.start} is half of a surrogate pair; got {_shown(body)}") from None
    except msgspec.DecodeError:
        tokens = _elements_by_json(body)
    except RecursionError:
        raise _too_deep_fault(body) from None
    if _too_deep(body):
        raise _too_deep_fault(body)
    return tokens


def _elements_by_json(body: str) -> list[str]:
    """As _elements, for what msgspec refuses: not JSON, no array, or with escapes like ``\\ud800``.

    Such an escape stands for half a character; RFC 8259 section 8.2 allows it in JSON text, and some
    firmware cuts its strings there. In a payload it is relayed like everything else.
    """
    try:
        document = _strict_json.decode(body)
    except json.JSONDecodeError as error:
        what = _JSON_PROBLEMS.get(error.msg, error.msg[:1].lower() + error.msg[1:])
        raise _Fault(f"invalid JSON at character {error.pos}: {what}; got {_shown(body)}") from None
    except ValueError as error:
        raise _Fault(f"invalid JSON: {error}; got {_shown(body)}") from None
    except RecursionError:
        raise _too_deep_fault(body) from None
    if not isinstance(document, list):
        raise _Fault(f"expected a JSON array; got {_shown(body)}")
    return spans.find(body, "$[]")


_JSON_PROBLEMS = {
    "Expecting value": "expecting a value",
    "Expecting ',' delimiter": "expecting a comma or the end of the array or object",
    "Expecting ':' delimiter": "expecting a colon",
    "Expecting property name enclosed in double quotes": "expecting a key in double quotes",
    "Extra data": "text after the end of the frame",
    "Invalid control character at": "a control character in a string",
    "Unterminated string starting at": "a string that does not end",
}


def _too_deep_fault(body: str) -> _Fault:
    return _Fault(f"objects and arrays may nest {MAX_DEPTH} levels, these nest deeper; got {_shown(body)}")


def _shaped(text: str, message_type: int, message_id: str | None, tokens: list[str]) -> Frame:
    """The frame of a known message type. Raises _Fault when its elements are not as they must be."""
    name, least, most, shape = _SHAPES[message_type]
    if not least <= len(tokens) <= most:
        expected = str(most) if least == most else f"{least} or {most}"
        raise _Fault(f"{name} has {expected} elements, {shape}; got {len(tokens)}: {_shown(text)}")
    raw_id = tokens[1]
    if message_id is None:
        raise _Fault(f"the message id must be a string without control characters; got {_shown(raw_id)}")
    if message_type == 3:
        return CallResult(message_id, raw_id, _payload(tokens[2]), text)
    if message_type in (2, 6):
        action = _string(tokens[2])
        if action is None or _CONTROL_OR_SURROGATE.search(action):
            raise _Fault(f"the action must be a string; got {_shown(tokens[2])}")
        kind = Call if message_type == 2 else Send
        return kind(message_id, raw_id, action, _payload(tokens[3]), text)
    code = _string(tokens[2])
    if code is None:
        raise _Fault(f"the error code must be a string; got {_shown(tokens[2])}")
    description, details = _description_and_details(tokens)
    error = CallError if message_type == 4 else CallResultError
    return error(message_id, raw_id, _storable(code), _storable(description), details, text)


def _payload(token: str) -> str:
    if token[0] != "{" and token != "null":
        raise _Fault(f"the payload must be a JSON object; got {_shown(token)}")
    return token


def _description_and_details(tokens: list[str]) -> tuple[str, str]:
    """Of four elements the last may be either: a string describes, an object is the details."""
    details = tokens[4] if len(tokens) == 5 else "{}"
    if len(tokens) == 4 and tokens[3][0] == "{":
        return "", tokens[3]
    if tokens[3] == "null":
        return "", details
    description = _string(tokens[3])
    return (tokens[3] if description is None else description), details


def _read_id(token: str | None) -> str | None:
    """A message id from its token: a string, or the text of a number; None where it is no id."""
    if token is None:
        return None
    if token[0] in "-0123456789":
        return token
    string = _string(token)
    return None if string is None or _CONTROL_OR_SURROGATE.search(string) else string


def _string(token: str) -> str | None:
    """The string that a valid JSON token stands for, None when it stands for something else."""
    if token[0] != '"':
        return None
    return str(json.loads(token)) if "\\" in token else token[1:-1]


def _salvaged(text: str) -> tuple[int | None, str | None, str | None]:
    """Message type and id from the beginning of text that is not JSON (ocpp-semantics 1.7)."""
    match = _SALVAGE.match(text)
    if match is None:
        return None, None, None
    return int(match[1]), match["string"] or match["number"], match["raw"]


def _malformed(
    text: str, problem: str, message_type: int | None, message_id: str | None, raw_id: str | None
) -> Malformed:
    return Malformed(_storable(text), f"not an OCPP-J frame: {problem}", message_type, message_id, raw_id)


def _storable(text: str) -> str:
    return _NOT_STORABLE.sub("\ufffd", text)


def _shown(text: str) -> str:
    """The value in a sentence: its beginning only, for frames hold card numbers and passwords."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
