"""The threads in which the edge uses the database."""

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from chargers import attempts

pytestmark = pytest.mark.django_db(transaction=True)


def _connected() -> Any:
    connection.ensure_connection()
    return connections["default"]


async def test_a_thread_keeps_its_connection_until_the_end():
    def look() -> tuple[str, Any]:
        return threading.current_thread().name, _connected()

    seen: dict[str, set[Any]] = {}
    found = [await attempts.off_loop(look) for _ in range(20)]  # of a few threads; which, nobody can say
    for name, kept in found:
        assert kept.connection is not None
        seen.setdefault(name, set()).add(kept.connection)
    assert all(len(opened) == 1 for opened in seen.values())
    await attempts.close()
    assert all(kept.connection is None for _, kept in found)


async def test_after_the_end_there_is_another_beginning():
    await attempts.close()
    assert (await attempts.off_loop(_connected)).connection is not None


async def test_a_connection_that_died_meanwhile_costs_no_charger_its_admission():
    tries = []

    def look() -> str:
        tries.append(_connected().connection)
        if len(tries) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return "found"

    assert await attempts.off_loop(look) == "found"
    assert tries[0] is not tries[1]
