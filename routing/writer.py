"""Group commit: everything the sessions of this process want stored goes through one Writer.

The loop's side only appends to a list. A batch is handed to one thread with a database connection
of its own, one at a time; while it is being committed, the next one grows. What was put with a
``done`` callback is safe on disk when that is called.

What is stored is stored at least once: when the connection breaks in the very moment of COMMIT, the
batch is written again. All rows but those of the audit log replace themselves.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from queue import SimpleQueue
from typing import Any

import msgspec
import psycopg
from django.apps import apps
from django.db import DataError, IntegrityError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from routing.core.rows import MessageRow, Row
from routing.tables import Statement, coalesce, statements

log = logging.getLogger(__name__)

LOG_SECONDS = 0.05
"""How long rows of the audit log gather that come alone: nobody waits for them."""

LARGEST_BATCH = 5000
"""Rows in one transaction at most: after an outage the backlog is stored in pieces."""

RETRY_S = (0.05, 5.0)
"""First and longest pause before a batch is tried again."""

ROW_AT_FAULT = (IntegrityError, DataError, TypeError, ValueError, OverflowError)
"""What the database (or its driver) says of a row it will never take; anything else may pass."""


class WriterStopped(RuntimeError):
    """Something was put after ``Writer.stop``: it would never be stored."""


class Put(msgspec.Struct, frozen=True, gc=False):
    """What one call of ``Writer.put`` brought. Without rows it only waits for those before it."""

    charger: int
    epoch: int
    rows: Sequence[Row]
    done: Callable[[], None] | None


class Stored(msgspec.Struct, frozen=True):
    """What became of a batch.

    ``written`` and ``dropped`` count rows; ``fenced`` are the puts of sessions that are not ours any
    more, ``lost`` their chargers.
    """

    written: int
    dropped: int
    fenced: Sequence[Put]
    lost: Sequence[int]


class Writer:
    """Stores rows of all sessions of one process in batches. Its methods are called on ``loop``.

    ``lost`` is called with a charger whose session another runtime has taken: its rows were not
    written, their ``done`` is never called. Waiting rows are kept in memory without a bound while
    the database is away; ``counts()["waiting"]`` tells how many.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        batch_rows: int = 1000,
        batch_seconds: float = 0.005,
        using: str = "default",
    ) -> None:
        self.lost: Callable[[int], None] = _log_lost
        self._loop = loop
        self._batch_rows = batch_rows
        self._batch_seconds = batch_seconds
        self._puts: list[Put] = []
        self._rows = 0
        self._rows_in_flight = 0
        self._in_flight = False
        self._due = False
        self._hurried = False
        self._timer: asyncio.TimerHandle | None = None
        self._worker = _Worker(loop, self._stored, using)
        self._stopped = False
        self._counts = {"written": 0, "dropped": 0, "fenced": 0, "batches": 0}

    def start(self) -> None:
        """Start the thread. What was put before is stored too."""
        self._worker.start()

    async def stop(self) -> None:
        """Commit everything, however long the database takes, and end the thread."""
        while self._puts or self._in_flight:
            await self.flush()
        self._stopped = True
        await self._worker.end()

    def put(
        self, charger: int, epoch: int, rows: Sequence[Row], done: Callable[[], None] | None = None
    ) -> None:
        """Store ``rows`` of this charger's session, after all that was put before.

        ``done`` runs on the loop after the commit. Raises WriterStopped after ``stop``.
        """
        if self._stopped:
            raise WriterStopped(f"{len(rows)} rows of charger {charger} came after the writer was stopped")
        self._puts.append(Put(charger, epoch, rows, done))
        self._rows += len(rows)
        if not self._hurried:
            self._set_timer(hurry=done is not None or len(rows) != 1 or type(rows[0]) is not MessageRow)
        if self._rows >= self._batch_rows and not self._in_flight:
            self._hand_over()

    def _set_timer(self, *, hurry: bool) -> None:
        if self._timer is not None:
            if not hurry:
                return
            self._timer.cancel()
        self._hurried = hurry
        seconds = self._batch_seconds if hurry else max(self._batch_seconds, LOG_SECONDS)
        self._timer = self._loop.call_later(seconds, self._hand_over)

    async def flush(self) -> None:
        """Return when everything put so far is committed."""
        committed = self._loop.create_future()
        self.put(0, 0, (), partial(_resolve, committed))
        self._hand_over()
        await committed

    def counts(self) -> dict[str, int]:
        """Rows written, dropped (refused by the database), fenced (lost sessions), waiting."""
        waiting = self._rows + self._rows_in_flight
        return {**self._counts, "waiting": waiting, "retries": self._worker.retries}

    def _hand_over(self) -> None:
        """Give the thread what has gathered, or leave word that it is due when the thread is free."""
        if self._in_flight:
            self._due = True
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._hurried = None, False
        if batch := self._take():
            self._in_flight = True
            self._due = bool(self._puts)
            self._worker.take(batch)

    def _take(self) -> list[Put]:
        """The oldest puts, up to LARGEST_BATCH rows but at least one."""
        batch, rows = self._puts, self._rows
        if rows > LARGEST_BATCH:
            rows, count = 0, 0
            while count < len(batch) and (count == 0 or rows + len(batch[count].rows) <= LARGEST_BATCH):
                rows, count = rows + len(batch[count].rows), count + 1
            batch, self._puts = batch[:count], batch[count:]
        else:
            self._puts = []
        self._rows, self._rows_in_flight = self._rows - rows, rows
        return batch

    def _stored(self, batch: list[Put], stored: Stored) -> None:
        """On the loop, after the commit of ``batch``."""
        self._in_flight, self._rows_in_flight = False, 0
        self._counts["batches"] += 1
        self._counts["written"] += stored.written
        self._counts["dropped"] += stored.dropped
        self._counts["fenced"] += sum(len(put.rows) for put in stored.fenced)
        if self._due or self._rows >= self._batch_rows:
            self._hand_over()
        fenced = {id(put) for put in stored.fenced}
        for put in batch:
            if put.done is not None and id(put) not in fenced:
                _call(put.done, f"charger {put.charger}: after commit")
        for charger in stored.lost:
            _call(partial(self.lost, charger), f"charger {charger}: session lost")


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():  # whoever waited may have been cancelled
        future.set_result(None)


