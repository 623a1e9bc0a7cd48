"""Peers for the tests of links: a listener that records, and a backoffice made of raw bytes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

from routing.links import DialTarget

PATIENCE = 20.0
"""Seconds after which a test that waits for an event has failed; nothing is measured by it."""


class Recorder:
    """A LinkListener that keeps what it hears, in order."""

    def __init__(self):
        self.events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.log: list[tuple[str, str]] = []

    def link_state(self, route, state, error):
        self._note(state, error)

    def link_opened(self, route):
        self._note("opened", "")

    def link_frame(self, route, text):
        self._note("frame", text)

    def link_closed(self, route, error):
        self._note("closed", error)

    def _note(self, kind, words):
        self.log.append((kind, words))
        self.events.put_nowait((kind, words))

    async def until(self, kind):
        """The words of the next event of this kind; what comes before it is skipped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                got, words = await self.events.get()
                if got == kind:
                    return words


def target(port, **changes):
    fields = {
        "route": 7,
        "charger": 3,
        "backoffice": "energy",
        "url": f"ws://127.0.0.1:{port}/ocpp/CP-1",
        "username": "CP-1",
        "ping": 0,
        **changes,
    }
    return DialTarget(**fields)


def frame(opcode, data=b"", *, final=True):
    """A WebSocket frame as a server sends it: not masked."""
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", opcode | (0x80 if final else 0), size)
    elif size < 65536:
        head = struct.pack("!BBH", opcode | (0x80 if final else 0), 126, size)
    else:
        head = struct.pack("!BBQ", opcode | (0x80 if final else 0), 127, size)
    return head + data


TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


def accept_of(request):
    """The 101 answer that this handshake request asks for, without a subprotocol."""
    key = next(
        line.split(b": ")[1] for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")
    )
    token = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n"
    )


class RawPeer:
    """One connection to the raw backoffice."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.request = b""

    async def read_request(self):
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        return self.request

    def answer(self, subprotocol=b"ocpp1.6", then=b""):
        header = b"Sec-WebSocket-Protocol: " + subprotocol + b"\r\n" if subprotocol else b""
        self.writer.write(accept_of(self.request) + header + b"\r\n" + then)

    async def read_frame(self):
        """Opcode and unmasked payload of the next frame of the client."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


@asynccontextmanager
async def raw_backoffice(behave: Callable[[RawPeer], Awaitable[None]], **options):
    """A server that does with each connection what ``behave`` does; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader, writer):
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behave(RawPeer(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
