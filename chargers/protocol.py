"""The server side of a WebSocket under Daphne: what Daphne leaves out, and a short way for frames.

Beyond ``daphne.ws_protocol`` it offers to applications, as ASGI extensions in the scope:

``websocket.http.response``  a refusal before accept with a status, headers and body of its own
    (ASGI specification, Websocket Denial Response).
``ocpp.direct``  a ``DirectSocket``: text frames are handed to a function in the call that read
    them and are sent in the call that made them, without queue, task or future in between.

A plain, complete text frame is read and written here; everything else (fragments, control frames,
frames cut by the network) is left to autobahn. Both may take turns at any frame boundary.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import daphne.server  # installs the reactor: before anything else of Twisted
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from autobahn.websocket.types import ConnectionDeny
from daphne.http_protocol import HTTPFactory
from daphne.utils import parse_x_forwarded_for
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer

from chargers.admission import spoke_tls
from chargers.bodies import Request
from chargers.handshakes import path_of, with_connection
from chargers.inbox import Inbox
from routing.bus import REPLACED

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel and no compiler for this platform
    from websockets.utils import apply_mask

logger = logging.getLogger(__name__)

__all__ = ["EdgeProtocol", "install"]

MAX_UNSENT: Final = 8 * 1024 * 1024
"""Bytes kept for a peer that does not read; beyond, the connection is dropped. Two of the largest frames."""

_TEXT: Final = 0x81  # FIN, no extension, opcode 1
_TLS_RECORD: Final = b"\x16\x03"  # a handshake of TLS 1.x (RFC 8446 section 5.1)
_SHORT_HEADS: Final = [bytes((_TEXT, length)) for length in range(126)]
_MASKED: Final = 0x80
_OF_THE_HANDSHAKE: Final = (
    "http_headers",
    "http_request_data",
    "http_request_params",
    "http_request_uri",
    "http_response_data",
    "http_status_line",
    "_wskey",
)

assert daphne.server.reactor is not None


_daphne_http = HTTPFactory.buildProtocol
_notes: set[asyncio.Future[None]] = set()


class EdgeProtocol(WebSocketProtocol):
    """One WebSocket of Daphne, from its handshake to its end."""

    # Options of autobahn; what the class has is not copied to each connection.
    failByDrop = False  # a frame that is too large gets its close code, not a reset
    closeHandshakeTimeout = 3
    autoPingTimeout = autoPingInterval = 0  # pings are counted in check_timeouts
    utf8validateIncoming = requireMaskedClientFrames = applyMask = tcpNoDelay = True
    logOctets = logFrames = trackTimings = maskServerFrames = echoCloseCodeReason = False
    serveFlashSocketPolicy = webStatus = False
    autoFragmentSize = maxConnections = trustXForwardedFor = 0

    data: bytes
    handshake_deferred: defer.Deferred[str | None] | None = None
    server: Any = None
    path = b""
    client_addr: list[Any] | None = None
    inbox: Inbox
    receive_text: Callable[[str], None] | None = None
    ping_s: float | None = None
    inflates = True
    failure = ""

    _denial: tuple[int, list[tuple[bytes, bytes]], bytes] | None = None
    _write_now: Callable[[bytes], Any] | None = None
    _heard = True
    _heard_at = 0.0
    _pings_unanswered = 0

    # The handshake

    def onConnect(self, request: Any) -> defer.Deferred[str | None]:
        """Start the application for this handshake; it answers through ``handle_reply``."""
        self.server = self.factory.server_class
        self.server.protocol_connected(self)
        self.socket_opened = self._heard_at = time.time()
        answer: defer.Deferred[str | None] = defer.Deferred()
        self.handshake_deferred = answer
        scope = self._scope(request)
        self.inbox = self.start_application(scope)
        self.inbox.put({"type": "websocket.connect"})
        self._log("connecting")
        return answer

    def start_application(self, scope: dict[str, Any]) -> Inbox:
        """Start the application where Daphne looks for it; it reads what is put into the inbox."""
        inbox = Inbox()
        application = self.server.application(scope, inbox.get, self.take_reply)
        self.server.connections[self]["application_instance"] = asyncio.ensure_future(application)
        return inbox

    def _scope(self, request: Any) -> dict[str, Any]:
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers.items()
            if "_" not in name  # "X_Real" would pass for "X-Real" in CGI terms
        ]
        root_path = self.server.root_path
        for name, value in headers:
            if name == b"daphne-root-path":
                root_path = unquote(value.decode("latin-1"))
        self.path = path_of(self.http_request_uri)
        self.client_addr, scheme = self._client(headers)
        return {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": scheme,
            "path": unquote(self.path.decode("latin-1")),
            "raw_path": self.path,
            "root_path": root_path,
            "query_string": self._raw_query_string,
            "headers": [header for header in headers if header[0] != b"daphne-root-path"],
            "client": self.client_addr,
            "server": _address(self.transport.getHost()),
            "subprotocols": [name for name in self.websocket_protocols if name],
            "extensions": {"websocket.http.response": {}, "ocpp.direct": self},
        }

    def _client(self, headers: list[tuple[bytes, bytes]]) -> tuple[list[Any] | None, str]:
        """Address of the peer and the scheme it used, as a trusted front proxy says where there is one."""
        peer = _address(self.transport.getPeer())
        secure = "wss" if self._transport_details.is_secure else "ws"
        if not self.server.proxy_forwarded_address_header:
            return peer, secure
        address, scheme = parse_x_forwarded_for(
            dict(headers),
            self.server.proxy_forwarded_address_header,
            self.server.proxy_forwarded_port_header,
            self.server.proxy_forwarded_proto_header,
            peer,
            secure,
        )
        return address, "wss" if scheme in ("https", "wss") else "ws"

    def perMessageCompressionAccept(self, offers: list[Any]) -> PerMessageDeflateOfferAccept | None:
        """Let the peer compress what it sends; our own frames, mostly short, go as they are.

        Source: RFC 7692; OCPP 2.0.1 part 4 section 3.4 (a CSMS has to). The peer is asked to begin anew
        with each message, which spares both sides memory. What a message inflates to is limited.
        """
        offer = next((offer for offer in offers if isinstance(offer, PerMessageDeflateOffer)), None)
        if offer is None or not self.inflates:
            return None
        anew = offer.accept_no_context_takeover
        return PerMessageDeflateOfferAccept(offer, request_no_context_takeover=anew)  # type: ignore[no-untyped-call] # autobahn

    def onOpen(self) -> None:
        """The handshake is over: keep what frames need, let go of the rest."""
        self._write_now = getattr(self.transport, "writeSomeData", None)  # absent under TLS
        if self._write_now is not None and self.transport in daphne.server.reactor._readers:
            # The reactor's own way to the same call has three contexts for logging, which cost 4 us a frame.
            asyncio.get_running_loop().add_reader(
                self.transport.fileno(), daphne.server.reactor._readOrWrite, self.transport, True
            )
        self.unregisterProducer()  # the HTTP channel of the handshake, which would live on
        for name in _OF_THE_HANDSHAKE:
            setattr(self, name, None)
        self._log("connected")

    # Frames up

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the network, cut anywhere."""
        self._heard = True
        if self.state == self.STATE_OPEN and self.current_frame is None and not self.inside_message:
            if self.data:
                data, self.data = self.data + data, b""
            data = self._take_plain_frames(data)
            if not data:
                return
        elif self.state == self.STATE_CONNECTING and not self.data:
            data = with_connection(data)
        self._dataReceived(data)

    def _take_plain_frames(self, data: bytes) -> bytes:
        """Deliver the complete, unfragmented text frames at the front of ``data``; return the rest.

        Source: RFC 6455 section 5.2. What is unusual or wrong is left for autobahn to judge.
        """
        at, end = 0, len(data)
        while end - at >= 6 and data[at] == _TEXT and self.state == self.STATE_OPEN:
            length = data[at + 1] - _MASKED
            mask_at = at + 2
            if length == 126:
                length = data[at + 2] << 8 | data[at + 3]
                mask_at = at + 4
                if length < 126:
                    break
            elif length < 0 or length == 127:
                break
            payload_at = mask_at + 4
            stop = payload_at + length
            if stop > end or length > self.maxMessagePayloadSize > 0:
                break
            try:
                text = apply_mask(data[payload_at:stop], data[mask_at:payload_at]).decode()
            except UnicodeDecodeError:
                break
            at = stop
            self._deliver(text)
        return data[at:] if at else data

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """A message that autobahn has read; what comes after our close frame is not heard."""
        if self.state != self.STATE_OPEN:
            return
        if isBinary:
            self.inbox.put({"type": "websocket.receive", "bytes": payload})
        else:
            self._deliver(payload.decode())

    def _deliver(self, text: str) -> None:
        if self.receive_text is None:
            self.inbox.put({"type": "websocket.receive", "text": text})
            return
        try:
            self.receive_text(text)
        except Exception:  # the edge of the loop: a faulty session must not reach the reactor
            logger.exception("frame of %s could not be taken; the socket is closed with 1011", self.peer_name)
            self.close_with(1011, "internal error")

    @property
    def gone(self) -> bool:
        """Whether the TCP connection is known to be gone, also during the handshake."""
        return bool(self.state == self.STATE_CLOSED)

    # Frames down

    def start(self, receive: Callable[[str], None], ping_s: float, *, inflates: bool = True) -> None:
        """Hand text frames to ``receive`` from now on, and ping after ``ping_s`` idle seconds (0: never).

        ``inflates``: whether the peer may compress; to be said before the handshake is accepted.
        """
        self.receive_text = receive
        self.ping_s = ping_s
        self.inflates = inflates

    def send_text(self, text: str) -> None:
        """Send a text frame; nothing happens when the socket is not open."""
        if self.state != self.STATE_OPEN:
            return
        payload = text.encode()
        length = len(payload)
        if length < 126:
            head = _SHORT_HEADS[length]
        elif length < 65536:
            head = b"\x81\x7e" + length.to_bytes(2)
        else:
            head = b"\x81\x7f" + length.to_bytes(8)
        self._write(head + payload)

    def _write(self, octets: bytes) -> None:
        """To the socket at once where nothing waits before it: saves two system calls and a loop turn."""
        transport = self.transport
        unsent = len(transport.dataBuffer) + transport._tempDataLen if self._write_now else 0
        if self._write_now is not None and not unsent:
            written = self._write_now(octets)
            if written == len(octets):
                return
            if isinstance(written, int):
                octets = octets[written:]
        transport.write(octets)
        if unsent > MAX_UNSENT:
            self.failure = f"{unsent} bytes wait for a peer that does not read"
            self.dropConnection(abort=True)

    def close_with(self, code: int, reason: str) -> None:
        """Close with any code of RFC 6455 and wait ``closeHandshakeTimeout`` seconds for the answer.

        With the reason ``replaced`` nobody waits: the socket is mostly half open then.
        """
        if self.state != self.STATE_OPEN:
            return
        self.sendCloseFrame(code=code, reasonUtf8=_cut(reason))
        if reason == REPLACED:
            self.wasNotCleanReason = REPLACED
            self.dropConnection(abort=bool(self._write_now and self.transport.dataBuffer))

    # Messages of the application

    async def take_reply(self, message: dict[str, Any]) -> None:
        """The ``send`` of ASGI: what is said to a connection that is gone is dropped."""
        if self.state != self.STATE_CLOSED:
            self.handle_reply(message)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Carry out an ASGI message of the application."""
        match message["type"]:
            case "websocket.accept":
                self._answer_handshake(message.get("subprotocol"))
            case "websocket.send":
                self._send_message(message)
            case "websocket.close" if self.state == self.STATE_CONNECTING:
                self.deny(HTTPStatus.FORBIDDEN)
            case "websocket.close":
                self.close_with(message.get("code") or 1000, message.get("reason") or "")
            case "websocket.http.response.start":
                self._denial = (message["status"], list(message.get("headers", ())), b"")
            case "websocket.http.response.body":
                self._denial_body(message)
            case other:
                raise ValueError(f'"{other}" is not a message that a WebSocket application sends')

    def _send_message(self, message: dict[str, Any]) -> None:
        if self.state == self.STATE_CONNECTING:
            raise ValueError("websocket.send before websocket.accept; accept the handshake first")
        if message.get("text") is not None:
            self.send_text(message["text"])
        elif message.get("bytes") is not None and self.state == self.STATE_OPEN:
            self.sendMessage(message["bytes"], True)

    def _denial_body(self, message: dict[str, Any]) -> None:
        if self._denial is None:
            raise ValueError("websocket.http.response.body before websocket.http.response.start")
        status, headers, body = self._denial
        body += message.get("body", b"")
        if message.get("more_body", False):
            self._denial = (status, headers, body)
        else:
            self.deny(status, headers, body)

    def _answer_handshake(self, answer: str | ConnectionDeny | None) -> None:
        waiting, self.handshake_deferred = self.handshake_deferred, None
        if waiting is None:
            return
        if isinstance(answer, ConnectionDeny):
            waiting.errback(answer)
        else:
            waiting.callback(answer)

    def deny(self, status: int, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes = b"") -> None:
        """Refuse the handshake with an HTTP status; without a body, its usual phrase is the body."""
        phrase = HTTPStatus(status).phrase
        self._denial = (status, list(headers), body or phrase.encode())
        self._answer_handshake(ConnectionDeny(code=int(status), reason=phrase))  # type: ignore[no-untyped-call] # autobahn
        self.server.protocol_disconnected(self)
        self._log("rejected")

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        """Send a refusal, ours or autobahn's own (of a handshake that is none)."""
        status, headers, body = self._denial or (code, [], reason.encode())
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        lines += [b"Content-Type: text/plain; charset=utf-8", b"Content-Length: %d" % len(body)]
        lines += [b"Connection: close", b"", body]
        self.sendData(b"\r\n".join(lines))

    def handle_exception(self, exception: BaseException) -> None:
        """The application has ended in an error that Daphne logs."""
        if self.state == self.STATE_CONNECTING:
            self.deny(HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            self.close_with(1011, "internal error")

    # The end

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The TCP connection is gone; tell the application who closed, with what."""
        if self.server is None:  # the handshake was none, there is no application
            return
        self.server.protocol_disconnected(self)
        if self.failedByMe:
            self.failure = (self.localCloseReason or b"").decode()
        if self.closedByMe:
            code, reason = self.localCloseCode, (self.localCloseReason or b"").decode()
        self.inbox.put(
            {
                "type": "websocket.disconnect",
                "code": code or 1005,
                "reason": reason or "",
                "ocpp.failure": self.failure,
            }
        )
        self.receive_text = None
        self._log("disconnected")

    def check_timeouts(self) -> None:
        """Called by Daphne every 2 s: a handshake without an answer, and pings."""
        now = time.time()
        if self.state == self.STATE_CONNECTING:
            if now - self.socket_opened > self.server.websocket_connect_timeout:
                self.deny(HTTPStatus.SERVICE_UNAVAILABLE)
        elif self.state == self.STATE_OPEN:
            if 0 <= self.server.websocket_timeout < now - self.socket_opened:
                self.close_with(1000, "")
            else:
                self._ping_when_idle(now)

    def _ping_when_idle(self, now: float) -> None:
        """Ping after each idle interval; two pings without any sign of life mean that the peer is dead."""
        interval = self.server.ping_interval if self.ping_s is None else self.ping_s
        if self._heard:
            self._heard, self._heard_at, self._pings_unanswered = False, now, 0
        elif interval > 0 and now - self._heard_at >= interval * (self._pings_unanswered + 1):
            if self._pings_unanswered >= 2:
                self.wasNotCleanReason = "two pings were not answered"
                self.dropConnection(abort=True)
            else:
                self._pings_unanswered += 1
                self.sendPing()

    @property
    def peer_name(self) -> str:
        """Path and address, for logs."""
        address = self.client_addr[0] if self.client_addr else "an unknown address"
        return f"{self.path.decode('latin-1')} from {address}"

    def _log(self, action: str) -> None:
        client = "{}:{}".format(*self.client_addr) if self.client_addr else None
        self.server.log_action("websocket", action, {"path": self.path.decode("latin-1"), "client": client})

    def __repr__(self) -> str:
        return f"<EdgeProtocol {self.peer_name}>"


def install() -> None:
    """Let Daphne make its WebSockets with this protocol. Call before ``daphne.server.Server.run``."""
    WebSocketFactory.protocol = EdgeProtocol
    HTTPFactory.buildProtocol = _build_http


def _build_http(factory: HTTPFactory, address: Any) -> Any:
    """Daphne's HTTP for a new connection, which looks at the first bytes: they may be those of TLS.

    A charger that has wss:// where ws:// was meant waits in silence for a handshake; so would we.
    """
    http = _daphne_http(factory, address)
    http.requestFactory = Request

    def first(data: bytes) -> None:
        del http.dataReceived  # from now on that of Daphne
        if data.startswith(_TLS_RECORD):
            _notes.add(note := asyncio.ensure_future(_refuse_tls(http, address)))
            note.add_done_callback(_notes.discard)
        else:
            http.dataReceived(data)

    http.dataReceived = first
    return http


async def _refuse_tls(http: Any, address: Any) -> None:
    """Note who it was, then end it."""
    peer = _address(address)
    await spoke_tls(str(peer[0]) if peer else "")
    http._channel.transport.abortConnection()  # the channel behind what chooses between HTTP 1 and 2


def _address(address: Any) -> list[Any] | None:
    """Host and port as ASGI has them; None for a socket that has none (a Unix socket)."""
    if not (hasattr(address, "host") and hasattr(address, "port")):
        return None
    return [str(address.host), address.port]


def _cut(reason: str) -> bytes:
    """At most 123 bytes of UTF-8, which is what a close frame holds, cut between characters."""
    return reason.encode()[:123].decode(errors="ignore").encode()
