"""What the log does not have to say again and again."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from accounts.acting import current

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
