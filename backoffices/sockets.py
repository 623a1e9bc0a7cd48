"""The WebSocket under a link: the ``websockets`` client with a frame path without tasks and waits.

Measured on uvloop, 200 sockets, CPU of a send and a receive: 41 us with ``await send, recv``,
33 us with messages handed on in ``process_event``, 16 us with whole frames read here, 11 us with
them written here too.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from typing import Any, Protocol, cast

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.messages import Assembler
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from backoffices.handshakes import explain_close

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel and no compiler for this platform
    from websockets.utils import apply_mask

wire_logger = logging.getLogger(__name__)
# The library logs whole handshakes at DEBUG, passwords included: never, whatever the root's level is.
wire_logger.setLevel(logging.INFO)

MAX_MESSAGE_BYTES = 4 * 2**20
MAX_UNSENT_BYTES = 8 * 2**20

WHOLE_TEXT = 0x81
"""First byte of a text message in a single frame (RFC 6455 section 5.2)."""

UNKNOWN = 1 << 62
"""Where in the stream we are is not known: every byte goes through the library's parser."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times of all links of a process, in seconds, and how many handshakes run at once.

    ``open_timeout``: from dialling to the end of the handshake. ``close_timeout``: how long a
    backoffice may take to close its side. ``write_timeout``: how long more may wait to be sent than
    fits the buffer. ``ping_timeout``: how long it may be silent after a ping. ``steady``: a link
    that was open for so long begins its back-off anew. ``handshakes``: per address, so that a
    backoffice that answers none delays no other. ``redials``: how many links that were lost together are
    dialled again in a second, per address. ``sweep``: how often sockets are looked after.
    """

    open_timeout: float = 10
    close_timeout: float = 3
    write_timeout: float = 10
    ping_timeout: float = 20
    first_delay: float = 1
    longest_delay: float = 120
    parked_delay: float = 300
    steady: float = 60
    handshakes: int = 64
    redials: float = 200
    sweep: float = 1


USUAL = Limits()

NOBODY: deque[asyncio.Future[None]] = deque()
"""Who waits for room in a buffer: nobody ever does here, so all sockets share it."""


class _NoMessages:
    """Stands in for the library's queue of messages, which ours never enter."""

    def close(self) -> None:
        """Called when a connection is lost."""


_NO_MESSAGES = _NoMessages()


class SocketOwner(Protocol):
    """Who a socket belongs to once its handshake is done."""

    def socket_text(self, text: str) -> None:
        """A complete text message."""

    def socket_lost(self, error: str) -> None:
        """The socket is gone, and why."""


