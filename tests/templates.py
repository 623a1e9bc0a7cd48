"""Databases as the migrations leave them: made once for all processes of a run of the suite, then copied.

The migrations take five seconds of CPU, and dozens of tests begin with an empty installation.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

ROOM = "TEST_TEMPLATES"
"""Environment variable: the folder of this run's templates; pytest's processes inherit it."""

ROOT = Path(__file__).parents[1]


def open_room() -> None:
    """Before a run of the suite."""
    os.environ[ROOM] = tempfile.mkdtemp(prefix="ocpp_templates_")


def close_room() -> None:
    """After it; nothing is left."""
    room = Path(os.environ.pop(ROOM))
    if (room / "postgres").exists():
        with psycopg.connect(os.environ["TEST_POSTGRES_URL"], autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{room.name}" WITH (FORCE)'.encode())
    shutil.rmtree(room)


def sqlite_file() -> Path:
    """The file of a migrated SQLite database, to be copied."""
    with _locked("sqlite") as (room, is_made):
        if not is_made:
            _migrate({"PROXY_DATA_DIR": str(room / "data")})
        return room / "data" / "db.sqlite3"


def begin_with_it(data: Path) -> None:
    """Let an installation in this folder find a migrated database; outside of the suite it makes its own."""
    if ROOM in os.environ and not (data / "db.sqlite3").exists():
        data.mkdir(exist_ok=True)
        shutil.copy(sqlite_file(), data / "db.sqlite3")


def fill(uri: str) -> sqlite3.Connection:
    """Fill a SQLite database in memory, which lasts while the connection does."""
    kept = sqlite3.connect(uri, uri=True, check_same_thread=False)
    source = sqlite3.connect(sqlite_file())
    source.backup(kept)
    source.close()
    return kept


@contextmanager
def postgres_database(name: str) -> Iterator[str]:
    """The URL of a migrated database on the server of TEST_POSTGRES_URL; it is dropped afterwards."""
    url = os.environ["TEST_POSTGRES_URL"]
    beside = url.rpartition("/")[0]
    with psycopg.connect(url, autocommit=True) as server:
        with _locked("postgres") as (room, is_made):
            if not is_made:
                server.execute(f'CREATE DATABASE "{room.name}"'.encode())
                _migrate({"DATABASE_URL": f"{beside}/{room.name}", "ALLOWED_HOSTS": "127.0.0.1"})
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{room.name}"'.encode())
        try:
            yield f"{beside}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@contextmanager
def _locked(kind: str) -> Iterator[tuple[Path, bool]]:
    """This run's folder, and whether the template is there; the others wait meanwhile."""
    room = Path(os.environ[ROOM])
    with open(room / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield room, (room / kind).exists()
        (room / kind).touch()


def _migrate(settings: dict[str, str]) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PROXY_", "DATABASE_", "REDIS_"))}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env={**kept, **settings}, check=True)
