"""People's commands at the process that holds the charger's session: taken, handed over, written back.

The row comes first and decides (``routing.commands.claims``); messages only make it quick. Nothing of this
waits in the path of a frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

from django.db import DataError, Error

from backoffices.live import Live
from backoffices.mailbox import Mailbox, Message
from routing import loading
from routing.commands import claims
from routing.core.decisions import CommandEnded, CommandSent
from routing.saying import say
from routing.threads import DatabaseThreads

logger = logging.getLogger(__name__)

WAITS = "command.waits"
"""Type of the message: a command waits for a charger whose session the receiver has."""

AGAIN_S = 1.0
"""How long the database is left alone where it does not take what has become of commands."""


class Commander:
    """Used on the loop of its Runtime, but for ``wake``. ``live``: the sessions of this process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runtime_id: str,
        mailbox: Mailbox,
        threads: DatabaseThreads,
        live: Mapping[int, Live],
    ) -> None:
        self._loop = loop
        self._id = runtime_id
        self._mailbox = mailbox
        self._threads = threads
        self._live = live
        self._news: list[CommandSent | CommandEnded] = []
        self._writing: asyncio.Task[None] | None = None
        self._turns: dict[int, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        mailbox.on(WAITS, self._is_told)

    # -- there is a command ------------------------------------------------------------------------

    def wake(self, charger: int) -> None:
        """There is a command for this charger (primary key). On any thread; returns at once."""
        with suppress(RuntimeError):  # the loop has just ended: the next owner finds it
            self._loop.call_soon_threadsafe(self._waits, charger)

    def _waits(self, charger: int) -> None:
        if charger in self._live:
            self._take(charger)
        else:
            self._do(self._tell_owner(charger))

    async def _tell_owner(self, charger: int) -> None:
        """Where this fails the owner finds the command by itself."""
        try:
            owner, _ = (await self._threads.run(loading.epochs, [charger])).get(charger, ("", 0))
        except Error as error:
            say(logger, charger, logging.DEBUG, "its owner is not told of a command: %r", error)
            return
        if owner and owner != self._id:
            await self._mailbox.send(owner, {"type": WAITS, "charger": charger})

    async def _is_told(self, message: Message) -> None:
        charger = message.get("charger")
        if isinstance(charger, int) and charger in self._live:
            self._take(charger)

    async def look(self) -> None:
        """Take what nobody has told of, and end what nobody will tell the end of."""
        await self._threads.run(claims.end_overdue)
        for charger in await self._threads.run(claims.waiting_at, self._id):
            if charger in self._live:
                self._take(charger)

    # -- the session ---------------------------------------------------------------------------------

    def _take(self, charger: int) -> None:
        """Claim what waits and hand it over; one at a time per charger, so that the order stays."""
        if charger in self._turns:
            self._turns[charger] = True  # and once more behind that
        else:
            self._turns[charger] = False
            self._do(self._hand_over(charger))

    async def _hand_over(self, charger: int) -> None:
        try:
            again = True
            while again:
                self._turns[charger] = False
                for command in await self._threads.run(claims.claim, charger, self._id):
                    live = self._live.get(charger)
                    if live is None:
                        self.told(CommandEnded(id=command.id, outcome="lost"))
                    else:
                        live.session.command(command)
                again = self._turns[charger]
        except Error as error:
            say(logger, charger, logging.WARNING, "its commands have to wait: %r", error)
        finally:
            del self._turns[charger]

    # -- what has become of it -----------------------------------------------------------------------

    def told(self, news: CommandSent | CommandEnded) -> None:
        """A session tells what has become of a command: it is written down beside the frames."""
        self._news.append(news)
        if self._writing is None:
            self._writing = self._do(self._write())

    async def _write(self) -> None:
        while self._news:
            news, self._news = self._news, []
            try:
                free = await self._threads.run(claims.note, news)
            except DataError:  # tried again, it would be refused again: they end as timed out
                logger.exception("what has become of %d commands is not stored", len(news))
                continue
            except Error as error:
                logger.warning("what has become of %d commands can't be stored yet: %r", len(news), error)
                self._news = news + self._news
                await asyncio.sleep(AGAIN_S)
                continue
            except Exception:  # the edge of a loop that must go on: they end as timed out
                logger.exception("what has become of %d commands could not be stored", len(news))
                continue
            for charger in set(free):
                if charger in self._live:
                    self._take(charger)  # the next one of several may go now
        self._writing = None

    async def settled(self) -> None:
        """Return when all that was told is written down."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
