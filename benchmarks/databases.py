"""Databases of a benchmark's own, which go when it is over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def file_in(directory: str, name: str) -> Path:
    """Where a database of SQLite is; it makes itself."""
    return Path(directory) / f"{name}.sqlite3"


@contextmanager
def database(server: str, directory: str, name: str) -> Iterator[str]:
    """The URL of one: on the PostgreSQL server at that URL, or for "" a file in ``directory``."""
    if not server:
        yield f"sqlite:///{file_in(directory, name)}"
        return
    name = f"{name}_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