def _log_lost(charger: int) -> None:
    log.warning("charger %d: another runtime owns its session; rows of ours were not stored", charger)


def _call(callback: Callable[[], object], what: str) -> None:
    try:
        callback()
    except Exception:  # one session's mistake must not cost the others of the batch their commit
        log.exception("%s: the callback failed", what)


class _Worker:
    """The thread: stores one batch after the other, and can't die of a database."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stored: Callable[[list[Put], Stored], None], using: str
    ) -> None:
        self.retries = 0
        self._loop = loop
        self._report = stored
        self._store = _Store(using)
        self._batches: SimpleQueue[list[Put] | None] = SimpleQueue()
        self._ended = asyncio.Event()
        # A daemon: a process that must end is not held up by a database that is away.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self, batch: list[Put]) -> None:
        self._batches.put(batch)

    async def end(self) -> None:
        if self._thread.ident is None:
            return
        self._batches.put(None)
        await self._ended.wait()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            stored = self._persist(batch)
            if not self._on_loop(self._report, batch, stored):
                break
        self._store.close()
        self._on_loop(self._ended.set)

    def _on_loop(self, callback: Callable[..., None], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop was closed without stop(): nobody is left to be told
            return False
        return True

    def _persist(self, batch: list[Put]) -> Stored:
        """Store the batch, however often it takes."""
        one_by_one = False
        pause, longest = RETRY_S
        while True:
            try:
                return self._store.store(batch, one_by_one=one_by_one)
            except Exception as error:  # noqa: BLE001 -- a batch may not be lost, whatever is wrong
                if isinstance(error, ROW_AT_FAULT) and not one_by_one:
                    log.warning(
                        "the database refused a batch; its rows are stored one by one: %s", _said(error)
                    )
                    one_by_one = True
                    continue
                self._store.close()
                self.retries += 1
                log.error(
                    "%d rows are not stored yet, next try in %.2f s: %s",
                    sum(len(put.rows) for put in batch), pause, _said(error),
                )  # fmt: skip
            time.sleep(pause)
            pause = min(pause * 2, longest)


def _said(error: BaseException) -> str:
    """The first line of an error: the others may quote rows, and with them cards."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


