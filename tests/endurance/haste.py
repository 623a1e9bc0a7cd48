"""A proxy whose sessions live faster than the world: every time of OCPP shrinks by the same factor.

What the core asks for in seconds (answers to wait for, retries, heartbeats, how long things are
remembered) is simulated time, the wall clock in what it stores included. Links dial again faster too.
Sockets, their pings, the database and the periodic tasks keep the time of the world.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Any

import msgspec

from backoffices import runtime
from backoffices.links import Dialler
from backoffices.sockets import USUAL
from proxy_site import wiring
from routing import session


class Clock:
    """Runs ``speed`` times as fast as the world, from now on."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._began = time.monotonic()
        self._utc = datetime.now(UTC)

    @property
    def passed(self) -> float:
        """Simulated seconds since the clock was made."""
        return (time.monotonic() - self._began) * self.speed

    def now(self) -> float:
        """In place of ``time.monotonic``."""
        return self._began + self.passed

    def utcnow(self) -> datetime:
        """In place of the wall clock."""
        return self._utc + timedelta(seconds=self.passed)


class HastyLoop:
    """The loop as a session uses it, whose delays are in simulated seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, speed: float) -> None:
        self._loop = loop
        self._speed = speed
        self.create_task = loop.create_task

    def call_later(self, delay: float, callback: Callable[..., Any], *given: Any) -> asyncio.TimerHandle:
        """See ``asyncio``."""
        return self._loop.call_later(delay / self._speed, callback, *given)


def hurry(speed: float) -> None:
    """Have all sessions of this process live at this speed from now on."""
    clock = Clock(speed)

    class HastySession(session.Session):
        """One on the hasty clock."""

        def __init__(self, *, loop: Any, **given: Any) -> None:
            super().__init__(loop=HastyLoop(loop, speed), **given)  # type: ignore[arg-type] # all it uses

    limits = msgspec.structs.replace(
        USUAL,
        first_delay=USUAL.first_delay / speed,
        longest_delay=USUAL.longest_delay / speed,
        parked_delay=USUAL.parked_delay / speed,
        steady=USUAL.steady / speed,
    )
    _replace(session, "now", clock.now)
    _replace(session, "utcnow", clock.utcnow)
    _replace(runtime, "Session", HastySession)
    _replace(wiring, "Dialler", partial(Dialler, limits))


def _replace(module: ModuleType, name: str, by: object) -> None:
    """Have a module use something else under this name. Raises AttributeError where it has no such name."""
    getattr(module, name)
    setattr(module, name, by)
