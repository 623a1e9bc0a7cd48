"""The link to one backoffice for one charger: dialled, kept alive and redialled on its own.

A link that is down, slow or talks nonsense touches nothing but itself. One that is open or waits
has no task: a task exists only while a handshake is under way.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from backoffices.addresses import Addresses
from backoffices.handshakes import VersionMismatch, explain, refuses_subprotocol, version_mismatch
from backoffices.sockets import MAX_MESSAGE_BYTES, Limits, LinkSocket, wire_logger
from routing.addresses import AddressRefused
from routing.core.passwords import REFUSED as PASSWORD_REFUSED
from routing.core.rows import LinkState
from routing.links import DialTarget, LinkListener

logger = logging.getLogger(__name__)

USER_AGENT = "ocpp-proxy"

UNAUTHORIZED = 401

PARKED = (VersionMismatch, AddressRefused, InvalidURI)
"""What only a change of configuration (here or there) will heal: retried slowly."""


def backoff(attempt: int, limits: Limits, jitter: Callable[[], float]) -> float:
    """Seconds to wait after failure number ``attempt`` (from 0): doubled each time up to the longest.

    ``jitter`` gives 0 to 1 and takes up to half of it away, so that links that were lost at different
    times do not come to dial at once. Source: ocpp-semantics 1.8.
    """
    delay = min(limits.longest_delay, limits.first_delay * 2.0 ** min(attempt, 32))
    return delay * (1 - jitter() / 2)


class _Connect(connect):
    """The library's client without its redirects: a backoffice's URL is what was entered."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Dialler:
    """Dials for all sessions of one loop (a ``routing.links.Dial``) and looks after open sockets.

    ``may_dial`` is awaited before each attempt: many backoffices drop the older connection of a charger.
    """

    def __init__(self, limits: Limits | None = None, *, jitter: Callable[[], float] = random.random) -> None:
        self.may_dial: Callable[[], Awaitable[None]] = _at_once
        self.limits = limits or Limits()
        self.jitter = jitter
        self.links: set[UpstreamLink] = set()
        self.sockets: set[LinkSocket] = set()
        self._addresses = Addresses()
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._last_redials: dict[str, float] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def __call__(self, target: DialTarget, ocpp_version: str, listener: LinkListener) -> UpstreamLink:
        link = UpstreamLink(self, target, ocpp_version, listener)
        self.links.add(link)
        link.begin()
        return link

    async def open(self, target: DialTarget, ocpp_version: str) -> LinkSocket:
        """A socket whose handshake chose exactly ``ocpp_version``.

        Raises ``VersionMismatch``, ``AddressRefused``, ``InvalidURI``, ``InvalidHandshake`` or
        ``OSError`` (``TimeoutError`` and the TLS errors included).
        """
        uri = parse_uri(target.url)
        async with self._gate(f"{uri.host}:{uri.port}"), asyncio.timeout(self.limits.open_timeout):
            sock = await self._addresses.connect(uri.host, uri.port, allow_private=target.allow_private)
            socket = await self._shake_hands(
                target,
                ocpp_version,
                _Connect(
                    target.url,
                    create_connection=LinkSocket,
                    subprotocols=[Subprotocol(f"ocpp{ocpp_version}")],
                    additional_headers=_credentials(target),
                    user_agent_header=USER_AGENT,
                    compression=None,
                    proxy=None,
                    open_timeout=None,
                    ping_interval=None,
                    max_size=MAX_MESSAGE_BYTES,
                    logger=wire_logger,
                    sock=sock,
                    ssl=self._context(target.verify_tls) if uri.secure else None,
                ),
            )
        socket.watch(self.sockets, self.limits, ping=target.ping, first_ping=target.ping * self.jitter())
        self._keep_sweeping()
        return socket

    async def settled(self, seconds: float) -> int:
        """Wait until every socket that is closing is gone, at most so long; how many are left."""
        waiting = [asyncio.ensure_future(socket.wait_closed()) for socket in self.sockets]
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)
        for waiter in waiting:
            waiter.cancel()
        for socket in tuple(self.sockets):
            socket.transport.abort()
        return len(self.sockets)

    def redial_delay(self, url: str, attempt: int, now: float) -> float:
        """Seconds until a link is dialled again after failure number ``attempt``; ``now``: the loop's clock.

        After a common outage all links of a backoffice fail for the first time in the same moment. Each of
        them is dialled a little later than the one before, so that hundreds take seconds and a lone one
        waits no longer; what fails again has been spread by then.
        """
        delay = backoff(attempt, self.limits, self.jitter)
        if attempt:
            return delay
        address = "/".join(url.split("/", 3)[:3])
        last = self._last_redials.get(address, 0.0)
        delay = max(delay, last + 1 / self.limits.redials - now)
        self._last_redials[address] = now + delay
        return delay

    def tick(self, now: float) -> None:
        """Look after all sockets; ``now`` on the loop's clock."""
        for socket in tuple(self.sockets):
            socket.tick(now)
        self._last_redials = {address: due for address, due in self._last_redials.items() if due > now}

    async def _shake_hands(self, target: DialTarget, ocpp_version: str, attempt: _Connect) -> LinkSocket:
        try:
            socket = await attempt
        except NegotiationError as error:
            raise version_mismatch(ocpp_version, f"it answered: {error}") from error
        except InvalidStatus as error:
            if refuses_subprotocol(error.response):
                status = error.response.status_code
                raise version_mismatch(ocpp_version, f"it refused with HTTP {status}") from error
            raise
        except AssertionError as error:  # the library's own, where an answer comes before its request
            raise InvalidMessage("it talks before it is asked") from error
        assert isinstance(socket, LinkSocket)
        if socket.subprotocol is None:
            socket.watch(self.sockets, self.limits, ping=0, first_ping=0)
            self._keep_sweeping()
            socket.shut(1002, f"expected subprotocol ocpp{ocpp_version}")
            raise version_mismatch(ocpp_version, "it chose no subprotocol")
        return socket

    def _gate(self, address: str) -> asyncio.Semaphore:
        gate = self._gates.get(address)
        if gate is None:
            gate = self._gates[address] = asyncio.Semaphore(self.limits.handshakes)
        return gate

    def _context(self, verify: bool) -> ssl.SSLContext:
        """One context for all links: loading the trusted certificates takes 20 ms each time."""
        context = self._contexts.get(verify)
        if context is None:
            context = self._contexts[verify] = ssl.create_default_context()
            if not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
        return context

    def _keep_sweeping(self) -> None:
        if self._sweep is None and self.sockets:
            self._sweep = asyncio.get_running_loop().call_later(self.limits.sweep, self._sweep_once)

    def _sweep_once(self) -> None:
        self._sweep = None
        self.tick(asyncio.get_running_loop().time())
        self._keep_sweeping()


