"""What every test may ask for."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import connection

from routing import cards
from tests import templates
from tests.databases import database, postgres_url

__all__ = ["database", "postgres_url"]

SLOW_ROOMS = ("faults", "end_to_end", "browser", "endurance", "benchmarks", "conformance", "external")
"""Rooms whose tests start processes. Begun late, the longest would keep the other workers waiting."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        templates.open_room()
    # A test that logs in must not spend a quarter of a second of CPU on the hash.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A deadline is a timed assertion: on a busy machine it fails without a fault.
    too_slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("proxy", deadline=None, suppress_health_check=too_slow)
    hypothesis.settings.load_profile("proxy")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        templates.close_room()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The core first, whose failures come in seconds; then what takes long, to end with what is quick."""
    items.sort(key=lambda item: turn(item.path))


def turn(path: Path) -> int:
    parts = path.relative_to(Path(__file__).parent).parts
    if parts[:2] == ("routing", "core"):
        return -1
    return SLOW_ROOMS.index(parts[0]) if parts[0] in SLOW_ROOMS else len(SLOW_ROOMS)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """The database in memory is filled before Django migrates it."""
    with closing(templates.fill(connection.creation._get_test_db_name())):  # type: ignore[attr-defined]  # SQLite's, and in no stub
        yield


@pytest.fixture(autouse=True)
def no_cards_of_another_test() -> None:
    """Cards are read once per process, and each test has a database of its own."""
    cards.forget()
