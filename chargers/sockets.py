"""The socket of a charger as it is handed to the bus, on the two ways a server can offer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Send = Callable[[dict[str, Any]], Awaitable[None]]


class DirectSocket(Protocol):
    """The ASGI extension ``ocpp.direct`` of chargers/protocol.py."""

    @property
    def gone(self) -> bool: ...

    def start(self, receive: Callable[[str], None], ping_s: float, *, inflates: bool) -> None: ...

    def send_text(self, text: str) -> None: ...

    def close_with(self, code: int, reason: str) -> None: ...


class EdgeSocket(Protocol):
    """A routing.bus.ChargerSocket with its beginning and its end."""

    def send(self, text: str) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def opened(self) -> None:
        """The handshake is over; what was said before it goes out now."""

    def ended(self) -> None:
        """The socket is gone."""


class OverDirect:
    """On ``ocpp.direct``: a call is a frame on the wire."""

    def __init__(self, direct: DirectSocket) -> None:
        self._direct = direct
        self._early: list[Callable[[], None]] | None = []

    def send(self, text: str) -> None:
        if self._early is None:
            self._direct.send_text(text)
        else:
            self._early.append(lambda: self._direct.send_text(text))

    def close(self, code: int, reason: str) -> None:
        if self._early is None:
            self._direct.close_with(code, reason)
        else:
            self._early.append(lambda: self._direct.close_with(code, reason))

    def opened(self) -> None:
        early, self._early = self._early or [], None
        for step in early:
            step()

    def ended(self) -> None:
        self._early = None


class OverAsgi:
    """On plain ASGI, for servers without ``ocpp.direct``: one task sends what is queued."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def send(self, text: str) -> None:
        self._queue.put_nowait({"type": "websocket.send", "text": text})

    def close(self, code: int, reason: str) -> None:
        self._queue.put_nowait({"type": "websocket.close", "code": code, "reason": reason})

    def opened(self) -> None:
        self._task = asyncio.create_task(self._drain())

    def ended(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _drain(self) -> None:
        closed = False
        while not closed:
            message = await self._queue.get()
            await self._send(message)
            closed = message["type"] == "websocket.close"
