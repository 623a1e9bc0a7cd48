"""The side of the sessions: lends what they store to the processes at which somebody looks on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from routing.watching import LEASE_S, Batch, Subject, Watching

ASK, END, LENT, ROWS, WHO = "live.ask", "live.end", "live.lent", "live.rows", "live.who"
"""Messages between processes: a watch is asked for, ended; it is lent; rows; who is watching whom?"""

SETTLED_S = 0.5

Message = dict[str, Any]


class Post(Protocol):
    """What is used of ``backoffices.mailbox.Mailbox``: it takes what it is given to other processes."""

    @property
    def is_away(self) -> bool: ...

    def on(self, kind: str, handler: Callable[[Message], Awaitable[None]]) -> None: ...

    async def send(self, runtime_id: str, message: Message) -> bool: ...

    async def send_to_all(self, message: Message) -> bool: ...


class Source:
    """Used on one loop. ``name``: that of this process, for the others.

    ``flush`` returns when all rows that were stored so far are in the database; ``serves``: whether the
    session of a charger is in this process. ``take``: the audience of this process, None where it has none.
    """

    def __init__(
        self,
        watching: Watching,
        post: Post,
        name: str,
        *,
        flush: Callable[[], Awaitable[None]],
        serves: Callable[[int], bool],
    ) -> None:
        self.name = name
        self.take: Callable[[Batch], None] | None = None
        self._watching = watching
        self._post = post
        self._flush = flush
        self._serves = serves
        self._tasks: set[asyncio.Task[Any]] = set()
        watching.publish = self._publish
        post.on(ASK, self._asked)
        post.on(END, self._ended)

    async def lend(self, subject: Subject, by: str, for_s: float = LEASE_S) -> bool:
        """Show ``by`` this subject from now on; whether it is served here.

        Returns when what was stored before is in the database: it can be read there, the rest is published.
        """
        self._watching.lease(subject, by, for_s)
        await self._flush()
        return self.serves(subject)

    def serves(self, subject: Subject) -> bool:
        """Whether all that is to be seen of a subject is stored in this process. Unknown for a backoffice."""
        return subject.kind == "charger" and self._serves(int(subject.key))

    def renew(self, subject: Subject, by: str, for_s: float = LEASE_S) -> None:
        """As ``lend``, for who has been lent it before."""
        self._watching.lease(subject, by, for_s)

    def end(self, subject: Subject, by: str) -> None:
        """Nobody looks on at ``by`` any more."""
        self._watching.end(subject, by)

    def ask_around(self) -> None:
        """A process that has just begun does not know yet what is watched: those who watch say it again.

        Once there was time for its mailbox to be known to the layer; later than that they say it anyway.
        """
        self._start(self._ask_around())

    async def _ask_around(self) -> None:
        await asyncio.sleep(SETTLED_S)
        await self._post.send_to_all({"type": WHO})

    async def _asked(self, message: Message) -> None:
        by, ticket = message["by"], message.get("ticket")
        if by == self.name:  # it has asked without the layer
            return
        subject = subject_of(message)
        if ticket is None:
            self.renew(subject, by)
            return
        is_served = await self.lend(subject, by)
        await self._post.send(by, {"type": LENT, "ticket": ticket, "serves": is_served})

    async def _ended(self, message: Message) -> None:
        if message["by"] != self.name:
            self.end(subject_of(message), message["by"])

    def _publish(self, batch: Batch, to: Sequence[str]) -> None:
        if self.take is not None and self.name in to:
            self.take(batch)
        others = [name for name in to if name != self.name]
        if others and not self._post.is_away:
            message = {"type": ROWS, "batch": msgspec.msgpack.encode(batch)}
            for name in others:
                self._start(self._post.send(name, message))

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def subject_of(message: Message) -> Subject:
    """The subject that a message is about. Raises ValueError, KeyError for one that is none of ours."""
    if message["kind"] not in ("charger", "backoffice"):
        raise ValueError(f"{message['kind']!r} is not a kind of what is watched (charger, backoffice)")
    return Subject(message["kind"], str(message["key"]))
