"""Hosts that a charger may fetch files from or send them to (ocpp-semantics 3.10)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://"
    r"(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"  # user and password
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))"
    r"(?::[0-9]{0,5})?"
    r"(?:[/?#][!-~]*)?"
)
"""URLs that everybody reads alike: one host, written plainly; no space, and no second ``@`` before it."""


def host_of(url: str) -> str:
    """The host in a URL: in small letters, without a dot at its end; an IPv6 address without brackets.

    "" where there is none, or where two readers might not see the same one.
    """
    found = _URL.fullmatch(url)
    if found is None or "\\" in url:
        return ""
    if (address := found["address"]) is not None:
        return _address(address)
    return found["name"].lower().removesuffix(".")


def is_listed(url: str, allowed: Iterable[str]) -> bool:
    """Whether the host of a URL is on a list of names, addresses and ``*.suffix``."""
    host = host_of(url)
    return host != "" and any(_fits(host, entry.strip().lower()) for entry in allowed)


def _fits(host: str, entry: str) -> bool:
    if entry.startswith("*."):
        suffix = entry[1:].rstrip(".")
        return suffix != "" and host.endswith(suffix) and len(host) > len(suffix)
    plain = entry.strip("[]").removesuffix(".")
    return host == (_address(plain) if ":" in plain else plain)


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return ""
