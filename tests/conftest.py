"""What every test may ask for."""

from pathlib import Path

import hypothesis
import pytest
from django.conf import settings

from routing import cards
from tests.databases import database, postgres_url, sqlite_template

__all__ = ["database", "postgres_url", "sqlite_template"]

SLOW_ROOMS = ("faults", "end_to_end", "browser", "endurance", "benchmarks", "conformance", "external")
"""Rooms whose tests start processes. Begun late, the longest would keep the other workers waiting."""


def pytest_configure() -> None:
    # A test that logs in must not spend a quarter of a second of CPU on the hash.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A deadline is a timed assertion: on a busy machine it fails without a fault.
    too_slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("proxy", deadline=None, suppress_health_check=too_slow)
    hypothesis.settings.load_profile("proxy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The core first, whose failures come in seconds; then what takes long, to end with what is quick."""
    items.sort(key=lambda item: turn(item.path))


def turn(path: Path) -> int:
    parts = path.relative_to(Path(__file__).parent).parts
    if parts[:2] == ("routing", "core"):
        return -1
    return SLOW_ROOMS.index(parts[0]) if parts[0] in SLOW_ROOMS else len(SLOW_ROOMS)


@pytest.fixture(autouse=True)
def no_cards_of_another_test() -> None:
    """Cards are read once per process, and each test has a database of its own."""
    cards.forget()
