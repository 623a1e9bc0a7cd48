"""Our side of a WebSocket with nothing but memory on the other."""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketFactory
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chargers.protocol import EdgeProtocol
from tests.chargers.rawsocket import handshake


class Timer:
    """autobahn's timer on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()

    def call_later(self, delay: float, call: Any) -> Any:
        return self.clock.callLater(delay, call)


class Transport(StringTransport):
    """As a TCP transport has it: no producer, nothing to unregister."""

    def unregisterProducer(self) -> None:
        pass


class Server:
    """What the protocol uses of daphne.server.Server."""

    root_path = ""
    proxy_forwarded_address_header: str | None = None
    proxy_forwarded_port_header = None
    proxy_forwarded_proto_header = "X-Forwarded-Proto"
    websocket_connect_timeout = 20
    websocket_timeout = -1
    ping_interval = 20

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        self.log: list[str] = []
        self.gone = 0

    def protocol_connected(self, _protocol: object) -> None:
        pass

    def protocol_disconnected(self, _protocol: object) -> None:
        self.gone += 1

    def put(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def log_action(self, _protocol: str, action: str, _details: object) -> None:
        self.log.append(action)


class Offline(EdgeProtocol):
    """Its application is the test."""

    def start_application(self, scope: dict[str, Any]) -> Any:
        self.server.scope = scope
        return self.server


class Wire:
    """A protocol between a transport and a server of memory."""

    def __init__(
        self,
        target: str = "/ocpp/CP-1",
        *headers: str,
        server: Server | None = None,
        octets: bytes = b"",
    ) -> None:
        self.server = server or Server()
        factory = WebSocketFactory(self.server, server="proxy")
        factory.setProtocolOptions(maxMessagePayloadSize=4096, maxFramePayloadSize=4096)
        factory.protocol = Offline
        self.timer = factory._batched_timer = Timer()
        self.transport = Transport()
        self.protocol = factory.buildProtocol(None)
        self.protocol._raw_query_string = b""
        self.protocol.makeConnection(self.transport)
        self.frames: list[str] = []
        self.protocol.dataReceived(octets or handshake(target, *headers))

    def opened(self, ping_s: float = 30) -> Wire:
        self.protocol.start(self.frames.append, ping_s)
        self.protocol.handle_reply({"type": "websocket.accept"})
        assert self.written().startswith(b"HTTP/1.1 101 ")
        return self

    def written(self) -> bytes:
        """What went to the peer since the last look."""
        octets = bytes(self.transport.value())
        self.transport.clear()
        return octets

    def receive(self, *octets: bytes) -> None:
        for part in octets:
            self.protocol.dataReceived(part)

    def lose(self) -> dict[str, Any]:
        """The TCP connection ends; what the application is told."""
        self.protocol.connectionLost(Failure(ConnectionDone()))
        return self.server.messages[-1]
