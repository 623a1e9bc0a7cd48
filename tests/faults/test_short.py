"""The short form of ``script/faults``: every kind of fault at least once (docs/reliability.md)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.__main__ import one_run
from tests.faults.checker import Findings
from tests.faults.plan import plan
from tests.faults.postgres import why_not
from tests.faults.stage import template

SEEDS = range(6)
ON_POSTGRES = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each proxy begins with."""
    return asyncio.run(template(tmp_path_factory.mktemp("template")))


async def test_nothing_is_lost_whoever_fails(tmp_path: Path, made: Path) -> None:
    async def run(seed: int) -> Findings:
        room = tmp_path / str(seed)
        room.mkdir()
        _, found, log = await one_run(plan(seed), room, made)
        assert found.flawless, "\n".join([f"seed {seed}: {plan(seed)}", *found.problems, log])
        return found

    half = len(SEEDS) // 2
    found = [await asyncio.gather(*map(run, some)) for some in (SEEDS[:half], SEEDS[half:])]
    assert all(one.messages > 0 for some in found for one in some)


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can")
async def test_nothing_is_lost_when_postgresql_stops(tmp_path: Path, made: Path) -> None:
    _, found, log = await one_run(plan(ON_POSTGRES), tmp_path, made)
    assert found.flawless, "\n".join([*found.problems, log])
