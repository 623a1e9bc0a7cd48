"""``python -m benchmarks.log``: how fast a large audit log is searched, and old days of it go.

With ``--database-url`` on a PostgreSQL server, in a database that is made and dropped (10 million rows need
about 8 GB); else on a SQLite file of its own (1 million rows, 0.6 GB).
"""

from __future__ import annotations

import argparse
import sys
import tempfile

from benchmarks import machine, within
from benchmarks.databases import database


def main(arguments: list[str]) -> int:
    """The command line; 1 where something is slower than it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log", description=__doc__)
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    parser.add_argument("--rows", type=int, help="rows of the log (10000000; 1000000 on SQLite)")
    parser.add_argument("--chargers", type=int, default=5000)
    parser.add_argument("--days", type=int, default=10, help="of the log, up to now (10; 4 at least)")
    parser.add_argument("--times", type=int, default=50, help="how often each question is asked (50)")
    given = parser.parse_args(arguments)
    rows = given.rows or (10_000_000 if given.database_url else 1_000_000)
    numbers = [str(number) for number in (rows, given.chargers, max(4, given.days), given.times)]
    print(f"{machine.described()}, load average {machine.load_average():.1f}", flush=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        database(given.database_url, directory, "log") as url,
    ):
        code = within.run("log_asked", [*numbers, given.database_url and url], url, directory)
    print(f"\nload average {machine.load_average():.1f} at the end")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
