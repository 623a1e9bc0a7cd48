import asyncio
import base64
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from backoffices.links import Dialler
from backoffices.sockets import Limits
from tests.backoffices.dialling import backoffice, echo, stay
from tests.backoffices.peers import (
    BINARY,
    CLOSE,
    MORE,
    PATIENCE,
    PING,
    TEXT,
    Recorder,
    frame,
    raw_backoffice,
    target,
)


async def test_frames_pass_both_ways_in_order(dialler, recorder):
    async with backoffice(echo) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until("opened")
        texts = [f'[2,"{n}","Heartbeat",{{}}]' + "ä" * n for n in range(50)]
        for text in texts:
            link.send(text)

        assert [await recorder.until("frame") for _ in texts] == texts
        assert recorder.log[:2] == [("dialling", ""), ("opened", "")]


async def test_the_handshake_offers_one_version_and_sends_credentials_as_bytes(dialler, recorder):
    asked = asyncio.get_running_loop().create_future()

    async def behave(peer):
        asked.set_result(await peer.read_request())
        peer.answer(b"ocpp2.0.1")
        await peer.read_frame()

    async with raw_backoffice(behave) as port:
        dialler(target(port, username="CP 1", password=b"\x00\xff:\x80"), "2.0.1", recorder)
        await recorder.until("opened")
        lines = asked.result().decode().split("\r\n")

    assert lines[0] == "GET /ocpp/CP-1 HTTP/1.1"
    assert "Sec-WebSocket-Protocol: ocpp2.0.1" in lines
    assert f"Authorization: Basic {base64.b64encode(b'CP 1:' + bytes([0, 255, 58, 128])).decode()}" in lines
    assert "User-Agent: ocpp-proxy" in lines
    assert not any(line.startswith("Sec-WebSocket-Extensions") for line in lines)


async def test_without_a_password_no_credentials_are_sent(dialler, recorder):
    async def check(connection):
        await connection.send(connection.request.headers.get("Authorization", "none"))
        await connection.wait_closed()

    async with backoffice(check) as port:
        dialler(target(port), "1.6", recorder)
        assert await recorder.until("frame") == "none"


@pytest.mark.parametrize(
    ("chosen", "reply"),
    [(b"", "it chose no subprotocol"), (b"ocpp1.5", "it answered: unsupported subprotocol: ocpp1.5")],
    ids=["none", "other"],
)
async def test_another_version_parks_the_link(dialler, recorder, chosen, reply):
    async def behave(peer):
        await peer.read_request()
        peer.answer(chosen)
        await peer.read_frame()

    async with raw_backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        error = await recorder.until("parked")

    assert error == f"version_mismatch: offered ocpp1.6, {reply}; let it accept this version"
    assert ("opened", "") not in recorder.log
    assert link.alive


async def test_an_http_error_about_the_subprotocol_parks_the_link(dialler, recorder):
    async with backoffice(stay, subprotocols=["ocpp2.0.1"]) as port:  # the library answers 400
        dialler(target(port), "1.6", recorder)
        assert (await recorder.until("parked")).startswith("version_mismatch: offered ocpp1.6, it refused")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (b"401 Unauthorized", "HTTP 401: check user name and password"),
        (b"404 Not Found", "HTTP 404: it does not know this charger or path"),
        (b"418 Teapot", "HTTP 418: Teapot"),
        (b"503 Busy", "HTTP 503: it has a problem of its own"),
        (b"200 OK", "HTTP 200: this path answers web pages"),
        (b"302 Found\r\nLocation: ws://127.0.0.1:1/", "HTTP 302: it redirects to ws://127.0.0.1:1/"),
    ],
    ids=lambda value: value[:3].decode() if isinstance(value, bytes) else "",
)
async def test_an_http_answer_is_explained_and_dialled_again(dialler, recorder, status, words):
    async def behave(peer):
        await peer.read_request()
        peer.writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await peer.writer.drain()
        await peer.reader.read()

    async with raw_backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        assert words in await recorder.until("waiting")
        await recorder.until("dialling")
        assert words in await recorder.until("waiting")


async def test_an_answer_that_is_not_http_is_explained(dialler, recorder):
    async def behave(peer):
        peer.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await peer.reader.read()

    async with raw_backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        assert f"127.0.0.1:{port} does not speak WebSocket" in await recorder.until("waiting")


async def test_a_closed_port_is_explained_and_dialled_until_it_opens(dialler, recorder):
    async with backoffice(stay) as port:
        pass
    dialler(target(port), "1.6", recorder)
    assert await recorder.until("waiting") == f"connection refused at 127.0.0.1:{port}"
    assert await recorder.until("dialling") == f"connection refused at 127.0.0.1:{port}"

    async with serve(stay, "127.0.0.1", port, subprotocols=[Subprotocol("ocpp1.6")]):
        await recorder.until("opened")


