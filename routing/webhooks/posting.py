"""One POST to an address that a tenant has entered: to where it was looked up, and not for long.

The name is looked up once, the addresses are checked (``routing.addresses``), and those are connected to: a
name that leads elsewhere a moment later changes nothing. Redirects are not followed, for the same reason.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from http.client import HTTPException
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from urllib3 import Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from routing.addresses import AddressRefused, permitted_of

TIMEOUT_S = 10.0
"""For all of it: connecting, sending, the answer."""

SNIPPET = 200
"""Characters of an answer that are kept."""

READ = 1024
"""Bytes of an answer that are read."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class Outcome(NamedTuple):
    """What came of a POST. ``status``: None where there was no answer; then ``error`` says why, in words."""

    status: int | None
    error: str
    response: str
    took_ms: float

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(
    url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool, timeout_s: float = TIMEOUT_S
) -> Outcome:
    """Post a body; what came of it, whatever that was."""
    began = time.monotonic()
    status, error, response = None, "", ""
    try:
        status, response = _post(urlsplit(url), headers, body, allow_private, began + timeout_s)
        if time.monotonic() - began >= timeout_s:  # cut off: half an answer looks like a whole one
            raise TimeoutError
    except AddressRefused as problem:
        error = str(problem)
    except socket.gaierror as problem:
        error = f"the name is not known: {problem.strerror or problem}"
    except (OSError, ValueError, HTTPException, HTTPError) as problem:
        is_late = time.monotonic() - began >= timeout_s
        status, response = None, ""
        error = f"no answer within {timeout_s:g} seconds" if is_late else _words(problem)
    if status is not None and not 200 <= status < 300:
        is_redirect = 300 <= status < 400
        error = f"answered {status}" + (": redirects are not followed" if is_redirect else "")
    return Outcome(status, error[:255], response, round((time.monotonic() - began) * 1000, 1))


def _words(problem: Exception) -> str:
    """The problem in a line; the library's own sentences begin with an object."""
    if isinstance(problem, ConnectTimeoutError) and not isinstance(problem, NewConnectionError):
        return "no connection in time"
    cause: BaseException = problem
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {cause.verify_message}"
    said = (getattr(cause, "strerror", None) or str(cause)).splitlines()
    return f"{type(cause).__name__}: {said[0]}" if said else type(cause).__name__


def _post(
    url: SplitResult, headers: Mapping[str, str], body: bytes, allow_private: bool, until: float
) -> tuple[int, str]:
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    permitted = permitted_of(host, found, allow_private=allow_private)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    for number, info in enumerate(permitted, 1):
        connection = _connection(url.scheme, host, str(info[4][0]), port, until - time.monotonic())
        try:
            with _cut_off(connection, until):
                connection.connect()
                connection.request("POST", path, body, _all(headers, url.netloc), preload_content=False)
                return _answer(connection)
        except (NewConnectionError, ConnectTimeoutError):
            if number == len(permitted):
                raise
        finally:
            connection.close()
    raise AssertionError("there is always an address: permitted_of raises for none")


def _all(headers: Mapping[str, str], host: str) -> dict[str, str]:
    return {"Host": host, "Accept-Encoding": "identity", "Connection": "close", **headers}


def _connection(scheme: str, host: str, address: str, port: int, left_s: float) -> HTTPConnection:
    """Not connected yet: to this address, with the certificate of that host."""
    timeout = Timeout(total=max(0.001, left_s)).connect_timeout
    if scheme == "https":
        return HTTPSConnection(address, port, timeout=timeout, server_hostname=host, ssl_context=_tls())
    return HTTPConnection(address, port, timeout=timeout)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _answer(connection: HTTPConnection) -> tuple[int, str]:
    answer = connection.getresponse()
    text = (answer.read(READ, decode_content=False) or b"").decode("utf-8", "replace")
    return answer.status, _UNPRINTABLE.sub(" ", text).strip()[:SNIPPET]


@contextmanager
def _cut_off(connection: HTTPConnection, until: float) -> Iterator[None]:
    """End the connection at that time: a peer that sends a byte now and then runs into no other limit."""

    def cut() -> None:
        if connection.sock is not None:
            with suppress(OSError):  # it has ended by itself
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
