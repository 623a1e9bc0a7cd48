"""Bodies of requests, and their answers, beside Daphne's memory.

Daphne takes a request whole, in memory, before anybody sees it, and what is sent faster than it is read waits
there too. Here a large body goes to disk while it comes, an upload that nobody waits for is refused at its
first line, and a download waits for who fetches it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from daphne.http_protocol import WebRequest
from daphne.utils import parse_x_forwarded_for
from django.conf import settings
from twisted.web.http import HTTPChannel

from routing.files.incoming import Incoming
from routing.files.storing import folder
from routing.files.tokens import LENGTH, UPLOAD, is_ours

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PATH: Final = "/uploads/"
METHODS: Final = ("PUT", "POST")
INCOMING: Final = "ocpp.incoming"
"""The extension of a scope whose body is on disk already (``routing.files.incoming.Incoming``)."""

MOST_IN_MEMORY: Final = 256 * 1024
MOST_USUAL: Final = 32 * 1024 * 1024
"""Bytes of a body: beyond the first it goes to disk; beyond the second it is refused, but where files go."""

FORM: Final = 64 * 1024
"""Bytes that a form has around its file."""

FIRMWARE_PAGE: Final = b"/admin/routing/firmwarefile/"
PIECE: Final = 64 * 1024


def token_in(path: str) -> str | None:
    """The token in the path of an upload, with or without a file name behind it; None where there is none."""
    if not path.startswith(PATH):
        return None
    token = path[len(PATH) : len(PATH) + LENGTH]
    rest = path[len(PATH) + LENGTH :]
    return token if is_ours(UPLOAD, token, time.time()) and rest[:1] in ("", "/") else None


class Request(WebRequest):
    """A request of Daphne whose body, if it is large, goes to disk; other ones are as before."""

    incoming: Incoming | None = None
    is_refused = False
    channel: Any
    _may_write: asyncio.Event | None = None

    # What comes: called by Twisted

    def gotLength(self, length: int | None) -> None:
        """The head has been read. Decide where the body goes, or that it does not come in at all."""
        if not isinstance(self.channel, HTTPChannel):  # HTTP/2 over TLS of Daphne's own
            super().gotLength(length)
            return
        head: Any = self.channel
        path = bytes(head._path).partition(b"?")[0]
        most = _most(path)
        super().gotLength(0)
        if path.startswith(PATH.encode()):
            known = token_in(unquote(path.decode("latin-1"))) is not None
            if not (known and bytes(head._command).decode("latin-1") in METHODS):
                if length != 0:
                    self._refuse(b"404 Not Found")
                return
        elif length is not None and length <= MOST_IN_MEMORY:
            super().gotLength(length)
            return
        if length is not None and length > most:
            self._refuse(b"413 Content Too Large")
            return
        self.incoming = Incoming(folder(UPLOAD), most, self._go_on)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body has come."""
        if self.is_refused:
            return
        if self.incoming is None:
            super().handleContentChunk(data)
            return
        self.incoming.put(data)
        if self.incoming.is_too_large:
            self._refuse(b"413 Content Too Large")
        elif self.incoming.is_full:
            self.channel._networkProducer.pauseProducing()

    def _go_on(self) -> None:
        if self.channel is not None and not self.channel._handlingRequest:
            self.channel._networkProducer.resumeProducing()

    def _refuse(self, status: bytes) -> None:
        """Say so at once and hang up: nobody reads the rest."""
        self.is_refused = True
        head = b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        self.channel.transport.write(head)
        self.channel.loseConnection()

    # What is answered

    def process(self) -> Any:
        """All has come."""
        if self.is_refused:
            return None
        if self.incoming is None and not _is_download(self.path):
            return super().process()
        self.request_start = time.time()
        scope = self._scope()
        if scope is None:
            return self.basic_error(400, b"Bad Request", "this request can't be read")
        self._may_write = asyncio.Event()
        self._may_write.set()
        self.registerProducer(self, True)
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.application_queue = queue
        if INCOMING in scope["extensions"] or self.incoming is None:
            queue.put_nowait({"type": "http.request", "body": b"", "more_body": False})
            receive: Receive = queue.get
        else:
            receive = _Body(self.incoming, queue).receive
        running = self.server.application(scope, receive, self._send)
        self.server.connections[self]["application_instance"] = asyncio.ensure_future(running)
        return None

    def _scope(self) -> Scope | None:
        """As Daphne would make it; None for what no application understands."""
        headers = [
            (name.lower(), value)
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
            if b"_" not in name
        ]
        if not self.path.isascii() or not self.uri.isascii():
            return None
        self.client_addr = [str(self.client.host), self.client.port] if hasattr(self.client, "host") else None
        scheme = "https" if self.isSecure() else "http"
        if self.server.proxy_forwarded_address_header:
            self.client_addr, scheme = parse_x_forwarded_for(
                self.requestHeaders,
                self.server.proxy_forwarded_address_header,
                self.server.proxy_forwarded_port_header,
                self.server.proxy_forwarded_proto_header,
                self.client_addr,
                scheme,
            )
        is_upload = self.path.startswith(PATH.encode()) and self.incoming is not None
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": self.clientproto.split(b"/")[-1].decode("ascii"),
            "method": self.method.decode("ascii"),
            "path": unquote(self.path.decode("ascii")),
            "raw_path": self.path,
            "root_path": self.server.root_path,
            "scheme": scheme,
            "query_string": self.uri.partition(b"?")[2],
            "headers": [header for header in headers if header[0] != b"daphne-root-path"],
            "client": self.client_addr,
            "server": [str(self.host.host), self.host.port] if hasattr(self.host, "host") else None,
            "extensions": {INCOMING: self.incoming} if is_upload else {},
        }

    async def _send(self, message: Mapping[str, Any]) -> None:
        """The ``send`` of ASGI, which waits while the peer does not read."""
        assert self._may_write is not None
        await self._may_write.wait()
        await self.server.handle_reply(self, message)

    def pauseProducing(self) -> None:
        """The peer reads slowly. Called by Twisted."""
        if self._may_write is not None:
            self._may_write.clear()

    def resumeProducing(self) -> None:
        """It has read. Called by Twisted."""
        if self._may_write is not None:
            self._may_write.set()

    def stopProducing(self) -> None:
        """It is gone: what is still sent goes nowhere. Called by Twisted."""
        self.resumeProducing()

    def finish(self) -> None:
        if self._may_write is not None:
            self.unregisterProducer()
        super().finish()
        self._clear_away()

    def connectionLost(self, reason: Any) -> None:
        self.resumeProducing()
        super().connectionLost(reason)
        self._clear_away()

    def _clear_away(self) -> None:
        """The body is nobody's any more, unless an upload has taken it, which clears up itself."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None and (self._may_write is None or not self.path.startswith(PATH.encode())):
            _clearing.add(task := asyncio.ensure_future(incoming.discard()))
            task.add_done_callback(_clearing.discard)


_clearing: set[asyncio.Future[None]] = set()


class _Body:
    """A body on disk, as an application reads it; behind it what Daphne has to say."""

    def __init__(self, incoming: Incoming, queue: asyncio.Queue[dict[str, Any]]) -> None:
        self._incoming, self._queue = incoming, queue
        self._position = 0
        self._is_over = False

    async def receive(self) -> MutableMapping[str, Any]:
        if self._is_over:
            return await self._queue.get()
        if not await self._incoming.written():
            self._is_over = True
            return {"type": "http.disconnect"}
        try:
            piece = await asyncio.to_thread(partial(self._read, self._position))
        except FileNotFoundError:  # whoever sent it is gone, and with them the file
            self._is_over = True
            return {"type": "http.disconnect"}
        self._position += len(piece)
        self._is_over = self._position >= self._incoming.size or not piece
        return {"type": "http.request", "body": piece, "more_body": not self._is_over}

    def _read(self, position: int) -> bytes:
        with self._incoming.path.open("rb") as file:
            file.seek(position)
            return file.read(PIECE)


def _most(path: bytes) -> int:
    if path.startswith(PATH.encode()):
        return int(settings.PROXY_UPLOAD_BYTES) + FORM
    if path.startswith(FIRMWARE_PAGE):
        return int(settings.PROXY_FIRMWARE_BYTES) + FORM
    return MOST_USUAL


def _is_download(path: bytes) -> bool:
    return path.startswith(b"/firmware/") or path.endswith(b"/download/")
