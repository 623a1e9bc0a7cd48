"""A runtime proves its life, and knows since when its database is away."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.db import InterfaceError, OperationalError

from backoffices.life import HANGS_S, Life, Moment

START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """Monotonic and wall clock, set by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return Moment(self.seconds, START + timedelta(seconds=self.seconds))


class Threads:
    """Stands for DatabaseThreads: raises ``error`` if there is one, waits while it is told to hang."""

    def __init__(self):
        self.error = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.written = []

    async def run(self, function, *args):
        await self.go_on.wait()
        if self.error:
            raise self.error
        self.written.append(args)


@pytest.fixture
async def life():
    life = Life("ours", cast(Any, Threads()), Clock())
    return life, life._threads, life._now


async def test_what_it_says_is_written(life):
    life, threads, _ = life
    await life.prove({"sessions": 3})
    assert threads.written == [("ours", {"sessions": 3})]
    assert life.away_s is None
    assert life.database() == {"away_since": None, "last_outage": None}


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")], ids=repr)
async def test_an_outage_lasts_from_the_first_failure_to_the_next_success(life, error):
    life, threads, clock = life
    threads.error = error
    for clock.seconds in (10, 12, 14):
        with pytest.raises(type(error)):
            await life.prove({})
    clock.seconds = 15
    assert life.away_s == 5
    assert life.database()["away_since"] == "2030-01-01T00:00:10+00:00"

    threads.error, clock.seconds = None, 16
    await life.prove({})
    assert life.away_s is None
    assert life.database() == {
        "away_since": None,
        "last_outage": ["2030-01-01T00:00:10+00:00", "2030-01-01T00:00:16+00:00"],
    }


async def test_a_database_that_hangs_is_away_before_anybody_says_so(life):
    life, threads, clock = life
    threads.go_on.clear()
    proof = asyncio.create_task(life.prove({}))
    await asyncio.sleep(0)
    clock.seconds = HANGS_S
    assert life.away_s is None
    clock.seconds = HANGS_S + 1
    assert life.away_s == HANGS_S + 1

    threads.go_on.set()
    await proof
    assert life.away_s is None
    assert life.database()["last_outage"] == ["2030-01-01T00:00:00+00:00", "2030-01-01T00:00:05+00:00"]


@pytest.mark.parametrize(
    ("beat_fails", "writer", "away_s"),
    [(False, {}, None), (False, {"away_s": 0}, None), (True, {"away_s": 0}, 5), (False, {"away_s": 7}, 7),
     (True, {"away_s": 3}, 5), (True, {"away_s": 7}, 7)],
    ids=str,
)  # fmt: skip
async def test_the_writer_may_notice_it_before(life, beat_fails, writer, away_s):
    life, threads, clock = life
    if beat_fails:
        threads.error = OperationalError("gone")
        with pytest.raises(OperationalError):
            await life.prove({})
    clock.seconds = 5
    assert life.database_away_s(writer) == away_s


async def test_it_says_when_others_may_have_taken_it_for_dead(life):
    life, threads, clock = life
    assert not await life.prove({})
    clock.seconds = 9
    assert not await life.prove({})
    clock.seconds, threads.error = 12, OperationalError("gone")
    with pytest.raises(OperationalError):
        await life.prove({})
    clock.seconds, threads.error = 19, None
    assert await life.prove({})
    assert not await life.prove({})
