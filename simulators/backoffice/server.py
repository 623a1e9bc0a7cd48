"""The backoffice as a websocket server: raw frames in and out, everything recorded."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from simulators import schemas
from simulators.backoffice.answers import Policy, answer
from simulators.backoffice.behaviour import Behaviour
from simulators.backoffice.sessions import Session, Sessions
from simulators.record import CALL, CALL_ERROR, CALL_RESULT, SEND, Entry, Record, Where

VERSIONS = ("2.1", "2.0.1", "1.6")
MAX_FRAME_BYTES = 4 * 1024 * 1024


@dataclass(slots=True, eq=False)
class ChargerView:
    """One charger as this backoffice knows it, over all of its connections.

    ``violations``: sentences on frames that broke a schema. ``close_code``: how the last ended.
    """

    identity: str
    ocpp_version: str
    record: Record = field(default_factory=Record)
    sessions: Sessions = field(default_factory=Sessions)
    violations: list[str] = field(default_factory=list)
    socket: ServerConnection | None = None
    connections: int = 0
    offered: tuple[str, ...] = ()
    close_code: int | None = None
    close_reason: str = ""

    @property
    def is_online(self) -> bool:
        """Whether it is connected now."""
        return self.socket is not None


class SimulatedBackoffice:
    """A CSMS. ``policy`` is what it decides, ``behaviour`` how it misbehaves; both may change at any time.

    ``password``: with it HTTP Basic is demanded of every charger, ``username`` None meaning the
    identity in the URL. ``on_arrival`` is called with each charger that connects.
    """

    def __init__(
        self,
        name: str = "backoffice",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        versions: Sequence[str] = VERSIONS,
        policy: Policy | None = None,
        username: str | None = None,
        password: str | bytes | None = None,
    ) -> None:
        self.name = name
        self.host, self.port = host, port
        self.versions = tuple(versions)
        self.policy = policy or Policy()
        self.behaviour = Behaviour()
        self.username = username
        self.password = password.encode() if isinstance(password, str) else password
        self.chargers: dict[str, ChargerView] = {}
        self.refused: list[str] = []
        self.on_arrival: Callable[[ChargerView], None] | None = None
        self._arrivals = Record()
        self._server: Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Its URL, with ``{identity}`` to be filled in."""
        return f"ws://{self.host}:{self.port}/ocpp/{{identity}}"

    def url_of(self, identity: str) -> str:
        """The URL for a charger whose identity needs no encoding."""
        return self.url.format(identity=identity)

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def __aenter__(self) -> SimulatedBackoffice:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after ``stop`` on the same port again."""
        self._server = await serve(
            self._connected,
            self.host,
            self.port,
            process_request=self._admit,
            select_subprotocol=self._choose,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            max_size=MAX_FRAME_BYTES,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Be down: close all sockets with 1001 and listen no more. What it knows it keeps."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for task in set(self._tasks):
            task.cancel()

    def drop(self, identity: str) -> None:
        """Lose a charger's connection without a goodbye."""
        if socket := self._view(identity).socket:
            socket.transport.abort()

    # --- what came -------------------------------------------------------------------------

    def record(self, identity: str) -> Record:
        """Every frame of a charger."""
        return self._view(identity).record

    async def wait_connected(
        self, identity: str, *, connections: int = 1, timeout_s: float = 10
    ) -> ChargerView:
        """The charger, once it is connected for at least the ``connections``-th time."""

        def found() -> ChargerView | None:
            view = self.chargers.get(identity)
            return view if view and view.is_online and view.connections >= connections else None

        return await self._arrivals.wait_until(found, f"connection {connections} of {identity}", timeout_s)

    async def wait_gone(self, identity: str, timeout_s: float = 10) -> ChargerView:
        """The charger, once its connection has ended; its close code and reason are in the view."""

        def found() -> ChargerView | None:
            view = self.chargers.get(identity)
            return view if view and not view.is_online else None

        return await self._arrivals.wait_until(found, f"end of the connection of {identity}", timeout_s)

    async def wait_refused(self, count: int = 1, timeout_s: float = 10) -> None:
        """Pass once so many handshakes have been refused."""
        await self._arrivals.wait_until(
            lambda: True if len(self.refused) >= count else None, f"refused handshake {count}", timeout_s
        )

    async def wait_for(
        self,
        identity: str,
        action: str,
        *,
        count: int = 1,
        where: Where | None = None,
        answered: bool = True,
        timeout_s: float = 10,
    ) -> Entry:
        """The ``count``-th CALL of this action from a charger, once answered (else: once here)."""
        view = self.chargers.get(identity) or await self.wait_connected(identity, timeout_s=timeout_s)
        return await view.record.wait_for(
            action,
            count=count,
            direction="received",
            where=where,
            answered=answered,
            timeout_s=timeout_s,
        )

    async def wait_session(
        self, identity: str, *, count: int = 1, stopped: bool = True, timeout_s: float = 10
    ) -> Session:
        """The charger's ``count``-th session, once it is stopped (``stopped=False``: once it is started)."""
        view = self.chargers.get(identity) or await self.wait_connected(identity, timeout_s=timeout_s)

        def found() -> Session | None:
            sessions = view.sessions.sessions
            session = sessions[count - 1] if len(sessions) >= count else None
            return None if session is None or (stopped and session.is_open) else session

        return await view.record.wait_until(found, f"session {count} of {identity}", timeout_s)

    def sessions(self, identity: str) -> list[Session]:
        """The charger's sessions as this backoffice understands them, oldest first."""
        return self._view(identity).sessions.sessions

    def problems(self, identity: str) -> list[str]:
        """What in the charger's sessions did not fit, and which frames broke a schema."""
        view = self._view(identity)
        return [*view.sessions.problems, *view.violations]

    # --- what it asks ----------------------------------------------------------------------

    async def call(
        self,
        identity: str,
        action: str,
        payload: dict[str, Any] | str,
        *,
        message_id: str | None = None,
        timeout_s: float = 10,
    ) -> Entry:
        """Send a CALL and wait for its answer: ``.text`` raw, ``.payload`` parsed, ``.error_code``.

        A ``payload`` that is text goes out byte for byte. Raises NothingCame, ConnectionError.
        """
        body = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
        token = json.dumps(message_id or str(uuid.uuid4()))
        call = await self.send_text(identity, f"[{CALL},{token},{json.dumps(action)},{body}]")
        record = self.record(identity)
        return await record.wait_until(lambda: call.answer, f"answer to {action}", timeout_s)

    async def send_text(self, identity: str, text: str) -> Entry:
        """Send any text as a frame, right or wrong. Raises ConnectionError when the charger is away."""
        view = self._view(identity)
        if view.socket is None:
            raise ConnectionError(f"{identity} is not connected to {self.name}; wait_connected first")
        entry = view.record.add("sent", text)
        await view.socket.send(text)
        return entry

    # --- handshake -------------------------------------------------------------------------

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        status = self.behaviour.refuse_status or (None if self._is_authentic(request) else 401)
        if status is None:
            return None
        self.refused.append(f"{status} {request.path}")
        self._arrivals.wake()
        response = connection.respond(HTTPStatus(status), f"{self.name}: {HTTPStatus(status).phrase}\n")
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
        return response

    def _is_authentic(self, request: Request) -> bool:
        if self.password is None:
            return True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            pair = base64.b64decode(token, validate=True)
        except binascii.Error:
            return False
        user = self.username or _identity(request)
        return scheme.lower() == "basic" and pair == user.encode() + b":" + self.password

    def _choose(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        if self.behaviour.subprotocol is not None:
            return Subprotocol(self.behaviour.subprotocol) or None
        return next((name for name in offered if name.removeprefix("ocpp") in self.versions), None)

    # --- frames ----------------------------------------------------------------------------

    async def _connected(self, socket: ServerConnection) -> None:
        if socket.subprotocol is None or socket.subprotocol.removeprefix("ocpp") not in VERSIONS:
            # No common version: the handshake is finished, then closed (OCPP-J 1.6, section 3.1.2).
            await socket.close()
            return
        view = self._arrived(socket, socket.subprotocol.removeprefix("ocpp"))
        try:
            async for data in socket:
                if isinstance(data, str):
                    self._received(view, socket, view.record.add("received", data))
                else:
                    view.violations.append(f"binary frame of {len(data)} bytes")
        except ConnectionClosed:
            pass  # lost without a goodbye; what is left to do is the same
        finally:
            if view.socket is socket:  # a newer connection of the same charger may have taken its place
                view.socket = None
                view.close_code, view.close_reason = socket.close_code, socket.close_reason or ""
            view.record.wake()
            self._arrivals.wake()

    def _arrived(self, socket: ServerConnection, ocpp_version: str) -> ChargerView:
        request = socket.request
        assert request is not None  # the handshake is over
        identity = _identity(request)
        view = self.chargers.setdefault(identity, ChargerView(identity, ocpp_version))
        view.ocpp_version = view.sessions.ocpp_version = ocpp_version
        view.offered = tuple(request.headers.get("Sec-WebSocket-Protocol", "").replace(" ", "").split(","))
        view.socket = socket
        view.connections += 1
        if self.on_arrival:
            self.on_arrival(view)
        self._arrivals.wake()
        return view

    def _received(self, view: ChargerView, socket: ServerConnection, entry: Entry) -> None:
        if entry.frame_type == CALL:
            task = asyncio.create_task(self._answer(view, socket, entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif entry.frame_type == SEND:
            self._judge(view, entry)
        elif entry.frame_type == CALL_RESULT:
            if entry.action:
                self._judge(view, entry, answer=True)
            else:
                view.violations.append(f"answer to nothing that was asked: {entry.text[:200]}")
        elif entry.frame_type is None:
            view.violations.append(f"not an OCPP-J frame: {entry.text[:200]}")

    async def _answer(self, view: ChargerView, socket: ServerConnection, call: Entry) -> None:
        if not self.behaviour.is_prompt(call.action):
            await self.behaviour.wait()
        frames = self.behaviour.spoilt(call)
        if frames is None:
            frames = [self._proper_answer(view, call)]
        try:
            for text in frames:
                view.record.add("sent", text)
                await socket.send(text)
        except ConnectionClosed:
            return

    def _proper_answer(self, view: ChargerView, call: Entry) -> str:
        """The right answer; from here on the backoffice has understood the message."""
        wrong = self._judge(view, call)
        if not schemas.is_known(view.ocpp_version, call.action):
            return json.dumps([CALL_ERROR, call.message_id, "NotImplemented", f"no action {call.action}", {}])
        unusable = [problem.sentence for problem in wrong if problem.rule in ("required", "type")]
        if unusable:
            return json.dumps([CALL_ERROR, call.message_id, "ProtocolError", unusable[0][:255], {}])
        payload = answer(self.policy, view.ocpp_version, call.action, call.payload)
        view.sessions.take(call.action, call.payload, payload)
        return json.dumps([CALL_RESULT, call.message_id, payload], separators=(",", ":"))

    def _judge(self, view: ChargerView, entry: Entry, *, answer: bool = False) -> list[schemas.Problem]:
        wrong = schemas.problems(view.ocpp_version, entry.action, entry.payload, answer=answer)
        view.violations += [problem.sentence for problem in wrong]
        return wrong

    def _view(self, identity: str) -> ChargerView:
        if identity not in self.chargers:
            known = ", ".join(self.chargers) or "none"
            raise KeyError(f"{identity} was never connected to {self.name}; seen: {known}")
        return self.chargers[identity]


def _identity(request: Request) -> str:
    return unquote(urlsplit(request.path).path.rstrip("/").rsplit("/", 1)[-1])
