"""What tests of rows begin with."""

from __future__ import annotations

import pytest

from routing import committer as committer_module
from tests.databases import Database
from tests.routing.rows import fleet


@pytest.fixture
def fleet_of_two(database: Database) -> Database:
    """Two chargers with two routes each: tests.routing.rows.fleet."""
    fleet()
    return database


@pytest.fixture
def patient(fleet_of_two: Database) -> Database:
    """Tries follow each other at once; on SQLite none waits long for a lock."""
    if fleet_of_two.vendor == "sqlite":
        fleet_of_two.settings["OPTIONS"] |= {"timeout": 0.01}
    return fleet_of_two


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer whose database is away tries again at once."""
    monkeypatch.setattr(committer_module, "RETRY_S", (0.005, 0.02))
