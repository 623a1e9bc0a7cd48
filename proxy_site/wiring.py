"""Joins the parts of one process: the links to backoffices, the sessions, the writer and the bus.

The edges know nothing of each other; what the one needs of the other is handed in here.
"""

import asyncio
import os
import secrets
import socket

from backoffices.links import Dialler
from backoffices.runtime import Runtime
from routing import bus
from routing.writer import Writer

#: How long closing links may take to say goodbye, in seconds.
GOODBYE_SECONDS = 1.0


def runtime_name() -> str:
    """A name that no other process has, nor this one after a restart."""
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"


class Proxy:
    """What lets chargers talk to backoffices, on one loop; the web server stands before it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.dialler = Dialler()
        self.writer = Writer(loop)
        self.runtime = Runtime(loop, self.dialler, self.writer, runtime_name())

    async def start(self) -> None:
        """After this, chargers may attach."""
        self.writer.start()
        await self.runtime.start()
        bus.install(bus.LocalBus(self.runtime))

    async def stop(self) -> None:
        """Take no more chargers, close all sessions and links, write what is left to write."""
        bus.install(None)
        await self.runtime.stop()
        await self.dialler.settled(GOODBYE_SECONDS)
        await self.writer.stop()
