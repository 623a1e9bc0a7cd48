import socket
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ProtocolError
from websockets.frames import Close
from websockets.http11 import Response

from backoffices.handshakes import explain, explain_close, refuses_subprotocol

URL = "wss://user:secret@csms.example/ocpp/CP-1?token=secret"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "name does not resolve: csms.example"),
        (ConnectionRefusedError(111, "x"), "connection refused at csms.example:443"),
        (TimeoutError(), "no answer from csms.example:443 within 10 s"),
        (OSError(113, "No route to host"), "no connection to csms.example:443: No route to host"),
        (ConnectionResetError(104, "reset by peer"), "no connection to csms.example:443: reset by peer"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "no TLS at csms.example:443"),
        (UnicodeError("label too long"), "not a WebSocket URL"),
        (KeyError("what"), "no connection to csms.example:443: KeyError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_in_words_without_secrets(error, words):
    explained = explain(error, URL, 10)
    assert explained.startswith(words)
    assert "secret" not in explained


def test_no_error_is_longer_than_its_column():
    assert len(explain(OSError(1, "x" * 1000), URL, 10)) == 255


@pytest.mark.parametrize(
    ("status", "body", "mismatch"),
    [
        (400, b"no subprotocols supported", True),
        (406, b"Sec-WebSocket-Protocol ocpp1.6 is not accepted", True),
        (400, b"missing parameter", False),
        (401, b"subprotocol", False),
        (404, b"no such protocol", False),
        (500, b"subprotocol", False),
        (426, b"HTTP protocol upgrade", True),
        (400, b"bad http/1.1 request", False),
    ],
)
def test_which_http_errors_are_about_the_version(status, body, mismatch):
    assert refuses_subprotocol(Response(status, "", Headers(), body)) is mismatch


@pytest.mark.parametrize(
    ("received", "broken", "lost", "words"),
    [
        (Close(1008, "replaced"), None, None, "closed by the backoffice: 1008 replaced"),
        (Close(1000, ""), None, None, "closed by the backoffice: 1000"),
        (None, EOFError("x"), None, "connection lost without a close frame"),
        (None, EOFError("x"), ConnectionResetError("reset"), "connection lost: reset"),
        (
            Close(1002, ""),
            ProtocolError("bad"),
            None,
            "closed by the proxy: the backoffice broke the WebSocket",
        ),
    ],
)
def test_why_an_open_link_ended(received, broken, lost, words):
    assert explain_close(received, broken, lost).startswith(words)
