"""What tests of readings begin with."""

from __future__ import annotations

import pytest

from tests.databases import Database
from tests.routing import rows as make


@pytest.fixture(autouse=True)
def fleet(database: Database) -> Database:
    """Two chargers with two routes each, on either database."""
    make.fleet()
    return database
