"""One look a second, per process, at the chargers that somebody has on the screen; none while nobody has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from django.db import Error

from chargers.events.marks import Mark, marks
from routing.live.consumer import in_thread

logger = logging.getLogger(__name__)

PACE_S = 1.0
"""Seconds from one look to the next, at least."""

SHARE = 9
"""By so many times as long as a look took is the next one put off: looking takes a tenth of a thread."""

Look = Callable[[Collection[int]], Awaitable[Mapping[int, Mark]]]


class Watcher:
    """What one viewer looks at. ``changed`` is set while there is something to ``take``."""

    def __init__(self, chargers: Collection[int]) -> None:
        self.chargers = frozenset(chargers)
        self.changed = asyncio.Event()
        self._seen: dict[int, Mark | None] = {}
        self._waiting: set[int] = set()

    def note(self, now: Mapping[int, Mark]) -> None:
        """Compare with what was there at the last look; at the first, everything is new."""
        for key in self.chargers:
            if key not in self._seen or self._seen[key] != now.get(key):
                self._seen[key] = now.get(key)
                self._waiting.add(key)
        if self._waiting:
            self.changed.set()

    def take(self) -> set[int]:
        """The chargers that have changed since the last call."""
        taken, self._waiting = self._waiting, set()
        self.changed.clear()
        return taken


async def _stored(chargers: Collection[int]) -> Mapping[int, Mark]:
    found: Mapping[int, Mark] = await in_thread(marks, chargers)
    return found


class Pulse:
    """The looks of one process, on one loop."""

    def __init__(self, look: Look = _stored) -> None:
        self._look = look
        self._watchers: set[Watcher] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    @property
    def is_beating(self) -> bool:
        """Whether anything is looked at."""
        return self._task is not None

    def open(self, chargers: Collection[int]) -> Watcher:
        """Begin to watch these chargers."""
        watcher = Watcher(chargers)
        self._watchers.add(watcher)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._beat())
        return watcher

    async def close(self, watcher: Watcher) -> None:
        """End it; the last one takes the looking with it."""
        self._watchers.discard(watcher)
        if not self._watchers and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])  # and not the task itself: its end is not taken for that of the viewer

    async def _beat(self) -> None:
        time = asyncio.get_running_loop().time
        while True:
            began = time()
            try:
                await self.look()
            except Error as error:
                logger.info("live badges rest, the database does not answer: %s", error)
            await asyncio.sleep(max(PACE_S, SHARE * (time() - began)))

    async def look(self) -> None:
        """Look once, and tell each watcher what has changed for it."""
        watchers = list(self._watchers)
        now = await self._look(frozenset().union(*(watcher.chargers for watcher in watchers)))
        for watcher in watchers:
            watcher.note(now)


_pulses: dict[Any, Pulse] = {}


def current() -> Pulse:
    """The one of the running loop: there is one loop in a process, and one per test."""
    loop = asyncio.get_running_loop()
    if loop not in _pulses:
        _pulses.clear()
        _pulses[loop] = Pulse()
    return _pulses[loop]
