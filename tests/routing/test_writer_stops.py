"""A writer that is told to stop while the database takes nothing, with the real ones."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from routing import committer as committer_module
from routing.core.rows import Row
from routing.spool import Spool
from routing.writer import Writer
from tests.databases import Database
from tests.routing.outages import MIB, NEVER, away, logged, messages, running, until_read_back
from tests.routing.rows import delivery, message

pytestmark = pytest.mark.usefixtures("short_pauses")


async def test_a_stop_leaves_the_log_to_the_next_one_and_answers_nobody(patient: Database, tmp_path: Path):
    called: list[int] = []
    writer = Writer(
        asyncio.get_running_loop(), batch_rows=2, spool=Spool(tmp_path / "spool", MIB), crowded_rows=6
    )
    writer.start()
    with logged("the database is away") as noticed, away(patient):
        for number in range(12):
            told = message(message_id=f"{number:02}", answer="[3,1,{}]")
            rows: list[Row] = [told, message(route=1, message_id=f"{number:02}"), delivery(1, number)]
            writer.put(1, 1, rows, partial(called.append, number))
        writer.put(1, 1, [message(message_id="12", answer="[3,1,{}]")])
        await noticed.wait()
        await writer.stop(patience_s=0.05)
    assert called == []
    assert patient.query("SELECT seq FROM routing_delivery") == []  # the charger says it again
    assert (writer.counts()["waiting"], writer.counts()["dropped"]) == (0, 0)
    async with running(spool=Spool(tmp_path / "spool", MIB)) as following:
        await until_read_back(following)
    assert sorted(set(messages(patient))) == [f"{number:02}" for number in range(13)]
    said = patient.query("SELECT outcome, answer FROM routing_message WHERE route_id IS NULL")
    assert Counter(said) == {("dropped", ""): 12, ("answered", "[3,1,{}]"): 1}
    assert os.listdir(tmp_path / "spool") == []


async def test_a_stop_takes_nothing_for_said_whose_delivery_is_lost(patient: Database, tmp_path: Path):
    """The log's row of a CALL that waits for a backoffice comes alone, when its session is wound down."""
    writer = Writer(asyncio.get_running_loop(), spool=Spool(tmp_path, MIB))
    writer.start()
    with logged("the database is away") as noticed, away(patient):
        writer.put(1, 1, [delivery(1, 10, exchange=10)], lambda: None)
        await noticed.wait()
        writer.put(1, 1, [message(message_id="lost", exchange=10)])
        writer.put(1, 1, [message(message_id="other", exchange=11)])
        writer.put(2, 1, [message(2, message_id="another's", exchange=10)])
        await writer.stop(patience_s=0.05)
    async with running(spool=Spool(tmp_path, MIB)) as following:
        await until_read_back(following)
    said = dict(patient.query("SELECT message_id, outcome FROM routing_message"))
    assert said == {"lost": "dropped", "other": "answered", "another's": "answered"}


async def test_in_a_crowd_nothing_is_taken_for_said_before_its_delivery_is_safe(
    patient: Database, tmp_path: Path
):
    writer = Writer(asyncio.get_running_loop(), spool=Spool(tmp_path, MIB), crowded_rows=0)
    writer.start()
    with logged("the database is away") as noticed, away(patient):
        writer.put(1, 1, [delivery(1, 10, exchange=10)], lambda: None)
        await noticed.wait()
        writer.put(2, 1, [message(2, message_id="answered", exchange=11)])
        writer.put(1, 1, [message(message_id="lost", exchange=10, answer="", outcome="lost")])
        writer.put(1, 1, [message(message_id="a copy", exchange=10, route=1, answer="", outcome="lost")])
        assert writer.counts()["in_spool"] == 2
        await writer.stop(patience_s=0.05)
    async with running(spool=Spool(tmp_path, MIB)) as following:
        await until_read_back(following)
    said = dict(patient.query("SELECT message_id, outcome FROM routing_message"))
    assert said == {"lost": "dropped", "answered": "answered", "a copy": "lost"}


async def test_a_stop_tries_once_more_at_once(patient: Database, monkeypatch):
    monkeypatch.setattr(committer_module, "RETRY_S", (NEVER, NEVER))
    writer = Writer(asyncio.get_running_loop(), batch_rows=1)
    writer.start()
    with logged("the database is away") as noticed, away(patient):
        writer.put(1, 1, [message()])
        await noticed.wait()
    await writer.stop()
    assert messages(patient) == ["m-1"]


async def test_a_stop_before_the_start_loses_no_log(fleet_of_two: Database, tmp_path: Path):
    writer = Writer(asyncio.get_running_loop(), spool=Spool(tmp_path, MIB))
    writer.put(1, 1, [message()])
    await writer.stop()
    async with running(spool=Spool(tmp_path, MIB)) as following:
        await until_read_back(following)
    assert messages(fleet_of_two) == ["m-1"]