class UpstreamLink:
    """One route's link (a ``routing.links.Link``). Its listener hears nothing after ``close``."""

    __slots__ = (
        "__weakref__",
        "_attempt",
        "_dialler",
        "_error",
        "_listener",
        "_opened_at",
        "_socket",
        "_task",
        "_timer",
        "_uses_fallback",
        "closed",
        "ocpp_version",
        "target",
    )

    def __init__(
        self, dialler: Dialler, target: DialTarget, ocpp_version: str, listener: LinkListener
    ) -> None:
        self.target = target
        self.ocpp_version = ocpp_version
        self.closed = False
        self._dialler = dialler
        self._listener = listener
        self._attempt = 0
        self._error = ""
        self._opened_at = 0.0
        self._socket: LinkSocket | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._uses_fallback = False

    @property
    def open(self) -> bool:
        """Whether frames can be sent now."""
        return self._socket is not None

    @property
    def alive(self) -> bool:
        """Whether it is open or will be dialled again: false after ``close``, else a fault of ours."""
        return not self.closed and (self._socket or self._task or self._timer) is not None

    def begin(self) -> None:
        """Dial on the next turn of the loop; does nothing where that is under way."""
        if self.closed or self._socket is not None or self._task is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._dial())

    def send(self, text: str) -> None:
        """See ``routing.links.Link``."""
        if self._socket is not None:
            self._socket.write_text(text)

    def close(self, code: int, reason: str) -> None:
        """See ``routing.links.Link``; the socket is aborted where the backoffice keeps it open."""
        if self.closed:
            return
        self.closed = True
        self._dialler.links.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
        if self._socket is not None:
            self._socket.shut(code, reason)
            self._socket = None

    def set_ping(self, seconds: float) -> None:
        """See ``routing.links.Link``."""
        if self._socket is not None:
            self._socket.set_ping(seconds)

    # What the socket tells.

    def socket_text(self, text: str) -> None:
        """A frame of the backoffice: it lives, so the next failure is the first one again."""
        self._attempt = 0
        try:
            self._listener.link_frame(self.target.route, text)
        except Exception:  # as in _guarded, without its cost for each frame
            logger.exception("a listener failed for %r", self.target, extra=self.target.named())

    def socket_lost(self, error: str) -> None:
        """The socket is gone: tell it, and dial again after the back-off."""
        self._socket = None
        if asyncio.get_running_loop().time() - self._opened_at >= self._dialler.limits.steady:
            self._attempt = 0
        self._error = error
        with self._guarded():
            self._listener.link_closed(self.target.route, error)
        self._wait("waiting", error)

    async def _dial(self) -> None:
        self._tell_state("dialling", PASSWORD_REFUSED if self._uses_fallback else self._error)
        await self._dialler.may_dial()
        try:
            socket = await self._open()
        except (OSError, ValueError, InvalidHandshake, InvalidURI, VersionMismatch) as error:
            self._task = None
            words = explain(error, self.target.url, self._dialler.limits.open_timeout)
            self._wait("parked" if isinstance(error, PARKED) else "waiting", words)
        except Exception as error:  # the edge of the loop: whatever it was, the next attempt is due
            self._task = None
            logger.exception("dialling %r failed", self.target, extra=self.target.named())
            self._wait("waiting", explain(error, self.target.url, self._dialler.limits.open_timeout))
        else:
            self._task = None
            self._take(socket)

    async def _open(self) -> LinkSocket:
        """A socket, with the one or the other password where the backoffice has set one itself.

        What was taken last is tried first. Raises as ``Dialler.open``.
        """
        try:
            return await self._dialler.open(self._target_now(), self.ocpp_version)
        except InvalidStatus as error:
            if not self.target.has_fallback or error.response.status_code != UNAUTHORIZED:
                raise
        self._change_password()
        try:
            return await self._dialler.open(self._target_now(), self.ocpp_version)
        except InvalidStatus:
            self._change_password()
            raise

    def _target_now(self) -> DialTarget:
        if not self._uses_fallback:
            return self.target
        return replace(self.target, password=self.target.fallback_password)

    def _change_password(self) -> None:
        self._uses_fallback = not self._uses_fallback
        self._tell_state("dialling", PASSWORD_REFUSED if self._uses_fallback else "")

    def _take(self, socket: LinkSocket) -> None:
        if self.closed:
            socket.shut(1000, "")
            return
        self._socket = socket
        self._error = ""
        self._opened_at = asyncio.get_running_loop().time()
        with self._guarded():
            self._listener.link_opened(self.target.route)
        if self._socket is socket:
            socket.hand_to(self)

    def _wait(self, state: LinkState, error: str) -> None:
        if self.closed:
            return
        loop, dialler = asyncio.get_running_loop(), self._dialler
        if state == "parked":
            delay = dialler.limits.parked_delay * (1 - dialler.jitter() / 2)
        else:
            delay = dialler.redial_delay(self.target.url, self._attempt, loop.time())
        self._attempt += 1
        self._error = error
        self._timer = loop.call_later(delay, self._redial)
        self._tell_state(state, error)

    def _redial(self) -> None:
        self._timer = None
        self.begin()

    def _tell_state(self, state: LinkState, error: str) -> None:
        with self._guarded():
            self._listener.link_state(self.target.route, state, error)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # a fault of the listener, which is ours, must not end the link
            logger.exception("a listener failed for %r", self.target, extra=self.target.named())


async def _at_once() -> None:
    """Whoever dials need not wait."""


def _credentials(target: DialTarget) -> dict[str, str]:
    """HTTP Basic, sent at once (OCPP-J asks for it on every handshake): bytes, not text."""
    if target.password is None:
        return {}
    pair = target.username.encode() + b":" + target.password
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
