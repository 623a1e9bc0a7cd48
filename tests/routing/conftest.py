"""What tests of rows begin with."""

from __future__ import annotations

import pytest

from tests.databases import Database
from tests.routing.rows import fleet


@pytest.fixture
def fleet_of_two(database: Database) -> Database:
    """Two chargers with two routes each: tests.routing.rows.fleet."""
    fleet()
    return database
