"""Joins the parts of one process: the links to backoffices, the sessions, the writer and the bus.

The edges know nothing of each other; what the one needs of the other is handed in here.
"""

import asyncio
import hashlib
import logging
import os
import secrets
import socket
import sys
from functools import partial

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from backoffices.links import Dialler
from backoffices.runtime import Runtime
from chargers import attempts
from proxy_site import garbage
from proxy_site.about import about
from routing import bus, nudging
from routing.commands import waking
from routing.live import audience
from routing.live.audience import Audience
from routing.live.source import Source
from routing.spool import Spool
from routing.writer import SWITCH_S, Writer

logger = logging.getLogger(__name__)

#: How long closing links may take to say goodbye, in seconds; at least, where the stop is late already.
GOODBYE_SECONDS, BRIEF_SECONDS = 1.0, 0.2

#: How long the stop waits for a database that commits nothing, in seconds.
COMMIT_SECONDS = 0.5

#: What the writer needs to give up then, and to put the audit log on disk, all in all.
WRITER_SECONDS = 1.2

#: The least that the database is given to take what sessions leave behind, and the most of all of a stop.
RELEASE_SECONDS, PATIENCE_SECONDS = 0.5, 4.5


def runtime_name() -> str:
    """A name that no other process has, nor this one after a restart."""
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"


def spool() -> Spool:
    """Where the audit log waits while the database is away; each database has its own files."""
    database = settings.DATABASES["default"]
    place = "\n".join(str(database.get(part, "")) for part in ("ENGINE", "HOST", "PORT", "NAME"))
    return Spool(
        settings.PROXY_DATA_DIR / "spool",
        settings.PROXY_SPOOL_BYTES,
        database=hashlib.sha256(place.encode()).hexdigest()[:12],
    )


class Proxy:
    """What lets chargers talk to backoffices, on one loop; the web server stands before it.

    ``role``: see ``manage.py runproxy``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, role: str = "all") -> None:
        self.dialler = Dialler()
        self.writer = Writer(loop, spool=spool())
        name = runtime_name()
        self.runtime = Runtime(loop, self.dialler, self.writer, name, about=partial(about, role))
        here = self.runtime
        self.source = Source(here.watching, here.mailbox, name, flush=self.writer.flush, serves=here.serves)
        self.audience = Audience(name, here.mailbox, self.source, alone=not settings.REDIS_URL)

    async def start(self) -> None:
        """After this, chargers may attach."""
        sys.setswitchinterval(SWITCH_S)
        self.writer.start()
        await self.runtime.start()
        bus.install(bus.LocalBus(self.runtime))
        audience.install(self.audience)
        waking.install(self.runtime.commands.wake)
        nudging.install(self.runtime.nudges.nudge)
        self.source.ask_around()

    async def wind_down(self) -> None:
        """Take no more chargers, ask nothing new, and wait a moment for the answers that are awaited."""
        bus.install(None)
        audience.install(None)
        waking.install(None)
        nudging.install(None)
        await self.runtime.wind_down()

    async def stop(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Take no more chargers, close all sessions and links, write what is left to write.

        ``seconds``: for all of that. A database that does not answer is not waited for any longer than leaves
        the writer time to put the audit log on disk.
        """
        bus.install(None)
        waking.install(None)
        nudging.install(None)
        by = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout(max(RELEASE_SECONDS, seconds - WRITER_SECONDS)):
                await asyncio.gather(self.runtime.stop(), attempts.close())
        except TimeoutError:
            logger.error("%s: its sessions are not released, the database does not answer", self.runtime.id)
        finally:
            left = by - asyncio.get_running_loop().time()
            goodbye = min(GOODBYE_SECONDS, max(BRIEF_SECONDS, left))
            await asyncio.gather(self.dialler.settled(goodbye), self.writer.stop(COMMIT_SECONDS))
        counts = self.writer.counts()
        if counts["dropped"] or counts["refused"]:  # its row in the database may not have learned of it
            logger.error(
                "%s has lost rows: %d of the audit log found no room, %d were refused by the database",
                self.runtime.id, counts["dropped"], counts["refused"],
            )  # fmt: skip


def for_worker(loop: asyncio.AbstractEventLoop) -> Proxy:
    """The parts in a Celery worker of its own. Raises ``ImproperlyConfigured`` where that can't be."""
    if settings.PROXY_EMBEDDED or not settings.REDIS_URL:
        raise ImproperlyConfigured(
            "a Celery worker of its own needs DATABASE_URL on PostgreSQL and REDIS_URL; "
            "without them manage.py runproxy runs the worker inside"
        )
    garbage.settle()
    return Proxy(loop, role="links")
