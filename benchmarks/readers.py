"""``python -m benchmarks.readers``: what it costs to make readings and events of what the log has.

MeterValues of 3 KB of 200 sessions are in the log, and the readers read them as they do in the proxy, behind
those who write. On a SQLite file of its own and, with ``--database-url``, on a PostgreSQL server, in a
database that is made and dropped. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine, within


def main(arguments: list[str]) -> int:
    """The command line; the exit code is 1 where not all was read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readers", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="MeterValues in the log (20000)")
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    given = parser.parse_args(arguments)
    print(machine.described(), flush=True)
    return within.run_on_each("readers_asked", [str(given.rows)], given.database_url)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
