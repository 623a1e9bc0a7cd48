"""What a Runtime does on its own, again and again, as long as it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from django.db import InterfaceError, OperationalError

from backoffices.complaint import Complaint
from backoffices.lag import Lag
from backoffices.life import Life

logger = logging.getLogger(__name__)

Chore = Callable[[], Coroutine[Any, Any, None]]


class Chores:
    """Used on one loop. ``complaint`` is told where the database is missed, ``lag`` how late one begins."""

    def __init__(self, life: Life, complaint: Complaint, lag: Lag) -> None:
        self._life = life
        self._complaint = complaint
        self._lag = lag
        self._tasks: set[asyncio.Task[None]] = set()

    def every(self, seconds: float, chore: Chore) -> None:
        """Do it from now on, first in so many seconds."""
        task = asyncio.get_running_loop().create_task(self._repeat(seconds, chore))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Do none of them any more."""
        for task in self._tasks:
            task.cancel()

    async def _repeat(self, seconds: float, chore: Chore) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due = now() + seconds
            await asyncio.sleep(seconds)
            self._lag.note(now() - due)
            self._complaint.hangs("_prove_life", self._life.away_s)
            try:
                await chore()
            except (OperationalError, InterfaceError) as error:
                self._complaint.failed(chore.__name__, error)
            except Exception:  # the edge of a loop that must go on as long as the process does
                logger.exception("%s failed", chore.__name__)
