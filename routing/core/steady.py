"""Whether the wall clock can be believed about days: one that has just jumped cannot.

A clock that jumps a month ahead, and back when somebody notices, would make dead letters of everything
that waits. The monotonic clock knows of the jump.
"""

from __future__ import annotations

from datetime import datetime

STEADY = 600.0
"""Seconds that the wall clock has to go along with the monotonic one before it is believed."""

JUMP = 60.0
"""Seconds by which the two may differ between two looks: clocks are slewed, and leap."""


class SteadyClock:
    """Compares the two clocks whenever it is asked."""

    __slots__ = ("_last", "_since")

    def __init__(self) -> None:
        self._last: tuple[float, datetime] | None = None
        self._since = 0.0

    def is_steady(self, now: float, utc: datetime) -> bool:
        """Whether no jump was seen for ``STEADY`` seconds; ``now`` is monotonic seconds."""
        last, self._last = self._last, (now, utc)
        if last is None or abs((utc - last[1]).total_seconds() - (now - last[0])) > JUMP:
            self._since = now
        return now - self._since >= STEADY
