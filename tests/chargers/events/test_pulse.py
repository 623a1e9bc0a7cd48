"""One look for all who watch, and none for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from chargers.events.pulse import Pulse


class Rows:
    """What is stored, and what was asked of it."""

    def __init__(self, **values: int) -> None:
        self.values = {int(name[1:]): (value,) for name, value in values.items()}
        self.asked: list[set[int]] = []

    async def look(self, chargers: Collection[int]) -> Mapping[int, tuple[int]]:
        self.asked.append(set(chargers))
        return {key: value for key, value in self.values.items() if key in chargers}


async def test_all_who_watch_share_a_look_and_each_hears_of_its_own() -> None:
    rows = Rows(c1=1, c2=1, c3=1)
    pulse = Pulse(rows.look)
    watchers = [pulse.open(chargers) for chargers in ([1, 2], [2, 3], [4])]
    await pulse.look()
    assert rows.asked == [{1, 2, 3, 4}]
    assert [watcher.take() for watcher in watchers] == [{1, 2}, {2, 3}, {4}]
    rows.values[2] = (7,)
    rows.values.pop(1)
    await pulse.look()
    assert [watcher.take() for watcher in watchers] == [{1, 2}, {2}, set()]
    assert not any(watcher.changed.is_set() for watcher in watchers)
    for watcher in watchers:
        await pulse.close(watcher)


async def test_nothing_is_looked_at_while_nobody_looks() -> None:
    pulse = Pulse(Rows().look)
    assert not pulse.is_beating
    first, second = pulse.open([1]), pulse.open([2])
    assert pulse.is_beating
    await pulse.close(first)
    assert pulse.is_beating
    await pulse.close(second)
    assert not pulse.is_beating
    assert pulse.watchers == 0


async def test_a_viewer_that_is_ended_while_it_closes_ends() -> None:
    ending, let_go = asyncio.Event(), asyncio.Event()

    async def look(chargers: Collection[int]) -> Mapping[int, tuple[int]]:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await let_go.wait()
        return {}

    pulse = Pulse(look)
    watcher = pulse.open([1])
    await asyncio.sleep(0)  # the look begins
    closing = asyncio.ensure_future(pulse.close(watcher))
    await ending.wait()
    closing.cancel()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
