"""A small web server that gets webhooks: as good, slow or broken as a test wants."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Got(NamedTuple):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """``status``: what it answers; ``before``: called before that, so long it is silent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[Got] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.said = b"thanks"
        self.before: Callable[[Any], object] = lambda handler: None


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A server of its own, on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append(Got(self.path, dict(self.headers), body))
            here.before(self)
            self.send_response(here.status)
            for name, value in here.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(here.said)))
            self.end_headers()
            self.wfile.write(here.said)

        do_GET = do_POST

        def log_message(self, *args: Any) -> None:
            """Nothing on the screen."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """A client that has gone is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    here = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook?a=b")
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
