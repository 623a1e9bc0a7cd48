"""Where loops let the ORM work: a few threads that keep their database connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

P = ParamSpec("P")
T = TypeVar("T")

GOODBYE_SECONDS = 1.0


class DatabaseThreads:
    """Runs functions that use the ORM. At most ``count`` connections, opened when first needed."""

    def __init__(self, count: int = 4, name: str = "database") -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function`` returns or raises. It is called again where its connection was lost before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: _twice(function, *args, **kwargs))

    async def close(self) -> None:
        """Close the connections and end the threads; one that hangs in the database is abandoned."""
        meeting = threading.Barrier(self._count)
        loop = asyncio.get_running_loop()
        ends = [loop.run_in_executor(self._pool, _leave, meeting) for _ in range(self._count)]
        await asyncio.wait(ends, timeout=2 * GOODBYE_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _twice(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """A connection that was kept may have died meanwhile; the second try opens a new one."""
    try:
        return function(*args, **kwargs)
    except (OperationalError, InterfaceError):
        connections.close_all()
    try:
        return function(*args, **kwargs)
    except (OperationalError, InterfaceError):
        connections.close_all()
        raise


def _leave(meeting: threading.Barrier) -> None:
    """Each thread closes its own connections: they wait for each other, so that each takes one turn."""
    with suppress(threading.BrokenBarrierError):  # another thread hangs; this one is here
        meeting.wait(GOODBYE_SECONDS)
    connections.close_all()
