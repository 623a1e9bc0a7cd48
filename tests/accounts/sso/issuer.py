"""A small directory: an OpenID Connect issuer that says of whoever comes what a test has set."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import jwt


class Issuer:
    """``claims``: of the next person; ``asked``: what was sent for the tokens."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.url = ""

    def answer(self, path: str, sent: str = "") -> dict[str, Any]:
        match path:
            case "/.well-known/openid-configuration":
                return {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "userinfo_endpoint": f"{self.url}/userinfo",
                    "jwks_uri": f"{self.url}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                }
            case "/token":
                self.asked.append({name: values[0] for name, values in parse_qs(sent).items()})
                now = int(time.time())
                token = {"iss": self.url, "aud": "proxy", "iat": now, "exp": now + 60, **self.claims}
                signed = jwt.encode(token, "k" * 32, algorithm="HS256")
                return {"access_token": "an-access-token", "token_type": "Bearer", "id_token": signed}
            case "/userinfo":
                return self.claims
        raise AssertionError(path)


@contextmanager
def running() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(issuer.answer(self.path))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._say(issuer.answer(self.path, self.rfile.read(length).decode()))

        def _say(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
