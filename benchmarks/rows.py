"""``python -m benchmarks.rows``: what a stored row costs, and how long the event loop is kept by it.

One process with a real Writer, on a SQLite file of its own and, with ``--database-url``, on a PostgreSQL
server, in a database that is made and dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import quantiles
from uuid import UUID

import django
import msgspec
import psycopg
import uvloop
from django.apps import apps
from django.core.management import call_command

from benchmarks import machine
from benchmarks.databases import database
from routing.core.rows import DeliveryDone, DeliveryRow, MessageRow, Row
from routing.writer import SWITCH_S, Writer

CHARGERS = 200
STEADY = 2000.0
"""Rows per second of a proxy with a few thousand busy chargers."""
FAST = 20_000.0
"""Rows per second that have to be stored as they come."""
BEGAN = time.time_ns() // 1000
"""Exchanges are numbered from here on, so that they belong to today."""
Rows = Sequence[Row]


class Result(msgspec.Struct):
    """CPU in microseconds per row; the delay of the loop in milliseconds."""

    what: str
    rows: int
    seconds: float
    client_us: float
    server_us: float | None
    delays: list[float]

    def line(self) -> str:
        """A row of the table."""
        server = "-" if self.server_us is None else f"{self.server_us:.1f}"
        cut = quantiles(self.delays, n=1000)
        delay = " | ".join(f"{value:.2f}" for value in (cut[499], cut[989], cut[998], max(self.delays)))
        speed = f"{self.rows / self.seconds:,.0f}" if self.rows else "-"
        return f"| {self.what} | {speed} | {self.client_us:.1f} | {server} | {delay} |"


HEAD = (
    "| | rows/s | client µs/row | server µs/row | loop p50 ms | p99 | p99.9 | most |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)


class Probe:
    """Asks the loop for its turn all the time, and notes how much too late it comes by our own doing.

    What the machine does to us is taken off: the time that the loop's thread was ready to run and had no
    core. What is left counts for no more than the CPU time that this process, with all its threads, has used
    since the turn before.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.delays: list[float] = []
        self._loop = loop
        self._due = 0.0
        self._used = self._queued = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._used, self._queued = time.process_time(), machine.queued_s()
        self._due = time.monotonic() + 0.001
        self._handle = self._loop.call_at(self._loop.time() + 0.001, self._tick)

    def _tick(self) -> None:
        late, used = time.monotonic() - self._due, time.process_time() - self._used
        late -= machine.queued_s() - self._queued
        self.delays.append(max(0.0, min(late, used)) * 1000)
        self.start()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


def message(number: int, text: str) -> MessageRow:
    """What a charger's CALL leaves in the log."""
    return MessageRow(
        charger=1 + number % CHARGERS, route=None, at=datetime.now(UTC), exchange=BEGAN + number,
        direction="up", action="MeterValues", message_id=f"{number:08x}-5b1c-7d2e-8f00-0123456789ab",
        text=text, answer=f'[3,"{number:08x}-5b1c-7d2e-8f00-0123456789ab",{{}}]', outcome="answered",
        error_code="", rule="the proxy", latency_ms=1.25, transaction=UUID(int=number % CHARGERS),
        connector_id=1,
    )  # fmt: skip


def delivery(number: int, payload: str) -> DeliveryRow:
    """What a route still has to receive."""
    return DeliveryRow(
        charger=1 + number % CHARGERS, route=1 + number % CHARGERS, seq=1_700_000_000_000_000 + number,
        exchange=1_700_000_000_000_000 + number, at=datetime.now(UTC), action="MeterValues", payload=payload,
        transaction=UUID(int=number % CHARGERS),
    )  # fmt: skip


