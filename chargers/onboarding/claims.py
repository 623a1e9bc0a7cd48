"""Claim codes: with identity and code a charger that was registered before it was sold is taken over."""

from __future__ import annotations

import hmac
import secrets
import threading
from typing import Final

from django.conf import settings

from accounts.acting import acting
from accounts.models import Organisation
from chargers.limits import Buckets
from chargers.models import Charger, Claim
from routing.changes import recorded

ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
LENGTH: Final = 12
"""Characters: 58 bits, too many to guess at the pace of the limits below."""


class Refused(ValueError):
    """No charger with this identity has this code; which of both is wrong is not told."""


class TooOften(ValueError):
    """This person, address or identity has had too many tries."""


class Limits:
    """How often one may try to claim, per key. Safe in threads."""

    def __init__(self, burst: float = 10, per_second: float = 10 / 3600) -> None:
        self._buckets: Buckets[tuple[str, str]] = Buckets(burst, per_second)
        self._lock = threading.Lock()

    def take(self, keys: list[tuple[str, str]], now: float) -> bool:
        """Whether each of the keys still has a try; each has one less."""
        with self._lock:
            taken = [self._buckets.take(key, now) for key in keys]  # from each, also where one has none
            return all(taken)


limits = Limits()


def new_code() -> str:
    """A code for a sticker, in groups of four."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(code[at : at + 4] for at in range(0, LENGTH, 4))


def offer(charger: Charger) -> str:
    """Give the charger a (new) claim code and return it, for this once."""
    code = new_code()
    Claim.objects.update_or_create(charger=charger, defaults={"code_hash": code_hash(charger.identity, code)})
    return code


def code_hash(identity: str, code: str, pepper: str | bytes | None = None) -> str:
    """As it is stored; upper and lower case, spaces and hyphens of the code make no difference."""
    key = settings.PROXY_CREDENTIAL_PEPPERS[0] if pepper is None else pepper
    plain = "".join(character for character in code.upper() if character.isalnum())
    message = b"claim\x00" + identity.encode() + b"\x00" + plain.encode()
    return hmac.digest(key if isinstance(key, bytes) else key.encode(), message, "sha256").hex()


def claim(identity: str, code: str, organisation: Organisation, *, keys: list[str], now: float) -> Charger:
    """Take the charger into ``organisation``; its code is used up.

    ``keys``: who tries, for the limits. ``now``: monotonic seconds. Raises Refused or TooOften.
    """
    tried = [("who", key) for key in keys] + [("identity", identity.casefold())]
    if not limits.take(tried, now):
        raise TooOften
    with recorded():
        found = Claim.objects.select_for_update(of=("self",)).filter(charger__identity=identity).first()
        if not _fits(identity, code, found.code_hash if found else ""):
            raise Refused
        assert found is not None  # nothing fits an empty hash
        charger = Charger.objects.select_for_update(of=("self",), no_key=True).get(pk=found.charger_id)
        with acting(words=f"Claimed charger {identity} for {organisation} with its claim code."):
            found.delete()
            charger.organisation = organisation
            charger.save()
    return charger


def _fits(identity: str, code: str, stored: str) -> bool:
    """The same work whether or not there is such a charger."""
    expected = stored or "0" * 64
    fits = [
        hmac.compare_digest(code_hash(identity, code, pepper), expected)
        for pepper in settings.PROXY_CREDENTIAL_PEPPERS
    ]
    return bool(stored) and any(fits)
