"""Passwords of chargers: the bytes a charger may send for one, and their hashes.

A password is a random key, not a word, so a keyed hash protects it as well as a slow one would, at
four microseconds instead of a quarter of a second. Comparisons are of bytes and take the same time
whichever form fits, if any. Source: OCPP 1.6 security whitepaper edition 3, A00; ocpp-semantics 1.3.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _


class Form(StrEnum):
    """How the bytes in the header come from the password as it was typed."""

    TEXT = "text"  # UTF-8 of what was typed: BasicAuthPassword of 2.x
    DECODED = "decoded"  # the bytes that the hexadecimal stands for: AuthorizationKey of 1.6
    LITERAL = "literal"  # the hexadecimal itself, which many stations send by mistake


def hash_password(identity: str, password: str, *, is_hex: bool = False) -> list[str]:
    """Hashes of all forms that are accepted for this password, each ``<form>:<hexadecimal>``.

    ``is_hex``: the password is an AuthorizationKey in hexadecimal; without it, text that happens
    to be hexadecimal is accepted decoded too. Raises ValueError for an empty password and for
    text that should be hexadecimal and is not.
    """
    pepper = _peppers()[0]
    return [f"{form}:{_hash(pepper, identity, secret)}" for form, secret in _forms(password, is_hex=is_hex)]


def matches(identity: str, candidate: bytes, hashes: list[str]) -> bool:
    """Whether ``candidate``, the password bytes of the header, is one of the stored forms."""
    return matching_form(identity, candidate, hashes) is not None


def matching_form(identity: str, candidate: bytes, hashes: list[str]) -> Form | None:
    """The form that ``candidate`` fits, None for a wrong password. LITERAL is a quirk to note."""
    found: Form | None = None
    digests = [_hash(pepper, identity, candidate) for pepper in _peppers()]
    for stored in hashes:
        form, _, expected = stored.partition(":")
        for digest in digests:
            if hmac.compare_digest(digest, expected):
                found = Form(form)
    return found


def is_current(identity: str, password: str, hashes: list[str], *, is_hex: bool = False) -> bool:
    """Whether ``hashes`` are those of this password, made with any of the peppers."""
    forms = dict(_forms(password, is_hex=is_hex))
    stored_forms = {stored.partition(":")[0] for stored in hashes}
    return stored_forms == set(forms) and all(
        matching_form(identity, secret, [h for h in hashes if h.startswith(f"{form}:")]) is form
        for form, secret in forms.items()
    )


def passwords_in(hashes: list[str]) -> int:
    """How many passwords these are the hashes of: each has one form in which it was typed."""
    return sum(not stored.startswith(f"{Form.DECODED}:") for stored in hashes)


def newest_of(hashes: list[str]) -> list[str]:
    """The hashes of the first of several passwords: a new one is put before those that still work."""
    typed = [at for at, stored in enumerate(hashes) if not stored.startswith(f"{Form.DECODED}:")]
    return hashes[: typed[1]] if len(typed) > 1 else list(hashes)


def basic_credentials(header: bytes) -> tuple[bytes, bytes] | None:
    """User name and password in an ``Authorization`` header's value, None if it is not HTTP Basic.

    They are split as bytes at the first colon: a decoded AuthorizationKey may hold any byte.
    """
    scheme, _, encoded = header.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return None
    username, colon, password = decoded.partition(b":")
    return (username, password) if colon else None


def _forms(password: str, *, is_hex: bool) -> Iterator[tuple[Form, bytes]]:
    if not password:
        raise ValueError(_("the password is empty; leave it out if none shall be asked for"))
    decoded = _decoded(password)
    if is_hex and decoded is None:
        raise ValueError(_("the password is not hexadecimal; expected pairs of 0-9 and a-f, without spaces"))
    yield (Form.LITERAL if is_hex else Form.TEXT), password.encode()
    if decoded is not None:
        yield Form.DECODED, decoded


def _decoded(password: str) -> bytes | None:
    try:
        return binascii.unhexlify(password)
    except ValueError:  # binascii.Error is one; text outside ASCII is another
        return None


def _hash(pepper: bytes, identity: str, secret: bytes) -> str:
    return hmac.digest(pepper, identity.encode() + b"\x00" + secret, "sha256").hex()


def _peppers() -> list[bytes]:
    peppers = [p if isinstance(p, bytes) else p.encode() for p in settings.PROXY_CREDENTIAL_PEPPERS if p]
    if not peppers:
        raise ImproperlyConfigured(
            "PROXY_CREDENTIAL_PEPPERS is empty; "
            "a pepper is random text: the first one hashes, all are accepted"
        )
    return peppers
