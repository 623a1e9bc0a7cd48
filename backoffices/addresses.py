"""Which addresses a backoffice may have, checked on the address that is really connected to.

A URL that a tenant enters must not reach what only this machine can reach: its own services, the
private network, a cloud's metadata service. A check of the name would be worth nothing, because a
name may resolve to something else a moment later; so the proxy resolves once and connects to what
it has checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public addresses that answer only to machines of a cloud (Azure); the others' are private ones."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")

ATTEMPT_SECONDS = 3.0
"""How long one address may take while the name has further ones."""

REMEMBER_SECONDS = 5.0
"""How long a look-up is shared: a thousand links to one backoffice redial in the same second."""


class AddressRefused(OSError):
    """The name leads to addresses that are not public, and this deployment forbids those."""


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
        permitted = [info for info in infos if allow_private or is_public(info[4][0])]
        if not permitted:
            shown = ", ".join(sorted({str(info[4][0]) for info in infos})) or "no address"
            raise AddressRefused(
                f"{host} is {shown}: not a public address; set PROXY_ALLOW_PRIVATE_UPSTREAMS to permit it"
            )
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


def is_public(address: str) -> bool:
    """Whether an address belongs to the Internet at large.

    Looks into IPv6 addresses that carry an IPv4 one (mapped, 6to4, NAT64): those reach it.
    """
    ip: IPAddress = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour
        if carried is None and ip in NAT64:
            carried = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if carried is not None:
            ip = carried
    return ip.is_global and not ip.is_multicast and ip not in METADATA


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
