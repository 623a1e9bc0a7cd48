"""The short form of ``script/faults``: every kind of fault once (docs/reliability.md)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.__main__ import left_out, one_run, why_not
from tests.faults.keeper import Keeper
from tests.faults.plan import ALONE, CLOCK, FLEET, FORMS, OF_TWO, ON_POSTGRES, POSTGRES, Plan, with_all
from tests.faults.stage import templates
from tests.faults.world import Templates

AT_ONCE = 3
KINDS_OF_A_RUN = 4
RUNS_ALONE = [
    with_all(seed, ALONE, FORMS[ALONE][seed :: len(FORMS[ALONE]) // KINDS_OF_A_RUN])
    for seed in range(len(FORMS[ALONE]) // KINDS_OF_A_RUN)
]
RUN_ON_POSTGRES = with_all(100, ON_POSTGRES, [POSTGRES])
RUN_OF_TWO = with_all(200, OF_TWO, FLEET)


@pytest.fixture(scope="module")
def keeper() -> Iterator[Keeper]:
    """Nothing outlives the tests."""
    with contextlib.closing(Keeper()) as keeper:
        yield keeper


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, keeper: Keeper) -> Templates:
    """What each run begins with."""
    room = tmp_path_factory.mktemp("templates")
    return asyncio.run(templates(room, keeper, postgres=not why_not(RUN_ON_POSTGRES)))


async def all_hold(plans: Sequence[Plan], room: Path, made: Templates, keeper: Keeper) -> None:
    """Carry out plans, some at once; none of them has a flaw."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def holds(chosen: Plan) -> None:
        async with turn:
            place = room / str(chosen.seed)
            place.mkdir()
            record, found, log = await one_run(chosen, place, made, keeper)
        assert found.flawless, "\n".join([str(chosen), *found.problems, *record.routes, log])
        assert found.messages > 0
        assert {span.kind for span in record.done} == set(chosen.kinds)

    await asyncio.gather(*map(holds, plans))


async def test_nothing_is_lost_whoever_fails(tmp_path: Path, made: Templates, keeper: Keeper) -> None:
    await all_hold([chosen.without([CLOCK]) for chosen in RUNS_ALONE], tmp_path, made, keeper)


@pytest.mark.skipif(CLOCK in left_out(), reason=left_out().get(CLOCK, "it can"))
async def test_nothing_is_lost_when_the_clock_jumps(tmp_path: Path, made: Templates, keeper: Keeper) -> None:
    await all_hold([with_all(300, ALONE, [CLOCK, "proxy killed"])], tmp_path, made, keeper)


@pytest.mark.skipif(bool(why_not(RUN_ON_POSTGRES)), reason=why_not(RUN_ON_POSTGRES) or "it can")
async def test_nothing_is_lost_when_postgresql_stops(tmp_path: Path, made: Templates, keeper: Keeper) -> None:
    await all_hold([RUN_ON_POSTGRES], tmp_path, made, keeper)


@pytest.mark.skipif(
    bool(why_not(RUN_OF_TWO)), reason=why_not(RUN_OF_TWO) or "both servers are here, so it runs"
)
async def test_nothing_is_lost_when_one_of_two_fails(tmp_path: Path, made: Templates, keeper: Keeper) -> None:
    await all_hold([RUN_OF_TWO], tmp_path, made, keeper)
