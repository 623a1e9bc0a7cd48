"""Daphne's WebSocket with our protocol: frames, closes, refusals, pings. No database, mostly no socket."""

from __future__ import annotations

import asyncio
import itertools
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chargers import protocol
from chargers.inbox import Inbox
from tests.chargers.edge import PATIENCE_S, Edge
from tests.chargers.rawsocket import RawClient, handshake, masked
from tests.chargers.wire import Server, Wire

# Frames up


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, bytes]:
    """A text and its frames: whole or in fragments, with pings between."""
    text = draw(st.text(max_size=300))
    payload, mask = text.encode(), draw(st.binary(min_size=4, max_size=4))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=2)))
    parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    octets = b""
    for number, part in enumerate(parts):
        octets += masked(b"alive?", 9) if draw(st.booleans()) else b""
        octets += masked(part, 0 if number else 1, fin=number == len(parts) - 1, mask=mask)
    return text, octets


@given(st.lists(messages(), max_size=6), st.lists(st.integers(0, 3000), max_size=6))
def test_texts_arrive_whole_and_in_order_however_they_are_cut(sent, cuts):
    wire = Wire().opened()
    stream = b"".join(octets for _, octets in sent)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    wire.receive(*(stream[a:b] for a, b in itertools.pairwise(places)))
    assert wire.frames == [text for text, _ in sent]
    assert wire.protocol.state == wire.protocol.STATE_OPEN


@given(st.binary(max_size=400))
def test_any_bytes_end_in_frames_or_a_close(octets):
    wire = Wire().opened()
    wire.receive(octets)
    assert wire.protocol.state in (
        wire.protocol.STATE_OPEN,
        wire.protocol.STATE_CLOSING,
        wire.protocol.STATE_CLOSED,
    )


def test_a_frame_right_behind_the_handshake_is_not_lost():
    wire = Wire()
    wire.receive(masked(b"early"))
    wire.opened()
    assert wire.frames == ["early"]


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (masked(b"x" * 4097), 1009),
        (masked(b"x" * 4000, fin=False) + masked(b"x" * 97, 0), 1009),
        (masked(b"\xff\xfe"), 1007),
        (masked(b"\xed\xa0\x80"), 1007),
        (b"\x81\x01x", 1002),
        (masked(b"x", 3), 1002),
        (b"\xc1" + masked(b"x")[1:], 1002),
        (b"\x81\xfe\x00\x01" + b"\x00" * 5, 1002),
    ],
    ids=[
        "oversized",
        "oversized fragments",
        "not UTF-8",
        "surrogate",
        "unmasked",
        "opcode",
        "extension bit",
        "length",
    ],
)
def test_a_fault_of_the_peer_gets_its_code_and_is_told(octets, code):
    wire = Wire().opened()
    wire.receive(octets)
    written = wire.written()
    assert written[0] == 0x88
    assert struct.unpack("!H", written[2:4])[0] == code
    wire.receive(masked(b"later"))
    assert wire.frames == []
    told = wire.lose()
    assert (told["type"], told["code"]) == ("websocket.disconnect", code)
    assert told["ocpp.failure"] == written[4:].decode()


def test_a_new_message_inside_fragments_is_a_fault():
    wire = Wire().opened()
    wire.receive(masked(b"a", fin=False), masked(b"b"))
    assert wire.frames == []
    assert wire.written()[2:4] == struct.pack("!H", 1002)


def test_binary_messages_go_to_the_application():
    wire = Wire().opened()
    wire.receive(masked(b"\x00\xff", 2))
    assert wire.server.messages[-1] == {"type": "websocket.receive", "bytes": b"\x00\xff"}


def test_without_a_direct_receiver_texts_go_to_the_application():
    wire = Wire()
    wire.protocol.handle_reply({"type": "websocket.accept"})
    wire.receive(masked(b"[]"))
    assert wire.server.messages[-1] == {"type": "websocket.receive", "text": "[]"}


# Closing


def test_our_close_waits_for_its_answer_and_then_drops():
    wire = Wire().opened()
    wire.protocol.close_with(1012, "restart")
    assert wire.written() == b"\x88\x09\x03\xf4restart"
    assert not wire.transport.disconnecting
    wire.receive(masked(struct.pack("!H", 1012), 8))
    assert wire.transport.disconnecting
    assert wire.lose() == {
        "type": "websocket.disconnect",
        "code": 1012,
        "reason": "restart",
        "ocpp.failure": "",
    }


def test_a_close_without_answer_is_dropped_in_time():
    wire = Wire().opened()
    wire.protocol.close_with(1008, "")
    wire.timer.clock.advance(2.9)
    assert not wire.transport.disconnecting
    wire.timer.clock.advance(0.2)
    assert wire.transport.disconnecting


def test_a_replaced_socket_is_dropped_at_once():
    wire = Wire().opened()
    wire.protocol.close_with(1008, "replaced")
    assert wire.written() == b"\x88\x0a\x03\xf0replaced"
    assert wire.transport.disconnecting