async def test_a_peer_that_never_answers_is_given_up(recorder):
    async def behave(peer):
        await peer.reader.read()

    dialler = Dialler(Limits(open_timeout=0.01), jitter=lambda: 0.0)
    async with raw_backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        assert await recorder.until("waiting") == f"no answer from 127.0.0.1:{port} within 0.01 s"
        link.close(1000, "")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://", "ws://host:99999/", "nonsense"])
async def test_a_url_that_is_none_is_explained(dialler, recorder, url):
    link = dialler(target(1, url=url), "1.6", recorder)
    async with asyncio.timeout(PATIENCE):
        assert await recorder.events.get() == ("dialling", "")
        _, error = await recorder.events.get()
    assert error == "not a WebSocket URL; expected ws:// or wss://, a host and a path"
    assert link.alive


async def test_private_addresses_are_refused_where_forbidden(dialler, recorder):
    async with backoffice(stay) as port:
        dialler(target(port, allow_private=False), "1.6", recorder)
        assert "127.0.0.1: not a public address" in await recorder.until("parked")


def self_signed(directory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_tls_is_verified_unless_told_otherwise(dialler, recorder, tmp_path):
    async with backoffice(echo, ssl=self_signed(tmp_path)) as port:
        url = f"wss://127.0.0.1:{port}/CP-1"
        strict = dialler(target(port, url=url), "1.6", recorder)
        assert "TLS certificate not trusted: self-signed certificate" in await recorder.until("waiting")
        strict.close(1000, "")

        lenient = Recorder()
        link = dialler(target(port, url=url, verify_tls=False), "1.6", lenient)
        await lenient.until("opened")
        link.send("over TLS")
        assert await lenient.until("frame") == "over TLS"


async def test_tls_toward_a_plain_port_is_explained(dialler, recorder):
    async with backoffice(stay) as port:
        dialler(target(port, url=f"wss://127.0.0.1:{port}/CP-1"), "1.6", recorder)
        assert f"127.0.0.1:{port}" in await recorder.until("waiting")


async def test_a_frame_in_the_segment_of_the_handshake_comes_after_opened(dialler, recorder):
    async def behave(peer):
        await peer.read_request()
        peer.answer(then=frame(TEXT, b"first") + frame(TEXT, b"second"))
        await peer.read_frame()

    async with raw_backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        await recorder.until("opened")
        assert [await recorder.until("frame"), await recorder.until("frame")] == ["first", "second"]


async def test_a_backoffice_that_talks_and_leaves_at_once_is_heard(dialler, recorder):
    async def behave(peer):
        await peer.read_request()
        peer.answer(then=frame(TEXT, b"bye") + frame(CLOSE, b"\x03\xf0gone"))
        await peer.read_frame()

    async with raw_backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        assert await recorder.until("closed") == "closed by the backoffice: 1008 gone"
    assert [kind for kind, _ in recorder.log[:4]] == ["dialling", "opened", "frame", "closed"]


async def test_fragmented_text_is_joined_with_control_frames_in_between(dialler, recorder):
    whole = "grüße".encode()

    async def behave(peer):
        await peer.read_request()
        peer.answer()
        peer.writer.write(frame(TEXT, whole[:3], final=False) + frame(PING, b"?"))
        assert await peer.read_frame() == (10, b"?")
        peer.writer.write(frame(MORE, b"", final=False) + frame(MORE, whole[3:]) + frame(TEXT, b"next"))
        await peer.read_frame()

    async with raw_backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        assert await recorder.until("frame") == "grüße"
        assert await recorder.until("frame") == "next"


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (frame(BINARY, b"\x00"), 1003, "sent a binary frame; OCPP-J is text"),
        (frame(TEXT, b"\xff"), 1007, "sent text that is not UTF-8"),
        (frame(TEXT, b"a", final=False) + frame(TEXT, b"b"), 1002, "expected a continuation frame"),
        (b"\x81\x7f" + (5 * 2**20).to_bytes(8, "big"), 1009, "exceeds limit of 4194304 bytes"),
    ],
    ids=["binary", "not UTF-8", "bad fragments", "too large"],
)
async def test_a_broken_rule_closes_with_its_code(dialler, recorder, sent, code, words):
    closes: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def behave(peer):
        await peer.read_request()
        peer.answer(then=frame(TEXT, b"before"))
        peer.writer.write(sent + frame(TEXT, b"after"))
        closes.put_nowait(await peer.read_frame())

    async with raw_backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        assert words in await recorder.until("closed")
        opcode, data = await closes.get()

    assert (opcode, int.from_bytes(data[:2], "big")) == (CLOSE, code)
    assert ("frame", "after") not in recorder.log


