"""The database as the writer's thread uses it: puts in, one transaction out."""

from __future__ import annotations

import copy
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
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

ROW_AT_FAULT = (IntegrityError, DataError, TypeError, ValueError, AttributeError, OverflowError)
"""What the database (or its driver) says of a row it will never take; anything else may pass."""

POSTGRES_OPTIONS = {
    "connect_timeout": 5,  # s: also where somebody takes the connection and then says nothing
    "tcp_user_timeout": 10_000,  # ms until what was sent and not acknowledged breaks the connection
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""libpq's, where DATABASE_URL has no others: the writer must notice that the other end is gone."""

POSTGRES_START = """
SET statement_timeout = 20000;
SET idle_in_transaction_session_timeout = 10000;
SELECT set_config(name, 'lz4', false) FROM pg_settings
    WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals);
"""
"""In ms. A writer that is frozen in mid transaction must not keep its sessions from the next owner. Frames of
more than 2 KB are compressed; PostgreSQL's own way takes twice the CPU of all the rest of such a row."""

SQLITE_TIMEOUT_S = 2.0
"""The longest one try waits for a lock; the writer tries again, but must hear that it is to stop."""


READER, EVENTS = "readings", "events"
"""Who follows the log (``routing.readings.following``, ``routing.webhooks.making``)."""

LATE_S = 1.5
"""A row that is committed so long after its exchange was over comes behind the reader's back."""


class Put(msgspec.Struct, gc=False):
    """What one call of ``Writer.put`` brought. Charger 0 has no rows and only waits for those before it.

    ``dones`` are called after the commit. ``room``: how many rows may gather before they are coalesced,
    where several puts were merged.
    """

    charger: int
    epoch: int
    rows: Sequence[Row]
    dones: list[Callable[[], None]] | None = None
    room: int = 0


class Stored(msgspec.Struct, frozen=True):
    """What became of a batch.

    ``written`` and ``refused`` count rows; ``fenced`` are the puts of sessions that are not ours any
    more, ``lost`` their chargers, each with the newest of the epochs under which we wrote.
    """

    written: int
    refused: int
    fenced: Sequence[Put]
    lost: Sequence[tuple[int, int]]


def said(error: BaseException) -> str:
    """The first line of an error: the others may quote rows, and with them cards."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


class Store:
    """One connection outside any pool, opened when needed. Of one thread, but for ``interrupt``."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._lock = threading.Lock()
        self._connection: BaseDatabaseWrapper | None = None
        self._statements: Mapping[type[Row], Statement] = {}
        self._epochs = ""

    def store(self, batch: Sequence[Put], *, one_by_one: bool) -> Stored:
        """Store a batch in one transaction. Raises what Django says of databases, or ROW_AT_FAULT."""
        connection = self._connection or self._open()
        with connection.wrap_database_errors, transaction.atomic(self._using):
            cursor = _cursor(connection)
            epochs = self._epochs_of(cursor, {put.charger for put in batch if put.charger})
            ours: list[Put] = []
            fenced: list[Put] = []
            for put in batch:
                (ours if not put.charger or epochs.get(put.charger) == put.epoch else fenced).append(put)
            rows = list(chain.from_iterable(put.rows for put in ours))
            refused = self._write(connection, cursor, rows, one_by_one=one_by_one)
        lost: dict[int, int] = {}
        for put in fenced:
            lost[put.charger] = max(put.epoch, lost.get(put.charger, 0))
        return Stored(written=len(rows) - refused, refused=refused, fenced=fenced, lost=sorted(lost.items()))

    def store_log(self, rows: Sequence[MessageRow], *, one_by_one: bool) -> int:
        """Store rows of the audit log, whoever owns their sessions by now; returns how many were refused."""
        connection = self._connection or self._open()
        with connection.wrap_database_errors, transaction.atomic(self._using):
            return self._write(connection, _cursor(connection), rows, one_by_one=one_by_one)

    def _write(
        self, connection: BaseDatabaseWrapper, cursor: Any, rows: Sequence[Row], *, one_by_one: bool
    ) -> int:
        kinds = coalesce(rows)
        if (logged := kinds.get(MessageRow)) and _is_late(logged[0]):
            _set_back(cursor, logged)
        if one_by_one:
            return self._write_one_by_one(connection, cursor, kinds)
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
        refused = 0
        for kind, statement in self._statements.items():
            for row in kinds.get(kind, ()):
                refused += not self._write_one(connection, cursor, statement, row)
        return refused

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
                row.charger, type(row).__name__, key, said(error),
            )  # fmt: skip
            return False
        return True

    def close(self) -> None:
        """Let go of the connection, which may be broken already."""
        if self._connection is not None:
            try:
                with self._lock:  # what is interrupted is never the file that gets this number next
                    self._connection.close()
            except Exception as error:  # noqa: BLE001 -- it is broken: closing is only good manners
                log.debug("closing the writer's connection: %s", error)
            self._connection = None

    def interrupt(self) -> None:
        """From another thread: let the statement that runs fail, if a server is waited for."""
        connection = self._connection
        if connection is None or connection.vendor != "postgresql" or not self._lock.acquire(blocking=False):
            return
        try:
            with suppress(OSError, psycopg.Error, AttributeError):  # closed already: nothing is waited for
                _shut(connection.connection.pgconn.socket)
        finally:
            self._lock.release()

    def _open(self) -> BaseDatabaseWrapper:
        config = copy.deepcopy(connections.settings[self._using])
        options = config["OPTIONS"]
        options.pop("pool", None)
        if config["ENGINE"].endswith("postgresql"):
            config["OPTIONS"] = POSTGRES_OPTIONS | options
        else:
            options["timeout"] = min(options.get("timeout", SQLITE_TIMEOUT_S), SQLITE_TIMEOUT_S)
        connection: BaseDatabaseWrapper = load_backend(config["ENGINE"]).DatabaseWrapper(config, self._using)
        connections[self._using] = connection  # of this thread alone: what transaction.atomic() will use
        self._connection = connection  # at once: who hears that this failed closes it
        connection.ensure_connection()
        if connection.vendor == "postgresql":
            connection.connection.execute(POSTGRES_START)
        if not self._statements:
            self._statements = statements(connection)
            self._epochs = _epochs_query(connection)
        return connection

    def _epochs_of(self, cursor: Any, chargers: Iterable[int]) -> dict[int, int]:
        keys = sorted(chargers)
        if not keys:
            return {}
        listed = keys if isinstance(cursor, psycopg.Cursor) else msgspec.json.encode(keys).decode()
        cursor.execute(self._epochs, [listed])
        return dict(cursor.fetchall())


def _shut(descriptor: int) -> None:
    """End a connection under whoever reads from it."""
    with socket.socket(fileno=os.dup(descriptor)) as other:
        other.shutdown(socket.SHUT_RDWR)


def _cursor(connection: BaseDatabaseWrapper) -> Any:
    """The driver's own cursor: Django's rewrites every statement and, under DEBUG, keeps it."""
    if connection.vendor == "postgresql":
        return psycopg.Cursor(connection.connection)
    return connection.connection.cursor()


def _is_late(row: Any) -> bool:
    over: float = row.at.timestamp() + (row.latency_ms or 0.0) / 1000
    return time.time() - over > LATE_S


def _set_back(cursor: Any, rows: Sequence[Any]) -> None:
    """Have those who read the log read these rows, where they are past them already."""
    first = min((row.exchange for row in rows if row.route is None), default=None)
    if first is not None:
        mark = "%s" if isinstance(cursor, psycopg.Cursor) else "?"
        table = apps.get_model("routing", "LogReader")._meta.db_table
        cursor.execute(
            f"UPDATE {table} SET exchange = {mark} WHERE name IN ({mark}, {mark}) AND exchange > {mark}",
            [first, READER, EVENTS, first],
        )


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
