"""The side of the viewers: what people at this process look at, wherever it happens."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import msgspec

from routing.core.rows import MessageRow
from routing.live.source import ASK, END, LENT, ROWS, WHO, Message, Post, Source
from routing.watching import RENEW_S, Batch, Subject

logger = logging.getLogger(__name__)

READY_S = 0.5
"""How long the opening of a view waits for other processes to say that they show it from now on."""

LOOK_S = 1.0
"""How often it is looked whether the other processes can be reached."""

MOST_WAITING = 1000
"""Rows that wait for one viewer; the newest win."""


class View:
    """One viewer's place. ``changed`` is set when there are rows to take, or ``away`` has changed."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.changed = asyncio.Event()
        self.away = False
        self._rows: deque[MessageRow] = deque()
        self._left_out = 0

    def add(self, rows: tuple[MessageRow, ...], left_out: int) -> None:
        """Rows that have come, and how many before them have not."""
        self._rows.extend(rows)
        self._left_out += left_out
        while len(self._rows) > MOST_WAITING:
            self._rows.popleft()
            self._left_out += 1
        self.changed.set()

    def set_away(self, away: bool) -> None:
        """Whether other processes can't be reached."""
        if away != self.away:
            self.away = away
            self.changed.set()

    def take(self) -> tuple[list[MessageRow], int]:
        """Everything that has come since, and how many rows were left out before or among it."""
        rows, left_out = list(self._rows), self._left_out
        self._rows.clear()
        self._left_out = 0
        self.changed.clear()
        return rows, left_out


class _Watched:
    """A subject with its viewers here, and the next number of each source of it."""

    def __init__(self) -> None:
        self.views: set[View] = set()
        self.expected: dict[str, int] = {}


class Audience:
    """Used on one loop. ``name``: that of this process, where its mail arrives.

    ``source``: that of this process, None where it has no sessions. ``alone``: there is no other process.
    """

    def __init__(self, name: str, post: Post, source: Source | None, *, alone: bool) -> None:
        self._name = name
        self._post = post
        self._source = source
        self._alone = alone
        self._watched: dict[Subject, _Watched] = {}
        self._tickets: dict[str, asyncio.Event] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        if source is not None:
            source.take = self.take
        post.on(LENT, self._lent)
        post.on(ROWS, self._came)
        post.on(WHO, self._say_all)

    # -- viewers -----------------------------------------------------------------------------------

    async def open(self, subject: Subject) -> View:
        """Look at a subject. What was stored before this returns is in the database or comes to the view.

        (In the database of another process's sessions after ``READY_S`` at the latest.)
        """
        view = View(subject)
        self._watched.setdefault(subject, _Watched()).views.add(view)
        if self._renewal is None:
            self._renewal = asyncio.get_running_loop().create_task(self._renew())
        try:
            await self._ask(subject)
        except BaseException:
            self.close(view)
            raise
        view.set_away(self.is_away)
        return view

    def close(self, view: View) -> None:
        """It is not looked at any more."""
        watched = self._watched.get(view.subject)
        if watched is None:
            return
        watched.views.discard(view)
        if watched.views:
            return
        del self._watched[view.subject]
        if self._source is not None:
            self._source.end(view.subject, self._name)
        if not self._alone:
            self._start(self._post.send_to_all(self._words(END, view.subject)))
        if not self._watched and self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None

    @property
    def is_away(self) -> bool:
        """Whether it is known by now that other processes can't be reached."""
        return not self._alone and self._post.is_away

    @property
    def viewers(self) -> int:
        """How many look on here."""
        return sum(len(watched.views) for watched in self._watched.values())

    def take(self, batch: Batch) -> None:
        """A batch has come. What is missing before it was left out, or got lost between processes."""
        watched = self._watched.get(batch.subject)
        if watched is None:
            return
        expected = watched.expected.get(batch.source)
        missing = batch.left_out if expected is None else max(0, batch.first - expected)
        watched.expected[batch.source] = batch.first + len(batch.rows)
        for view in watched.views:
            view.add(batch.rows, missing)

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- other processes ---------------------------------------------------------------------------

    async def _ask(self, subject: Subject) -> None:
        """Have the subject shown; returns once that is known to have begun, or nobody says so in time."""
        served = False
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                if self._source is not None:
                    served = await self._source.lend(subject, self._name)
        if self._alone:
            return
        ticket = secrets.token_hex(8)
        lent = self._tickets[ticket] = asyncio.Event()
        try:
            is_said = await self._post.send_to_all({**self._words(ASK, subject), "ticket": ticket})
            if is_said and not served:
                async with asyncio.timeout(READY_S):
                    await lent.wait()
        except TimeoutError:
            pass  # a backoffice's sessions are anywhere, and a charger that is away has none
        finally:
            del self._tickets[ticket]

    def _words(self, kind: str, subject: Subject) -> Message:
        return {"type": kind, "kind": subject.kind, "key": subject.key, "by": self._name}

    async def _lent(self, message: Message) -> None:
        lent = self._tickets.get(message["ticket"])
        if lent is not None and message["serves"]:
            lent.set()

    async def _came(self, message: Message) -> None:
        try:
            batch = msgspec.msgpack.decode(message["batch"], type=Batch)
        except msgspec.DecodeError as error:  # a process of another version, while a fleet is updated
            logger.warning("a batch of the live view can't be read: %s", error)
        else:
            self.take(batch)

    async def _say_all(self, message: Message) -> None:
        for subject in tuple(self._watched):
            await self._post.send_to_all(self._words(ASK, subject))

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + RENEW_S
        while True:
            await asyncio.sleep(LOOK_S)
            was_away = any(view.away for watched in self._watched.values() for view in watched.views)
            if loop.time() >= due or (was_away and not self.is_away):
                due = loop.time() + RENEW_S
                await self._renew_all()
            for watched in self._watched.values():
                for view in watched.views:
                    view.set_away(self.is_away)

    async def _renew_all(self) -> None:
        for subject in tuple(self._watched):
            if self._source is not None:
                self._source.renew(subject, self._name)
            if not self._alone:
                await self._post.send_to_all(self._words(ASK, subject))


_installed: list[Audience] = []


def install(audience: Audience | None) -> None:
    """Make ``audience`` the one of this process; None while there is none."""
    _installed[:] = [] if audience is None else [audience]


def current() -> Audience | None:
    """The audience of this process, None while it starts or stops."""
    return _installed[0] if _installed else None