def test_nothing_is_heard_or_said_after_a_close():
    wire = Wire().opened()
    wire.protocol.close_with(1008, "")
    wire.written()
    wire.receive(masked(b"late"))
    wire.protocol.send_text("late")
    wire.protocol.close_with(1011, "")
    assert (wire.frames, wire.written()) == ([], b"")


def test_a_receiver_that_closes_hears_nothing_of_the_same_read():
    wire = Wire()
    heard: list[str] = []

    def receive(text: str) -> None:
        heard.append(text)
        wire.protocol.close_with(1008, "")

    wire.protocol.start(receive, 0)
    wire.protocol.handle_reply({"type": "websocket.accept"})
    wire.receive(masked(b"one") + masked(b"two"))
    assert heard == ["one"]


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [(struct.pack("!H", 1001) + b"bye", 1001, "bye"), (b"", 1005, "")],
    ids=["code", "no code"],
)
def test_the_close_of_the_peer_is_told(payload, code, reason):
    wire = Wire().opened()
    wire.receive(masked(payload, 8))
    told = wire.lose()
    assert (told["code"], told["reason"], told["ocpp.failure"]) == (code, reason, "")


def test_a_lost_connection_is_1006():
    assert Wire().opened().lose()["code"] == 1006


def test_a_receiver_that_raises_closes_with_1011(caplog):
    wire = Wire()
    wire.protocol.start(lambda text: {}[text], 0)
    wire.protocol.handle_reply({"type": "websocket.accept"})
    wire.written()
    wire.receive(masked(b"x"))
    assert wire.written()[2:4] == struct.pack("!H", 1011)
    assert "/ocpp/CP-1" in caplog.text


# Pings


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch):
    fake = Time()
    monkeypatch.setattr(protocol, "time", fake)
    return fake


def test_two_unanswered_pings_end_the_connection(time):
    wire = Wire().opened(ping_s=30)
    seen = []
    for _ in range(46):
        wire.protocol.check_timeouts()
        seen.append((time.now, wire.written(), wire.transport.disconnecting))
        time.now += 2
    pings = [now - 1000 for now, octets, _ in seen if octets == b"\x89\x00"]
    assert pings == [30, 60]
    assert [now - 1000 for now, _, dropped in seen if dropped][:1] == [90]


@pytest.mark.parametrize("octets", [masked(b"", 10), masked(b"x")], ids=["pong", "frame"])
def test_any_sign_of_life_counts(time, octets):
    wire = Wire().opened(ping_s=30)
    wire.protocol.check_timeouts()
    for _ in range(20):
        time.now += 30
        wire.protocol.check_timeouts()
        wire.receive(octets)
        wire.protocol.check_timeouts()
    assert not wire.transport.disconnecting


@pytest.mark.parametrize(("ping_s", "pings"), [(0, 0), (None, 1)], ids=["off", "of the server"])
def test_pings_are_optional(time, ping_s, pings):
    wire = Wire().opened(ping_s)
    wire.protocol.check_timeouts()
    time.now += 25
    wire.protocol.check_timeouts()
    assert wire.written().count(b"\x89\x00") == pings


def test_a_handshake_without_an_answer_is_503(time):
    wire = Wire()
    time.now += 21
    wire.protocol.check_timeouts()
    assert wire.written().startswith(b"HTTP/1.1 503 ")
    wire.protocol.handle_reply({"type": "websocket.accept"})
    assert wire.written() == b""


# The handshake


def test_the_scope_says_what_the_charger_said():
    wire = Wire("/ocpp/CP%2F1;a?b=1", "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6", "X_Y: no", "X-Y: yes")
    scope = wire.server.scope
    assert scope["raw_path"] == b"/ocpp/CP%2F1;a"
    assert scope["path"] == "/ocpp/CP/1;a"
    assert scope["subprotocols"] == ["ocpp2.0.1", "ocpp1.6"]
    assert scope["scheme"] == "ws"
    assert scope["client"] == ["192.168.1.1", 54321]
    assert (b"x-y", b"yes") in scope["headers"]
    assert not [name for name, _ in scope["headers"] if b"_" in name]


def test_a_handshake_without_connection_header_is_one_all_the_same():
    without = handshake("/ocpp/CP-1").replace(b"Connection: Upgrade\r\n", b"")
    wire = Wire(octets=without)
    assert wire.server.scope["raw_path"] == b"/ocpp/CP-1"
    wire.opened()


def test_an_absolute_target_has_its_path():
    assert Wire("http://proxy:9000/ocpp/CP-1").server.scope["raw_path"] == b"/ocpp/CP-1"


def test_a_trusted_proxy_names_address_and_scheme():
    server = Server()
    server.proxy_forwarded_address_header = "X-Forwarded-For"
    headers = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
    scope = Wire("/ocpp/CP-1", *headers, server=server).server.scope
    assert (scope["client"][0], scope["scheme"]) == ("203.0.113.9", "wss")
    assert Wire("/ocpp/CP-1", *headers).server.scope["scheme"] == "ws"


