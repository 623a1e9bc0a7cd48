"""A charger is given a new password: the one way for its page and for programs."""

from __future__ import annotations

from accounts.acting import acting
from chargers.credentials import newest_of
from chargers.models import Charger
from chargers.onboarding.cards import hashes_of, new_password


def renew(charger: Charger, *, keep: bool) -> str:
    """A new password, which is told this once. The old one ends at once, or works on with ``keep``."""
    password = new_password()
    kept = newest_of(charger.password_hashes) if keep else []
    words = f"Gave charger {charger.identity} a new password"
    words += "; the old one still works." if kept else "."
    charger.password_hashes = [*hashes_of(charger.identity, password), *kept]
    with acting(words=words):
        charger.save(update_fields=["password_hashes"])
    return password
