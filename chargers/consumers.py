"""The WebSocket of a charger: frames in, frames out, no decisions."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer

from chargers.admission import Admission, Refusal, admit, unavailable
from chargers.attempts import read_attempt, record_refusal
from chargers.causes import Cause
from chargers.limits import FrameMeter
from chargers.sockets import DirectSocket, EdgeSocket, OverAsgi, OverDirect, Send
from routing.bus import Attach, Attachment, BusUnavailable, current

FRAMES_PER_SECOND: Final = 1000
"""More than any charger has to say, over ``FRAME_WINDOW`` frames."""

FRAME_WINDOW: Final = 5000


class FastConsumer(AsyncConsumer):
    """A Channels consumer without Channels' price per message.

    The stock one closes old database connections before each message, which is a hop to a thread,
    and makes a task for each. Handlers of this one use no ORM, and it has no channel layer.
    """

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send
    ) -> None:
        self.scope, self.base_send = scope, send
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        finally:
            self.ended()

    async def dispatch(self, message: dict[str, Any]) -> None:
        await getattr(self, get_handler_name(message))(message)

    def ended(self) -> None:
        """Called last, also when the consumer was cancelled or has failed."""


class ChargerConsumer(FastConsumer):
    """The WebSocket of one charger. It knows no rule of OCPP and waits for nobody's answer."""

    frames_per_second: float = FRAMES_PER_SECOND
    frame_window = FRAME_WINDOW

    identity = ""
    attachment: Attachment | None = None
    socket: EdgeSocket | None = None
    close_code = 1006
    fault: tuple[Cause, str] | None = None

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        asked_at = time.monotonic()
        admission = await admit(self.scope)
        if isinstance(admission, Refusal):
            return await self.refuse(admission)
        direct: DirectSocket | None = self.scope.get("extensions", {}).get("ocpp.direct")
        if direct is not None and direct.gone:  # it has given up, and may be connected elsewhere
            raise StopConsumer
        self.identity = admission.identity
        try:
            request = _request(admission, asked_at)
            self.attachment = await current().attach(request, self.open_socket(admission))
        except BusUnavailable as error:
            refusal = unavailable(f"the proxy can't serve the charger now: {error}")
            await self.record(refusal.cause, refusal.sentence)
            return await self.refuse(refusal)
        await self.accept(admission.subprotocol)

    def open_socket(self, admission: Admission) -> EdgeSocket:
        """The socket for the session: direct where the server offers that."""
        self.meter = FrameMeter(self.frames_per_second, self.frame_window, time.monotonic())
        direct: DirectSocket | None = self.scope.get("extensions", {}).get("ocpp.direct")
        if direct is None:
            self.socket = OverAsgi(self.send)
        else:
            direct.start(self.frame, admission.ping, inflates=admission.compression)
            self.socket = OverDirect(direct)
        return self.socket

    async def accept(self, subprotocol: str | None) -> None:
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol})
        if self.socket is not None:
            self.socket.opened()

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an HTTP error, or finish the handshake and close where OCPP-J asks for that."""
        if refusal.status is HTTPStatus.SWITCHING_PROTOCOLS:
            await self.accept(None)
            await self.send({"type": "websocket.close", "code": 1002, "reason": refusal.sentence})
        elif "websocket.http.response" in self.scope.get("extensions", {}):
            start = {"status": refusal.status.value, "headers": refusal.headers}
            await self.send({"type": "websocket.http.response.start", **start})
            await self.send({"type": "websocket.http.response.body", "body": refusal.sentence.encode()})
        else:
            await self.send({"type": "websocket.close"})
        raise StopConsumer

    def frame(self, text: str) -> None:
        """A text frame of the charger."""
        self.meter.count += 1
        if self.meter.count >= self.frame_window and self.meter.is_flooded(time.monotonic()):
            self.cut_off(
                1008, Cause.TOO_MANY_FRAMES, f"more than {self.frames_per_second:g} frames per second"
            )
        elif self.attachment is not None and self.fault is None:
            self.attachment.up(text)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        if text is None:
            size = len(message["bytes"])
            self.cut_off(1003, Cause.BINARY_FRAME, f"a binary frame of {size} bytes; expected text")
        else:
            self.frame(text)

    def cut_off(self, code: int, cause: Cause, sentence: str) -> None:
        """Close the socket for a fault of the charger; it is recorded when the socket is gone."""
        if self.fault is None and self.socket is not None:
            self.fault = (cause, sentence)
            self.socket.close(code, sentence)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        self.close_code = message["code"]
        self.ended()
        failure = message.get("ocpp.failure")
        if failure and self.fault is None:
            cause = Cause.OVERSIZED_FRAME if self.close_code == 1009 else Cause.SOCKET_FAULT
            self.fault = (cause, failure)
        if self.fault is not None:
            await self.record(*self.fault)
        raise StopConsumer

    async def record(self, cause: Cause, sentence: str) -> None:
        await record_refusal(read_attempt(self.scope, self.identity), cause, sentence)

    def ended(self) -> None:
        """Let go of the session, once; a newer socket of the charger has an attachment of its own."""
        attachment, self.attachment = self.attachment, None
        if attachment is not None:
            attachment.detach(self.close_code)
        if self.socket is not None:
            self.socket.ended()


def _request(admission: Admission, asked_at: float) -> Attach:
    return Attach(
        charger=admission.charger,
        identity=admission.identity,
        ocpp_version=admission.ocpp_version,
        remote_address=admission.remote_address,
        offered=admission.offered,
        quirks=admission.quirks,
        asked_at=asked_at,
    )
