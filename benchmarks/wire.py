"""WebSocket framing of the load generator: whole text frames, as little work per frame as Python allows.

It must not be what is measured, so it knows only what OCPP-J peers need: no fragments, no extensions.
Source: RFC 6455.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from abc import ABC, abstractmethod
from typing import Final, cast

from websockets.utils import apply_mask as slow_apply_mask

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel and no compiler for this platform
    apply_mask = slow_apply_mask

SUBPROTOCOL: Final = b"ocpp1.6"
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LARGEST_HEAD: Final = 8192


class BadPeer(Exception):
    """The other side did something that this client or server does not expect of it."""


class Peer(asyncio.Protocol, ABC):
    """One end of a WebSocket. Subclasses say what a handshake and a frame mean."""

    masked = False

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_open = False
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._mask = os.urandom(4) if self.masked else b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open, self.transport = False, None
        if not self.lost.done():
            self.lost.set_result(repr(exc) if exc else "closed")

    @abstractmethod
    def handshake(self, head: bytes) -> None:
        """The head of the HTTP request or response, complete. Raises BadPeer."""

    @abstractmethod
    def text(self, payload: bytes) -> None:
        """A text message."""

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self.is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                if len(head) > _LARGEST_HEAD:
                    self.drop()
                return
            self.is_open = True
            try:
                self.handshake(head)
            except BadPeer as error:
                if not self.lost.done():
                    self.lost.set_result(str(error))
                self.drop()
                return
        self._rest = self._take_frames(data)

    def _take_frames(self, data: bytes) -> bytes:
        at, end = 0, len(data)
        while end - at >= 2:
            first, second = data[at], data[at + 1]
            length, start = second & 0x7F, at + 2
            if length == 126:
                if end < at + 4:
                    break
                length, start = data[at + 2] << 8 | data[at + 3], at + 4
            elif length == 127:
                if end < at + 10:
                    break
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            mask_at = start
            start += 4 if second & 0x80 else 0
            if start + length > end:
                break
            payload = data[start : start + length]
            at = start + length
            self._frame(first, apply_mask(payload, data[mask_at:start]) if second & 0x80 else payload)
        return data[at:]

    def _frame(self, first: int, payload: bytes) -> None:
        if first == TEXT:
            self.text(payload)
        elif first == PING:
            self._write(PONG, payload)
        elif first == CLOSE:
            self._write(CLOSE, payload)
            self.close()
        elif first != PONG:
            raise BadPeer(f"a frame that begins with {first:#x}; expected whole text frames")

    def send(self, payload: bytes) -> None:
        """Send a text message; dropped where the connection is gone."""
        self._write(TEXT, payload)

    def _write(self, first: int, payload: bytes) -> None:
        if self.transport is None:
            return
        size, flag = len(payload), 0x80 if self.masked else 0
        if size < 126:
            head = bytes((first, flag | size))
        elif size < 65536:
            head = bytes((first, flag | 126, size >> 8, size & 0xFF))
        else:
            head = bytes((first, flag | 127)) + size.to_bytes(8, "big")
        if self.masked:
            self.transport.write(head + self._mask + apply_mask(payload, self._mask))
        else:
            self.transport.write(head + payload)

    def close(self) -> None:
        """End the connection once everything is written."""
        if self.transport is not None:
            self.transport.close()

    def drop(self) -> None:
        """End the connection at once."""
        if self.transport is not None:
            self.transport.abort()


class ClientPeer(Peer):
    """The end that dials. ``opened`` ends with the handshake, or with BadPeer."""

    masked = True

    def __init__(self, host: str, path: str) -> None:
        super().__init__()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._host, self._path = host, path
        self._key = base64.b64encode(os.urandom(16))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        lines = [f"GET {self._path} HTTP/1.1", f"Host: {self._host}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {self._key.decode()}"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: {SUBPROTOCOL.decode()}", "", ""]
        self.transport.write("\r\n".join(lines).encode())

    def handshake(self, head: bytes) -> None:
        status, headers = _split(head)
        if b" 101 " not in status:
            raise BadPeer(
                f"the handshake was answered with {status.decode(errors='replace')!r}; expected 101"
            )
        if headers.get(b"sec-websocket-accept") != accept_of(self._key):
            raise BadPeer("Sec-WebSocket-Accept is not that of our key")
        if headers.get(b"sec-websocket-protocol") != SUBPROTOCOL:
            raise BadPeer(f"the subprotocol is not {SUBPROTOCOL.decode()}")
        if not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.opened.done():
            self.opened.set_exception(BadPeer(self.lost.result()))


class ServerPeer(Peer):
    """The end that listens. Subclasses learn the path of the request."""

    @abstractmethod
    def connected(self, path: str) -> None:
        """The handshake is done."""

    def handshake(self, head: bytes) -> None:
        request, headers = _split(head)
        key = headers.get(b"sec-websocket-key")
        if key is None or self.transport is None:
            raise BadPeer("not a WebSocket handshake")
        lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
        lines += [b"Sec-WebSocket-Accept: " + accept_of(key), b"Sec-WebSocket-Protocol: " + SUBPROTOCOL]
        self.transport.write(b"\r\n".join([*lines, b"", b""]))
        self.connected(request.split(b" ")[1].decode("latin-1"))


def _split(head: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    pairs = (line.partition(b":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


def accept_of(key: bytes) -> bytes:
    """The answer to a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
