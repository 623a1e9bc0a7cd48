"""A WebSocket client of bytes, for what well-behaved clients never do."""

from __future__ import annotations

import socket
import struct
from typing import Self

from tests.chargers.edge import PATIENCE_S


def handshake(target: str, *headers: str) -> bytes:
    """An opening handshake, as a charger sends it."""
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: proxy",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def masked(payload: bytes, opcode: int = 1, *, fin: bool = True, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A frame from a client (RFC 6455 section 5.2)."""
    length = len(payload)
    if length < 126:
        size = bytes((0x80 | length,))
    elif length < 65536:
        size = b"\xfe" + length.to_bytes(2, "big")
    else:
        size = b"\xff" + length.to_bytes(8, "big")
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes(((0x80 if fin else 0) | opcode,)) + size + mask + body


class RawClient:
    """A TCP socket after the handshake (``wait``), with nothing that answers by itself."""

    def __init__(self, port: int, target: str, subprotocol: str, *, wait: bool = True) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._socket.sendall(handshake(target, f"Sec-WebSocket-Protocol: {subprotocol}"))
        self._received = b""
        while wait and b"\r\n\r\n" not in self._received:
            self._received += self._socket.recv(4096)
        self.response, _, self._received = self._received.partition(b"\r\n\r\n")

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def read_to_end(self) -> bytes:
        """Everything up to the end of the connection."""
        while more := self._socket.recv(4096):
            self._received += more
        return self._received

    def abort(self) -> None:
        """Gone without a word (RST)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