def _text(size: int) -> Callable[[int], str]:
    value = '{"value":"%d.%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register"},'

    def text(number: int) -> str:
        return (
            f'[2,"{number:08x}","MeterValues",'
            + "".join(value % (number, i) for i in range(1 + size // len(value)))
        )[:size]

    return text


def logged(size: int) -> Callable[[int], Iterator[Rows]]:
    """Rows of the log, of which each was a frame of ``size`` bytes."""
    text = _text(size)

    def rows(count: int) -> Iterator[Rows]:
        return ((message(number, text(number)),) for number in range(count))

    return rows


def delivered(size: int) -> Callable[[int], Iterator[Rows]]:
    """Deliveries, each of which is done a few batches later."""
    text = _text(size)

    def rows(count: int) -> Iterator[Rows]:
        for number in range(count // 2 + 1500):
            if number < count // 2:
                yield (delivery(number, text(number)),)
            if number >= 1500:
                row = delivery(number - 1500, "")
                yield (DeliveryDone(charger=row.charger, route=row.route, seq=row.seq),)

    return rows


def with_log(size: int) -> Callable[[int], Iterator[Rows]]:
    """The same, each with a row of the log: what a session leaves. A put is two rows then."""
    text, puts = _text(250), delivered(size)

    def rows(count: int) -> Iterator[Rows]:
        return ((*put, message(number, text(number))) for number, put in enumerate(puts(count)))

    return rows


LOADS: dict[str, Callable[[int], Iterator[Rows]]] = {
    "Message, 250 B": logged(250),
    "Message, 3 KB": logged(3000),
    "Delivery added and done, 250 B": delivered(250),
    "Delivery added and done, 3 KB": delivered(3000),
    "Delivery added and done, 250 B, each with a Message": with_log(250),
}


async def measured(what: str, puts: list[Rows], rate: float, database: str, idle_share: float) -> Result:
    """Store all of these at ``rate`` rows per second (0: as fast as the writer takes them).

    ``idle_share``: the CPU of the probe alone, in seconds per second, which is taken off.
    """
    loop = asyncio.get_running_loop()
    writer, probe = Writer(loop), Probe(loop)
    others = _backends(database)
    writer.start()
    await writer.flush()
    server = next(iter(_backends(database) - others), 0)
    gc.collect()
    gc.freeze()
    probe.start()
    began, cpu, cpu_there = time.monotonic(), time.process_time(), machine.cpu_s(server) if server else 0.0
    await _fed(writer, puts, rate)
    await writer.flush()
    seconds = time.monotonic() - began
    cpu = time.process_time() - cpu - seconds * idle_share
    there = machine.cpu_s(server) - cpu_there if server else None
    probe.stop()
    if lost := writer.counts()["dropped"]:
        raise RuntimeError(f"{what}: the writer has dropped {lost} rows, the figures mean nothing")
    await writer.stop()
    each = 1e6 / len(puts)
    return Result(what, len(puts), seconds, cpu * each, None if there is None else there * each, probe.delays)


async def _fed(writer: Writer, puts: list[Rows], rate: float) -> None:
    """In pieces of a millisecond; what waits is bounded, as chargers that wait for answers bound it."""
    began, at = time.monotonic(), 0
    while at < len(puts):
        due = min(at + 500, int((time.monotonic() - began) * rate)) if rate else at + 50
        for rows in puts[at : max(at, due)]:
            writer.put(rows[0].charger, 1, rows)
        at = max(at, min(due, len(puts)))
        await asyncio.sleep(0.001)
        if writer.counts()["waiting"] > 4000:
            await writer.flush()


async def idle(seconds: float) -> tuple[Result, float]:
    """What this machine does to a loop on which nothing happens; and the CPU that this takes, per second."""
    probe = Probe(asyncio.get_running_loop())
    probe.start()
    cpu = time.process_time()
    for _ in range(int(seconds * 1000)):  # as often as rows are fed
        await asyncio.sleep(0.001)
    probe.stop()
    return Result("nothing", 0, seconds, 0.0, None, probe.delays), (time.process_time() - cpu) / seconds


def _backends(url: str) -> set[int]:
    """The processes that serve connections to this database."""
    if not url:
        return set()
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url) as postgres:
        return {int(pid) for (pid,) in postgres.execute(query).fetchall()}


def _fill() -> None:
    """Chargers with a route each, owned under epoch 1."""
    charger, route = apps.get_model("chargers", "Charger"), apps.get_model("routing", "Route")
    session = apps.get_model("routing", "ChargerSession")
    office = apps.get_model("backoffices", "Backoffice").objects.create(name="one", url="ws://127.0.0.1/")
    for number in range(1, CHARGERS + 1):
        one = charger.objects.create(pk=number, identity=f"CP-{number}")
        session.objects.create(charger=one, runtime="ours", epoch=1)
        route.objects.create(pk=number, charger=one, backoffice=office, role="billing")


async def _all(count: int, url: str) -> list[Result]:
    nothing, share = await idle(3.0)
    results = [nothing]
    for what, rows in LOADS.items():
        results.append(await measured(what, list(rows(count)), 0, url, share))
    for what in ("Message, 3 KB", "Delivery added and done, 3 KB"):
        some = list(LOADS[what](int(STEADY * 5)))
        results.append(await measured(f"{what}, {STEADY:,.0f} rows/s", some, STEADY, url, share))
    some = list(LOADS["Message, 250 B"](int(FAST * 10)))
    results.append(await measured(f"Message, 250 B, {FAST:,.0f} rows/s", some, FAST, url, share))
    return results


def here(count: int, url: str) -> None:
    """Measure on the database of the settings, which is empty."""
    django.setup()
    sys.setswitchinterval(SWITCH_S)
    call_command("migrate", verbosity=0)
    _fill()
    for result in uvloop.run(_all(count, url)):
        print(result.line(), flush=True)


def _measure(url: str, count: int, directory: str) -> None:
    on_postgres = not url.startswith("sqlite")
    print(f"\n{'PostgreSQL' if on_postgres else 'SQLite'}\n\n{HEAD}", flush=True)
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "PROXY_DATA_DIR": directory,
        "DJANGO_SETTINGS_MODULE": "proxy_site.settings",
    }
    arguments = ["--rows", str(count), "--here", url if on_postgres else ""]
    subprocess.run([sys.executable, "-m", "benchmarks.rows", *arguments], env=environment, check=True)


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000, help="rows of each load (40000)")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.here is not None:
        return here(given.rows, given.here)
    print(machine.described())
    with tempfile.TemporaryDirectory() as directory:
        for server in dict.fromkeys(["", given.database_url]):
            with database(server, directory, "rows") as url:
                _measure(url, given.rows, directory)


if __name__ == "__main__":
    main(sys.argv[1:])
