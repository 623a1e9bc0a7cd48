"""Databases for tests of what writes and reads rows: a SQLite file and, where there is one, PostgreSQL.

``TEST_POSTGRES_URL`` names a server whose user may create databases; without it those tests are skipped.
"""

from __future__ import annotations

import asyncio
import copy
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import environ
import psycopg
import pytest
from asgiref.sync import SyncToAsync
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from benchmarks.databases import database as new_database
from tests import templates

T = TypeVar("T")


@contextmanager
def default_database(url: str) -> Iterator[dict[str, Any]]:
    """Make ``url`` the default database of every thread; yields its settings."""
    saved, changed = connections.settings["default"], copy.deepcopy(connections.settings["default"])
    given = environ.Env.db_url_config(url)
    changed.update(given)
    if url.startswith("sqlite"):
        changed["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        }
    else:
        changed["OPTIONS"] = given.get("OPTIONS", {})
    before = connections["default"]
    before.close()
    connections.settings["default"] = changed
    connections["default"] = connections.create_connection("default")
    _forget_in_async()
    ContentType.objects.clear_cache()  # their numbers are others in this database
    try:
        yield changed
    finally:
        connections["default"].close()
        connections["default"] = before
        connections.settings["default"] = saved
        _forget_in_async()
        ContentType.objects.clear_cache()


@contextmanager
def empty_database(vendor: str, directory: Path) -> Iterator[str]:
    """The address of a new database without tables; skips without a PostgreSQL to make it on."""
    server = os.environ.get("TEST_POSTGRES_URL", "")
    if vendor == "postgres" and not server:
        pytest.skip("TEST_POSTGRES_URL is not set: no PostgreSQL to test with")
    with new_database(server if vendor == "postgres" else "", str(directory), "ocpp_test_migrations") as url:
        yield url


def migrated(*targets: tuple[str, str]) -> Any:
    """Models as they are to migrations when the default database has come to these."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection).loader.project_state(list(targets)).apps


def _forget_in_async() -> None:
    """The thread in which async code runs the ORM outlives the test, and so would its connection."""
    SyncToAsync.single_thread_executor.submit(_forget).result()


def _forget() -> None:
    connections.close_all()
    if hasattr(connections._connections, "default"):  # type: ignore[attr-defined]  # nothing else says so
        del connections["default"]


class Database:
    """The default database of a test, of its own, migrated and empty."""

    def __init__(self, url: str, settings: dict[str, Any]) -> None:
        self.url = url
        self.settings = settings

    @property
    def vendor(self) -> str:
        return self.url.partition(":")[0]

    @property
    def path(self) -> str:
        return self.url.removeprefix("sqlite:///")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows as a connection of its own sees them."""
        if self.vendor == "sqlite":
            other = sqlite3.connect(self.path)
            try:
                return other.execute(sql).fetchall()
            finally:
                other.close()
        with psycopg.connect(self.url) as postgres:
            return postgres.execute(sql.encode()).fetchall()

    def could(self, sql: str) -> bool:
        """Run a statement on a connection of its own; False when others hold what it needs."""
        try:
            if self.vendor == "sqlite":
                other = sqlite3.connect(self.path, timeout=0.01, isolation_level=None)
                try:
                    other.execute(sql)
                finally:
                    other.close()
            else:
                with psycopg.connect(self.url, options="-c lock_timeout=10") as postgres:
                    postgres.execute(sql.encode())
        except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable):
            return False
        return True

    def here(self, work: Callable[..., T], *args: Any) -> T:
        """Run ORM code in a thread of its own and leave no connection behind."""
        try:
            return work(*args)
        finally:
            connections.close_all()

    async def orm(self, work: Callable[..., T], *args: Any) -> T:
        """The same from a coroutine."""
        return await asyncio.to_thread(self.here, work, *args)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if not os.environ.get("TEST_POSTGRES_URL"):
        pytest.skip("TEST_POSTGRES_URL is not set: no PostgreSQL to test with")
    with templates.postgres_database(f"ocpp_test_{os.getpid()}") as url:
        with psycopg.connect(url, autocommit=True) as server:  # which is not killed
            server.execute(f"ALTER DATABASE ocpp_test_{os.getpid()} SET synchronous_commit = off".encode())
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path, django_db_blocker) -> Iterator[Database]:
    """An empty database that is the default one: on SQLite, and the same test again on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "db.sqlite3"
        shutil.copy(templates.sqlite_file(), path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres_url")
        _empty(url)
    with django_db_blocker.unblock(), default_database(url) as settings:
        yield Database(url, settings)


def _empty(url: str) -> None:
    """Much faster than TRUNCATE, which makes new files for every table."""
    with psycopg.connect(url) as postgres:
        postgres.execute("SET session_replication_role = replica")  # no order of deletion to keep
        tables = postgres.execute(
            "SELECT quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
        ).fetchall()
        for (table,) in tables:
            postgres.execute(f"DELETE FROM {table}".encode())
        postgres.execute(
            "SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences "
            "WHERE sequencename <> 'django_migrations_id_seq'"
        )
