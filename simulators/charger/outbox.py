"""The queue of transaction messages inside a charger: in order, kept over a lost connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from simulators.charger.errors import CallFailed, NotConnected

Send = Callable[[Any], Awaitable[Any]]


class Queued:
    """One message that waits. ``build`` makes its payload at the moment of sending, when ids are known.

    ``taken`` gets the answer before the next message is built. ``done``: the answer, or None when
    the charger has given up after its attempts.
    """

    def __init__(self, build: Callable[[], Any], taken: Callable[[Any], None] | None) -> None:
        self.build, self.taken = build, taken
        self.attempts = 0
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Outbox:
    """Sends one message at a time; the next only when the one before is answered or given up.

    A failed attempt (CALLERROR, no answer in time, an answer against the schema) is repeated
    ``attempts`` times in all, ``retry_s`` times the number of attempts apart; a lost connection is
    no attempt. A repetition is a new CALL with a new message id.
    Source: OCPP 1.6 edition 2, section 3.7.1 (TransactionMessageAttempts).
    """

    def __init__(self, send: Send, may_send: Callable[[], Awaitable[None]], *, attempts: int, retry_s: float):
        self._send, self._may_send = send, may_send
        self._attempts, self._retry_s = attempts, retry_s
        self._queue: deque[Queued] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, build: Callable[[], Any], taken: Callable[[Any], None] | None = None) -> Queued:
        """Queue a message; returns at once."""
        queued = Queued(build, taken)
        self._queue.append(queued)
        self._filled.set()
        return queued

    async def run(self) -> None:
        """Empty the queue as long as the charger lives; waits while it may not send."""
        while True:
            await self._filled.wait()
            await self._may_send()
            head = self._queue[0]
            if not await self._attempt(head):
                continue
            self._queue.popleft()
            if not self._queue:
                self._filled.clear()

    async def _attempt(self, head: Queued) -> bool:
        try:
            answer = await self._send(head.build())
        except NotConnected:
            return False
        except CallFailed:
            head.attempts += 1
            if head.attempts < self._attempts:
                await asyncio.sleep(self._retry_s * head.attempts)
                return False
            answer = None
        if answer is not None and head.taken:
            head.taken(answer)
        head.done.set_result(answer)
        return True
