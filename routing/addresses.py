"""Which addresses this server connects to on behalf of a tenant.

An address that a tenant enters must not reach what only this machine can reach: its own services, the private
network, a cloud's metadata service. What was looked up is checked, and nothing else is connected to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public addresses that answer only to machines of a cloud (Azure); the others' are private ones."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(OSError):
    """The name leads to addresses that are not public, and this deployment forbids those."""


def permitted_of(host: str, infos: Sequence[Any], *, allow_private: bool) -> list[Any]:
    """Those look-ups (of ``getaddrinfo``) that may be connected to. Raises AddressRefused for none."""
    permitted = [info for info in infos if allow_private or is_public(str(info[4][0]))]
    if not permitted:
        shown = ", ".join(sorted({str(info[4][0]) for info in infos})) or "no address"
        raise AddressRefused(
            f"{host} is {shown}: not a public address; set PROXY_ALLOW_PRIVATE_UPSTREAMS to permit it"
        )
    return permitted


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
