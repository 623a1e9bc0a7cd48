"""How much passed: plain counters, since every frame and every row pays for them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from routing.core.rows import Row
from routing.core.tally import Tally

HOUR_S = 3600.0

COMINGS_S = 10.0
"""How long what was found of that is told again."""

OFTEN = 3
"""Connections of one charger within an hour, from which on a process tells of them."""

MOST_OFTEN, MOST_COMINGS = 30, 100
"""Chargers that are told of, those that come most often; and how far their connections are counted."""


class Traffic:
    """Frames of all sessions of one process since its start, and what passed of each charger.

    ``charger_received`` from chargers, ``charger_sent`` to them, ``backoffice_received`` and
    ``backoffice_sent`` likewise. Changed on the loop only. ``now``: monotonic seconds.
    """

    FRAMES = ("backoffice_received", "backoffice_sent", "charger_received", "charger_sent")
    __slots__ = (*FRAMES, "_comings", "_now", "_often", "_tallies", "_told_at")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.charger_received = 0
        self.charger_sent = 0
        self.backoffice_received = 0
        self.backoffice_sent = 0
        self._now = now
        self._tallies: dict[int, Tally] = {}
        self._comings: dict[int, deque[float]] = {}
        self._often: dict[str, int] = {}
        self._told_at = float("-inf")

    def counts(self) -> dict[str, int]:
        """Each counter of frames by its name."""
        return {name: getattr(self, name) for name in self.FRAMES}

    def saw(self, charger: int, rows: Iterable[Row]) -> None:
        """Rows of a charger on their way to be stored."""
        tally = self._tallies.get(charger)
        if tally is None:
            tally = self._tallies[charger] = Tally()
        tally.count(rows)

    def take(self) -> Mapping[int, Tally]:
        """What was counted since the last time, by charger; it is the caller's from now on."""
        taken, self._tallies = self._tallies, {}
        return taken

    def give_back(self, taken: Mapping[int, Tally]) -> None:
        """What was taken and could not be stored."""
        for charger, tally in taken.items():
            self._tallies.setdefault(charger, Tally()).add(tally)

    def came(self, charger: int) -> None:
        """A charger has connected."""
        comings = self._comings.get(charger)
        if comings is None:
            comings = self._comings[charger] = deque(maxlen=MOST_COMINGS)
        comings.append(self._now())

    def comings(self) -> dict[str, int]:
        """How often chargers (primary keys, as text: it becomes JSON) connected in the last hour: those that
        come ``OFTEN``, the worst MOST_OFTEN. Looked up every COMINGS_S, since it goes through all of them.
        """
        now = self._now()
        if now - self._told_at >= COMINGS_S:
            self._told_at, self._often = now, self._who_comes_often(now - HOUR_S)
        return self._often

    def _who_comes_often(self, since: float) -> dict[str, int]:
        for charger, times in list(self._comings.items()):
            while times and times[0] < since:
                times.popleft()
            if not times:
                del self._comings[charger]
        often = [(len(times), charger) for charger, times in self._comings.items() if len(times) >= OFTEN]
        return {str(charger): count for count, charger in sorted(often, reverse=True)[:MOST_OFTEN]}
