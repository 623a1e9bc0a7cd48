"""The audit log on PostgreSQL: a table a day, made ahead, thinned out, merged by month, dropped. Plain SQL.

The writer must not be kept waiting. A day is made as a plain table and attached, which locks the whole log
against other changes of its structure only. What takes a day away locks everything, for some milliseconds,
and waits for that lock for ``WRITER_WAITS`` at most. Who does not get a lock gives up and comes again. Each
step is a transaction, of one process at a time (an advisory lock), and looks at what is there anew.

Days of which some rows stay are written anew, without the others. What was done to a day is noted as the
comment of its table, so that it is done once. ``LIKE`` takes over what columns and indexes migrations add.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
import psycopg
from django.db import OperationalError, connection, transaction

from routing.keeping import DAY, GoOn, Keeping, Span
from routing.models import Message

TABLE = Message._meta.db_table
DEFAULT = f"{TABLE}_default"
AHEAD = 3
"""Days for which there are tables before they begin."""

PIECE = 3_600_000_000
"""Of a day that is written anew, as numbers of exchanges: after each the process may end."""

WRITER_WAITS = "200ms"
"""How long the writer may have to stand behind us, who wait for a lock on the whole."""

PATIENCE = "2s"
"""How long we wait for a lock behind which nobody has to stand who writes what happens now."""

TRIES, PAUSE_S = 10, 0.3
"""How often, and how long after a failure, the lock on the whole is tried for."""

ONE_AT_A_TIME = 6_301_944_221_874_403
"""The advisory lock of whoever changes these tables. The number means nothing."""


class Busy(Exception):
    """Another process is at it: leave it to that one."""


class Interrupted(Exception):
    """The process is to end, or has no time left: the next run begins anew with what was under way."""


class Part(NamedTuple):
    """A table of the log with its span; ``noted``: what was done to it."""

    name: str
    start: int
    end: int
    noted: str

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


def parts() -> list[Part]:
    """All tables of the log but the default one, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), coalesce(obj_description(c.oid), '') "
            "FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
            [TABLE],
        )
        found = [(name, re.findall(r"-?\d+", bound), noted) for name, bound, noted in cursor.fetchall()]
    spans = [Part(name, int(ends[0]), int(ends[1]), noted) for name, ends, noted in found if ends]
    return sorted(spans, key=lambda part: part.start)


# Days ahead


def make_days(today: int, oldest: int) -> list[str]:
    """Make the tables from ``today`` (days since 1970) on, and of days that stand in the default table.

    ``oldest``: the number before which nothing is kept. Returns their names. Raises Busy, and
    OperationalError where a lock is not to be had.
    """
    made = []
    for day in sorted({*range(today, today + AHEAD + 1), *_days_astray(oldest, (today + AHEAD + 1) * DAY)}):
        span = Span(day * DAY, (day + 1) * DAY)
        if not _covered(span) and _make(name_of_day(day), span):
            made.append(name_of_day(day))
    return made


def name_of_day(day: int) -> str:
    return f"{TABLE}_d{_moment(day * DAY):%Y%m%d}"


def _days_astray(start: int, end: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT exchange / {DAY} FROM {DEFAULT} WHERE exchange >= {start} AND exchange < {end}"
        )
        return [day for (day,) in cursor.fetchall()]


def _covered(span: Span) -> bool:
    return any(part.start < span.end and span.start < part.end for part in parts())


def _make(name: str, span: Span) -> bool:
    with _step() as cursor:
        if _covered(span):  # by another process, just now
            return False
        _create(cursor, name)
        _attach(cursor, name, span)
    return True


# What is over


def tidy(keeping: Keeping, go_on: GoOn) -> Iterator[str]:
    """Drop, thin out and merge tables as the rules say; yields what was done, in words, step by step.

    Raises Busy, Interrupted, and OperationalError where a lock is not to be had.
    """
    for part in parts():
        its = keeping.within(part.span)
        if its.newest == part.start:  # all of it is kept
            continue
        if its.oldest == part.end:  # and nothing
            _go_on(go_on)
            yield from _drop(part)
        elif part.noted != note_of(its):
            yield from _rewrite([part], part.name, part.span, its, go_on)
    for month, days in _months(keeping.settled):
        yield from _rewrite(
            days, f"{TABLE}_m{_moment(month.start):%Y%m}", month, keeping.within(month), go_on
        )
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {DEFAULT} WHERE exchange < {keeping.oldest}")
        if cursor.rowcount:
            yield f"dropped {cursor.rowcount} rows of no day"


def note_of(keeping: Keeping) -> str:
    """The comment of a table to which these rules were applied."""
    return msgspec.json.encode({"kept from": [keeping.default, keeping.organisations]}).decode()


def _months(settled: int) -> list[tuple[Span, list[Part]]]:
    """Days that may become a month: of months of which nothing is kept for its own sake any more.

    Hundreds of small tables would cost whoever asks for a long time, and his locks.
    """
    days = [part for part in parts() if part.name.startswith(f"{TABLE}_d")]
    found = []
    for month, its in groupby(days, lambda part: _month_of(part.start)):
        if month.end <= settled:
            found.append((month, list(its)))
    return found


