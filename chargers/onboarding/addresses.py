"""The address that a charger is given, whole and in the pieces that its maker's tool asks for."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from django.conf import settings
from django.http import HttpRequest

_WEBSOCKET: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_PORTS: Final = {"ws": 80, "wss": 443}
_ONLY_HERE: Final = ("localhost", "127.0.0.1", "::1", "[::1]")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where one charger connects. ``prefix``: what a front proxy has before ``/ocpp/``, mostly nothing."""

    scheme: str
    host: str
    port: int
    prefix: str
    identity: str

    @property
    def base(self) -> str:
        """The URL without identity, for chargers that add it by themselves."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}/ocpp/"

    @property
    def url(self) -> str:
        return self.base + quote(self.identity, safe="")

    @property
    def path(self) -> str:
        return f"{self.prefix}/ocpp/{quote(self.identity, safe='')}"

    @property
    def path_base(self) -> str:
        return f"{self.prefix}/ocpp/"

    @property
    def site(self) -> str:
        """Where the charger finds our files: ``https://HOST``, below which addresses of HTTP begin."""
        return self.base.removesuffix("/ocpp/").replace("ws", "http", 1)

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "wss"

    @property
    def is_only_here(self) -> bool:
        """Whether no other machine than this one understands it."""
        return self.host in _ONLY_HERE


def address_for(request: HttpRequest, identity: str) -> Address:
    """The address for ``identity``: by PROXY_PUBLIC_URL, else as the person's browser has reached us."""
    given = settings.PROXY_PUBLIC_URL or f"{_scheme(request)}://{request.get_host()}"
    parts = urlsplit(given)
    scheme = _WEBSOCKET.get(parts.scheme, "wss")
    return Address(
        scheme=scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS[scheme],
        prefix=parts.path.rstrip("/").removesuffix("/ocpp"),
        identity=identity,
    )


def _scheme(request: HttpRequest) -> str:
    """As at the chargers' door: whoever ends TLS before us says so in a header."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").strip().lower()
    return "wss" if request.is_secure() or forwarded == "https" or settings.PROXY_REQUIRE_TLS else "ws"
