"""The Runtime as a part of a Celery worker, and what ``celery inspect`` says of it.

Imports no model: ``proxy_site.celery`` is loaded before Django is ready.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import uvloop
from celery import Celery, bootsteps
from celery.utils.imports import symbol_by_name
from celery.worker import state as worker_state
from celery.worker.control import inspect_command

from backoffices import current
from backoffices.current import use

if TYPE_CHECKING:
    from backoffices.runtime import Runtime

__all__ = ["LinkStep", "LoopThread", "install", "use"]

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0
ANSWER_SECONDS = 5.0

_parts: list[str] = []


class Parts(Protocol):
    """A Runtime with all it needs (``proxy_site.wiring.Proxy``)."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def install(app: Celery, parts: str) -> None:
    """Let workers of ``app`` hold links. ``parts`` names what is called with a loop: ``"module:Class"``."""
    _parts[:] = [parts]
    app.steps["worker"].add(LinkStep)


class LinkStep(bootsteps.StartStopStep):
    """Runs the Runtime in a worker process; where the process has one already (role all), leaves it alone.

    Needs ``--pool threads`` (or solo): a forked child would have no Runtime for its tasks.
    """

    requires = {"celery.worker.components:Pool"}

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._thread: LoopThread | None = None

    def start(self, worker: Any) -> None:
        if current.exists() or worker_state.should_stop is not None:  # told to stop while it still starts
            return
        if "prefork" in str(getattr(worker, "pool_cls", "")):
            logger.error("no links in this worker: its pool is prefork; start it with --pool threads")
            return
        self._thread = LoopThread(symbol_by_name(_parts[0]))
        self._thread.start()

    def stop(self, worker: Any) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop(STOP_SECONDS)

    terminate = stop

    def info(self, worker: Any) -> dict[str, Any]:
        return {"links": _counts()}


class LoopThread:
    """A loop in a thread of its own, with a Runtime on it."""

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], Parts]) -> None:
        self._make = make
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="links", daemon=True)
        self._ready = threading.Event()
        self._ending = asyncio.Event()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Return when it runs. Raises what kept it from that."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self, timeout_s: float) -> bool:
        """Stop everything, for at most so long; True if it has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        try:
            parts = self._make(self._loop)
            await parts.start()
        except Exception as error:  # noqa: BLE001 -- handed to the thread that waits in start()
            self._failure = error
            return
        self._ready.set()
        await self._ending.wait()
        await parts.stop()


async def _ask_counts(runtime: Runtime) -> dict[str, int]:
    return runtime.counts()


def _counts() -> dict[str, int]:
    try:
        return current.call(_ask_counts, ANSWER_SECONDS)
    except (current.NoRuntime, TimeoutError):
        return {}


@inspect_command()
def links(state: Any, **_: Any) -> dict[str, int]:
    """Sessions and links of this worker (``celery inspect links``)."""
    return _counts()
