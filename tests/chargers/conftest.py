"""A real Daphne with the charger's consumer behind it, and a bus that the tests look into."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from queue import Queue

import pytest
from daphne.server import Server, reactor

from benchmarks.ports import free_port
from chargers import admission, attempts, protocol
from routing import bus
from tests.chargers.edge import PATIENCE_S, Edge, FakeBus


@pytest.fixture(scope="session")
def daphne_server() -> Iterator[Edge]:
    edge = Edge()
    edge.port = free_port()
    protocol.install()
    server = Server(
        edge,
        endpoints=[f"tcp:port={edge.port}:interface=127.0.0.1"],
        signal_handlers=False,
        websocket_timeout=-1,
        ready_callable=lambda: reactor.callWhenRunning(edge.listening.set),
    )
    thread = threading.Thread(target=server.run, name="daphne")
    thread.start()
    assert edge.listening.wait(PATIENCE_S)
    yield edge
    reactor.callFromThread(reactor.stop)
    thread.join(PATIENCE_S)


@pytest.fixture(autouse=True)
def no_connections_are_left() -> Iterator[None]:
    """Admission keeps its connections; none may outlive the database of a test."""
    yield
    loop = asyncio.new_event_loop()
    loop.run_until_complete(attempts.close())
    loop.close()


@pytest.fixture
def edge(daphne_server: Edge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    """The server, with a fresh memory of who failed."""
    monkeypatch.setattr(admission, "_door", admission.Door())
    daphne_server.finished = Queue()
    yield daphne_server
    daphne_server.applications.clear()


@pytest.fixture
def fake_bus() -> Iterator[FakeBus]:
    fake = FakeBus()
    bus.install(fake)
    yield fake
    bus.install(None)
