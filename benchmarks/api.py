"""``python -m benchmarks.api``: how long a program waits for the list of chargers, and what it costs.

The whole of Django in one process, with token, rights and rate, on a SQLite file of its own and, with
``--database-url``, on a PostgreSQL server, in a database that is made and dropped. What is not in it is the
socket. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine, within


def main(arguments: list[str]) -> int:
    """The command line; the exit code is 1 where a page takes longer or more queries than promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument(
        "--reads", type=int, default=1000, help="reads of pages; a fifth of it of each other (1000)"
    )
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    given = parser.parse_args(arguments)
    print(machine.described(), flush=True)
    return within.run_on_each("api_asked", [str(given.reads)], given.database_url)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
