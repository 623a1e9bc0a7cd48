"""What ``benchmarks.api`` measures, once Django is set up: reads of a list of chargers that it fills."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import call_command
from django.test import Client

from accounts.api.throttling import TokenThrottle
from accounts.tokens import SCOPES, issue
from benchmarks import stock
from benchmarks.reads import HEAD, measured

CHARGERS = 5000
OTHERS = 500
"""Chargers of another organisation, which the reader may not see."""

PATH = "/api/v1/chargers/"
PAGE = 50
MOST_MS, MOST_QUERIES = 60.0, 6
"""What is promised: the median of a page, and the queries of each."""

PAGES = [f"{PATH}?page={number}" for number in range(1, 1 + CHARGERS // PAGE)]
OTHER = {
    "a page of 500": f"{PATH}?page_size=500",
    "one by its identity": f"{PATH}?identity=CP-04711",
    "those online, part of a name": f"{PATH}?connection_status=online&search=47",
}


def here(reads: int) -> bool:
    """Measure on the database of the settings, which is empty; whether the promise is kept."""
    print(f"\n{stock.place()}\n\n{HEAD}", flush=True)
    rates: Any = TokenThrottle.THROTTLE_RATES
    TokenThrottle.THROTTLE_RATES = rates | {"read": "1000000/min"}
    call_command("migrate", verbosity=0)
    fleet = stock.fleet(CHARGERS, OTHERS)
    token = issue(fleet.installer, "benchmark", list(SCOPES))[1]
    client = Client(headers={"authorization": f"Bearer {token}"})
    stock.analyse()
    measured(client, "warming up", PAGES, 20)
    results = [measured(client, "a page of 50, one after the other", PAGES, reads)]
    results += [measured(client, what, [address], reads // 5) for what, address in OTHER.items()]
    for result in results:
        print(result.line(), flush=True)
    return results[0].median <= MOST_MS and max(result.queries for result in results) <= MOST_QUERIES


def main() -> None:
    """Argument: how many reads of pages. Exit code 1: too slow, or too many queries."""
    sys.exit(0 if here(int(sys.argv[1])) else 1)
