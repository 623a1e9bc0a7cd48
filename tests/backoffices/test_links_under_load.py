import asyncio

from backoffices.links import Dialler
from backoffices.sockets import Limits
from tests.backoffices.dialling import backoffice, echo
from tests.backoffices.peers import (
    PATIENCE,
    PING,
    TEXT,
    Recorder,
    frame,
    raw_backoffice,
    target,
)


async def test_a_frozen_backoffice_is_dropped_once_its_buffer_was_full_too_long(dialler, recorder):
    async def behave(peer):
        await peer.read_request()
        peer.answer()
        await asyncio.Event().wait()  # takes no byte any more

    async with raw_backoffice(behave, limit=1024) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until("opened")
        (socket,) = dialler.sockets
        while socket.transport.get_write_buffer_size() < 100_000:
            link.send("x" * 100_000)
            await asyncio.sleep(0)  # uvloop writes at the end of a turn
        now = asyncio.get_running_loop().time()
        dialler.tick(now + dialler.limits.write_timeout - 1)
        assert link.open
        dialler.tick(now + dialler.limits.write_timeout + 1)
        assert await recorder.until("closed") == "took nothing for 10 s while frames were waiting"


async def test_what_waits_to_be_sent_is_bounded(dialler, recorder):
    async def behave(peer):
        await peer.read_request()
        peer.answer()
        await asyncio.Event().wait()

    async with raw_backoffice(behave, limit=1024) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until("opened")
        while link.open:
            link.send("x" * 1_000_000)
            await asyncio.sleep(0)
        assert "8 MiB are waiting to be sent" in await recorder.until("closed")


async def test_pings_are_sent_and_any_frame_is_life(dialler, recorder):
    pings: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def behave(peer):
        await peer.read_request()
        peer.answer()
        while True:
            pings.put_nowait(await peer.read_frame())
            if pings.qsize() and len(recorder.log) == 2:
                peer.writer.write(frame(TEXT, b"not a pong"))

    async with raw_backoffice(behave) as port:
        link = dialler(target(port, ping=30), "1.6", recorder)
        await recorder.until("opened")
        now = asyncio.get_running_loop().time()
        dialler.tick(now + 31)
        assert (await pings.get())[0] == PING
        await recorder.until("frame")
        dialler.tick(now + 52)
        assert link.open
        dialler.tick(now + 62)
        assert (await pings.get())[0] == PING
        dialler.tick(now + 83)
        assert await recorder.until("closed") == "no sign of life within 20 s after a ping"


async def test_a_link_can_be_pinged_more_often_or_never(dialler, recorder):
    pings: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def behave(peer):
        await peer.read_request()
        peer.answer()
        while True:
            pings.put_nowait(await peer.read_frame())

    async with raw_backoffice(behave) as port:
        link = dialler(target(port, ping=30), "1.6", recorder)
        link.set_ping(5)  # there is no socket yet
        await recorder.until("opened")
        now = asyncio.get_running_loop().time()
        dialler.tick(now + 1)
        assert (await pings.get())[0] == PING
        link.set_ping(5)
        dialler.tick(now + 4)
        dialler.tick(now + 6)
        assert (await pings.get())[0] == PING
        link.set_ping(0)
        dialler.tick(now + 3600)
        assert link.open
        assert pings.empty()


async def test_only_so_many_handshakes_at_once_toward_one_backoffice(recorder):
    dialler = Dialler(Limits(handshakes=3), jitter=lambda: 0.0)
    waiting, most, release = 0, 0, asyncio.Event()

    async def behave(peer):
        nonlocal waiting, most
        await peer.read_request()
        waiting += 1
        most = max(most, waiting)
        if waiting == 3:
            release.set()
        await release.wait()
        waiting -= 1
        peer.answer()
        await peer.read_frame()

    async with raw_backoffice(behave) as port:
        links = [dialler(target(port), "1.6", recorder) for _ in range(12)]
        for _ in links:
            await recorder.until("opened")
        for link in links:
            link.close(1000, "")
        assert await dialler.settled(PATIENCE) == 0

    assert most == 3


async def test_two_hundred_links_up_and_down(dialler):
    codes = []

    async def behave(connection):
        await echo(connection)
        codes.append(connection.close_code)

    async with backoffice(behave) as port:
        recorders = [Recorder() for _ in range(200)]
        links = [dialler(target(port, route=n), "1.6", r) for n, r in enumerate(recorders)]
        for n, (link, recorder) in enumerate(zip(links, recorders, strict=True)):
            await recorder.until("opened")
            link.send(f"from {n}")
        for n, recorder in enumerate(recorders):
            assert await recorder.until("frame") == f"from {n}"
        for link in links:
            link.close(1001, "")
        assert await dialler.settled(PATIENCE) == 0

    assert codes == [1001] * 200
