"""The WebSocket of live badges: ``/ws/v1/chargers/events?ids=1,2,3&lang=en``.

It says ``{"chargers": [...]}`` (``chargers.cells.as_json``): first all that were asked for and may be seen,
then those that have changed, at most once a second. It hears nothing. It closes with 4400 where the address
names no chargers, 4401 for who is not logged in, 4404 for who may not look, 1013 while the proxy can't serve
it. Ask ``/admin/chargers/charger/events/`` for the same meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Final

from channels.sessions import SessionMiddlewareStack

from chargers.events import pulse, sight
from chargers.events.pulse import Watcher
from routing.live.consumer import (
    LATER,
    NOT_THERE,
    RECHECK_S,
    Ended,
    Receive,
    Scope,
    Send,
    in_thread,
    is_ours,
    serve,
    user_of,
)

PATH: Final = "/ws/v1/chargers/events"

NOTHING_ASKED = 4400

MOST_VIEWERS = 500
"""Sockets of live badges in one process; who comes then polls, and asks again."""

PACE_S = 1.0
"""Seconds between two batches for one viewer, at least."""


class Viewer:
    """One open socket, and what its user may see of what it asks about."""

    def __init__(self, session_key: str | None, query: str, send: Send) -> None:
        self._session_key = session_key
        self._query = query
        self._send = send

    async def run(self) -> None:
        """Tell what changes until the user may not see it any more. Raises Ended."""
        keys = sight.asked(self._query)
        if keys is None:
            raise Ended(NOTHING_ASKED)
        here = pulse.current()
        if here.watchers >= MOST_VIEWERS:
            raise Ended(LATER)
        while True:
            watcher = here.open(await self._visible(keys))
            try:
                await self._follow(watcher)
            finally:
                await here.close(watcher)

    async def _visible(self, keys: list[int]) -> frozenset[int]:
        user = await user_of(self._session_key)
        found: frozenset[int] | None = await in_thread(sight.visible, user, keys)
        if found is None:
            raise Ended(NOT_THERE)
        return found

    async def _follow(self, watcher: Watcher) -> None:
        """Tell what changes until it is time to look again who is looking."""
        time = asyncio.get_running_loop().time
        until = time() + RECHECK_S
        while (left := until - time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await watcher.changed.wait()
            if changed := watcher.take():
                await self._tell(sorted(changed))
                await asyncio.sleep(PACE_S)

    async def _tell(self, keys: list[int]) -> None:
        rows = await in_thread(sight.told, keys, sight.language_of(self._query))
        if rows:
            await self._send({"type": "websocket.send", "text": json.dumps({"chargers": rows})})


async def _events(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of one socket, behind what reads its session."""
    query = bytes(scope.get("query_string", b"")).decode("latin-1")
    await serve(Viewer(scope["session"].session_key, query, send).run, receive, send)


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of the address."""
    if is_ours(scope):
        await _with_session(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})


_with_session = SessionMiddlewareStack(_events)