async def test_a_link_that_the_backoffice_closes_is_dialled_again(dialler, recorder):
    visits = []

    async def behave(connection):
        visits.append(connection)
        if len(visits) == 1:
            await connection.close(1008, "replaced")
        await connection.wait_closed()

    async with backoffice(behave) as port:
        dialler(target(port), "1.6", recorder)
        await recorder.until("opened")
        await recorder.until("opened")

    words = "closed by the backoffice: 1008 replaced"
    assert recorder.log[:6] == [
        ("dialling", ""),
        ("opened", ""),
        ("closed", words),
        ("waiting", words),
        ("dialling", words),
        ("opened", ""),
    ]


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1012])
async def test_close_sends_its_code_and_is_the_last_word(dialler, recorder, code):
    seen = asyncio.get_running_loop().create_future()

    async def behave(connection):
        await connection.send("hello")
        await connection.wait_closed()
        seen.set_result((connection.close_code, connection.close_reason))

    async with backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until("frame")
        link.close(code, "reason " + "é" * 100)
        heard = len(recorder.log)
        link.send("into the void")
        link.close(1000, "twice")
        assert await seen == (code, "reason " + "é" * 58)
        assert await dialler.settled(PATIENCE) == 0

    assert len(recorder.log) == heard
    assert not dialler.links
    assert not dialler.sockets


@pytest.mark.parametrize("moment", ["before the first turn", "dialling", "waiting"])
async def test_close_before_it_is_open_ends_the_dialling(dialler, recorder, moment):
    async def behave(peer):
        await peer.read_request()
        if moment == "dialling":
            link.close(1000, "")
            assert await peer.reader.read() == b""
            gone.set()

    gone = asyncio.Event()
    async with raw_backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        if moment == "waiting":
            await recorder.until("waiting")
            link.close(1000, "")
        elif moment == "dialling":
            async with asyncio.timeout(PATIENCE):
                await gone.wait()
        else:
            link.close(1000, "")
        heard = list(recorder.log)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    assert recorder.log == heard
    assert not link.alive
    assert not dialler.links


async def test_a_closing_handshake_that_does_not_end_is_aborted(dialler, recorder):
    ended = asyncio.Event()

    async def behave(peer):
        await peer.read_request()
        peer.answer()
        assert (await peer.read_frame())[0] == CLOSE
        with suppress(ConnectionResetError):  # how the abort looks depends on the loop
            assert await peer.reader.read() == b""
        ended.set()

    async with raw_backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until("opened")
        (socket,) = dialler.sockets
        link.close(1000, "")
        now = asyncio.get_running_loop().time()
        dialler.tick(now)
        assert not socket.transport.is_closing()
        dialler.tick(now + dialler.limits.close_timeout + 1)
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


@pytest.mark.parametrize("moment", ["dialling", "opened", "frame", "closed", "waiting"])
async def test_close_from_within_a_callback_is_the_last_word_too(dialler, moment):
    class Closing(Recorder):
        def _note(self, kind, words):
            super()._note(kind, words)
            if kind == moment:
                link.close(1000, "")

    recorder = Closing()

    async def behave(peer):
        await peer.read_request()
        peer.answer(then=frame(TEXT, b"one") + frame(TEXT, b"two") + frame(CLOSE, b"\x03\xe8"))
        await peer.reader.read()

    async with raw_backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until(moment)
        assert await dialler.settled(PATIENCE) == 0
        await asyncio.gather(*recorder_tasks(), return_exceptions=True)

    assert recorder.log[-1][0] == moment
    assert not link.alive
    assert not dialler.links


def recorder_tasks():
    """Handshakes that are under way, or were cancelled and have not noticed yet."""
    return [task for task in asyncio.all_tasks() if "UpstreamLink" in repr(task.get_coro())]


async def test_a_listener_that_raises_does_not_end_the_link(dialler, recorder, caplog):
    class Faulty(Recorder):
        def _note(self, kind, words):
            super()._note(kind, words)
            raise RuntimeError(f"fault in {kind}")

    faulty = Faulty()
    visits = []

    async def behave(connection):
        visits.append(connection)
        await connection.send(f"hello {len(visits)}")
        if len(visits) == 1:
            await connection.close(1012)
        await connection.wait_closed()

    async with backoffice(behave) as port:
        dialler(target(port), "1.6", faulty)
        assert await faulty.until("frame") == "hello 1"
        assert await faulty.until("frame") == "hello 2"

    assert "a listener failed for DialTarget(route=7, charger=3, backoffice='energy')" in caplog.text
    assert {"fault in dialling", "fault in opened", "fault in frame", "fault in closed"} <= {
        str(record.exc_info[1]) for record in caplog.records if record.exc_info
    }
