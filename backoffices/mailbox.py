"""Messages between the Runtimes of several processes: to one of them or to all, over the channel layer.

Each Runtime has one, ``Runtime.mailbox``. Who wants to be told registers, before the start or later::

    runtime.mailbox.on("tail.watch", self._watch)      # async def _watch(self, message): ...

and says something on the runtime's loop::

    await runtime.mailbox.send("host-4711-ab12", {"type": "tail.watch", "charger": 7})
    await runtime.mailbox.send_to_all({"type": "tail.watch", "charger": 7})

Who has no Runtime sends to the group itself: ``await get_channel_layer().group_send(ALL, message)``, or to
``address(runtime_id)`` in place of ``ALL``.

A message is a dict of what JSON knows, and bytes; its "type" says whom it is for. What is sent to all comes
to the sender too. Messages get lost: while Redis is away, and where nobody listens. No promise may rest on
them.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from channels.layers import InMemoryChannelLayer, get_channel_layer

from backoffices.complaint import Complaint

logger = logging.getLogger(__name__)

ALL = "runtimes"
"""The group of all Runtimes."""

SEND_S = 0.3
"""How long Redis may take for one message: one that answers later is away. A layer in memory takes as long as
this process stands still."""

STOP_S = 0.3
FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 5.0

RENEW_S = 3600.0
"""The layer in memory forgets after a day who is in a group."""

HERE = "mailbox.here"
"""What a mailbox says to itself to see whether the layer takes messages."""

Message = dict[str, Any]
Handler = Callable[[Message], Awaitable[None]]
"""Called on the loop, in a task of its own: it may wait. It is cancelled when the mailbox stops."""


class Layer(Protocol):
    """What is used of a Channels layer."""

    async def receive(self, channel: str) -> Message: ...

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_discard(self, group: str, channel: str) -> None: ...

    async def group_send(self, group: str, message: Message) -> None: ...


def address(runtime_id: str) -> str:
    """The name under which the layer reaches one Runtime: a group with nobody else in it.

    Not a channel: subscribing to one that has failed can't be repeated with Redis pub/sub.
    """
    return "runtime." + re.sub(r"[^a-zA-Z0-9_.-]", "_", runtime_id)[:90]


class Mailbox:
    """Used on one loop, that of its Runtime. ``layer``: the one of the settings, unless another is given."""

    def __init__(self, runtime_id: str, layer: Layer | None = None) -> None:
        self._layer: Layer = layer or get_channel_layer()
        self._address = address(runtime_id)
        self._channel = f"{self._address}.inbox"
        self._handlers: dict[str, Handler] = {}
        self._is_here = isinstance(self._layer, InMemoryChannelLayer)
        self._complaint = Complaint(whom="the channel layer" if self._is_here else "Redis")
        self._is_due = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, kind: str, handler: Handler) -> None:
        """Have ``handler`` called with each message of type ``kind``. Raises ValueError for a second one."""
        if kind in self._handlers:
            raise ValueError(f"messages of type {kind!r} have a handler already, {self._handlers[kind]!r}")
        self._handlers[kind] = handler

    @property
    def is_away(self) -> bool:
        """Whether it is known by now that nobody can be reached."""
        return self._complaint.is_made

    async def send(self, runtime_id: str, message: Message) -> bool:
        """Say something to one Runtime; False where it can't be sent. True does not say that it is heard."""
        return await self._send(address(runtime_id), message)

    async def send_to_all(self, message: Message) -> bool:
        """Say something to every Runtime, this one too."""
        return await self._send(ALL, message)

    def start(self) -> None:
        """Listen from now on."""
        self._do(self._read())
        self._do(self._join())
        self._do(self._renew())

    async def stop(self) -> None:
        """Listen no more; handlers that still run are cancelled. Takes ``STOP_S`` where Redis is away."""
        with suppress(Exception):  # a layer has errors of its own, and forgets who has gone
            async with asyncio.timeout(STOP_S):
                for group in (ALL, self._address):
                    await self._layer.group_discard(group, self._channel)
        ending = self._tasks - {asyncio.current_task()}
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=STOP_S)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001 -- a layer has errors of its own; _join complains
                logger.debug("%s: nothing can be received: %r", self._channel, error)
                await asyncio.sleep(FIRST_RETRY_S)
            else:
                self._take(message)

    def _take(self, message: Message) -> None:
        kind = message.get("type")
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is not None:
            self._do(self._handle(handler, message))
        elif kind != HERE:
            logger.debug("nobody here takes messages of type %.60r", kind)

    async def _handle(self, handler: Handler, message: Message) -> None:
        try:
            await handler(message)
        except Exception:  # the edge of a loop that must go on: one message's mistake is its own
            logger.exception("a message of type %s could not be handled", message["type"])

    async def _join(self) -> None:
        """Be in both groups, and find out when a layer that failed is back."""
        delay_s = FIRST_RETRY_S
        while True:
            self._is_due.clear()
            if await self._is_joined():
                self._complaint.answered()
                delay_s = FIRST_RETRY_S
                await self._is_due.wait()
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_RETRY_S)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            self._is_due.set()

    async def _is_joined(self) -> bool:
        await asyncio.sleep(0)  # who receives is known to the layer before it joins
        for group in (ALL, self._address):
            if not await self._try(self._layer.group_add(group, self._channel)):
                return False
        return await self._send(self._address, {"type": HERE})

    async def _send(self, group: str, message: Message) -> bool:
        return await self._try(self._layer.group_send(group, message))

    async def _try(self, work: Awaitable[None]) -> bool:
        """Whether the layer has done it. Where not, that is said once, and ``_join`` looks after it."""
        try:
            async with asyncio.timeout(None if self._is_here else SEND_S):
                await work
        except Exception as error:  # noqa: BLE001 -- whatever layer it is, it has errors of its own
            self._complaint.failed("The mailbox", error)
            self._is_due.set()
            return False
        return True
