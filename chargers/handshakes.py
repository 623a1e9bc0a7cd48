"""What the bytes of a charger's handshake say, and what is mended in them."""

from __future__ import annotations


def with_connection(handshake: bytes) -> bytes:
    """A handshake with the header ``Connection``, which some chargers leave out (ocpp-semantics 1.1)."""
    if b"\r\nconnection:" in handshake.lower():
        return handshake
    return handshake.replace(b"\r\n", b"\r\nConnection: Upgrade\r\n", 1)


def path_of(uri: str) -> bytes:
    """The path of a request target, which may be absolute (RFC 9112 section 3.2.2), still encoded."""
    target = uri.partition("?")[0]
    if not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.encode("latin-1")
