"""The identity of a charger, read from the path of its connection URL."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import unquote_to_bytes

import msgspec

MAX_LENGTH = 255
"""Characters. OCPP 2.x allows 48 and 1.6 names no limit; chargers of the field use more than 48."""

_SHOWN = 60


class IdentityFault(StrEnum):
    """What is wrong with the identity of a path."""

    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    UNPRINTABLE = "unprintable"
    SLASH = "slash"
    DOTS = "dots"
    LONG = "too_long"


class BadIdentity(msgspec.Struct, frozen=True):
    """A path that names no charger: why, in a sentence, and the segment as it was written."""

    fault: IdentityFault
    sentence: str
    written: str


def is_chargers(raw_path: bytes) -> bool:
    """Whether a WebSocket is a charger's: the first segment is ``ocpp``, however many slashes there are.

    ``raw_path``, since ``path`` is percent-decoded and an identity may hold an encoded slash.
    """
    return next(filter(None, raw_path.partition(b"?")[0].split(b"/")), b"") == b"ocpp"


def last_segment(raw_path: bytes) -> str:
    """Where a path that is no charger's ends, for the record; "" for a path of slashes."""
    segments = [part for part in raw_path.partition(b"?")[0].split(b"/") if part]
    return unquote_to_bytes(segments[-1]).decode(errors="replace") if segments else ""


def read_identity(raw_path: bytes) -> str | BadIdentity:
    """The identity that a raw request path (ASGI ``raw_path``, still percent-encoded) names.

    It is the last non-empty segment after ``/ocpp/``, decoded once, without query and trailing
    slashes. A colon is accepted: OCPP 2.x forbids it because Basic credentials are split there, but
    the identity is known before they are read.

    Source: OCPP-J 1.6 section 3.1.1, OCPP 2.x part 4 section 3.1; liberal where chargers are.
    """
    segments = [part for part in raw_path.partition(b"?")[0].split(b"/") if part]
    named = segments[segments.index(b"ocpp") + 1 :] if b"ocpp" in segments else []
    if not named:
        return _bad(IdentityFault.EMPTY, b"", "the path ends without an identity; use /ocpp/<identity>")
    written = named[-1]
    try:
        identity = unquote_to_bytes(written).decode()
    except UnicodeDecodeError as error:
        sentence = f"byte {error.start + 1} of the decoded identity is not UTF-8; percent-encode it as UTF-8"
        return _bad(IdentityFault.NOT_UTF8, written, sentence)
    return _fault_of(identity, written) or identity


def _fault_of(identity: str, written: bytes) -> BadIdentity | None:
    unprintable = next((c for c in identity if not c.isprintable()), None)
    if unprintable is not None:
        sentence = f"the identity contains U+{ord(unprintable):04X}, which can't be printed; remove it"
        return _bad(IdentityFault.UNPRINTABLE, written, sentence)
    if not identity.strip():
        return _bad(IdentityFault.EMPTY, written, "the identity consists of spaces; give the charger a name")
    if "/" in identity:
        return _bad(IdentityFault.SLASH, written, "the identity contains an encoded slash; leave it out")
    if identity in (".", ".."):
        return _bad(IdentityFault.DOTS, written, "the identity is a path of dots; give the charger a name")
    if len(identity) > MAX_LENGTH:
        sentence = f"the identity has {len(identity)} characters; at most {MAX_LENGTH} are accepted"
        return _bad(IdentityFault.LONG, written, sentence)
    return None


def _bad(fault: IdentityFault, written: bytes, sentence: str) -> BadIdentity:
    text = written.decode("latin-1")
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return BadIdentity(fault, f"{sentence}; got {shown!r}" if text else sentence, text)
