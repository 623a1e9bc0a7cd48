"""Who stood still asks whose its sessions are before it trusts itself again."""

import asyncio

import pytest
from django.db import InterfaceError, OperationalError

from backoffices import trust as module
from backoffices.trust import BRIEF_S, SPAN_S, Trust


class Database:
    """Stands for the question whose the sessions are; ``answers``: what it raises next, None for nothing."""

    def __init__(self):
        self.now = 100.0
        self.answers = []
        self.asked = 0
        self.gone_on = asyncio.Event()
        self.away_since = None
        self.meanwhile = lambda: None

    async def sort_out(self):
        self.asked += 1
        self.meanwhile()
        error = self.answers.pop(0) if self.answers else None
        if error is not None:
            raise error

    async def go_on(self):
        self.gone_on.set()


@pytest.fixture
async def database():
    return Database()


@pytest.fixture
async def trust(database, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0)
    trust = Trust(database.sort_out, database.go_on, lambda: database.away_since, lambda: database.now)
    trust.begin()
    yield trust
    trust.end()


async def sure(trust):
    async with asyncio.timeout(10):
        await trust.sure()


async def test_as_long_as_the_loop_runs_nobody_is_asked(trust, database):
    for _ in range(10):
        database.now += SPAN_S - 0.1
        trust._timer.cancel()
        trust._refresh()
        await sure(trust)
    assert database.asked == trust.pauses == 0
    assert not trust.is_old(None)


async def test_the_timer_alone_notices_a_pause(trust, database):
    database.now += SPAN_S + 1
    trust._timer.cancel()
    trust._refresh()
    async with asyncio.timeout(10):
        await database.gone_on.wait()
    assert database.now <= trust.until


async def test_after_a_pause_it_asks_once_and_goes_on(trust, database):
    database.now += SPAN_S + 1
    trust.ask()
    trust.ask()
    assert database.now > trust.until, "not before it knows"
    await asyncio.gather(sure(trust), sure(trust))
    assert (database.asked, trust.pauses) == (1, 1)
    assert database.gone_on.is_set()
    assert trust.until == database.now + SPAN_S
    assert trust.is_old(None)
    assert trust.is_old(database.now)
    database.now += SPAN_S
    assert not trust.is_old(None)


async def test_a_handshake_may_be_old_without_a_pause(trust, database):
    assert not trust.is_old(None)
    assert not trust.is_old(database.now - SPAN_S)
    assert trust.is_old(database.now - SPAN_S - 0.1)


@pytest.mark.parametrize(
    "error", [OperationalError("gone"), InterfaceError("closed"), ValueError("ours")], ids=repr
)
async def test_it_stays_silent_until_it_has_an_answer(trust, database, error):
    database.answers = [error] * 3
    database.now += SPAN_S + 1
    await sure(trust)
    assert database.asked == 4


async def test_an_answer_over_which_it_stood_still_again_is_old(trust, database):
    pauses = [SPAN_S + 1, 0]
    database.meanwhile = lambda: setattr(database, "now", database.now + pauses.pop(0))
    database.now += SPAN_S + 1
    await sure(trust)
    assert database.asked == 2


@pytest.mark.parametrize(
    ("away_before", "pause", "asked"),
    [(True, BRIEF_S - SPAN_S, 1), (True, BRIEF_S + 1, 3), (False, BRIEF_S - SPAN_S, 3)],
    ids=["away all the time", "too long to say", "away since it woke"],
)
async def test_nobody_takes_a_session_while_the_database_is_away(trust, database, away_before, pause, asked):
    database.answers = [OperationalError("away")] * 2
    began = database.now
    database.now += pause
    database.away_since = began if away_before else database.now
    await sure(trust)
    assert database.asked == asked


async def test_at_the_end_nobody_is_kept_waiting(trust, database):
    database.answers = [OperationalError("away")] * 1000
    database.now += SPAN_S + 1
    waiting = asyncio.create_task(sure(trust))
    await asyncio.sleep(0)
    trust.end()
    await waiting
