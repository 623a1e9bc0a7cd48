"""The charger's connection: dialled, kept, dialled again with back-off; CALLs go through it."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from simulators.charger.errors import NoAnswer, NotAdmitted, NotConnected, Refused
from simulators.charger.points import POINTS, Responder, Wire
from simulators.record import CALL, CALL_ERROR, Entry, Record

MAX_FRAME_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Dialling:
    """How a charger connects. Times in seconds; ``retry_s`` doubles up to ``longest_retry_s``.

    ``password``: with it HTTP Basic is sent, ``username`` None meaning the identity.
    ``subprotocols``: None offers exactly the version; an empty tuple offers none.
    """

    url: str
    ocpp_version: str
    username: str | None = None
    password: str | bytes | None = None
    subprotocols: tuple[str, ...] | None = None
    call_timeout_s: float = 30
    retry_s: float = 1
    longest_retry_s: float = 60

    @property
    def identity(self) -> str:
        """The charger's identity: the last segment of the URL's path, decoded."""
        return unquote(urlsplit(self.url).path.rstrip("/").rsplit("/", 1)[-1])

    def headers(self) -> dict[str, str]:
        """The Authorization header, if there is a password."""
        if self.password is None:
            return {}
        password = self.password.encode() if isinstance(self.password, str) else self.password
        pair = (self.username or self.identity).encode() + b":" + password
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def offered(self) -> list[Subprotocol] | None:
        """The subprotocols to offer, None for no header at all."""
        names = (f"ocpp{self.ocpp_version}",) if self.subprotocols is None else self.subprotocols
        return [Subprotocol(name) for name in names] or None


class Uplink:
    """One charger's connection over its whole life.

    ``last_error`` says why the newest attempt or connection ended; ``connections`` counts those
    that came to be; ``opened`` is called for each of them.
    """

    def __init__(self, dialling: Dialling, record: Record, responder: Responder, opened: Callable[[], None]):
        self.dialling = dialling
        self.record = record
        self.last_error = ""
        self.close_code: int | None = None
        self.connections = 0
        self.online = asyncio.Event()
        self.offline = asyncio.Event()
        self.offline.set()
        self._responder, self._opened = responder, opened
        self._point: Any = None
        self._socket: ClientConnection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._hurry = False

    async def connect(self, *, patient: bool = False) -> None:
        """Connect, and stay so until ``disconnect``. Returns when the first connection stands.

        Raises NotAdmitted where it is refused, unless ``patient``: then it goes on trying.
        """
        if self._keeper is None or self._keeper.done():
            first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._keeper = asyncio.create_task(self._keep_connected(first, patient))
            self._keeper.add_done_callback(lambda _: first.cancel())
            await first
        await self.online.wait()

    async def disconnect(self) -> None:
        """Close the connection and stay offline until ``connect``."""
        if self._socket:
            await self._socket.close()
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None

    async def redial(self) -> None:
        """Close the connection, as before a reboot, and dial again without waiting."""
        self._hurry = True
        if self._socket:
            await self._socket.close()

    def drop(self) -> None:
        """Lose the connection without a goodbye, as a mobile link does; it is dialled again."""
        if self._socket:
            self._socket.transport.abort()

    async def call(self, payload: Any) -> Any:
        """Send a CALL of the package's ``call`` classes; returns its ``call_result``.

        Raises NotConnected, NoAnswer or Refused.
        """
        return await self._answered(lambda point: point.call(payload, suppress=False), type(payload).__name__)

    async def call_exact(self, action: str, payload: dict[str, Any]) -> Any:
        """Send a CALL with this payload as on the wire; returns the answer's payload likewise.

        For actions and fields that the package renames. Raises NotConnected, NoAnswer or Refused.
        """
        timeout_s = self.dialling.call_timeout_s
        answer = await self._answered(lambda point: point.call_exact(action, payload, timeout_s), action)
        if answer.message_type_id == CALL_ERROR:
            raise Refused(str(answer.error_code), str(answer.error_description))
        return answer.payload

    async def _answered(self, ask: Callable[[Any], Coroutine[Any, Any, Any]], action: str) -> Any:
        point = self._point
        if point is None:
            raise NotConnected(f"{self.dialling.identity} is offline: {self.last_error or 'never connected'}")
        work = asyncio.ensure_future(ask(point))
        try:
            await asyncio.wait({work, point.gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise NotConnected(f"connection lost before the answer to {action}")
            return work.result()
        except TimeoutError as error:
            raise NoAnswer(str(error)) from error
        except (OCPPError, UnknownCallErrorCodeError) as error:
            raise Refused(getattr(error, "code", "UnknownErrorCode"), str(error)) from error
        except ConnectionClosed as error:
            raise NotConnected(f"connection lost while sending {action}") from error
        finally:
            work.cancel()

    async def send_text(self, text: str) -> Entry:
        """Send any text as a frame, right or wrong; returns its record. Raises NotConnected."""
        if self._socket is None:
            raise NotConnected(f"{self.dialling.identity} is offline")
        entry = self.record.add("sent", text)
        await self._socket.send(text)
        return entry

    async def send_binary(self, data: bytes) -> None:
        """Send a binary frame, which OCPP-J does not have. Raises NotConnected."""
        if self._socket is None:
            raise NotConnected(f"{self.dialling.identity} is offline")
        await self._socket.send(data)

    async def exchange(self, text: str, timeout_s: float = 10) -> Entry:
        """Send the text of a CALL byte for byte; returns the record of its answer."""
        call = await self.send_text(text)
        if call.frame_type != CALL:
            raise ValueError(f"exchange expects the text of a CALL; got {text[:60]!r}")
        return await self.record.wait_until(lambda: call.answer, f"answer to {call.action}", timeout_s)

    async def _keep_connected(self, first: asyncio.Future[None], patient: bool) -> None:
        attempt = 0
        while True:
            before = self.connections
            try:
                await self._connection(first)
            except (OSError, WebSocketException, NotAdmitted) as error:  # TimeoutError is an OSError
                self.last_error = _reason(error)
                if not first.done() and not patient:
                    first.set_exception(NotAdmitted(f"{self.dialling.url}: {self.last_error}"))
                    return
            attempt = 0 if self.connections > before else attempt + 1
            await asyncio.sleep(self._delay(attempt))

    def _delay(self, attempt: int) -> float:
        if self._hurry:
            self._hurry = False
            return 0
        delay = min(self.dialling.longest_retry_s, self.dialling.retry_s * 2.0 ** min(attempt, 16))
        return delay * random.uniform(0.5, 1)

    async def _connection(self, first: asyncio.Future[None]) -> None:
        dialling = self.dialling
        async with connect(
            dialling.url,
            subprotocols=dialling.offered(),
            additional_headers=dialling.headers(),
            user_agent_header="simulators.charger",
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
            max_size=MAX_FRAME_BYTES,
        ) as socket:
            if dialling.subprotocols is None and socket.subprotocol is None:
                raise NotAdmitted(f"no common OCPP version; offered ocpp{dialling.ocpp_version}")
            await self._serve(socket, first)

    async def _serve(self, socket: ClientConnection, first: asyncio.Future[None]) -> None:
        wire = Wire(socket, self.record)
        point = POINTS[self.dialling.ocpp_version](self.dialling.identity, wire, self.dialling.call_timeout_s)
        point.prepare(wire, self._responder)
        self._point, self._socket = point, socket
        self.connections += 1
        self.offline.clear()
        self.online.set()
        if not first.done():
            first.set_result(None)
        self._opened()
        try:
            await point.start()
        except ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd else None
            self.last_error = str(closed)
        finally:
            self._point = self._socket = None
            self.online.clear()
            self.offline.set()
            point.gone.set_result(None)
            self.record.wake()


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"the server answered HTTP {error.response.status_code}"
    return str(error) or type(error).__name__
