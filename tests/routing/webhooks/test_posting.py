"""One POST: to the address that was looked up and checked, without redirects, and not for long."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from routing.webhooks import posting
from routing.webhooks.posting import Outcome
from tests.routing.webhooks.receiver import Receiver, receiver


def post(url: str, **values: Any) -> Outcome:
    given: dict[str, Any] = {"allow_private": True, "timeout_s": 5.0} | values
    return posting.post(url, {"x": "y"}, b"{}", **given)


def test_what_is_posted_arrives(there: Receiver) -> None:
    outcome = post(there.url)
    assert (outcome.status, outcome.error, outcome.response, outcome.is_delivered) == (
        200,
        "",
        "thanks",
        True,
    )
    (got,) = there.got
    assert (got.path, got.body, got.headers["x"]) == ("/hook?a=b", b"{}", "y")
    assert got.headers["Host"] == there.url.split("/")[2]


@pytest.mark.parametrize("status", [204, 299])
def test_whatever_says_yes_will_do(there: Receiver, status: int) -> None:
    there.status, there.said = status, b""
    assert post(there.url).is_delivered


@pytest.mark.parametrize("status", [400, 410, 500, 503])
def test_an_error_is_told_with_what_it_says(there: Receiver, status: int) -> None:
    there.status, there.said = status, b"broken\n\x00" + b"x" * 5000
    outcome = post(there.url)
    assert (outcome.status, outcome.error) == (status, f"answered {status}")
    assert not outcome.is_delivered
    assert outcome.response.startswith("broken x")
    assert len(outcome.response) == posting.SNIPPET


def test_redirects_are_not_followed(there: Receiver) -> None:
    there.status, there.headers = 307, {"Location": there.url}
    outcome = post(there.url)
    assert outcome.error == "answered 307: redirects are not followed"
    assert len(there.got) == 1


def test_one_that_is_down_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        outcome = post(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert outcome.status is None
    assert "refused" in outcome.error.lower()


def test_one_that_never_answers_is_given_up(there: Receiver) -> None:
    over = threading.Event()
    there.before = lambda handler: over.wait(30)
    assert post(there.url, timeout_s=0.2).error == "no answer within 0.2 seconds"
    over.set()


def test_one_that_sends_a_byte_now_and_then_is_given_up_as_well(there: Receiver) -> None:
    over = threading.Event()

    def drip(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not over.wait(0.02):
            handler.wfile.write(b"z")
            handler.wfile.flush()

    there.before = drip
    outcome = post(there.url, timeout_s=0.3)
    over.set()
    assert (outcome.status, outcome.error) == (None, "no answer within 0.3 seconds")


def test_what_is_no_web_server_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            with server.accept()[0] as peer:
                peer.recv(10)
                peer.sendall(b"SSH-2.0-hello\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        assert post(f"http://127.0.0.1:{server.getsockname()[1]}/").status is None
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1"])
def test_a_private_address_is_refused_before_anything_is_sent(
    host: str, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", _never)
    port = there.url.split(":")[2].split("/")[0]
    outcome = post(f"http://{host}:{port}/", allow_private=False)
    assert "not a public address" in outcome.error
    assert not there.got


def _never(*args: Any) -> None:
    raise AssertionError("connected")


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: a name that is public when it is checked leads to us a moment later."""
    port = int(there.url.split(":")[2].split("/")[0])
    asked: list[str] = []

    def look_up(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        again = asked.count(host) > 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if again else "8.8.8.8", port))]

    tried: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    assert "refused" in post(f"http://rebind.example:{port}/", allow_private=False).error
    assert tried == ["8.8.8.8"]
    assert asked.count("rebind.example") == 1
    assert not there.got


def test_of_a_mixed_name_only_what_is_public_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("10.0.0.1", "8.8.8.8")]
    tried: list[str] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    def look_up(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        return [info for info in infos if host in ("mixed.example", info[4][0])]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    post("http://mixed.example/", allow_private=False)
    assert tried == ["8.8.8.8"]


def test_a_name_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*args: Any, **kwargs: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert post("http://nowhere.example/").error == "the name is not known: Name or service not known"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of hooks.example, signed by itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, form, plain) + made.public_bytes(pem))
    return path


@pytest.mark.parametrize(
    ("host", "is_trusted", "error"),
    [
        ("hooks.example", True, ""),
        ("other.example", True, "the certificate is not valid: Hostname mismatch"),
        ("hooks.example", False, "the certificate is not valid: self-signed certificate"),
    ],
)
def test_the_certificate_is_that_of_the_host(
    host: str, is_trusted: bool, error: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate) if is_trusted else None)
    monkeypatch.setattr(posting, "_tls", lambda: trusting)
    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **more: known("127.0.0.1", *args, **more))
    with receiver(serving) as there:
        outcome = post(there.url.replace("http://127.0.0.1", f"https://{host}"))
    assert outcome.error.startswith(error)
    assert outcome.is_delivered is (error == "")
    assert len(there.got) == (error == "")
    if there.got:
        assert there.got[0].headers["Host"].startswith("hooks.example:")