class LinkSocket(ClientConnection):
    """One connection to a backoffice. Nothing here waits; ``tick`` is called about once a second."""

    # The library's own attributes then still share their keys between instances: 1 KiB each.
    __slots__ = (
        "_answer_by",
        "_early",
        "_full_since",
        "_gone_by",
        "_head",
        "_heard",
        "_limits",
        "_owner",
        "_parts",
        "_ping_at",
        "_ping_every",
        "_refused",
        "_shaken",
        "_unparsed",
        "_watched",
        "_why",
    )

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:
        super().__init__(protocol, **options)
        self._owner: SocketOwner | None = None
        self._early: list[str] = []
        self._parts: bytearray | None = None
        self._head = b""
        self._shaken = False
        self._unparsed = UNKNOWN
        self._limits = USUAL
        self._ping_every = 0.0
        self._ping_at = 0.0
        self._heard = False
        self._answer_by: float | None = None
        self._full_since: float | None = None
        self._gone_by: float | None = None
        self._refused = False
        self._why = ""
        self._watched: set[LinkSocket] | None = None

    def watch(self, watched: set[LinkSocket], limits: Limits, *, ping: float, first_ping: float) -> None:
        """Join the sockets that are looked after; leave them when lost. ``ping`` in seconds, 0 for none."""
        self._watched = watched
        self._limits = limits
        self._ping_every = ping
        self._ping_at = self.loop.time() + first_ping
        self._slim()
        if self.protocol.state is not State.CLOSED:
            watched.add(self)

    def set_ping(self, seconds: float) -> None:
        """Ping every so many seconds from now on, 0 for never."""
        self._ping_every = seconds
        self._ping_at = self.loop.time() + seconds
        self._answer_by = None

    def _slim(self) -> None:
        """Let go of 4 KiB that only the handshake and the library's own send and receive need."""
        if self.response is not None:
            self.response.headers.clear()  # the library's parser keeps the rest of it alive
        self.request = self.response = None
        self.drain_waiters = NOBODY
        self.recv_messages.close()
        self.recv_messages = cast(Assembler, _NO_MESSAGES)

    def hand_to(self, owner: SocketOwner) -> None:
        """Hand over what has already come in, and everything from now on."""
        self._owner = owner
        early, self._early = self._early, []
        for text in early:
            if self._owner is not None:
                self._owner.socket_text(text)
        if self.protocol.state is State.CLOSED:
            self._tell_lost()

    def write_text(self, text: str) -> None:
        """Send one text message, now or, where the buffer is full, when there is room again.

        Skipped where the connection is closing. A buffer that grows beyond ``MAX_UNSENT_BYTES``
        drops the connection.
        """
        if self.protocol.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(_masked(text.encode()))
        if self._full_since is not None and self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.drop(f"{MAX_UNSENT_BYTES >> 20} MiB are waiting to be sent; it takes too little")

    def shut(self, code: int, reason: str) -> None:
        """Begin the closing handshake and forget the owner; aborted after ``close_timeout``."""
        self._owner = None
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code, _reason(reason))
            self._flush()
        self._gone_by = self.loop.time() + self._limits.close_timeout

    def refuse(self, code: CloseCode, error: str) -> None:
        """The backoffice broke a rule: close with this code; the owner is told when it is gone."""
        self._refused = True
        self._unparsed = UNKNOWN
        self._why = error
        self.protocol.fail(code, _reason(error))
        self._flush()

    def drop(self, error: str) -> None:
        """Abort the connection; the owner is told on the next turn of the loop."""
        self._why = self._why or error
        self.transport.abort()

    def tick(self, now: float) -> None:
        """Look after pings, a full buffer and a closing handshake that does not end."""
        if self.protocol.state is not State.OPEN:
            self._finish(now)
        elif self._full_since is not None and now - self._full_since >= self._limits.write_timeout:
            self.drop(f"took nothing for {self._limits.write_timeout:g} s while frames were waiting")
        elif self._ping_every:
            self._look_alive(now)

    def _finish(self, now: float) -> None:
        if self._gone_by is None:
            self._gone_by = now + self._limits.close_timeout
        elif now >= self._gone_by:
            self.transport.abort()

    def _look_alive(self, now: float) -> None:
        if self._heard:  # any frame counts as life, not only the pong
            self._answer_by = None
        if self._answer_by is not None and now >= self._answer_by:
            self.drop(f"no sign of life within {self._limits.ping_timeout:g} s after a ping")
        elif self._answer_by is None and now >= self._ping_at:
            self._heard = False
            self._ping_at = now + self._ping_every
            self._answer_by = now + self._limits.ping_timeout
            self.protocol.send_ping(b"")
            self._flush()

    def _flush(self) -> None:
        try:
            self.send_data()
        except (OSError, RuntimeError) as error:  # the transport is gone already
            self.drop(f"connection lost: {error}")

    # Callbacks of the loop and the library.

    def data_received(self, data: bytes) -> None:
        if self._unparsed == 0 and data[0] == WHOLE_TEXT and self._parts is None and len(data) > 1:
            size, start = data[1], 2
            if size == 126 and len(data) > 4:
                size, start = data[2] << 8 | data[3], 4
            elif size > 125:
                start = UNKNOWN
            if len(data) == start + size:
                self._take(data[start:])
                return
        if not self._shaken:
            self._begin(data)
        else:
            self._unparsed += len(data)
        super().data_received(data)

    def _begin(self, data: bytes) -> None:
        """Find the end of the handshake: what follows it are frames."""
        head = self._head + data
        end = head.find(b"\r\n\r\n")
        if end < 0:
            self._head = head[-3:]
        else:
            self._head = b""
            self._unparsed = len(head) - end - 4

    def process_event(self, event: Event) -> None:
        if not self._shaken:
            self._shaken = True
            super().process_event(event)
            return
        assert isinstance(event, Frame)
        size = len(event.data)
        self._unparsed -= size + (2 if size < 126 else 4 if size < 65536 else 10)
        self._heard = True
        opcode = event.opcode
        if opcode is Opcode.CLOSE:
            self._unparsed = UNKNOWN
        elif opcode is Opcode.BINARY and not self._refused:
            self.refuse(CloseCode.UNSUPPORTED_DATA, "sent a binary frame; OCPP-J is text")
        elif opcode is Opcode.TEXT and event.fin:
            self._take(event.data)
        elif opcode is Opcode.TEXT:
            self._parts = bytearray(event.data)
        elif opcode is Opcode.CONT and self._parts is not None:
            self._parts += event.data
            if event.fin:
                whole, self._parts = self._parts, None
                self._take(whole)

    def _take(self, data: bytes | bytearray | memoryview) -> None:
        self._heard = True
        if self._refused:
            return
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            self.refuse(CloseCode.INVALID_DATA, "sent text that is not UTF-8")
            return
        if self._owner is not None:
            self._owner.socket_text(text)
        elif self._gone_by is None:
            self._early.append(text)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._full_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._full_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._watched is not None:
            self._watched.discard(self)
        if not self._why:
            self._why = explain_close(self.protocol.close_rcvd, self.protocol.parser_exc, exc)
        self._tell_lost()

    def _tell_lost(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.socket_lost(self._why)


def _masked(payload: bytes) -> bytes:
    """A whole text message in one frame, as clients send it (RFC 6455 sections 5.2 and 5.3)."""
    size, mask = len(payload), os.urandom(4)
    if size < 126:
        head = bytes((WHOLE_TEXT, 0x80 | size))
    elif size < 65536:
        head = b"\x81\xfe" + size.to_bytes(2)
    else:
        head = b"\x81\xff" + size.to_bytes(8)
    return b"".join((head, mask, apply_mask(payload, mask)))


def _reason(text: str) -> str:
    """As much of ``text`` as a close frame may carry (123 bytes, RFC 6455 section 5.5)."""
    return text.encode()[:123].decode("utf-8", "ignore")
