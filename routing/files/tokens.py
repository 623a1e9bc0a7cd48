"""What stands in the address of a file, in place of a login that chargers don't have.

A token says by itself, without a database, that we have made it and until when it holds: strangers cost
nothing. What it opens is found by its hash, so that whoever reads the database has no token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

from django.utils.crypto import salted_hmac

UPLOAD: Final = "uploads"
FIRMWARE: Final = "firmware"

LENGTH: Final = 43
"""Characters of a token."""

_RANDOM, _EXPIRY, _SIGN = 16, 4, 12


def new_token(kind: str, expires: datetime) -> str:
    """A token for one file of a kind (``UPLOAD``, ``FIRMWARE``)."""
    said = secrets.token_bytes(_RANDOM) + int(expires.timestamp()).to_bytes(_EXPIRY)
    return base64.urlsafe_b64encode(said + _sign(kind, said)).decode().rstrip("=")


def is_ours(kind: str, token: str, now_s: float) -> bool:
    """Whether we have made this token and it still holds; ``now_s``: seconds since 1970."""
    if len(token) != LENGTH or not token.isascii():
        return False
    try:
        raw = base64.b64decode(f"{token}=", altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return False
    said, sign = raw[:-_SIGN], raw[-_SIGN:]
    return hmac.compare_digest(sign, _sign(kind, said)) and now_s < int.from_bytes(said[_RANDOM:])


def hash_of(token: str) -> str:
    """What the database holds of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _sign(kind: str, said: bytes) -> bytes:
    return salted_hmac(f"routing.files.{kind}", said, algorithm="sha256").digest()[:_SIGN]
