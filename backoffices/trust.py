"""A process that stood still finds out what it has lost before it says another word."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from math import inf

from django.db import Error

from routing.session import Session

logger = logging.getLogger(__name__)

SPAN_S = 2.0
"""Who has run within so many seconds trusts that its sessions are its own."""

REFRESH_S = 0.5
RETRY_S = 0.2

BATCH = 50
"""Sessions that go on before others have their turn of the loop."""

BRIEF_S = 10.0
"""A database that was away before this process stood still, and is away afterwards, was so all the time if
that was not longer (``routing.loading.RUNTIME_ALIVE``)."""


class Trust:
    """A ``routing.trust.Trust``, refreshed as long as the loop runs. Used on one loop.

    ``sort_out`` asks the database who owns what and abandons what others have taken; it raises
    ``django.db.Error`` where there is none. ``go_on`` lets the others take what has waited.
    ``away_since``: the monotonic time since when the database is known to be away, None while it is there.
    ``pauses``: how often this process has stood still.
    """

    def __init__(
        self,
        sort_out: Callable[[], Awaitable[None]],
        go_on: Callable[[], Awaitable[None]],
        away_since: Callable[[], float | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.until = inf
        self.pauses = 0
        self._sort_out = sort_out
        self._go_on = go_on
        self._away_since = away_since
        self._clock = clock
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._woke_at = -inf
        self._ended = False

    @property
    def is_alone(self) -> bool:
        """Whether no other process can take a session."""
        return self.until == inf

    def begin(self) -> None:
        """From now on this process has to ask when it has stood still."""
        self.until = self._clock() + SPAN_S
        self._refresh()

    def end(self) -> None:
        """Ask no more; nobody is kept waiting."""
        self._ended = True
        for waiting in (self._timer, self._asking):
            if waiting is not None:
                waiting.cancel()

    def _refresh(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(REFRESH_S, self._refresh)
        now = self._clock()
        if now > self.until:
            self.ask()
        else:
            self.until = now + SPAN_S

    def ask(self) -> None:
        """See ``routing.trust.Trust``."""
        if not self._ended and (self._asking is None or self._asking.done()):
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    async def sure(self) -> None:
        """Return when this process knows what is its own: at once, unless it stood still."""
        while self._clock() > self.until and not self._ended:
            self.ask()
            if self._asking is not None:
                await asyncio.wait([self._asking])

    def is_old(self, asked_at: float | None) -> bool:
        """Whether a charger that is let in now may have knocked long ago: it asked then, or while this
        process stood still. ``asked_at`` on the monotonic clock, None for just now.
        """
        now = self._clock()
        return now < self._woke_at + SPAN_S or (asked_at is not None and now - asked_at > SPAN_S)

    async def _ask(self) -> None:
        self.pauses += 1
        since = self.until - SPAN_S
        lasted = self._clock() - since
        logger.warning("stood still for about %.1f s; asking whose the sessions are", lasted)
        while not await self._is_sorted_out():
            if self._has_been_away(since, lasted):
                logger.warning("the database was away all the time: nobody has taken a session")
                break
            await asyncio.sleep(RETRY_S)
        self._woke_at = self._clock()
        self.until = self._woke_at + SPAN_S
        await self._go_on()

    async def _is_sorted_out(self) -> bool:
        asked = self._clock()
        try:
            await self._sort_out()
        except Error as error:
            logger.warning("cannot ask whose the sessions are, trying again: %s", type(error).__name__)
            return False
        except Exception:  # whatever it was, silence for ever is worse than asking again
            logger.exception("cannot ask whose the sessions are, trying again")
            return False
        return self._clock() - asked <= SPAN_S  # else it stood still again, and the answer is old

    def _has_been_away(self, since: float, lasted: float) -> bool:
        """Nobody can take a session while the database is away."""
        away_since = self._away_since()
        return away_since is not None and away_since <= since and lasted <= BRIEF_S


async def go_on(sessions: Iterable[Session]) -> None:
    """These are ours: what has waited in them happens now."""
    for number, session in enumerate(sessions, 1):
        try:
            session.go_on()
        except Exception:  # one session's mistake must not keep the others silent
            logger.exception("%s: could not go on", session.identity, extra={"charger": session.identity})
        if number % BATCH == 0:
            await asyncio.sleep(0)
