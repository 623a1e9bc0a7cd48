"""Ports for servers that are started, and started again."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from typing import Final

LOWEST: Final = 20_000
HIGHEST: Final = 32_767
"""Below those that Linux and macOS give to whoever dials: a server that is away for a moment would lose one
of those to the next connection of anybody."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, and that nobody is given who doesn't ask for it."""
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        with socket.socket() as probe, suppress(OSError):  # taken: another
            probe.bind(("127.0.0.1", port))
            return port
