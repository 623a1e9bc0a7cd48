"""The charger's consumer behind a real Daphne, and on plain ASGI."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Queue
from typing import Any

import pytest
from channels.testing import ApplicationCommunicator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from chargers import consumers
from chargers.admission import admit
from chargers.causes import Cause
from chargers.consumers import ChargerConsumer
from chargers.models import Charger, RefusedAttempt
from tests.chargers.edge import PATIENCE_S, Edge, FakeBus
from tests.chargers.rawsocket import RawClient

pytestmark = pytest.mark.django_db(transaction=True)

V16 = ["ocpp1.6"]


@pytest.fixture
def charger() -> Charger:
    return Charger.objects.create(identity="CP-1")


def closing(client) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as ended:
        client.recv(timeout=PATIENCE_S)
    received = ended.value.rcvd
    assert received is not None, "the socket was dropped without a close frame"
    return received.code, received.reason


def record() -> RefusedAttempt:
    return RefusedAttempt.objects.get()


def test_frames_pass_both_ways(edge: Edge, fake_bus: FakeBus, charger: Charger):
    with edge.connect("/ocpp/CP-1", V16) as client:
        attachment = fake_bus.newest()
        assert client.subprotocol == "ocpp1.6"
        client.send('[2,"1","Heartbeat",{}]')
        assert attachment.frames.get(timeout=PATIENCE_S) == '[2,"1","Heartbeat",{}]'
        attachment.send('[3,"1",{}]')
        assert client.recv(timeout=PATIENCE_S) == '[3,"1",{}]'
        client.close(1001)
    assert attachment.detached.get(timeout=PATIENCE_S) == 1001
    edge.until_finished()
    assert attachment.detached.empty()
    assert attachment.request.charger == charger.pk
    assert attachment.request.ocpp_version == "1.6"
    assert attachment.request.remote_address == "127.0.0.1"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_000], ids=str)
def test_frames_of_any_size_pass_both_ways(edge: Edge, fake_bus: FakeBus, charger: Charger, size: int):
    text = "\u00e4" * (size // 2) + "x" * (size % 2)
    with edge.connect("/ocpp/CP-1", V16) as client:
        attachment = fake_bus.newest()
        client.send(text)
        assert attachment.frames.get(timeout=PATIENCE_S) == text
        attachment.send(text)
        assert client.recv(timeout=PATIENCE_S) == text


def test_what_the_session_says_before_the_handshake_ends_comes_after_it(
    edge: Edge, fake_bus: FakeBus, charger: Charger
):
    fake_bus.greeting = '[2,"p","TriggerMessage",{}]'
    with edge.connect("/ocpp/CP-1", V16) as client:
        assert client.subprotocol == "ocpp1.6"
        assert client.recv(timeout=PATIENCE_S) == '[2,"p","TriggerMessage",{}]'


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1008, 1009, 1011, 1012, 4000])
def test_close_codes_arrive_with_their_reason(edge: Edge, fake_bus: FakeBus, charger: Charger, code: int):
    with edge.connect("/ocpp/CP-1", V16) as client:
        attachment = fake_bus.newest()
        attachment.close(code, "why")
        assert closing(client) == (code, "why")
    assert attachment.detached.get(timeout=PATIENCE_S) == code


def test_a_long_reason_is_cut_between_characters(edge: Edge, fake_bus: FakeBus, charger: Charger):
    with edge.connect("/ocpp/CP-1", V16) as client:
        fake_bus.newest().close(1008, "x" + "\u00e4" * 100)
        assert closing(client) == (1008, "x" + "\u00e4" * 61)


def test_the_newest_connection_wins(edge: Edge, fake_bus: FakeBus, charger: Charger):
    with edge.connect("/ocpp/CP-1", V16) as old:
        first = fake_bus.newest()
        with edge.connect("/ocpp/CP-1", V16) as new:
            second = fake_bus.newest()
            assert closing(old) == (1008, "replaced")
            assert first.detached.get(timeout=PATIENCE_S) == 1008
            new.send("[]")
            assert second.frames.get(timeout=PATIENCE_S) == "[]"
            assert second.detached.empty()


def test_a_replaced_socket_is_not_waited_for(edge: Edge, fake_bus: FakeBus, charger: Charger):
    """The old client never answers the close frame; it is let go all the same."""
    with RawClient(edge.port, "/ocpp/CP-1", "ocpp1.6") as old:
        first = fake_bus.newest()
        with edge.connect("/ocpp/CP-1", V16):
            assert first.detached.get(timeout=PATIENCE_S) == 1008
        assert old.read_to_end() == b"\x88\x0a\x03\xf0replaced"


def test_a_binary_frame_is_refused_and_recorded(edge: Edge, fake_bus: FakeBus, charger: Charger):
    with edge.connect("/ocpp/CP-1", V16) as client:
        attachment = fake_bus.newest()
        client.send(b"\x00\x01")
        assert closing(client)[0] == 1003
    assert attachment.detached.get(timeout=PATIENCE_S) == 1003
    edge.until_finished()
    assert (record().identity, record().cause) == ("CP-1", Cause.BINARY_FRAME)
    assert "2 bytes" in record().detail
    assert attachment.frames.empty()


def test_an_oversized_frame_is_refused_and_recorded(edge: Edge, fake_bus: FakeBus, charger: Charger):
    with edge.connect("/ocpp/CP-1", V16) as client:
        attachment = fake_bus.newest()
        client.send("x" * (1024 * 1024 + 1))
        assert closing(client)[0] == 1009
    edge.until_finished()
    assert record().cause == Cause.OVERSIZED_FRAME
    assert "1048577" in record().detail
    assert attachment.frames.empty()


def test_a_flood_of_frames_is_cut_off_and_recorded(
    edge: Edge, fake_bus: FakeBus, charger: Charger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ChargerConsumer, "frame_window", 3)
    monkeypatch.setattr(ChargerConsumer, "frames_per_second", 1e-3)
    with edge.connect("/ocpp/CP-1", V16) as client:
        attachment = fake_bus.newest()
        for number in range(3):
            client.send(str(number))
        assert closing(client)[0] == 1008
    edge.until_finished()
    assert record().cause == Cause.TOO_MANY_FRAMES
    assert list(attachment.frames.queue) == ["0", "1"]


def test_a_failing_session_closes_its_socket_and_no_other(edge: Edge, fake_bus: FakeBus, charger: Charger):
    Charger.objects.create(identity="CP-2")
    with edge.connect("/ocpp/CP-1", V16) as client, edge.connect("/ocpp/CP-2", V16) as other:
        first, second = fake_bus.newest(), fake_bus.newest()
        client.send("raise")
        assert closing(client) == (1011, "internal error")
        assert first.detached.get(timeout=PATIENCE_S) == 1011
        other.send("[]")
        assert second.frames.get(timeout=PATIENCE_S) == "[]"


def test_without_a_session_the_charger_hears_503(edge: Edge, fake_bus: FakeBus, charger: Charger):
    fake_bus.refusal = "this runtime is stopping"
    with pytest.raises(InvalidStatus) as refused:
        edge.connect("/ocpp/CP-1", V16)
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "10"
    assert record().cause == Cause.UNAVAILABLE
    assert "this runtime is stopping" in record().detail


def test_a_socket_that_dies_while_it_is_attached_is_detached(edge: Edge, fake_bus: FakeBus, charger: Charger):
    fake_bus.gate = threading.Event()
    client = RawClient(edge.port, "/ocpp/CP-1", "ocpp1.6", wait=False)
    fake_bus.waiting.get(timeout=PATIENCE_S)
    client.abort()
    fake_bus.gate.set()
    attachment = fake_bus.newest()
    assert attachment.detached.get(timeout=PATIENCE_S) == 1006
    edge.until_finished()
    assert attachment.detached.empty()


# Plain ASGI: other servers, and applications around the consumer


def scope(path: str = "/ocpp/CP-1", **more):
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "headers": [],
        "client": ["10.0.0.1", 4711],
        "subprotocols": V16,
        **more,
    }


async def test_plain_asgi_passes_frames_both_ways(fake_bus: FakeBus):
    await Charger.objects.acreate(identity="CP-1")
    communicator = ApplicationCommunicator(ChargerConsumer.as_asgi(), scope())
    await communicator.send_input({"type": "websocket.connect"})
    assert await communicator.receive_output(PATIENCE_S) == {
        "type": "websocket.accept",
        "subprotocol": "ocpp1.6",
    }
    attachment = fake_bus.newest()
    await communicator.send_input({"type": "websocket.receive", "text": "up"})
    attachment.send("down")
    attachment.close(1012, "restart")
    assert await communicator.receive_output(PATIENCE_S) == {"type": "websocket.send", "text": "down"}
    assert await communicator.receive_output(PATIENCE_S) == {
        "type": "websocket.close",
        "code": 1012,
        "reason": "restart",
    }
    await communicator.send_input({"type": "websocket.disconnect", "code": 1012})
    await communicator.wait(PATIENCE_S)
    assert attachment.frames.get_nowait() == "up"
    assert attachment.detached.get_nowait() == 1012


async def test_after_a_fault_no_frame_is_passed_on_whatever_the_server_does(fake_bus: FakeBus):
    await Charger.objects.acreate(identity="CP-1")
    communicator = ApplicationCommunicator(ChargerConsumer.as_asgi(), scope())
    await communicator.send_input({"type": "websocket.connect"})
    await communicator.receive_output(PATIENCE_S)
    await communicator.send_input({"type": "websocket.receive", "bytes": b"x"})
    await communicator.send_input({"type": "websocket.receive", "text": "late"})
    assert (await communicator.receive_output(PATIENCE_S))["code"] == 1003
    await communicator.send_input({"type": "websocket.disconnect", "code": 1003})
    await communicator.wait(PATIENCE_S)
    assert fake_bus.newest().frames.empty()


async def test_plain_asgi_without_denial_response_is_closed_before_accept(fake_bus: FakeBus):
    communicator = ApplicationCommunicator(ChargerConsumer.as_asgi(), scope("/ocpp/CP-9"))
    await communicator.send_input({"type": "websocket.connect"})
    assert await communicator.receive_output(PATIENCE_S) == {"type": "websocket.close"}
    await communicator.wait(PATIENCE_S)


async def test_a_cancelled_consumer_lets_go_of_its_session(fake_bus: FakeBus):
    await Charger.objects.acreate(identity="CP-1")
    communicator = ApplicationCommunicator(ChargerConsumer.as_asgi(), scope())
    await communicator.send_input({"type": "websocket.connect"})
    await communicator.receive_output(PATIENCE_S)
    attachment = fake_bus.newest()
    communicator.stop(exceptions=False)
    await communicator.wait(PATIENCE_S)
    assert attachment.detached.get_nowait() == 1006


def test_a_charger_may_compress(edge: Edge, fake_bus: FakeBus, charger: Charger):
    """RFC 7692; what it gets is not compressed, which is for the sender to say."""
    with connect(
        edge.url("/ocpp/CP-1"), subprotocols=[Subprotocol("ocpp1.6")], compression="deflate", proxy=None
    ) as client:
        attachment = fake_bus.newest()
        assert client.protocol.extensions, "permessage-deflate was not agreed on"
        for text in ('[2,"1","Heartbeat",{}]', "ä" * 100_000, "x"):
            client.send(text)
            assert attachment.frames.get(timeout=PATIENCE_S) == text
        attachment.send('[3,"1",{}]')
        assert client.recv(timeout=PATIENCE_S) == '[3,"1",{}]'


def test_a_charger_that_may_not_compress(edge: Edge, fake_bus: FakeBus, charger: Charger):
    charger.options = {"compression": False}
    charger.save()
    with connect(
        edge.url("/ocpp/CP-1"), subprotocols=[Subprotocol("ocpp1.6")], compression="deflate", proxy=None
    ) as client:
        assert fake_bus.newest()
        assert not client.protocol.extensions


def test_little_that_inflates_to_much_is_cut_off(edge: Edge, fake_bus: FakeBus, charger: Charger):
    with connect(
        edge.url("/ocpp/CP-1"), subprotocols=[Subprotocol("ocpp1.6")], compression="deflate", proxy=None
    ) as client:
        attachment = fake_bus.newest()
        client.send(" " * 50_000_000)
        assert closing(client)[0] == 1009
    assert attachment.detached.get(timeout=PATIENCE_S) == 1009
    edge.until_finished()
    assert record().cause == Cause.OVERSIZED_FRAME


@pytest.mark.parametrize("how", [RawClient.abort, lambda client: client._socket.close()], ids=["RST", "FIN"])
def test_who_has_given_up_before_it_was_let_in_is_not_attached(
    edge: Edge, fake_bus: FakeBus, charger: Charger, monkeypatch, how: Callable[[RawClient], None]
):
    """It may be connected elsewhere by now: attaching it here would end that."""
    client: Queue[RawClient] = Queue()

    async def slow(scope: dict[str, Any]) -> Any:
        admission = await admit(scope)
        await asyncio.to_thread(lambda: how(client.get(timeout=PATIENCE_S)))
        async with asyncio.timeout(PATIENCE_S):
            while not scope["extensions"]["ocpp.direct"].gone:  # noqa: ASYNC110 - it says nothing when it goes
                await asyncio.sleep(0)
        return admission

    monkeypatch.setattr(consumers, "admit", slow)
    client.put(RawClient(edge.port, "/ocpp/CP-1", "ocpp1.6", wait=False))
    edge.until_finished()
    assert fake_bus.attached.empty()


def test_a_session_is_told_when_its_charger_has_asked(edge: Edge, fake_bus: FakeBus, charger: Charger):
    before = time.monotonic()
    with edge.connect("/ocpp/CP-1", V16):
        asked_at = fake_bus.newest().request.asked_at
    assert asked_at is not None
    assert before <= asked_at <= time.monotonic()


def test_tls_on_the_port_without_is_recorded_and_ended(edge: Edge):
    with socket.create_connection(("127.0.0.1", edge.port), PATIENCE_S) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01" + b"\x00" * 512)
        with suppress(ConnectionResetError):
            assert client.recv(100) == b""
    assert (record().identity, record().cause, record().remote_address) == (
        "",
        "tls_on_plain_port",
        "127.0.0.1",
    )