class _Store:
    """The database as the writer's thread uses it: one connection outside any pool, opened when needed."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._connection: BaseDatabaseWrapper | None = None
        self._statements: Mapping[type[Row], Statement] = {}
        self._epochs = ""

    def store(self, batch: Sequence[Put], *, one_by_one: bool) -> Stored:
        """Store a batch in one transaction. Raises what Django says of databases, or ROW_AT_FAULT."""
        connection = self._connection or self._open()
        with connection.wrap_database_errors, transaction.atomic(self._using):
            cursor = _cursor(connection)
            epochs = self._epochs_of(cursor, {put.charger for put in batch if put.rows})
            ours: list[Put] = []
            fenced: list[Put] = []
            for put in batch:
                (ours if not put.rows or epochs.get(put.charger) == put.epoch else fenced).append(put)
            rows = list(chain.from_iterable(put.rows for put in ours))
            kinds = coalesce(rows)
            if one_by_one:
                dropped = self._write_one_by_one(connection, cursor, kinds)
            else:
                dropped = self._write(cursor, kinds)
        lost = {put.charger for put in fenced} - {put.charger for put in ours}
        return Stored(written=len(rows) - dropped, dropped=dropped, fenced=fenced, lost=sorted(lost))

    def _write(self, cursor: Any, kinds: Mapping[type[Row], Sequence[Row]]) -> int:
        for kind, statement in self._statements.items():
            if kind in kinds:
                statement.run(cursor, kinds[kind])
        return 0

    def _write_one_by_one(
        self, connection: BaseDatabaseWrapper, cursor: Any, kinds: Mapping[type[Row], Sequence[Row]]
    ) -> int:
        """Store all rows that the database takes; returns how many it did not."""
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        dropped = 0
        for kind, statement in self._statements.items():
            for row in kinds.get(kind, ()):
                dropped += not self._write_one(connection, cursor, statement, row)
        return dropped

    def _write_one(
        self, connection: BaseDatabaseWrapper, cursor: Any, statement: Statement, row: Row
    ) -> bool:
        """Store one row of a batch that the database refused; False when this is one that it refuses."""
        try:
            with connection.wrap_database_errors, transaction.atomic(self._using):
                statement.run_one(cursor, _with_parents(cursor, statement, row))
        except ROW_AT_FAULT as error:
            key = ", ".join(f"{name} {getattr(row, name)}" for name in statement.shape.table.key)
            log.error(
                "charger %d: a %s (%s) can't be stored and is dropped: %s",
                row.charger, type(row).__name__, key, _said(error),
            )  # fmt: skip
            return False
        return True

    def close(self) -> None:
        """Let go of the connection, which may be broken already."""
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception as error:  # noqa: BLE001 -- it is broken: closing is only good manners
                log.debug("closing the writer's connection: %s", error)
            self._connection = None

    def _open(self) -> BaseDatabaseWrapper:
        config = copy.deepcopy(connections.settings[self._using])
        config["OPTIONS"].pop("pool", None)
        connection: BaseDatabaseWrapper = load_backend(config["ENGINE"]).DatabaseWrapper(config, self._using)
        connections[self._using] = connection  # of this thread alone: what transaction.atomic() will use
        connection.ensure_connection()
        if not self._statements:
            self._statements = statements(connection)
            self._epochs = _epochs_query(connection)
        self._connection = connection
        return connection

    def _epochs_of(self, cursor: Any, chargers: Iterable[int]) -> dict[int, int]:
        keys = sorted(chargers)
        if not keys:
            return {}
        listed = keys if isinstance(cursor, psycopg.Cursor) else msgspec.json.encode(keys).decode()
        cursor.execute(self._epochs, [listed])
        return dict(cursor.fetchall())


def _cursor(connection: BaseDatabaseWrapper) -> Any:
    """The driver's own cursor: Django's rewrites every statement and, under DEBUG, keeps it."""
    if connection.vendor == "postgresql":
        return psycopg.Cursor(connection.connection)
    return connection.connection.cursor()


def _epochs_query(connection: BaseDatabaseWrapper) -> str:
    """Epochs by charger. On PostgreSQL they are held until the commit: nobody takes a session in between."""
    table = connection.ops.quote_name(apps.get_model("routing", "ChargerSession")._meta.db_table)
    if connection.vendor == "postgresql":
        return (
            f"SELECT charger_id, epoch FROM {table} WHERE charger_id = ANY(%s::bigint[]) "
            "ORDER BY charger_id FOR SHARE"
        )
    return f"SELECT charger_id, epoch FROM {table} WHERE charger_id IN (SELECT value FROM json_each(?))"


def _with_parents(cursor: Any, statement: Statement, row: Row) -> Row:
    """``row`` without references to rows that were deleted meanwhile. Raises ValueError where it needs one.

    Asked for beforehand, because SQLite checks references at the commit only, for all rows at once.
    """
    for reference in statement.shape.references:
        value = getattr(row, reference.attribute)
        if value is None:
            continue
        stored = reference.convert([value])[0] if reference.convert else value
        if cursor.execute(reference.query, [stored]).fetchone():
            continue
        if not reference.nullable:
            raise ValueError(f"{reference.attribute} {value} does not exist any more")
        row = msgspec.structs.replace(row, **{reference.attribute: None})
    return row
