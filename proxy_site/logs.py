"""What the log does not have to say again and again, and its lines for programs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from accounts.acting import current

FIELDS: Final = ("charger", "charger_id", "route", "backoffice", "exchange")
"""What a line may be about, given as ``extra``: a charger's identity (or its primary key alone, where the
identity is not at hand), the primary key of a route, a backoffice's name, the number of an exchange."""

_ADDRESS = re.compile(r"0x[0-9a-f]+")


class SaidOnce(logging.Filter):
    """Lets the first line of a record pass, and the same line again after ``again_s`` only.

    For a logger that tells of every attempt, as psycopg's pool does of each connection while PostgreSQL is
    away; that it is away, and that it is back, the process says itself. Addresses of objects do not count.
    """

    def __init__(self, again_s: float = 300.0, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._again_s = again_s
        self._now = now
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._now()
        line = (record.getMessage().splitlines() or [""])[0]
        self._said = {said: at for said, at in self._said.items() if now - at < self._again_s}
        key = _ADDRESS.sub("", line)
        if key in self._said:
            return False
        self._said[key] = now
        record.msg, record.args = line, ()
        return True


class Joined(logging.Filter):
    """Gives each record ``joined_by``: the id of the request or run that it belongs to, as deeds have it."""

    def filter(self, record: logging.LogRecord) -> bool:
        correlation_id = current().correlation_id
        record.joined_by = f"[{correlation_id}] " if correlation_id else ""
        return True


class AsJson(logging.Formatter):
    """A record as one line of JSON: when (ISO 8601, UTC), level, logger and message, then what is known of
    ``joined_by``, FIELDS and an exception's ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "joined_by": current().correlation_id,
            **{name: getattr(record, name, None) for name in FIELDS},
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        known = {name: value for name, value in said.items() if value not in (None, "")}
        return msgspec.json.encode(known, enc_hook=str).decode()
