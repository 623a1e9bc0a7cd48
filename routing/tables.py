"""How each kind of row of ``routing.core.rows`` becomes SQL: a table of tables, and two dialects.

The rows of a batch are turned into columns first: one pass per column instead of one per value makes
text checks nearly free, and both databases are fed many rows per statement: COPY and arrays on
PostgreSQL, lists of VALUES on SQLite.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

import msgspec
import psycopg
from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from routing.core.rows import (
    AlarmRow,
    ChargerHealthRow,
    ConnectorRow,
    DeliveryDone,
    DeliveryFailed,
    DeliveryRow,
    IdentifierRow,
    LatestRow,
    MessageRow,
    RouteHealthRow,
    RouteStateRow,
    RouteTransactionRow,
    Row,
    TransactionRow,
)


class Verb(StrEnum):
    """What storing a row does."""

    APPEND = "append"
    """Insert: nothing identifies the row."""
    ADD = "add"
    """Insert, unless its key is there."""
    PUT = "put"
    """Insert, or replace what has its key."""
    CHANGE = "change"
    """Update what has its key, if it is there."""
    REMOVE = "remove"
    """Delete what has its key, if it is there."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Where one kind of row goes.

    ``key`` are attributes of the row. ``renamed``: attribute to model field where they differ;
    ``without``: attributes that have no column; ``constants``: model fields that no row fills.
    """

    row: type[Row]
    model: str
    verb: Verb
    key: tuple[str, ...] = ()
    renamed: Mapping[str, str] = {}
    without: tuple[str, ...] = ()
    constants: Mapping[str, Any] = {}


TABLES = (
    Table(
        row=MessageRow, model="routing.Message", verb=Verb.APPEND, renamed={"transaction": "transaction_id"}
    ),
    Table(row=TransactionRow, model="routing.Transaction", verb=Verb.PUT, key=("id",)),
    Table(
        row=RouteTransactionRow,
        model="routing.RouteTransaction",
        verb=Verb.PUT,
        key=("transaction", "route"),
        without=("charger",),
    ),
    Table(row=LatestRow, model="routing.LatestValue", verb=Verb.PUT, key=("charger", "kind", "key")),
    Table(
        row=ConnectorRow,
        model="chargers.Connector",
        verb=Verb.PUT,
        key=("charger", "evse_id", "connector_id"),
        renamed={"at": "updated_at"},
    ),
    Table(
        row=IdentifierRow,
        model="routing.Identifier",
        verb=Verb.PUT,
        key=("charger", "kind", "charger_identifier", "route"),
    ),
    Table(row=AlarmRow, model="routing.Alarm", verb=Verb.PUT, key=("charger", "kind", "key")),
    Table(row=RouteStateRow, model="routing.RouteState", verb=Verb.PUT, key=("route",), without=("charger",)),
    Table(
        row=RouteHealthRow, model="routing.RouteState", verb=Verb.CHANGE, key=("route",), without=("charger",)
    ),
    Table(row=ChargerHealthRow, model="routing.ChargerSession", verb=Verb.CHANGE, key=("charger",)),
    Table(
        row=DeliveryRow,
        model="routing.Delivery",
        verb=Verb.ADD,
        key=("route", "seq"),
        renamed={"transaction": "transaction_id"},
        constants={"error": "", "dead": False, "died_at": None},
    ),
    Table(
        row=DeliveryFailed,
        model="routing.Delivery",
        verb=Verb.CHANGE,
        key=("route", "seq"),
        without=("charger",),
    ),
    Table(
        row=DeliveryDone,
        model="routing.Delivery",
        verb=Verb.REMOVE,
        key=("route", "seq"),
        without=("charger",),
    ),
)
"""Every kind of row, in the order of execution: what others refer to comes first."""


# Columns: what both databases must be spared


Convert = Callable[[Sequence[Any]], Sequence[Any]]


def shortened(text: str, limit: int, *, exact: bool = False) -> str:
    """``text`` cut to ``limit`` characters. ``exact``: what differed before still differs after."""
    mark = "…" + hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16] if exact else "…"
    return text[: limit - len(mark)] + mark


def storable(text: str) -> str:
    r"""``text`` without what PostgreSQL refuses: NUL and lone surrogates become readable ``\uXXXX``."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")


def _is_storable(joined: str) -> bool:
    if "\0" in joined:
        return False
    if joined.isascii():
        return True
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(limit: int | None, *, exact: bool) -> Convert:
    def convert(values: Sequence[str | None]) -> Sequence[str | None]:
        present = [value for value in values if value]
        if not _is_storable("".join(present)):
            values = [storable(value) if value else value for value in values]
            present = [value for value in values if value]
        if limit is None or not present or max(map(len, present)) <= limit:
            return values
        return [shortened(v, limit, exact=exact) if v and len(v) > limit else v for v in values]

    return convert


