"""Secrets on their way from the request that made them to the one page that shows them.

They are sealed with the key of stored credentials, leave the session when they are shown, and are not shown
any more when they have waited too long.
"""

from __future__ import annotations

import time
from typing import Final

from django.contrib.sessions.backends.base import SessionBase

from routing.fields import Sealed, Unreadable, seal

LASTS_S: Final = 600
"""Seconds from one page to the next."""

_KEY: Final = "shown_once"


def keep(session: SessionBase, name: str, secret: str) -> None:
    """Keep a secret for the next page; one that waited before is gone, whichever it was."""
    session[_KEY] = {"name": name, "sealed": seal(secret.encode()).stored, "at": time.time()}


def take(session: SessionBase, name: str) -> str | None:
    """The secret, out of the session; None where there is none of this name, or it is too old."""
    kept = session.get(_KEY)
    if not isinstance(kept, dict) or kept.get("name") != name:
        return None
    del session[_KEY]
    if time.time() - kept["at"] > LASTS_S:
        return None
    try:
        return Sealed(kept["sealed"]).open().decode()
    except Unreadable:
        return None
