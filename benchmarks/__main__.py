"""``python -m benchmarks``: measures the proxy beside nginx and prints one table. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from benchmarks.conductor import Options, run
from benchmarks.processes import ChargersFailed, WorkerFailed
from benchmarks.subjects import SubjectFailed
from benchmarks.telling import say

SHORT: dict[str, Any] = {
    "chargers": 20, "rounds": 1, "seconds": 0.5, "rate": 100.0, "idle_chargers": 20, "processes": 1,
}  # fmt: skip


def options_from(arguments: list[str]) -> Options:
    """The command line."""
    usual = Options()
    parser = argparse.ArgumentParser(prog="script/benchmark", description="Measure the proxy beside nginx.")
    parser.add_argument("--short", action="store_true", help="a few seconds, to see that it works")
    parser.add_argument("--chargers", type=int, help=f"chargers that make load ({usual.chargers})")
    parser.add_argument("--rounds", type=int, help=f"rounds of all loads ({usual.rounds})")
    parser.add_argument("--seconds", type=float, help=f"length of each load ({usual.seconds:g})")
    parser.add_argument("--rate", type=float, help=f"CALLs per second at the fixed rate ({usual.rate:g})")
    parser.add_argument("--processes", type=int, help=f"processes of the fleet ({usual.processes})")
    parser.add_argument("--idle-chargers", type=int, help=f"N of the memory slope ({usual.idle_chargers})")
    parser.add_argument("--storm-at-once", type=int, help=f"handshakes at once ({usual.storm_at_once})")
    parser.add_argument("--database-url", help="a PostgreSQL database to fill, in place of SQLite")
    given = vars(parser.parse_args(arguments))
    short = given.pop("short")
    chosen = {name: value for name, value in given.items() if value is not None}
    return Options(**((SHORT if short else {}) | chosen), say=say)


def main(arguments: list[str]) -> int:
    """Run the benchmark; the exit code is 1 where a message was lost, doubled or unanswered."""
    try:
        report = asyncio.run(run(options_from(arguments)))
    except (SubjectFailed, ChargersFailed, WorkerFailed) as error:
        say(f"the benchmark could not be finished: {error}")
        return 2
    print(report.text())
    return 0 if report.flawless else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
