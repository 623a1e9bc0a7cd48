"""What a process has counted on its way to the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from backoffices.counting import Counting
from routing import snapshots
from routing.traffic import Traffic
from tests.routing.rows import MESSAGE


class Threads:
    """Runs at once what is given, or finds the database away."""

    def __init__(self) -> None:
        self.is_away = False
        self.stored: list[dict[int, int]] = []

    async def run(self, function: Any, taken: Any) -> None:
        assert function is snapshots.add_counts
        if self.is_away:
            raise OperationalError("away")
        self.stored.append({charger: tally.up for charger, tally in taken.items()})


async def test_what_was_counted_is_stored_once() -> None:
    threads: Any = Threads()
    traffic = Traffic()
    counting = Counting(traffic, threads)
    await counting.store()
    traffic.saw(1, [MESSAGE])
    await counting.store()
    await counting.store()
    assert threads.stored == [{1: 1}]


async def test_an_outage_loses_no_count() -> None:
    threads: Any = Threads()
    traffic = Traffic()
    counting = Counting(traffic, threads)
    threads.is_away = True
    traffic.saw(1, [MESSAGE])
    with pytest.raises(OperationalError):
        await counting.store()
    threads.is_away = False
    traffic.saw(1, [MESSAGE])
    await counting.store()
    assert threads.stored == [{1: 2}]
