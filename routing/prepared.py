"""Statements that every connection of a charger needs: compiled once by the ORM, run with other values.

Compiling takes the ORM ten times as long as SQLite takes to answer, and a thousand chargers that come
back at once ask the same dozen questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.subqueries import UpdateQuery

RowT = TypeVar("RowT")

_SAMPLES: Mapping[type, Callable[[int], Any]] = {
    int: lambda place: -1_000_000_007 - place,
    str: lambda place: f"\x01{place}\x02",
    datetime: lambda place: datetime(1001 + place, 1, 1, tzinfo=UTC),
}
"""Values by type that no statement of ours contains by itself: they mark the places of its arguments."""


class _Compiled(NamedTuple):
    """A statement in the words of one kind of database.

    ``values`` are its parameters, ``places`` says which of them is which argument. ``converters``:
    column, expression, and how the ORM makes what the database gives into what the model's field has.
    """

    sql: str
    values: Sequence[Any]
    places: Sequence[tuple[int, int]]
    converters: Sequence[tuple[int, Any, Sequence[Callable[..., Any]]]] = ()
    width: int | None = None

    def filled(self, arguments: Sequence[Any]) -> list[Any]:
        adapted = [_adapted(value) for value in arguments]
        values = list(self.values)
        for place, argument in self.places:
            values[place] = adapted[argument]
        return values


class _Statement(ABC):
    """What queries and updates have in common. ``types`` are those of the arguments."""

    def __init__(self, *types: type) -> None:
        self._samples = [_SAMPLES[type_](place) for place, type_ in enumerate(types)]
        self._compiled: dict[str, _Compiled] = {}

    def _here(self) -> _Compiled:
        """As the database of this thread understands it. Two threads may compile it at once: no harm."""
        compiled = self._compiled.get(connection.vendor)
        if compiled is None:
            compiled = self._compiled[connection.vendor] = self._compile()
        return compiled

    @abstractmethod
    def _compile(self) -> _Compiled:
        """The statement for the kind of database that this thread is connected to."""

    def _with_places(self, compiler: SQLCompiler) -> _Compiled:
        sql, values = compiler.as_sql()
        samples = [_adapted(sample) for sample in self._samples]
        places = [(place, samples.index(value)) for place, value in enumerate(values) if value in samples]
        if {argument for _, argument in places} != set(range(len(samples))):
            raise ValueError(f"not every argument is a parameter of its own in {sql}")
        return _Compiled(sql, list(values), places)


class Query(_Statement, Generic[RowT]):
    """A QuerySet of ``values_list`` that ``build`` makes of its arguments; called with others, it is run.

    Only values of conditions can be arguments: neither the end of a slice nor None.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, RowT]], *types: type) -> None:
        super().__init__(*types)
        self._build = build

    def __call__(self, *arguments: Any) -> list[RowT]:
        """The rows, as ``list(build(*arguments))`` has them."""
        compiled = self._here()
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, compiled.filled(arguments))
            rows: list[Any] = cursor.fetchall()
        if compiled.converters or compiled.width is not None:
            rows = [_converted(row[: compiled.width], compiled.converters) for row in rows]
        return rows

    def _compile(self) -> _Compiled:
        compiler = self._build(*self._samples).query.get_compiler(connection=connection)
        compiled = self._with_places(compiler)
        columns = [column[0] for column in (compiler.select or [])[: compiler.col_count]]
        converters = [(at, by[1], by[0]) for at, by in compiler.get_converters(columns).items()]
        return compiled._replace(
            converters=converters, width=compiler.col_count if compiler.has_extra_select else None
        )


class Update(_Statement):
    """An UPDATE of the rows and to the values that ``build`` makes of its arguments."""

    def __init__(
        self, build: Callable[..., tuple[QuerySet[Any, Any], Mapping[str, Any]]], *types: type
    ) -> None:
        super().__init__(*types)
        self._build = build

    def __call__(self, *arguments: Any) -> int:
        """How many rows there were."""
        compiled = self._here()
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, compiled.filled(arguments))
            count: int = cursor.rowcount
        return count

    def _compile(self) -> _Compiled:
        rows, values = self._build(*self._samples)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(values)
        return self._with_places(query.get_compiler(connection=connection))


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _converted(
    row: Sequence[Any], converters: Sequence[tuple[int, Any, Sequence[Callable[..., Any]]]]
) -> tuple[Any, ...]:
    values = list(row)
    for at, expression, steps in converters:
        value = values[at]
        for convert in steps:
            value = convert(value, expression, connection)
        values[at] = value
    return tuple(values)
