"""A writer for a test, and databases that are away."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg

from routing.writer import Writer
from tests.databases import Database

NEVER = 3600.0
MIB = 2**20


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Writer]:
    writer = Writer(asyncio.get_running_loop(), **options)
    writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


class Logged(logging.Handler):
    """Lets a test await what the writer's thread logs."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
        self.seen = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.loop.call_soon_threadsafe(self.seen.set)


@contextmanager
def logged(words: str) -> Iterator[asyncio.Event]:
    """Set when a line with these words was logged."""
    handler = Logged(words)
    log = logging.getLogger("routing")
    log.addHandler(handler)
    try:
        yield handler.seen
    finally:
        log.removeHandler(handler)


@contextmanager
def away(database: Database) -> Iterator[None]:
    """The database can't be written to."""
    if database.vendor == "sqlite":
        other = sqlite3.connect(database.path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
        return
    server, _, name = database.url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def messages(database: Database) -> list[str]:
    return sorted(row[0] for row in database.query("SELECT message_id FROM routing_message"))


async def until_read_back(writer: Writer) -> None:
    """A piece at a time is stored between two batches, and the first comes after files were found."""
    await writer.flush()
    while writer.counts()["in_spool"]:
        await writer.flush()