@pytest.mark.parametrize(
    ("replies", "status", "words"),
    [
        ([{"type": "websocket.close"}], b"403 Forbidden", b"Forbidden"),
        (
            [
                {
                    "type": "websocket.http.response.start",
                    "status": 401,
                    "headers": [(b"WWW-Authenticate", b"Basic")],
                },
                {"type": "websocket.http.response.body", "body": b"no ", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"password"},
            ],
            b"401 Unauthorized",
            b"WWW-Authenticate: Basic\r\n",
        ),
    ],
    ids=["close", "denial response"],
)
def test_refusals_before_accept(replies, status, words):
    wire = Wire()
    for reply in replies:
        wire.protocol.handle_reply(reply)
    written = wire.written()
    head, _, body = written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert words in written
    assert wire.transport.disconnecting
    assert wire.server.log == ["connecting", "rejected"]


def test_a_handshake_that_is_none_is_refused_without_an_application():
    wire = Wire("/ocpp/CP-1", "Sec-WebSocket-Key: second")
    assert wire.written().startswith(b"HTTP/1.1 400 Bad Request")
    assert wire.server.messages == []
    wire.protocol.onClose(False, 1006, "")


@pytest.mark.parametrize(("opened", "start"), [(False, b"HTTP/1.1 500 "), (True, b"\x88\x10\x03\xf3")])
def test_an_application_that_fails_is_an_internal_error(opened, start):
    wire = Wire().opened() if opened else Wire()
    wire.protocol.handle_exception(RuntimeError("x"))
    assert wire.written().startswith(start)


@pytest.mark.parametrize("kind", ["websocket.send", "websocket.http.response.body", "http.response.start"])
def test_a_message_out_of_turn_is_an_error_of_the_application(kind):
    with pytest.raises(ValueError, match=r"before websocket|not a message"):
        Wire().protocol.handle_reply({"type": kind, "text": "x"})


async def test_an_inbox_keeps_order_and_wakes_its_reader():
    inbox = Inbox()
    inbox.put({"type": "one"})
    inbox.put({"type": "two"})
    assert [(await inbox.get())["type"] for _ in range(2)] == ["one", "two"]
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not reader.done()
    inbox.put({"type": "three"})
    inbox.put({"type": "four"})
    assert (await reader)["type"] == "three"
    assert (await inbox.get())["type"] == "four"


# Over TCP


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "ocpp1.6"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") == "fail":
            raise RuntimeError("an application that fails")
        await send({"type": "websocket.send", **{k: v for k, v in message.items() if k != "type"}})


async def echo_direct(scope: dict[str, Any], receive: Any, send: Any) -> None:
    direct = scope["extensions"]["ocpp.direct"]
    await receive()
    direct.start(direct.send_text, 0)
    await send({"type": "websocket.accept", "subprotocol": "ocpp1.6"})
    await receive()


@pytest.mark.parametrize("application", [echo, echo_direct], ids=["asgi", "direct"])
def test_texts_come_back_in_order(edge: Edge, application):
    edge.applications["/echo"] = application
    texts = [str(n) * (n * 37 % 9000) for n in range(200)]
    with edge.connect("/echo", ["ocpp1.6"]) as client:
        for text in texts:
            client.send(text)
        assert [client.recv(timeout=PATIENCE_S) for _ in texts] == texts
        client.send(["in ", "frag", "ments"])
        assert client.recv(timeout=PATIENCE_S) == "in fragments"


def test_binary_comes_back_over_asgi(edge: Edge):
    edge.applications["/echo"] = echo
    with edge.connect("/echo", ["ocpp1.6"]) as client:
        client.send(b"\x00\xff")
        assert client.recv(timeout=PATIENCE_S) == b"\x00\xff"


def test_a_failed_application_closes_with_1011(edge: Edge):
    edge.applications["/echo"] = echo
    with edge.connect("/echo", ["ocpp1.6"]) as client:
        client.send("fail")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


def test_a_peer_that_does_not_read_is_dropped(edge: Edge, monkeypatch):
    monkeypatch.setattr(protocol, "MAX_UNSENT", 100_000)
    told: list[dict[str, Any]] = []

    async def pour(scope: dict[str, Any], receive: Any, send: Any) -> None:
        direct = scope["extensions"]["ocpp.direct"]
        await receive()
        direct.start(lambda _: [direct.send_text("x" * 1_000_000) for _ in range(30)], 0)
        await send({"type": "websocket.accept", "subprotocol": "ocpp1.6"})
        told.append(await receive())

    edge.applications["/pour"] = pour
    with RawClient(edge.port, "/pour", "ocpp1.6") as client:
        client.send(masked(b"go"))
        edge.until_finished()
    assert "does not read" in told[0]["ocpp.failure"]


def test_stock_refusals_of_other_applications_stay_403(edge: Edge):
    async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    edge.applications["/refuse"] = refuse
    with pytest.raises(InvalidStatus) as refused:
        edge.connect("/refuse")
    assert refused.value.response.status_code == 403
