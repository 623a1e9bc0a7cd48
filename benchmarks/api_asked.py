"""What ``benchmarks.api`` measures, once Django is set up: reads of a list of chargers that it fills."""

from __future__ import annotations

import sys
import time
from statistics import quantiles
from typing import Any

import msgspec
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.api.throttling import TokenThrottle
from accounts.models import Membership, Organisation, User
from accounts.tokens import SCOPES, issue
from benchmarks import machine
from chargers.models import Charger, Connector
from routing.models import ChargerSession, LatestValue

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


BOOT = '{"chargePointVendor":"Acme","chargePointModel":"Wall","firmwareVersion":"1.2.3"}'


def _fill() -> str:
    """Chargers with a session, two connectors and what they said at boot; the token of an installer."""
    ours, theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Theirs"))
    user = User.objects.create_user("reader", is_staff=True)
    Membership.objects.create(user=user, organisation=ours, role="installer")
    rows = [Charger(identity=f"CP-{n:05d}", label=f"Bay {n}", organisation=ours) for n in range(CHARGERS)]
    rows += [Charger(identity=f"X-{n:05d}", organisation=theirs) for n in range(OTHERS)]
    made, now = Charger.objects.bulk_create(rows), timezone.now()
    ChargerSession.objects.bulk_create(
        ChargerSession(charger=one, online=True, connected_at=now, ocpp_version="1.6") for one in made
    )
    LatestValue.objects.bulk_create(
        LatestValue(charger=one, kind="boot", payload=BOOT, at=now) for one in made
    )
    Connector.objects.bulk_create(
        Connector(charger=one, connector_id=number, status="Available", updated_at=now)
        for one in made
        for number in (1, 2)
    )
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


def here(reads: int) -> bool:
    """Measure on the database of the settings, which is empty; whether the promise is kept."""
    print(f"\n{'PostgreSQL' if connection.vendor == 'postgresql' else 'SQLite'}\n\n{HEAD}", flush=True)
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
    return results[0].median <= MOST_MS and max(result.queries for result in results) <= MOST_QUERIES


def main() -> None:
    """Argument: how many reads of pages. Exit code 1: too slow, or too many queries."""
    sys.exit(0 if here(int(sys.argv[1])) else 1)
