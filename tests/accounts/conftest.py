"""Deeds are recorded the same on SQLite and, where there is one, on PostgreSQL."""

from tests.routing.conftest import database, postgres_url, sqlite_template

__all__ = ["database", "postgres_url", "sqlite_template"]
