"""The Runtime of this process, for whoever is on another thread: Celery's tasks and commands.

Imports no model: ``proxy_site.celery`` is loaded before Django is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from backoffices.runtime import Runtime

T = TypeVar("T")

_current: list[Runtime] = []


class NoRuntime(RuntimeError):
    """This process holds no links."""


def use(runtime: Runtime) -> None:
    """Make ``runtime`` the one of this process; a Runtime does it when it starts."""
    _current[:] = [runtime]


def leave(runtime: Runtime) -> None:
    """Take it back; nothing happens where another one took its place."""
    if _current == [runtime]:
        _current.clear()


def get() -> Runtime | None:
    """The one of this process. Its methods are called on its loop; ``call`` does that from elsewhere."""
    return _current[0] if _current else None


def exists() -> bool:
    """Whether this process has a Runtime."""
    return bool(_current)


def call(work: Callable[[Runtime], Coroutine[Any, Any, T]], timeout_s: float) -> T:
    """Run ``work`` on the Runtime's loop and wait for what it returns. Not for that loop's own thread.

    Raises ``NoRuntime``, ``TimeoutError`` (``work`` is cancelled then) or what ``work`` raises.
    """
    if not _current:
        raise NoRuntime("no link runtime in this process; start it with runproxy or a worker with threads")
    runtime = _current[0]
    future = asyncio.run_coroutine_threadsafe(work(runtime), runtime.loop)
    try:
        return future.result(timeout_s)
    except TimeoutError:
        future.cancel()
        raise
