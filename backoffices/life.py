"""A runtime's proof of life, and what it tells about the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import Error

from backoffices import records
from routing.loading import RUNTIME_ALIVE
from routing.threads import DatabaseThreads

HANGS_S = 4.0
"""A database that has not taken a proof of life after this long counts as away."""


class Moment(msgspec.Struct, frozen=True):
    """A point in time: ``monotonic`` to count from (a wall clock may jump), ``utc`` to show."""

    monotonic: float
    utc: datetime


def moment() -> Moment:
    return Moment(time.monotonic(), datetime.now(UTC))


class Life:
    """Writes the row of a runtime and remembers since when that fails. Used on one loop."""

    def __init__(self, runtime: str, threads: DatabaseThreads, now: Callable[[], Moment] = moment) -> None:
        self._runtime = runtime
        self._threads = threads
        self._now = now
        self._asked: Moment | None = None
        self._failed: Moment | None = None
        self._proved: Moment | None = None
        self._last_outage: tuple[datetime, datetime] | None = None

    async def prove(self, report: Mapping[str, Any]) -> bool:
        """Write the row. Raises ``django.db.Error``; until the next success the database is away then.

        Whether others may have taken this runtime for dead before that.
        """
        asked = self._asked = self._now()
        try:
            await self._threads.run(records.beat, self._runtime, report)
        except Error:
            self._failed = self._failed or asked
            raise
        else:
            return self._succeeded(asked)
        finally:
            self._asked = None

    def _succeeded(self, asked: Moment) -> bool:
        now = self._now()
        before, self._proved = self._proved, asked
        hung = now.monotonic - asked.monotonic > HANGS_S
        began = self._failed or (asked if hung else None)
        self._failed = None
        if began is not None:
            self._last_outage = (began.utc, now.utc)
        return before is not None and now.monotonic - before.monotonic >= RUNTIME_ALIVE.total_seconds()

    def _began(self) -> Moment | None:
        if self._failed is not None:
            return self._failed
        asked = self._asked
        hangs = asked is not None and self._now().monotonic - asked.monotonic > HANGS_S
        return asked if hangs else None

    @property
    def away_s(self) -> float | None:
        """For how many seconds the database has been away, None while it is there."""
        began = self._began()
        return None if began is None else self._now().monotonic - began.monotonic

    @property
    def failed_since(self) -> float | None:
        """The monotonic time of the first of the proofs that have failed without one that succeeded since."""
        return None if self._failed is None else self._failed.monotonic

    def database_away_s(self, writer: Mapping[str, float]) -> float | None:
        """As ``away_s``, or for how long the writer has noticed it (``Writer.counts``), if that is longer."""
        noticed = (self.away_s, writer.get("away_s") or None)
        return max((away_s for away_s in noticed if away_s is not None), default=None)

    def database(self) -> dict[str, Any]:
        """For the report: ``away_since``, ``last_outage`` (beginning and end), ISO 8601, None for none."""
        began, outage = self._began(), self._last_outage
        return {
            "away_since": None if began is None else began.utc.isoformat(),
            "last_outage": None if outage is None else [time.isoformat() for time in outage],
        }
