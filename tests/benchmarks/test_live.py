"""The benchmark of the live view runs in small, and notices what a viewer was not shown."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from benchmarks.live import Conductor, Options, Seen, Viewer, options_from, run


class Told:
    """A socket that says what it is given."""

    def __init__(self, *said: object) -> None:
        self._said = [json.dumps(one) for one in said]

    async def __aiter__(self):
        for text in self._said:
            yield text


HEAD, COPY = {"route": None}, {"route": "energy"}


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ([{"first": 1, "rows": [HEAD], "left_out": 0}, {"state": "live"}], Seen()),
        ([{"state": "live"}, {"first": 1, "rows": [HEAD, COPY], "left_out": 0}], Seen(rows=1)),
        ([{"state": "live"}, {"first": 2, "rows": [], "left_out": 3}], Seen(gaps=1, left_out=3)),
    ],
    ids=["what was there before", "what comes", "what is missing"],
)
async def test_what_a_viewer_counts(said: list[object], seen: Seen) -> None:
    found = Seen()
    await Viewer(found).read(Told(*said))  # type: ignore[arg-type] # it is only read
    assert found == seen


@pytest.mark.parametrize(
    ("seen", "is_flawless"),
    [
        (Seen(rows=2, expected=2), True),
        (Seen(rows=1, expected=2), False),
        (Seen(left_out=1), False),
        (Seen(gaps=1), False),
        (Seen(unanswered=1), False),
    ],
    ids=str,
)
async def test_what_is_to_be_none_decides(seen: Seen, is_flawless: bool) -> None:
    async with AsyncExitStack() as stack:
        conductor = Conductor(Options(), stack)
        conductor.seen = seen
        assert conductor.flawless is is_flawless


def test_it_runs_in_small() -> None:
    options = options_from(["--rounds", "1", "--seconds", "0.5", "--viewers", "2"])
    conductor = asyncio.run(run(options))
    assert conductor.flawless, conductor.seen
    assert conductor.seen.rows == conductor.seen.expected >= 50  # a fleet may begin one more in half a second
    assert "| p99, ms |" in conductor.text()
