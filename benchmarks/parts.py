"""``python -m benchmarks.parts``: what the audit log costs, as the difference of two proxies.

One has its log, the other throws it away (``benchmarks.without``); neither has what reads the log, which
``benchmarks.readers`` measures. Both have a database and chargers of their own and take turns at loads as
fast as answers come, now the one first, now the other, so that what else the machine does hits both. With
``--database-url`` on a PostgreSQL server, in databases that are made and dropped. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from math import inf, sqrt
from statistics import mean, stdev
from typing import Any

from benchmarks import machine
from benchmarks.conductor import Conductor, Options, Stand
from benchmarks.databases import database
from benchmarks.results import Load, Report
from benchmarks.subjects import Proxy
from benchmarks.telling import say, spread

WITH, WITHOUT = "readers", "log"
"""What is left out of either."""

ROWS = (("Heartbeat", Load.HEARTBEAT, 0, 1), ("MeterValues of 3 KB", Load.METER, 0, 2),
        ("MeterValues of 3 KB, two backoffices", Load.METER, 1, 3))  # fmt: skip
"""What is made, of which load, at which of a proxy's stands, and how many rows of the log each leaves."""


class Parts(Conductor):
    """One run. ``server``: see ``benchmarks.databases``."""

    def __init__(self, options: Options, stack: AsyncExitStack, server: str) -> None:
        super().__init__(options, stack)
        self._server = server

    async def run(self) -> Report:
        """Measure both, round by round. Raises as ``Conductor.run``."""
        await self._start_workers()
        stands = {name: await self._variant(name) for name in (WITH, WITHOUT)}
        every = [stand for pair in stands.values() for stand in pair]
        for stand in every:
            await self._man(stand)
        for number in range(self.options.rounds):
            self.options.say(
                f"round {number + 1} of {self.options.rounds}, load average {machine.load_average():.1f}"
            )
            for _, load, place, _ in ROWS:
                for name in (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH):
                    await self._measure(stands[name][place], load)
        for stand in every:
            await self._close_books(stand)
            await self._leave(stand)
        return self.report

    async def _variant(self, part: str) -> list[Stand]:
        """A proxy without that part, with chargers on one backoffice and others on two."""
        url = self._stack.enter_context(database(self._server, str(self._folder), f"parts_{part}"))
        proxy = Proxy(self._folder / part, url, without=part)
        await self._started(proxy)
        stands = [
            Stand(title(part, place), f"{part}{place}", proxy, tuple(range(place + 1))) for place in (0, 1)
        ]
        for stand in stands:
            self._enlist(stand)
        await self._configure(proxy, stands)
        return stands


def title(part: str, place: int) -> str:
    """The name of a stand: the ``place`` is that of its proxy's, with one more backoffice each."""
    return f"without {part}, {place}"


def table(report: Report) -> str:
    """In Markdown; CPU of a proxy per round trip, and the mean difference per row with its standard error."""
    lines = ["| CPU, µs (rows) | with the log | without | difference per row |", "|---|---:|---:|---:|"]
    for what, load, place, rows in ROWS:
        on, off = (
            [sample.cpu_us for sample in report.samples[title(part, place), load]] for part in (WITH, WITHOUT)
        )
        apart = [(one - other) / rows for one, other in zip(on, off, strict=True)]
        error = stdev(apart) / sqrt(len(apart)) if len(apart) > 1 else inf
        lines.append(
            f"| {what} ({rows}) | {spread(on, 0)} | {spread(off, 0)} | {mean(apart):.1f} ± {error:.1f} |"
        )
    return "\n".join(lines)


async def measured(options: Options, server: str) -> Report:
    """Run it."""
    async with AsyncExitStack() as stack:
        return await Parts(options, stack, server).run()


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code is 1 where a message was lost, doubled or unanswered."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each load (2)")
    parser.add_argument("--chargers", type=int, default=200, help="that make load (200)")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; databases are made there")
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    server = given.pop("database_url")
    report = asyncio.run(measured(Options(**given, database_url=server, say=say), server))
    rounds = f"{given['rounds']} rounds of {given['seconds']:g} s; median (least to most)"
    print(f"{report.machine}; {'PostgreSQL' if server else 'SQLite'}; {rounds}\n\n{table(report)}")
    print(f"\nload average {machine.load_average():.1f} at the end")
    return 0 if report.flawless else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
