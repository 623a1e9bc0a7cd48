"""The Bus of one process."""

from __future__ import annotations

import pytest

from routing import bus
from routing.bus import Attach, Attachment, BusUnavailable, ChargerSocket, LocalBus


class Socket:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: list[tuple[int, str]] = []

    def send(self, text: str) -> None:
        self.sent.append(text)

    def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


class Echo:
    def __init__(self, socket: ChargerSocket) -> None:
        self.socket = socket

    def up(self, text: str) -> None:
        self.socket.send(text)

    def detach(self, code: int) -> None:
        self.socket.close(code, "detached")


class EchoRuntime:
    requests: list[Attach]

    def __init__(self) -> None:
        self.requests = []

    async def attach(self, request: Attach, socket: ChargerSocket) -> Attachment:
        self.requests.append(request)
        if request.identity == "CP-0":
            raise BusUnavailable("this runtime is stopping")
        return Echo(socket)


@pytest.fixture
def runtime():
    runtime = EchoRuntime()
    bus.install(LocalBus(runtime))
    yield runtime
    bus.install(None)


def attach(identity: str) -> Attach:
    return Attach(charger=1, identity=identity, ocpp_version="1.6", remote_address="10.0.0.1")


async def test_frames_go_to_the_runtime_and_back_in_the_same_call(runtime):
    socket = Socket()
    attachment = await bus.current().attach(attach("CP-1"), socket)
    attachment.up("[2]")
    assert socket.sent == ["[2]"]
    attachment.detach(1006)
    assert socket.closed == [(1006, "detached")]
    assert runtime.requests == [attach("CP-1")]


async def test_a_runtime_that_is_stopping_says_so(runtime):
    with pytest.raises(BusUnavailable, match="stopping"):
        await bus.current().attach(attach("CP-0"), Socket())


def test_without_a_runtime_there_is_no_bus():
    bus.install(None)
    with pytest.raises(BusUnavailable, match="no session runtime"):
        bus.current()
