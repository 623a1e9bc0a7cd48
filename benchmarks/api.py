"""``python -m benchmarks.api``: how long a program waits for the list of chargers, and what it costs.

The whole of Django in this process, with token, rights and rate, on a SQLite file of its own and, with
``--database-url``, on a PostgreSQL server, in a database that is made and dropped. What is not in it is the
socket. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import django
import msgspec
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks import machine
from benchmarks.rows import postgres

CHARGERS = 5000
OTHERS = 500
"""Chargers of another organisation, which the reader may not see."""

PATH = "/api/v1/chargers/"
PAGE = 50
MOST_MS, MOST_QUERIES = 60.0, 6
"""What is promised: the median of a page, and the queries of each."""

ASKED: dict[str, dict[str, Any]] = {
    "a page of 50, one after the other": {},
    "a page of 500": {"page_size": 500},
    "one by its identity": {"identity": "CP-04711"},
    "those online, part of a name": {"connection_status": "online", "search": "47"},
}


class Result(msgspec.Struct):
    """Milliseconds of each read, without what this process waited for a core; the most queries of one."""

    what: str
    times: list[float]
    queries: int

    @property
    def median(self) -> float:
        return quantiles(self.times, n=100)[49]

    def line(self) -> str:
        """A row of the table."""
        cut = quantiles(self.times, n=100)
        figures = " | ".join(f"{value:.1f}" for value in (cut[49], cut[89], cut[98], max(self.times)))
        return f"| {self.what} | {len(self.times):,} | {self.queries} | {figures} |"


HEAD = "| | reads | queries | p50 ms | p90 | p99 | most |\n|---|---:|---:|---:|---:|---:|---:|"


def _fill() -> str:
    """Chargers with a session, two connectors and what they said at boot; the token of an installer."""
    model = apps.get_model
    ours, theirs = (model("accounts", "Organisation").objects.create(name=n) for n in ("Ours", "Theirs"))
    user = model("accounts", "User").objects.create_user("reader", is_staff=True)
    model("accounts", "Membership").objects.create(user=user, organisation=ours, role="installer")
    charger = model("chargers", "Charger")
    rows = [charger(identity=f"CP-{n:05d}", label=f"Bay {n}", organisation=ours) for n in range(CHARGERS)]
    rows += [charger(identity=f"X-{n:05d}", organisation=theirs) for n in range(OTHERS)]
    made, now = charger.objects.bulk_create(rows), timezone.now()
    boot = '{"chargePointVendor":"Acme","chargePointModel":"Wall","firmwareVersion":"1.2.3"}'
    for name, more in (
        (("routing", "ChargerSession"), [{"online": True, "connected_at": now, "ocpp_version": "1.6"}]),
        (("routing", "LatestValue"), [{"kind": "boot", "payload": boot, "at": now}]),
        (
            ("chargers", "Connector"),
            [{"connector_id": c, "status": "Available", "updated_at": now} for c in (1, 2)],
        ),
    ):
        kind = model(*name)
        kind.objects.bulk_create([kind(charger=row, **fields) for row in made for fields in more])
    from accounts.tokens import SCOPES, issue  # noqa: PLC0415 -- models, which need the applications loaded

    return issue(user, "benchmark", list(SCOPES))[1]


def measured(client: Client, what: str, asked: dict[str, Any], reads: int) -> Result:
    """Read so many times; a list without other parameters page by page."""
    times, queries = [], 0
    for number in range(reads):
        page = {} if asked else {"page": 1 + number % (CHARGERS // PAGE)}
        began, queued = time.perf_counter(), machine.queued_s()
        answer = client.get(PATH, asked | page)
        took = time.perf_counter() - began - (machine.queued_s() - queued)
        times.append(took * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{what}: HTTP {answer.status_code}, the figures mean nothing")
        if number < 3:
            with CaptureQueriesContext(connection) as seen:
                client.get(PATH, asked | page)
            queries = max(queries, len(seen))
    return Result(what, times, queries)


def here(reads: int) -> int:
    """Measure on the database of the settings, which is empty; 1 where the promise is not kept."""
    django.setup()
    from accounts.api.throttling import TokenThrottle  # noqa: PLC0415 -- as above

    rates: Any = TokenThrottle.THROTTLE_RATES
    TokenThrottle.THROTTLE_RATES = rates | {"read": "1000000/min"}
    call_command("migrate", verbosity=0)
    client = Client(headers={"authorization": f"Bearer {_fill()}"})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    measured(client, "warming up", {}, 20)
    results = [
        measured(client, what, asked, reads if not asked else reads // 5) for what, asked in ASKED.items()
    ]
    for result in results:
        print(result.line(), flush=True)
    return int(results[0].median > MOST_MS or max(result.queries for result in results) > MOST_QUERIES)


def _measure(database: str, reads: int, directory: str) -> int:
    print(f"\n{'SQLite' if database.startswith('sqlite') else 'PostgreSQL'}\n\n{HEAD}", flush=True)
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "PROXY_DATA_DIR": directory,
        "ALLOWED_HOSTS": "testserver",
        "DJANGO_SETTINGS_MODULE": "proxy_site.settings",
    }
    command = [sys.executable, "-m", "benchmarks.api", "--reads", str(reads), "--here"]
    return subprocess.run(command, env=environment, check=False).returncode


def main(arguments: list[str]) -> int:
    """The command line; the exit code is 1 where a page takes longer or more queries than promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument(
        "--reads", type=int, default=1000, help="reads of pages; a fifth of it of each other (1000)"
    )
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.here:
        return here(given.reads)
    print(machine.described())
    with tempfile.TemporaryDirectory() as directory:
        failed = _measure(f"sqlite:///{Path(directory) / 'api.sqlite3'}", given.reads, directory)
        if given.database_url:
            with postgres(given.database_url) as url:
                failed |= _measure(url, given.reads, directory)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
