"""How long Django takes to answer, without a socket: times of many reads, and the queries of one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from statistics import quantiles

import msgspec
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import machine

HEAD = "| | reads | queries | p50 ms | p90 | p99 | most |\n|---|---:|---:|---:|---:|---:|---:|"


class Result(msgspec.Struct):
    """Milliseconds of each read, without what this process waited for a core; the most queries of one."""

    what: str
    times: list[float]
    queries: int

    @property
    def median(self) -> float:
        return quantiles(self.times, n=100, method="inclusive")[49]

    def line(self) -> str:
        """A row of the table."""
        cut = quantiles(self.times, n=100, method="inclusive")
        figures = " | ".join(f"{value:.1f}" for value in (cut[49], cut[89], cut[98], max(self.times)))
        return f"| {self.what} | {len(self.times):,} | {self.queries} | {figures} |"


def measured(client: Client, what: str, addresses: Sequence[str], reads: int) -> Result:
    """Read so many times, in turn from these addresses. Raises RuntimeError where one doesn't answer 200."""
    times, queries = [], 0
    for number, address in enumerate(itertools.islice(itertools.cycle(addresses), reads)):
        began, queued = time.perf_counter(), machine.queued_s()
        answer = client.get(address)
        took = time.perf_counter() - began - (machine.queued_s() - queued)
        times.append(took * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: HTTP {answer.status_code}, the figures mean nothing")
        if number < min(3, len(addresses)):
            with CaptureQueriesContext(connection) as seen:
                client.get(address)
            queries = max(queries, len(seen))
    return Result(what, times, queries)
