"""``python -m benchmarks.pages``: how long the admin's lists take with many chargers, and what they ask.

The dashboard and the list of everything there is, as superuser and as installer: the whole of Django in one
process, on a SQLite file of its own and, with ``--database-url``, on a PostgreSQL server, in a database that
is made and dropped. What is not in it is the socket. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine, within


def main(arguments: list[str]) -> int:
    """The command line; the exit code is 1 where the median of a page is above 300 ms."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--chargers", type=int, default=5000, help="with two routes each (5000)")
    parser.add_argument("--times", type=int, default=20, help="how often each page is read (20)")
    parser.add_argument("--only", default="", metavar="WORDS", help="the pages with this in their name")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    given = parser.parse_args(arguments)
    print(f"{machine.described()}, load average {machine.load_average():.1f}", flush=True)
    chosen = [str(given.chargers), str(given.times), given.only]
    failed = within.run_on_each("pages_asked", chosen, given.database_url)
    print(f"\nload average {machine.load_average():.1f} at the end")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