def _month_of(number: int) -> Span:
    first = _moment(number).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=31)).replace(day=1)
    return Span(*(int(moment.timestamp()) * 1_000_000 for moment in (first, following)))


def _drop(part: Part) -> list[str]:
    with _step() as cursor:
        if part not in parts():
            return []
        _calm(cursor, part.name)
        _lock_whole(cursor)
        _take_away(cursor, part)
    return [f"dropped {part.name}"]


def _rewrite(sources: Sequence[Part], name: str, span: Span, keeping: Keeping, go_on: GoOn) -> list[str]:
    """Put what is kept of these tables into one, in their place; ``keeping`` is that within the span.

    Whoever writes to one of them has to wait until it is done, so that nothing is lost: to days that are as
    old as that, rows come only of letters that died, or from a spool. Who reads does not wait.
    """
    new = f"{name}_new"
    with _step() as cursor:
        there = parts()
        if any(source not in there for source in sources):
            return []
        cursor.execute(f"LOCK TABLE {', '.join(source.name for source in sources)} IN SHARE MODE")
        _create(cursor, new)
        kept = sum(_fill(cursor, new, source, keeping, go_on) for source in sources)
        # Looked at here, where nobody waits for it, so that attaching need not.
        cursor.execute(f"ALTER TABLE {new} ADD CONSTRAINT span CHECK ({_is_in(span)})")
        cursor.execute(f"ANALYZE {new}")
        _calm(cursor)
        _lock_whole(cursor)
        for source in sources:
            _take_away(cursor, source)
        if not kept:
            cursor.execute(f"DROP TABLE {new}")
            return [f"dropped {source.name}" for source in sources]
        cursor.execute(f"ALTER TABLE {new} RENAME TO {name}")
        _attach(cursor, name, span)
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT span")
        cursor.execute(f"COMMENT ON TABLE {name} IS '{note_of(keeping)}'")
    return [f"kept {kept} rows of {', '.join(source.name for source in sources)}"]


def _fill(cursor: Any, new: str, source: Part, keeping: Keeping, go_on: GoOn) -> int:
    """How many rows were kept."""
    names, kept = _columns(cursor), 0
    listed, of_rows = ", ".join(names), ", ".join(f"m.{name}" for name in names)
    for start in range(source.start, source.end, PIECE):
        _go_on(go_on)
        piece = Span(start, start + PIECE)
        cursor.execute(
            f"INSERT INTO {new} ({listed}) SELECT {of_rows} FROM {source.name} AS m{keeping.joined()} "
            f"WHERE m.exchange >= {piece.start} AND m.exchange < {piece.end} "
            f"AND {keeping.kept(source.name, piece)}"
        )
        kept += cursor.rowcount
    return kept


# Steps


@contextmanager
def _step() -> Iterator[Any]:
    """A transaction of one process at a time; raises Busy where another one is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({ONE_AT_A_TIME})")
        if not cursor.fetchone()[0]:
            raise Busy
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'; SET LOCAL statement_timeout = 0")
        yield cursor


def _go_on(go_on: GoOn) -> None:
    if not go_on():
        raise Interrupted


def _columns(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        [TABLE],
    )
    return [name for (name,) in cursor.fetchall()]


def _create(cursor: Any, name: str) -> None:
    cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL)")


def _attach(cursor: Any, name: str, span: Span) -> None:
    """Give a table its span; what stands in the default table and belongs there comes along."""
    listed = ", ".join(_columns(cursor))
    # As attaching does, but before what is there is moved: nothing may come after it.
    cursor.execute(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(
        f"WITH moved AS (DELETE FROM {DEFAULT} WHERE {_is_in(span)} RETURNING {listed}) "
        f"INSERT INTO {name} ({listed}) SELECT {listed} FROM moved"
    )
    values = f"FROM ({span.start}) TO ({span.end})"
    cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES {values}")


def _is_in(span: Span) -> str:
    return f"exchange >= {span.start} AND exchange < {span.end}"


def _calm(cursor: Any, *names: str) -> None:
    """Have vacuum leave these tables before the whole is locked: it goes when it was waited for a second."""
    cursor.execute(f"LOCK TABLE {', '.join([DEFAULT, *names])} IN SHARE UPDATE EXCLUSIVE MODE")


def _lock_whole(cursor: Any) -> None:
    """Wait until nobody uses the log. Who comes meanwhile stands behind us: hence not for long at once."""
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                cursor.execute(f"SET LOCAL lock_timeout = '{WRITER_WAITS}'")
                cursor.execute(f"LOCK TABLE ONLY {TABLE} IN ACCESS EXCLUSIVE MODE")
                return
        except OperationalError as error:
            if not tries_left or not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
        time.sleep(PAUSE_S)


def _take_away(cursor: Any, part: Part) -> None:
    cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {part.name}")
    cursor.execute(f"DROP TABLE {part.name}")


def _moment(number: int) -> datetime:
    return datetime.fromtimestamp(number // 1_000_000, UTC)
