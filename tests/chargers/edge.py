"""What stands around the edge in its tests: the application behind a Daphne, and a bus to look into."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from queue import Queue
from typing import Any

from websockets.sync.client import ClientConnection, connect

from chargers.consumers import ChargerConsumer
from routing import bus
from routing.bus import Attach, Attachment, BusUnavailable, ChargerSocket

PATIENCE_S = 20
"""How long a test waits for what must happen; no test passes by waiting."""

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class FakeAttachment:
    """Of one socket: what it said, and when it left."""

    def __init__(self, request: Attach, charger: ChargerSocket, loop: asyncio.AbstractEventLoop) -> None:
        self.request, self._charger, self._loop = request, charger, loop
        self.frames: Queue[str] = Queue()
        self.detached: Queue[int] = Queue()

    def up(self, text: str) -> None:
        if text == "raise":
            raise RuntimeError("a session that fails")
        self.frames.put(text)

    def detach(self, code: int) -> None:
        self.detached.put(code)

    def send(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._charger.send, text)

    def close(self, code: int, reason: str) -> None:
        self._loop.call_soon_threadsafe(self._charger.close, code, reason)


class FakeBus:
    """Keeps every attachment; the newest of a charger replaces the one before, as a session does."""

    def __init__(self) -> None:
        self.attached: Queue[FakeAttachment] = Queue()
        self.greeting: str | None = None
        self.refusal: str | None = None
        self.waiting: Queue[Attach] = Queue()
        self.gate: threading.Event | None = None
        self._sockets: dict[int, ChargerSocket] = {}

    async def attach(self, request: Attach, charger: ChargerSocket) -> Attachment:
        if self.refusal is not None:
            raise BusUnavailable(self.refusal)
        loop = asyncio.get_running_loop()
        if self.gate is not None:
            self.waiting.put(request)
            await loop.run_in_executor(None, self.gate.wait, PATIENCE_S)
        if request.charger in self._sockets:
            self._sockets[request.charger].close(1008, bus.REPLACED)
        self._sockets[request.charger] = charger
        if self.greeting is not None:
            charger.send(self.greeting)
        attachment = FakeAttachment(request, charger, loop)
        self.attached.put(attachment)
        return attachment

    def newest(self) -> FakeAttachment:
        return self.attached.get(timeout=PATIENCE_S)


class Edge:
    """A Daphne on a free port. ``applications`` serve paths of their own beside ``/ocpp/``."""

    def __init__(self) -> None:
        self.port = 0
        self.applications: dict[str, Application] = {}
        self.finished: Queue[str] = Queue()
        self.listening = threading.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        application = self.applications.get(scope["path"], ChargerConsumer.as_asgi())
        try:
            await application(scope, receive, send)
        finally:
            self.finished.put(scope["path"])

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def connect(
        self, path: str, subprotocols: list[str] | None = None, authorization: str | None = None
    ) -> ClientConnection:
        """A client on this path. Raises websockets.exceptions.InvalidStatus."""
        return connect(
            self.url(path),
            subprotocols=subprotocols,  # type: ignore[arg-type] # plain text is what a charger sends
            additional_headers={"Authorization": authorization} if authorization else None,
            compression=None,
            proxy=None,
        )

    def until_finished(self) -> None:
        """Until the consumer of one connection has returned, and with it what it records."""
        self.finished.get(timeout=PATIENCE_S)
