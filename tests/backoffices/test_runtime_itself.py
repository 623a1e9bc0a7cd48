"""What a Runtime says of the database and of itself."""

import asyncio
import logging
import threading
from datetime import datetime

import pytest
from django.db import OperationalError
from django.utils import timezone

from backoffices import life, records
from backoffices.live import Pace
from routing.models import ChargerSession, RuntimeProcess
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import (
    Socket,
    backend,
    charger,
    links_open,
    request,
    runtime,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_database_that_is_away_is_complained_of_once_and_its_return_told(caplog, monkeypatch):
    loop, failed, failures = asyncio.get_running_loop(), asyncio.Event(), []

    def away(*_):
        failures.append("")
        if len(failures) > 20:
            loop.call_soon_threadsafe(failed.set)
        raise OperationalError("refused\n\tIs the server running?")

    often = Pace(beat=0.001, poll=3600, sweep=3600, mourn=3600, health=3600)
    async with runtime(pace=often) as here, asyncio.timeout(PATIENCE):
        with monkeypatch.context() as patched:
            patched.setattr(records, "beat", away)
            await failed.wait()
        while here.database_is_away:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)
    said = [record.getMessage() for record in caplog.records if record.name == "backoffices.complaint"]
    assert said[0] == "_prove_life: the database does not answer: refused"
    assert [line[:30] for line in said[1:]] == ["the database answers again, af"]


async def test_a_database_that_hangs_is_complained_of_too(caplog, monkeypatch):
    beat, go_on = records.beat, threading.Event()
    complained = asyncio.Event()

    def hang(*args):
        assert go_on.wait(PATIENCE)
        beat(*args)

    class Noticing(logging.Handler):
        def emit(self, record):
            complained.set()

    logger, handler = logging.getLogger("backoffices.complaint"), Noticing()
    logger.addHandler(handler)
    often = Pace(beat=3600, poll=3600, sweep=0.001, mourn=3600, health=3600)
    async with runtime(pace=often) as here, asyncio.timeout(PATIENCE):
        monkeypatch.setattr(records, "beat", hang)
        monkeypatch.setattr(life, "HANGS_S", 0)
        proof = asyncio.ensure_future(here._prove_life())
        await complained.wait()
        logger.removeHandler(handler)
        assert here.database_is_away
        go_on.set()
        await proof
        assert not here.database_is_away
    said = [record.getMessage() for record in caplog.records if record.name == "backoffices.complaint"]
    assert said[0].startswith("_prove_life: the database does not answer: not a word for ")
    assert [line[:30] for line in said[1:]] == ["the database answers again, af"]


async def test_the_row_of_a_process_says_how_it_is():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        attachment = await here.attach(request(key), Socket())
        await links_open(here, 1)
        attachment.up('[2,"1","Heartbeat",{}]')
        await here._prove_life()

        report = (await RuntimeProcess.objects.aget(pk="runtime-a")).report
        assert report["sessions"] == report["online"] == report["links"] == report["open_links"] == 1
        assert report["frames"]["charger_received"] == report["frames"]["charger_sent"] == 1
        assert report["writer"]["dropped"] == 0
        assert report["database"] == {"away_since": None, "last_outage": None}
        assert report["loop_lag_ms"] >= 0


async def test_a_process_that_lost_rows_can_be_read_after_its_end(monkeypatch):
    async with runtime() as here:
        counts = here._writer.counts
        monkeypatch.setattr(here._writer, "counts", lambda: {**counts(), "dropped": 7})
        await here.stop()

        row = await RuntimeProcess.objects.aget(pk="runtime-a")
        assert row.report["writer"]["dropped"] == 7
        assert datetime.fromisoformat(row.report["stopped_at"]) <= timezone.now()
        await ChargerSession.objects.acreate(charger_id=await charger("CP-1"), runtime="runtime-a", epoch=1)
        assert not await ChargerSession.objects.filter(records.alive()).aexists()
