"""Messages between Runtimes, over the layer in memory and, where there is one, over Redis."""

import asyncio
import logging
import os
import shutil
import subprocess

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from backoffices import mailbox as module
from backoffices.mailbox import ALL, Mailbox, address
from benchmarks.ports import free_port
from tests.backoffices.peers import PATIENCE

REDIS = os.environ.get("TEST_REDIS_URL", "")


@pytest.fixture(params=["memory", "redis"])
async def layer(request):
    if request.param == "memory":
        yield InMemoryChannelLayer()
        return
    if not REDIS:
        pytest.skip("TEST_REDIS_URL is not set: no Redis to test with")
    layer = RedisPubSubChannelLayer(hosts=[REDIS], prefix=f"test{os.getpid()}")
    yield layer
    await layer.flush()


class Hearing:
    """A mailbox that keeps what it hears."""

    def __init__(self, name, layer):
        self.mailbox = Mailbox(name, layer)
        self.heard: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.mailbox.on("said", self._hear)

    async def _hear(self, message):
        self.heard.put_nowait(message)

    async def until_here(self):
        """Its own words come to it: it is known to the layer."""
        here = asyncio.Event()

        async def hear(message):
            here.set()

        self.mailbox.on("test.here", hear)
        async with asyncio.timeout(PATIENCE):
            while not here.is_set():
                await asyncio.sleep(0.01)  # Redis does not say when it knows a subscriber
                await self.mailbox._layer.group_send(self.mailbox._address, {"type": "test.here"})

    async def next(self):
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()


@pytest.fixture
async def pair(layer):
    pair = Hearing("host/ä-1-ab", layer), Hearing("host-2-cd", layer)
    for one in pair:
        one.mailbox.start()
        await one.until_here()
    yield pair
    for one in pair:
        await one.mailbox.stop()


async def test_one_is_told_and_nobody_else(pair):
    one, other = pair
    assert await one.mailbox.send("host-2-cd", {"type": "said", "charger": 7, "raw": b"\x00"})
    assert await other.next() == {"type": "said", "charger": 7, "raw": b"\x00"}
    assert await other.mailbox.send("host/ä-1-ab", {"type": "said"})
    assert await one.next() == {"type": "said"}
    assert one.heard.empty()
    assert other.heard.empty()


async def test_all_are_told_the_sender_too_in_order(pair):
    for number in range(3):
        assert await pair[0].mailbox.send_to_all({"type": "said", "number": number})
    for one in pair:
        assert [(await one.next())["number"] for _ in range(3)] == [0, 1, 2]


async def test_who_has_no_mailbox_can_send_too(pair, layer):
    await layer.group_send(ALL, {"type": "said", "to": "all"})
    await layer.group_send(address("host-2-cd"), {"type": "said", "to": "one"})
    assert [(await pair[1].next())["to"] for _ in range(2)] == ["all", "one"]


async def test_one_that_fails_or_is_not_known_keeps_nothing_from_the_next(pair, caplog):
    async def fail(message):
        raise ValueError("ours")

    one, other = pair
    other.mailbox.on("bad", fail)
    for kind in ("bad", "unknown", 5, "said"):
        await one.mailbox.send("host-2-cd", {"type": kind})
    assert await other.next() == {"type": "said"}
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == [
        "a message of type bad could not be handled"
    ]


async def test_at_the_end_what_still_runs_is_cancelled_and_nothing_is_heard(layer):
    one = Hearing("one", layer)
    began, ended = asyncio.Event(), asyncio.Event()

    async def for_ever(message):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    one.mailbox.on("long", for_ever)
    one.mailbox.start()
    await one.until_here()
    await one.mailbox.send("one", {"type": "long"})
    async with asyncio.timeout(PATIENCE):
        await began.wait()
    await one.mailbox.stop()
    assert ended.is_set()
    assert not one.mailbox._tasks
    await layer.group_send(address("one"), {"type": "said"})
    assert one.heard.empty()


def test_a_type_has_one_handler():
    one = Hearing("one", InMemoryChannelLayer())
    with pytest.raises(ValueError, match="'said' have a handler already"):
        one.mailbox.on("said", one._hear)


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server")
async def test_redis_comes_late_and_goes_and_comes_back(caplog, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_RETRY_S", 0.2)
    monkeypatch.setattr(module, "SEND_S", PATIENCE)
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    layer = RedisPubSubChannelLayer(hosts=[f"redis://127.0.0.1:{port}/0"])
    one = Hearing("one", layer)
    one.mailbox.start()
    try:
        assert not await one.mailbox.send("one", {"type": "said"})
        assert one.mailbox.is_away
        for _ in range(2):
            redis = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
            try:
                await heard_again(one)
            finally:
                redis.kill()
                await redis.wait()
            assert not await one.mailbox.send("one", {"type": "said"})
            assert one.mailbox.is_away
    finally:
        await one.mailbox.stop()
        await layer.flush()
    lines = [r.getMessage() for r in caplog.records if r.name == "backoffices.complaint"]
    starts = ["The mailbox: Redis does not answer: ", "Redis answers again, after"]
    assert len(lines) == 5
    assert all(line.startswith(starts[number % 2]) for number, line in enumerate(lines))


async def heard_again(one):
    async with asyncio.timeout(PATIENCE):
        while one.mailbox.is_away or one.heard.empty():
            if not one.mailbox.is_away:
                await one.mailbox.send("one", {"type": "said"})
            await asyncio.sleep(0.01)  # neither Redis nor the layer says when it is back
    while not one.heard.empty():
        one.heard.get_nowait()


async def test_a_layer_in_memory_is_not_away_where_the_loop_stood_still(caplog, monkeypatch):
    class Slow(InMemoryChannelLayer):
        async def group_add(self, group, channel):
            await super().group_add(group, channel)
            await added.wait()

    added = asyncio.Event()
    monkeypatch.setattr(module, "SEND_S", 0)
    mailbox = Mailbox("slow", Slow())
    heard = asyncio.Event()

    async def hear(message):
        heard.set()

    mailbox.on("said", hear)
    mailbox.start()
    asyncio.get_running_loop().call_later(0.01, added.set)
    async with asyncio.timeout(PATIENCE):
        await added.wait()
        while not heard.is_set():
            await asyncio.sleep(0)
            await mailbox.send("slow", {"type": "said"})
    assert not mailbox.is_away
    assert not caplog.records
    await mailbox.stop()
