"""What ``benchmarks.log`` measures, once Django is set up: questions about a filled log, and its upkeep."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from statistics import median
from typing import Any

import msgspec
import psycopg
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.utils.module_loading import import_string

from benchmarks import log_rows
from benchmarks.log_rows import Span
from routing import keeping, partitions
from routing.keeping import DAY, Keeping, Limits

MOST_MS = {"postgresql": 100.0, "sqlite": 300.0}
MOST_QUERIES = 5
DROPPED_MS = 1000.0


class Options(msgspec.Struct, frozen=True):
    """``rows`` are those of the log, of ``days`` days up to now; each question is asked ``times`` times."""

    rows: int
    chargers: int
    days: int
    times: int


class Answer(msgspec.Struct):
    """How long one question took, each time it was asked, in milliseconds, and its queries at most."""

    what: str
    ms: list[float]
    queries: int
    found: int

    def line(self) -> str:
        ordered = sorted(self.ms)
        times = f"{self.ms[0]:.1f} | {median(ordered):.1f} | {ordered[len(ordered) * 9 // 10]:.1f}"
        return f"| {self.what} | {times} | {ordered[-1]:.1f} | {self.queries} | {self.found} |"


HEAD = """\
| | first, ms | median | p90 | most | queries at most | exchanges found |
|---|---:|---:|---:|---:|---:|---:|"""

Question = Callable[[random.Random], int]
"""Asks about something else each time; returns how many exchanges were found."""


# Questions


class Questions:
    """What people ask, through ``routing.explorer``."""

    def __init__(self, options: Options, span: Span) -> None:
        self._options = options
        self._span = span
        self._find = import_string("routing.explorer.search.find")
        self._filter = import_string("routing.explorer.filters.Filter")
        self._root, self._installer = apps.get_model("accounts", "User").objects.order_by("pk")
        self._now = datetime.fromtimestamp(span.end / 1e6, UTC)
        self._ids, self._sessions = self._some_ids(), self._some_sessions()

    def all(self) -> dict[str, Question]:
        return {
            "first page of a charger": lambda r: self._page(charger=self._charger(r)),
            "second page of a charger": self._second_page,
            "a charger a week ago": lambda r: self._page(
                charger=self._charger(r), until=self._now - timedelta(days=min(7, self._options.days - 1))
            ),
            "by message id": lambda r: self._page(message_id=r.choice(self._ids)),
            "errors of the last hour": lambda r: self._page(group="errors", since=self._hour(r)),
            "errors of a charger in the last day": lambda r: self._page(
                charger=self._charger(r), group="errors"
            ),
            "one session": lambda r: self._page(transaction=r.choice(self._sessions)),
            "first page of all": lambda r: self._page(),
            "first page of all, an installer": lambda r: self._page(self._installer),
            "errors of the last hour, an installer": lambda r: self._page(
                self._installer, group="errors", since=self._hour(r)
            ),
            "by card": lambda r: self._page(card=f"CARD{self._charger(r) * 31 % 20000}"),
        }

    def _page(self, user: Any = None, **wanted: Any) -> int:
        return len(self._find(user or self._root, self._filter(**wanted)).exchanges)

    def _second_page(self, r: random.Random) -> int:
        wanted = self._filter(charger=self._charger(r))
        older = max(self._span.end - DAY // 2, self._span.start), wanted.charger
        return len(self._find(self._root, wanted, before=older).exchanges)

    def _charger(self, r: random.Random) -> int:
        return r.randint(1, self._options.chargers)

    def _hour(self, r: random.Random) -> datetime:
        """An hour ago, and a little, so that no two questions are the same."""
        return self._now - timedelta(hours=1, seconds=r.random())

    def _some_ids(self) -> list[str]:
        log, r = apps.get_model("routing", "Message").objects, random.Random(1)
        rows = (log.filter(exchange__gte=r.randint(self._span.start, self._span.end - DAY // 24))
                for _ in range(self._options.times))  # fmt: skip
        return [some.order_by("exchange", "id").values_list("message_id", flat=True)[0] for some in rows]

    def _some_sessions(self) -> list[Any]:
        r, found = random.Random(2), apps.get_model("routing", "Transaction").objects.order_by("pk")
        since = datetime.fromtimestamp(self._span.start / 1e6, UTC)
        sessions = list(found.filter(created__gte=since).values_list("pk", flat=True)[:100_000])
        return r.choices(sessions, k=self._options.times)


def asked(what: str, question: Question, times: int) -> Answer:
    """Ask ``times`` times."""
    r, answer = random.Random(7), Answer(what, [], 0, 0)
    for _ in range(times):
        counted = _Counted()
        with connection.execute_wrapper(counted):
            began = time.perf_counter()
            found = question(r)
            answer.ms.append((time.perf_counter() - began) * 1000)
        answer.found = max(answer.found, found)
        answer.queries = max(answer.queries, counted.queries)
    return answer


class _Counted:
    """Counts queries."""

    queries = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        return execute(sql, params, many, context)


# Upkeep


class Beside:
    """Somebody who writes a row of the log every few milliseconds; how long it took at most, in ms."""

    def __init__(self, url: str) -> None:
        self.most = 0.0
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        if not self._url:
            return
        sql = (
            "INSERT INTO routing_message (charger_id, at, exchange, direction, action, message_id, text, "
            "answer, outcome, error_code, rule) VALUES (1, now(), extract(epoch FROM now()) * 1000000, 'up', "
            "'', '', '', '', 'answered', '', '')"
        )
        with psycopg.connect(self._url, autocommit=True) as postgres:
            while not self._ended.wait(0.005):
                began = time.perf_counter()
                postgres.execute(sql.encode())
                self.most = max(self.most, (time.perf_counter() - began) * 1000)


def kept_from(frames: int, exchanges: int) -> Keeping:
    """Rules: what begins before these days (since 1970) goes."""
    return Keeping(Limits(frames * DAY, exchanges * DAY), {})


def upkeep(url: str, span: Span) -> Iterator[str]:
    """Rows of a table: what the upkeep takes, oldest days first."""
    first = span.start // DAY + 1  # the first whole day
    for what, rules in (
        ("what is before the first whole day", kept_from(first, first)),
        ("a day goes", kept_from(first + 1, first + 1)),
        ("of a day only errors stay", kept_from(first + 2, first + 1)),
        ("nothing is left to do", kept_from(first + 2, first + 1)),
    ):
        with Beside(url) as beside:
            began = time.perf_counter()
            if connection.vendor == "postgresql":
                done = "; ".join(partitions.tidy(rules, lambda: True))
            else:
                done = f"{keeping.drop_messages(rules, lambda: True)} rows deleted"
            took = (time.perf_counter() - began) * 1000
        written = f"{beside.most:.1f}" if url else "-"
        yield f"| {what} | {took:.0f} | {written} | {done or 'nothing'} |"


UPKEEP_HEAD = "| | ms | longest insert beside it, ms | done |\n|---|---:|---:|---|"


# The run


def here(options: Options, url: str) -> bool:
    """Fill the database of the settings and measure; whether all is as fast as it should be."""
    call_command("migrate", verbosity=0)
    end = int(time.time() * 1_000_000)
    count = round(options.rows / log_rows.ROWS_PER_EXCHANGE)
    span = Span(end - options.days * DAY, end, count, options.chargers)
    began = time.monotonic()
    log_rows.fleet(options.chargers)
    log_rows.fill(span)
    size, rows = _size(), apps.get_model("routing", "Message").objects.count()
    print(f"\n{rows:,} rows, {size / rows:.0f} B each with indexes, made in {time.monotonic() - began:.0f} s")
    print(f"\n{HEAD}", flush=True)
    fine = True
    questions = Questions(options, span).all() if find_spec("routing.explorer") else {}
    for what, question in questions.items():
        answer = asked(what, question, options.times)
        fine &= median(answer.ms) < MOST_MS[connection.vendor] and answer.queries <= MOST_QUERIES
        print(answer.line(), flush=True)
    print(f"\n{UPKEEP_HEAD}", flush=True)
    for line in upkeep(url, span):
        print(line, flush=True)
    return fine


def _size() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
                "WHERE inhparent = 'routing_message'::regclass"
            )
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


def main() -> None:
    """Arguments: the fields of Options, and the URL of a PostgreSQL database or "". Exit code 1: too slow."""
    *numbers, url = sys.argv[1:]
    sys.exit(0 if here(Options(*map(int, numbers)), url) else 1)
