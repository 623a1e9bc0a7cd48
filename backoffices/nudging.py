"""People's wishes for a socket, at the process that has it: the charger's is closed, a link dialled anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from backoffices.live import Live
from backoffices.mailbox import Mailbox, Message
from routing.saying import say

logger = logging.getLogger(__name__)

NUDGE = "session.nudge"
"""Type of the message: who has the session of this charger does what a person asks for."""

CODE, REASON = 1012, "closed by hand"
"""Chargers come back after it at once, as after a restart."""


class Nudger:
    """Used on the loop of its Runtime, but for ``nudge``. ``live``: the sessions of this process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, mailbox: Mailbox, live: Mapping[int, Live]) -> None:
        self._loop = loop
        self._mailbox = mailbox
        self._live = live
        self._tasks: set[asyncio.Task[Any]] = set()
        mailbox.on(NUDGE, self._is_told)

    def nudge(self, charger: int, route: int | None) -> bool:
        """Ask for a new socket (route None) or a new link. On any thread; returns at once."""
        try:
            self._loop.call_soon_threadsafe(self._ask, charger, route)
        except RuntimeError:  # the loop has just ended
            return False
        return True

    def _ask(self, charger: int, route: int | None) -> None:
        if charger in self._live:
            self._do(charger, route)
            return
        message = {"type": NUDGE, "charger": charger, "route": route}
        task = self._loop.create_task(self._mailbox.send_to_all(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _is_told(self, message: Message) -> None:
        charger, route = message.get("charger"), message.get("route")
        if isinstance(charger, int) and (route is None or isinstance(route, int)):
            self._do(charger, route)

    def _do(self, charger: int, route: int | None) -> None:
        live = self._live.get(charger)
        if live is None:
            return
        words = "closed by hand" if route is None else "a link by hand"
        say(logger, live.session.identity, logging.INFO, words, route=route)
        if route is None:
            live.session.disconnect(CODE, REASON)
        else:
            live.session.redial(route)