def _integers(low: int, high: int, *, nullable: bool) -> Convert:
    """Chargers write any number: beyond the column it is unknown, or the nearest where one must be known."""

    def fit(value: int | None) -> int | None:
        if value is None or low <= value <= high:
            return value
        return None if nullable else min(max(value, low), high)

    def convert(values: Sequence[int | None]) -> Sequence[int | None]:
        present = [value for value in values if value is not None]
        if not present or (low <= min(present) and max(present) <= high):
            return values
        return [fit(value) for value in values]

    return convert


def _sqlite_times(values: Sequence[datetime | None]) -> Sequence[str | None]:
    """As Django stores datetimes on SQLite: text, naive, in UTC."""
    return [value if value is None else value.astimezone(UTC).isoformat(" ")[:-6] for value in values]


def _sqlite_uuids(values: Sequence[UUID | None]) -> Sequence[str | None]:
    """As Django stores UUIDs on SQLite: char(32)."""
    return [value if value is None else value.hex for value in values]


def _converter(field: Any, vendor: str, *, in_key: bool) -> Convert | None:
    """What is done with a column before it is stored, None for nothing."""
    if field.is_relation:
        field = field.target_field
        if isinstance(field, models.IntegerField):
            return None  # our own primary keys
    if isinstance(field, models.CharField | models.TextField):
        return _texts(field.max_length, exact=in_key) if not field.choices else None
    if isinstance(field, models.IntegerField):
        bits = 64 if isinstance(field, models.BigIntegerField) else 32
        return _integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, nullable=field.null)
    if vendor == "sqlite" and isinstance(field, models.DateTimeField):
        return _sqlite_times
    if vendor == "sqlite" and isinstance(field, models.UUIDField):
        return _sqlite_uuids
    return None


# Statements


class Reference(msgspec.Struct, frozen=True):
    """A column that names a row of another table: the row's attribute and a query for that row."""

    attribute: str
    query: str
    nullable: bool
    convert: Convert | None


