"""``python -m benchmarks.api``: how long a program waits for the list of chargers, and what it costs.

The whole of Django in one process, with token, rights and rate, on a SQLite file of its own and, with
``--database-url``, on a PostgreSQL server, in a database that is made and dropped. What is not in it is the
socket. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

from benchmarks import machine
from benchmarks.databases import database

MEASURE = "import django; django.setup(); from benchmarks import api_asked; api_asked.main()"
"""In a process of its own, whose database is the one that was made: models can't be imported before."""


def _measure(url: str, reads: int, directory: str) -> int:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "PROXY_DATA_DIR": directory,
        "ALLOWED_HOSTS": "testserver",
        "DJANGO_SETTINGS_MODULE": "proxy_site.settings",
    }
    command = [sys.executable, "-c", MEASURE, str(reads)]
    return subprocess.run(command, env=environment, check=False).returncode


def main(arguments: list[str]) -> int:
    """The command line; the exit code is 1 where a page takes longer or more queries than promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument(
        "--reads", type=int, default=1000, help="reads of pages; a fifth of it of each other (1000)"
    )
    parser.add_argument("--database-url", default="", help="a PostgreSQL server; a database is made there")
    given = parser.parse_args(arguments)
    print(machine.described(), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for server in dict.fromkeys(["", given.database_url]):
            with database(server, directory, "api") as url:
                failed |= _measure(url, given.reads, directory)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
