"""``/livez`` (the process answers) and ``/readyz`` (it can take chargers).

They stand before Django: a request through Django waits for the one thread that all synchronous code
of a process shares, and a database that hangs would make a process look dead that is only not ready.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connection

from routing import bus

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Answer = tuple[int, str]

DATABASE_SECONDS = 2.0
_probe = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readyz")


def _ask_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


async def _database_problem(seconds: float) -> str:
    """Why the database can't be used, "" if it can.

    The questions queue on one thread, so that a database that hangs costs no more than that.
    """
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.run_in_executor(_probe, _ask_database), seconds)
    except TimeoutError:
        return f"the database did not answer within {seconds:g} s"
    except DatabaseError as error:
        logger.warning("The database can't be used: %s", error)
        return "the database can't be used, the log says why"
    return ""


async def livez() -> Answer:
    """The process is alive: its loop runs."""
    return 200, "ok"


async def readyz(seconds: float = DATABASE_SECONDS) -> Answer:
    """Chargers can be served: sessions are running and the database answers within ``seconds``."""
    try:
        bus.current()
    except bus.BusUnavailable as reason:
        return 503, str(reason)
    problem = await _database_problem(seconds)
    return (503, problem) if problem else (200, "ok")


PATHS: Mapping[str, Callable[[], Awaitable[Answer]]] = {"/livez": livez, "/readyz": readyz}


async def answer(path: str, send: Send) -> None:
    """Answer the request for ``path``, one of ``PATHS``, as plain text."""
    status, text = await PATHS[path]()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
