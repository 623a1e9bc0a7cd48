"""Which addresses a backoffice may have, checked on the address that is really connected to.

A URL that a tenant enters must not reach what only this machine can reach: its own services, the
private network, a cloud's metadata service. A check of the name would be worth nothing, because a
name may resolve to something else a moment later; so the proxy resolves once and connects to what
it has checked.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from routing.addresses import permitted_of

ATTEMPT_SECONDS = 3.0
"""How long one address may take while the name has further ones."""

REMEMBER_SECONDS = 5.0
"""How long a look-up is shared: a thousand links to one backoffice redial in the same second."""


class Addresses:
    """Look-ups shared by all links of a loop, and connections to nothing but what was looked up."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}

    async def connect(self, host: str, port: int, *, allow_private: bool) -> socket.socket:
        """A connected socket that does not block.

        Raises ``AddressRefused``, ``socket.gaierror`` (the name) or the ``OSError`` of the last
        address tried.
        """
        infos = await self._resolve(host, port)
        permitted = permitted_of(host, infos, allow_private=allow_private)
        return (await connect_first(permitted))[1]

    async def _resolve(self, host: str, port: int) -> list[Any]:
        loop = asyncio.get_running_loop()
        found = self._found.get((host, port))
        if found is None or (found.done() and (found.cancelled() or found.exception() is not None)):
            found = loop.create_task(self._look_up(host, port))
            found.add_done_callback(_seen)
            self._found[host, port] = found
        # shielded: one link that gives up must not take the look-up from the others
        return await asyncio.shield(found)

    async def _look_up(self, host: str, port: int) -> list[Any]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        finally:
            loop.call_later(REMEMBER_SECONDS, self._found.pop, (host, port), None)


def _seen(found: asyncio.Future[list[Any]]) -> None:
    """Everybody who asked may have given up: then nobody else takes note of a failure."""
    if not found.cancelled():
        found.exception()


async def connect_first(infos: list[Any]) -> tuple[Any, socket.socket]:
    """The first of these look-ups that takes a connection, and the socket. Raises the OSError of the last."""
    for info in infos[:-1]:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return info, await _open(info)
        except OSError:  # its TimeoutError too: the name has another address
            continue
    return infos[-1], await _open(infos[-1])


async def _open(info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:  # also when cancelled: the descriptor would leak
        sock.close()
        raise
    return sock
