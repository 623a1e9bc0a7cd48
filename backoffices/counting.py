"""Stores what the sessions of this process have counted, now and then, beside the frame path."""

from __future__ import annotations

from django.db import Error

from routing import snapshots
from routing.threads import DatabaseThreads
from routing.traffic import Traffic


class Counting:
    """Used on the loop of ``traffic``."""

    def __init__(self, traffic: Traffic, threads: DatabaseThreads) -> None:
        self._traffic = traffic
        self._threads = threads

    async def store(self) -> None:
        """Add what was counted since the last time to the minute that it is.

        Raises ``django.db.Error``; nothing is forgotten then.
        """
        taken = self._traffic.take()
        if not taken:
            return
        try:
            await self._threads.run(snapshots.add_counts, taken)
        except Error:
            self._traffic.give_back(taken)
            raise