class Shape:
    """One Table on one database: quoted names, and how rows become columns.

    ``names``, ``types`` and the result of ``columns`` have the same order, the key's columns last.
    """

    def __init__(self, table: Table, connection: BaseDatabaseWrapper) -> None:
        self.table = table
        self._model = apps.get_model(table.model)
        self._connection = connection
        others = [n for n in table.row.__struct_fields__ if n not in table.without and n not in table.key]
        attributes = [*others, *table.key]
        fields = [self._field(name) for name in attributes]
        constants = [self._model._meta.get_field(name) for name in table.constants]
        quote = connection.ops.quote_name
        self.name = quote(self._model._meta.db_table)
        self.key = [quote(self._field(name).column) for name in table.key]
        self.names = [quote(field.column) for field in (*constants, *fields)]
        self.types = [str(field.db_type(connection)) for field in (*constants, *fields)]
        self.values = [name for name in self.names if name not in self.key]
        self.references = [self._reference(name) for name in attributes if self._refers(name)]
        self._constants = list(table.constants.values())
        self._get = attrgetter(*attributes)
        self._converters = [
            _converter(field, connection.vendor, in_key=name in table.key)
            for name, field in zip(attributes, fields, strict=True)
        ]

    def columns(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """The values of these rows by column, as this database takes them. Raises TypeError."""
        columns = zip(*map(self._get, rows), strict=True)
        converted = [
            column if convert is None else convert(column)
            for column, convert in zip(columns, self._converters, strict=True)
        ]
        return [[value] * len(rows) for value in self._constants] + converted

    def _field(self, attribute: str) -> Any:
        return self._model._meta.get_field(self.table.renamed.get(attribute, attribute))

    def _refers(self, attribute: str) -> bool:
        field = self._field(attribute)
        return bool(field.is_relation and field.db_constraint)

    def _reference(self, attribute: str) -> Reference:
        field = self._field(attribute)
        quote = self._connection.ops.quote_name
        mark = "?" if self._connection.vendor == "sqlite" else "%s"
        parent, column = quote(field.related_model._meta.db_table), quote(field.target_field.column)
        return Reference(
            attribute=attribute,
            query=f"SELECT 1 FROM {parent} WHERE {column} = {mark}",
            nullable=field.null,
            convert=_converter(field, self._connection.vendor, in_key=False),
        )


class Statement(Protocol):
    """One Table, ready to run on a cursor of the database's own driver."""

    shape: Shape

    def run(self, cursor: Any, rows: Sequence[Row]) -> None:
        """Store all these rows, with as few statements as possible."""

    def run_one(self, cursor: Any, row: Row) -> None:
        """Store one row; a key that is there already is no error where ``run`` may find it to be one."""


class SqliteStatement:
    """Inserts many rows per statement, in a few fixed numbers so that the driver finds it prepared.

    By itself a statement per row costs no more. But the driver lets go of the interpreter lock around
    each, and has to win it back from a busy loop: under load that cost a third of a row.
    Changes and removals stay one by one: a list of row values makes SQLite scan the table.
    """

    PARAMETERS = 999
    """The least that any SQLite allows per statement."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        inserts = shape.table.verb not in (Verb.CHANGE, Verb.REMOVE)
        self._sizes = [n for n in (64, 16, 4) if inserts and n * len(shape.names) <= self.PARAMETERS]
        self._sql = {size: self._compose(size) for size in (*self._sizes, 1)}

    def run(self, cursor: Any, rows: Sequence[Row]) -> None:
        at = 0
        for size in self._sizes:
            while len(rows) - at >= size:  # columns piece by piece, so that the loop need not wait for all
                values = zip(*self.shape.columns(rows[at : at + size]), strict=True)
                cursor.execute(self._sql[size], list(chain.from_iterable(values)))
                at += size
        if at < len(rows):
            cursor.executemany(self._sql[1], zip(*self.shape.columns(rows[at:]), strict=True))

    def run_one(self, cursor: Any, row: Row) -> None:
        self.run(cursor, [row])

    def _compose(self, size: int) -> str:
        shape = self.shape
        same = " AND ".join(f"{name} = ?" for name in shape.key)
        match shape.table.verb:
            case Verb.REMOVE:
                return f"DELETE FROM {shape.name} WHERE {same}"
            case Verb.CHANGE:
                changes = ", ".join(f"{name} = ?" for name in shape.values)
                return f"UPDATE {shape.name} SET {changes} WHERE {same}"
        values = ", ".join(["(" + ", ".join("?" * len(shape.names)) + ")"] * size)
        return f"INSERT INTO {shape.name} ({', '.join(shape.names)}) VALUES {values}{_on_conflict(shape)}"


class PostgresStatement:
    """COPY for what is only inserted, one array per column for the rest.

    Piece by piece: what is done to a whole column keeps the interpreter lock, and with it the loop.
    """

    PIECE = 128

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        # binary, as the arrays: a row costs less than half of its text
        self._copy = f"COPY {shape.name} ({', '.join(shape.names)}) FROM STDIN (FORMAT binary)"
        self._types = [kind.partition("(")[0] for kind in shape.types]
        self._copies = shape.table.verb in (Verb.APPEND, Verb.ADD)
        self._arrays = self._compose()

    def run(self, cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> None:
        pieces = (rows[at : at + self.PIECE] for at in range(0, len(rows), self.PIECE))
        if not self._copies:
            for piece in pieces:
                cursor.execute(self._arrays, [list(column) for column in self.shape.columns(piece)])
            return
        with cursor.copy(self._copy) as copy:
            copy.set_types(self._types)
            for piece in pieces:
                for values in zip(*self.shape.columns(piece), strict=True):
                    copy.write_row(values)

    def run_one(self, cursor: psycopg.Cursor[Any], row: Row) -> None:
        cursor.execute(self._arrays, [list(column) for column in self.shape.columns([row])])

    def _compose(self) -> bytes:
        shape = self.shape
        # %b: binary arrays cost the driver a quarter of what their text costs
        arrays = ", ".join(f"%b::{kind}[]" for kind in shape.types)
        given = f"unnest({arrays}) AS given({', '.join(shape.names)})"
        same = " AND ".join(f"{shape.name}.{name} = given.{name}" for name in shape.key)
        match shape.table.verb:
            case Verb.REMOVE:
                sql = f"DELETE FROM {shape.name} USING {given} WHERE {same}"
            case Verb.CHANGE:
                changes = ", ".join(f"{name} = given.{name}" for name in shape.values)
                sql = f"UPDATE {shape.name} SET {changes} FROM {given} WHERE {same}"
            case _:
                names = ", ".join(shape.names)
                sql = f"INSERT INTO {shape.name} ({names}) SELECT * FROM {given}{_on_conflict(shape)}"
        return sql.encode()


def _on_conflict(shape: Shape) -> str:
    key = ", ".join(shape.key)
    match shape.table.verb:
        case Verb.ADD:
            return f" ON CONFLICT ({key}) DO NOTHING"
        case Verb.PUT:
            return f" ON CONFLICT ({key}) DO UPDATE SET " + ", ".join(
                f"{n} = excluded.{n}" for n in shape.values
            )
    return ""


def statements(connection: BaseDatabaseWrapper) -> dict[type[Row], Statement]:
    """Every kind of row with its statement for this database, in the order of execution."""
    kind = PostgresStatement if connection.vendor == "postgresql" else SqliteStatement
    return {table.row: kind(Shape(table, connection)) for table in TABLES}


# Batches


def coalesce(rows: Sequence[Row]) -> dict[type[Row], list[Row]]:
    """The least that must be stored to reach what storing ``rows`` one by one would reach.

    Of rows with one key the last counts. A key of a delivery never comes back after it was done (``seq``
    only grows), so that kinds may be stored one after the other.
    """
    kinds: dict[type[Row], list[Row]] = {table.row: [] for table in TABLES}
    for row in rows:
        kinds[type(row)].append(row)
    for table in TABLES:
        if table.verb in (Verb.PUT, Verb.CHANGE, Verb.REMOVE) and len(kinds[table.row]) > 1:
            key = attrgetter(*table.key)
            kinds[table.row] = list({key(row): row for row in kinds[table.row]}.values())
    return {kind: found for kind, found in kinds.items() if found}
