"""Viewers of one process and sessions of another, over the layer in memory and over Redis."""

import asyncio
import os
from datetime import UTC, datetime

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from routing.core.rows import MessageRow
from routing.live import audience as module
from routing.live import source as source_module
from routing.live.audience import View
from routing.live.source import ASK, subject_of
from routing.watching import Batch, Subject
from tests.routing.live.conftest import PATIENCE_S, Process

REDIS = os.environ.get("TEST_REDIS_URL", "")
CHARGER = Subject("charger", "7")


def row(number: int) -> MessageRow:
    return MessageRow(
        charger=7, route=None, at=datetime(2030, 1, 1, tzinfo=UTC), exchange=number, direction="up",
        action="Heartbeat", message_id=f"m{number}", text="[2]", answer="[3]", outcome="answered",
        error_code="", rule="", latency_ms=None, transaction=None, connector_id=None,
    )  # fmt: skip


@pytest.fixture(params=["memory", "redis"])
async def layer(request):
    if request.param == "memory":
        yield InMemoryChannelLayer()
        return
    if not REDIS:
        pytest.skip("TEST_REDIS_URL is not set: no Redis to test with")
    layer = RedisPubSubChannelLayer(hosts=[REDIS], prefix=f"live{os.getpid()}")
    yield layer
    await layer.flush()


@pytest.fixture
async def two(layer):
    """One with the viewers, one with the charger; each hears the other."""
    two = Process("web-1", layer, alone=False), Process("links-2", layer, alone=False)
    two[1].here.add(7)
    for process in two:
        process.mailbox.start()
    async with asyncio.timeout(PATIENCE_S):
        for process in two:
            await until_heard(process)
    yield two
    for process in two:
        await process.mailbox.stop()


async def until_heard(process):
    """Neither Redis nor the layer says when a mailbox is known: it hears its own words then."""
    here = asyncio.Event()

    async def hear(message):
        here.set()

    process.mailbox.on("test.here", hear)
    while not here.is_set():
        await process.mailbox.send(process.name, {"type": "test.here"})
        await asyncio.sleep(0.01)


async def taken(view, count):
    """So many rows of a view, and how many were left out."""
    rows: list[MessageRow] = []
    left_out = 0
    async with asyncio.timeout(PATIENCE_S):
        while len(rows) < count:
            await view.changed.wait()
            new, missing = view.take()
            rows, left_out = rows + new, left_out + missing
    return [row.exchange for row in rows], left_out


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what happens at the other process has no event here
            await asyncio.sleep(0.01)


async def test_rows_of_a_charger_elsewhere_come_complete_and_in_order(two):
    web, links = two
    view = await web.audience.open(CHARGER)
    assert links.watching.on
    assert links.flushed == 1, "what was stored before must be in the database by now"
    for number in range(40):
        links.store(row(number))
        await asyncio.sleep(0)
    assert await taken(view, 40) == (list(range(40)), 0)
    web.audience.close(view)
    await until(lambda: not links.watching.on)
    assert not web.watching.on


async def test_rows_of_a_charger_here_need_no_mailbox(two, monkeypatch):
    web, _ = two
    web.here.add(7)
    sent = []

    async def send(name, message):
        sent.append(message)
        return True

    monkeypatch.setattr(web.mailbox, "send", send)
    view = await web.audience.open(CHARGER)
    web.store(row(1))
    assert await taken(view, 1) == ([1], 0)
    assert sent == []
    web.audience.close(view)


async def test_what_gets_lost_between_processes_is_counted(two, monkeypatch):
    web, links = two
    view = await web.audience.open(CHARGER)
    links.store(row(1))
    assert await taken(view, 1) == ([1], 0)
    send = links.mailbox.send

    async def lose(name, message):
        monkeypatch.setattr(links.mailbox, "send", send)
        lost.set()
        return False

    lost = asyncio.Event()
    monkeypatch.setattr(links.mailbox, "send", lose)
    links.store(row(2))
    links.store(row(3))
    await lost.wait()
    links.store(row(4))
    assert await taken(view, 1) == ([4], 2)
    web.audience.close(view)


async def test_a_process_that_begins_later_hears_who_is_watched(two, layer, monkeypatch):
    monkeypatch.setattr(source_module, "SETTLED_S", 0)
    web, _ = two
    view = await web.audience.open(CHARGER)
    late = Process("links-3", layer, alone=False)
    late.mailbox.start()
    await until_heard(late)
    late.source.ask_around()
    await until(lambda: late.watching.on)
    late.store(row(1))
    assert await taken(view, 1) == ([1], 0)
    web.audience.close(view)
    await late.mailbox.stop()


async def test_leases_are_renewed_while_somebody_looks(two, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "RENEW_S", 0.02)
    web, links = two
    view = await web.audience.open(CHARGER)
    for process in two:
        process.watching.end(CHARGER, "web-1")
    await until(lambda: links.watching.on and web.watching.on)
    web.audience.close(view)
    await until(lambda: not links.watching.on)


async def test_a_charger_that_is_nowhere_is_waited_for_a_moment_only(two, monkeypatch):
    monkeypatch.setattr(module, "READY_S", 0.01)
    web, links = two
    links.here.clear()
    view = await web.audience.open(CHARGER)
    assert web.watching.on
    web.audience.close(view)


async def test_others_that_are_out_of_reach_are_noticed_and_asked_again(two, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    web, links = two
    view = await web.audience.open(CHARGER)
    away = True
    monkeypatch.setattr(type(web.mailbox), "is_away", property(lambda self: away))
    await until(lambda: view.away)
    links.watching.end(CHARGER, "web-1")
    away = False
    await until(lambda: not view.away)
    await until(lambda: links.watching.on)
    web.audience.close(view)


async def test_one_that_ends_while_it_is_opened_leaves_nothing(two):
    web, links = two
    links.here.clear()
    opening = asyncio.create_task(web.audience.open(CHARGER))
    await until(lambda: web.watching.on)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not web.watching.on
    assert web.audience.viewers == 0


async def test_a_viewer_who_does_not_take_gets_the_newest():
    view = View(CHARGER)
    for number in range(module.MOST_WAITING + 5):
        view.add((row(number),), 0)
    rows, left_out = view.take()
    assert (rows[0].exchange, len(rows), left_out) == (5, module.MOST_WAITING, 5)
    assert not view.changed.is_set()


async def test_a_batch_of_another_version_is_left_aside(two, caplog):
    web, links = two
    view = await web.audience.open(CHARGER)
    await links.mailbox.send("web-1", {"type": "live.rows", "batch": b"\x81\xa1x\x01"})
    await until(lambda: "can't be read" in caplog.text)
    links.store(row(1))
    assert await taken(view, 1) == ([1], 0)
    web.audience.close(view)


async def test_batches_of_what_nobody_watches_here_are_dropped(two):
    web, _ = two
    web.audience.take(Batch(source="x", subject=CHARGER, first=0, rows=(row(1),)))
    assert web.audience.viewers == 0


def test_a_subject_of_another_kind_is_none_of_ours():
    with pytest.raises(ValueError, match="'route' is not a kind of what is watched"):
        subject_of({"type": ASK, "kind": "route", "key": "1", "by": "x"})
