"""One process of the proxy: web server, sessions and Celery worker, started and stopped together."""

import asyncio
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from proxy_site import loop  # noqa: F401  # first: Daphne makes its loop when it is imported

# isort: split
from daphne.server import Server, twisted_loop
from django.conf import settings
from twisted.internet.defer import Deferred, maybeDeferred

from chargers.protocol import EdgeProtocol
from chargers.protocol import install as install_protocol
from proxy_site import garbage

__all__ = ["Service", "WebServer", "twisted_loop"]

logger = logging.getLogger(__name__)

STOP_SECONDS = 4.7
"""The longest a stop may take; what still hangs then is abandoned."""

CLOSE_BATCH = 200
CLOSE_PAUSE_SECONDS = 0.03
CLOSE_SECONDS = 1.2
CELERY_SECONDS = 2.5

SPARE_SECONDS = 0.2
"""What is left of a stop for its last steps."""


class WebServer(Server):
    """Daphne with the settings chargers need, and with an end that tells them about it.

    ``listening`` is called with host and port once they are open.
    """

    def __init__(self, application: Any, host: str, port: int, listening: Callable[[str, int], None]) -> None:
        escaped = host.strip("[]").replace(":", r"\:")
        # Behind a proxy that ends TLS the peer's address is the proxy's; the charger's is in its header.
        trusted = "X-Forwarded-For" if settings.PROXY_REQUIRE_TLS else None
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={escaped}:backlog=2048"],
            signal_handlers=False,
            http_timeout=60,
            websocket_timeout=-1,
            websocket_connect_timeout=20,
            websocket_handshake_timeout=15,
            websocket_max_message_size=2**20,
            websocket_max_frame_size=2**20,
            ping_interval=60,
            ping_timeout=30,
            proxy_forwarded_address_header=trusted,
            proxy_forwarded_port_header="X-Forwarded-Port",
            proxy_forwarded_proto_header="X-Forwarded-Proto",
            server_name="ocpp-proxy",
        )
        self.connections: dict[Any, dict[str, Any]] = {}
        self.problem = ""
        self._listening = listening
        self._ports: list[Any] = []

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self._ports.append(port)
        self._listening(port.getHost().host, port.getHost().port)

    def listen_error(self, failure: Any) -> None:
        self.problem = failure.getErrorMessage()
        self.stop()

    async def stop_listening(self) -> None:
        """Nobody new; who is connected stays."""
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening).asFuture(asyncio.get_running_loop())

    async def close_websockets(self, code: int, reason: str) -> int:
        """Close every WebSocket, a batch at a time, and wait until it is gone; how many there were."""
        sockets = [protocol for protocol in self.connections if isinstance(protocol, EdgeProtocol)]
        for start in range(0, len(sockets), CLOSE_BATCH):
            for socket in sockets[start : start + CLOSE_BATCH]:
                socket.close_with(code, reason)
            await asyncio.sleep(CLOSE_PAUSE_SECONDS)
        await self._end_of(sockets, CLOSE_SECONDS)
        for socket in sockets:
            if "disconnected" not in self.connections.get(socket, {"disconnected": True}):
                socket.dropConnection(abort=True)  # it has not answered the close: half open, or frozen
        await self._end_of(sockets, CLOSE_SECONDS / 4)
        return len(sockets)

    async def _end_of(self, sockets: list[EdgeProtocol], seconds: float) -> None:
        running = self._applications(self.connections.get(socket, {}) for socket in sockets)
        if running:
            await asyncio.wait(running, timeout=seconds)

    @staticmethod
    def _applications(connections: Any) -> list[asyncio.Future[Any]]:
        known = (details.get("application_instance") for details in connections)
        return [application for application in known if application is not None and not application.done()]

    def kill_all_applications(self) -> Any:
        """End what still runs. Daphne's own expects an application of each connection; some have ended."""
        running = self._applications(self.connections.values())
        for application in running:
            application.cancel()
        return Deferred.fromFuture(asyncio.gather(*running, return_exceptions=True))


class Sessions(Protocol):
    """What ``proxy_site.wiring.Proxy`` does."""

    async def start(self) -> None: ...

    async def wind_down(self) -> None: ...

    async def stop(self, seconds: float) -> None: ...


class Worker(Protocol):
    """What ``proxy_site.worker.EmbeddedWorker`` does."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout_s: float) -> bool: ...


class Timer(Protocol):
    """What ``proxy_site.schedule.Schedule`` does."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Service:
    """Starts the parts in the order they need each other, and stops them in the reverse."""

    def __init__(self, web: WebServer, sessions: Sessions, worker: Worker, schedule: Timer) -> None:
        self._loop: asyncio.AbstractEventLoop = twisted_loop
        self._web = web
        self._sessions = sessions
        self._worker = worker
        self._schedule = schedule
        self._started = asyncio.Event()
        self._asked_to_stop = False
        self._stop_by = math.inf
        self._is_stopped = False
        self._stopping: asyncio.Task[None] | None = None

    def run(self) -> str:
        """Serve until a signal comes; the problem that kept it from serving, "" for none."""
        install_protocol()
        asyncio.set_event_loop(self._loop)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)  # not the loop's: uvloop loses a signal between two runs
        self._loop.run_until_complete(self._sessions.start())
        self._worker.start()
        self._schedule.start()
        garbage.settle()
        self._started.set()
        self._web.run()  # returns at once if it can't listen
        self._loop.run_until_complete(self._wind_down())
        return self._web.problem

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked_to_stop:
            os._exit(130)  # asked twice: at once, whatever the loop is busy with
        self._asked_to_stop = True
        self._stop_by = time.monotonic() + STOP_SECONDS - SPARE_SECONDS
        give_up = threading.Timer(STOP_SECONDS, self._give_up)
        give_up.daemon = True
        give_up.start()
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._wind_down()))

    async def _wind_down(self) -> None:
        """Stop once, whoever asks."""
        await self._started.wait()
        if self._stopping is None:
            self._stopping = self._loop.create_task(self._stop())
        await self._stopping

    async def _stop(self) -> None:
        self._schedule.stop()
        self._worker.stop()  # first: Celery looks at it every 2 s
        try:
            await self._web.stop_listening()
            await self._sessions.wind_down()  # while chargers and backoffices are still there
            await self._web.close_websockets(1012, "service restart")
            await self._sessions.stop(self._left())
            await self._loop.run_in_executor(None, self._worker.join, min(CELERY_SECONDS, self._left()))
        except Exception:
            logger.exception("The stop was not clean")
            self._web.problem = "the stop was not clean, the log says why"
        finally:
            self._is_stopped = True
            self._web.stop()

    def _left(self) -> float:
        """Seconds; who waits for another does so no longer, or what comes after would not happen."""
        return max(0.0, min(self._stop_by - time.monotonic(), STOP_SECONDS))

    def _give_up(self) -> None:
        if self._is_stopped:  # Python waits for all its threads, and one hangs in the database
            logger.warning("Stopped; a thread that does not end within %s s is abandoned", STOP_SECONDS)
            os._exit(bool(self._web.problem))
        logger.error("Something did not stop within %s s and is abandoned", STOP_SECONDS)
        os._exit(1)
