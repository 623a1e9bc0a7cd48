"""A process that stood still, and the one that took its chargers meanwhile."""

import asyncio
from datetime import UTC, datetime
from time import monotonic

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from msgspec import structs

from backoffices import records
from backoffices.life import Moment
from backoffices.trust import SPAN_S
from routing import loading
from routing.bus import BusUnavailable
from routing.models import ChargerSession, RuntimeProcess
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Socket, backend, charger, links_open, request, runtime, session_row

pytestmark = pytest.mark.django_db(transaction=True)

HEARTBEAT = '[2,"beat","Heartbeat",{}]'
BOOT = '[2,"boot","BootNotification",{"chargePointModel":"M","chargePointVendor":"V"}]'


def stand_still(here):
    """As after SIGSTOP and SIGCONT: the loop has not run, and reads what came before any timer."""
    here.trust.until = 0.0


async def serve(here, there, identity="CP-1"):
    """A charger that is connected through ``here``, and its socket."""
    key, socket = await charger(identity, there.url), Socket()
    attachment = await here.attach(request(key), socket)
    await there.until(lambda there: f"/{identity}" in there.connected)
    await links_open(here, 1)
    await here._presence.settled()
    await here._writer.flush()
    return key, socket, attachment


async def within(awaitable):
    async with asyncio.timeout(PATIENCE):
        return await awaitable


async def test_what_another_took_is_left_without_a_word():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, old, attachment = await serve(here, there)
        new = Socket()
        await elsewhere.attach(request(key), new)
        sent = here.traffic.counts()
        stand_still(here)
        attachment.up(BOOT)
        attachment.up(HEARTBEAT)
        assert (await within(old.closed))[0] == 1012
        assert here.counts() == {"sessions": 0, "online": 0, "links": 0, "open_links": 0}
        counts = here.traffic.counts()
        assert {name for name in counts if counts[name] != sent[name]} == {"charger_received"}
        assert not old.sent
        assert not new.closed.done()
        assert (await session_row(key)).runtime == "b"


async def test_what_nobody_took_goes_on():
    async with backend() as there, runtime("a") as here, runtime("b"):
        key, socket, attachment = await serve(here, there)
        stand_still(here)
        attachment.up(BOOT)
        attachment.up(HEARTBEAT)
        assert not socket.sent
        await within(here.trust.sure())
        assert any('"beat"' in text for text in socket.sent)
        assert not socket.closed.done()
        assert here.counts()["open_links"] == 1
        assert (await session_row(key)).epoch == 1


async def test_nobody_is_spoken_for_until_the_database_answers(monkeypatch):
    async with backend() as there, runtime("a") as here:
        _, socket, attachment = await serve(here, there)
        asked, owned = asyncio.Event(), records.owned
        loop = asyncio.get_running_loop()

        def away(name):
            loop.call_soon_threadsafe(asked.set)
            raise OperationalError("away")

        monkeypatch.setattr(records, "owned", away)
        stand_still(here)
        attachment.up(HEARTBEAT)
        await within(asked.wait())
        assert not socket.sent
        monkeypatch.setattr(records, "owned", owned)
        await within(here.trust.sure())
        assert any('"beat"' in text for text in socket.sent)


async def test_no_link_is_dialled_before_it_is_known():
    """Many backoffices drop the older of two connections of a charger: it may be another process's."""
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, old, _ = await serve(here, there)
        stand_still(here)
        await there.connected["/CP-1"].close()
        await elsewhere.attach(request(key), Socket())
        await links_open(elsewhere, 1)
        await within(here.trust.sure())
        assert (await within(old.closed))[0] == 1012
        assert here.counts()["links"] == 0
        assert here.traffic.counts()["backoffice_sent"] == 0


async def test_a_handshake_that_waited_takes_no_charger_from_another_process():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, new, _ = await serve(elsewhere, there)
        stand_still(here)
        with pytest.raises(BusUnavailable, match="is served by b; connect again"):
            await here.attach(request(key), Socket())
        assert not new.closed.done()
        assert (await session_row(key)).epoch == 1


async def test_a_session_from_before_another_process_is_not_gone_on_with():
    """It stands in memory for ``offline_grace``, and does not know what the charger said elsewhere."""
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        here.trust.begin()
        key, _, attachment = await serve(here, there)
        attachment.detach(1006)
        old = here._live[key].session
        await here.attach(request(key), again := Socket())
        assert here._live[key].session is old, "nobody had it meanwhile"
        await elsewhere.attach(request(key), Socket())
        await here.attach(request(key), Socket())
        assert here._live[key].session is not old
        assert (await within(again.closed))[0] == 1012
        assert (await session_row(key)).epoch == here._live[key].session.epoch == 3


async def test_a_handshake_that_waited_for_the_database_takes_none_either():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, new, _ = await serve(elsewhere, there)
        late = structs.replace(request(key), asked_at=monotonic() - SPAN_S - 1)
        with pytest.raises(BusUnavailable, match="is served by b; connect again"):
            await here.attach(late, Socket())
        assert not new.closed.done()
        await here.attach(structs.replace(request(key), asked_at=monotonic()), Socket())
        assert (await session_row(key)).runtime == "a"


@pytest.mark.parametrize("how", ["the charger has left it", "it is dead", "long after the pause"])
async def test_a_handshake_is_newer_than_what(how):
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, _, attachment = await serve(elsewhere, there)
        stand_still(here)
        await within(here.trust.sure())
        if how == "it is dead":
            await RuntimeProcess.objects.filter(pk="b").aupdate(beat_at="2020-01-01T00:00:00Z")
        elif how == "the charger has left it":
            attachment.detach(1006)
            await elsewhere._presence.settled()
        else:
            here.trust._woke_at = 0.0
        await here.attach(request(key), Socket())
        assert (await session_row(key)).runtime == "a"


async def test_a_session_that_was_being_opened_is_not_used(monkeypatch):
    """It may have been claimed before the pause, and been taken in it."""
    async with backend() as there, runtime("a") as here:
        key = await charger("CP-1", there.url)
        loop, load = asyncio.get_running_loop(), loading.load_charger

        def slowly(charger):
            loop.call_soon_threadsafe(stand_still, here)
            return load(charger)

        monkeypatch.setattr(loading, "load_charger", slowly)
        with pytest.raises(BusUnavailable, match="stood still; connect again"):
            await here.attach(request(key), Socket())
        monkeypatch.setattr(loading, "load_charger", load)
        await here.attach(request(key), Socket())
        assert here.counts()["sessions"] == 1


async def test_a_stop_does_not_wait_for_ever(monkeypatch):
    async with backend() as there, runtime("a") as here:
        _, socket, attachment = await serve(here, there)

        def away(name):
            raise OperationalError("away")

        monkeypatch.setattr(records, "owned", away)
        stand_still(here)
        attachment.up(HEARTBEAT)
        await within(here.stop())
        assert not socket.sent
        assert (await socket.closed)[0] == 1012


async def test_a_process_that_was_taken_for_dead_says_who_is_connected():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, _, _ = await serve(here, there)
        away, _, attachment = await serve(here, there, "CP-2")
        attachment.detach(1006)
        await here._presence.settled()
        connected_at = (await session_row(key)).connected_at
        await RuntimeProcess.objects.filter(pk="a").aupdate(beat_at="2020-01-01T00:00:00Z")
        await here._record_the_dead()
        assert (await session_row(key)).online, "who asks lives"
        await elsewhere._record_the_dead()
        assert not (await session_row(key)).online

        here.life._proved = Moment(monotonic=-3600.0, utc=datetime(2020, 1, 1, tzinfo=UTC))
        await here._prove_life()
        row = await session_row(key)
        assert (row.online, row.connected_at, row.disconnected_at) == (True, connected_at, None)
        assert not (await session_row(away)).online


@pytest.mark.parametrize(
    ("spares", "online", "alive", "epoch"),
    [("nobody", True, True, 5), ("connected", True, True, None), ("connected", False, True, 5),
     ("connected", True, False, 5), ("living", False, True, None), ("living", True, False, 5)],
    ids=str,
)  # fmt: skip
async def test_who_is_spared(spares, online, alive, epoch):
    key = await charger("CP-1")
    await ChargerSession.objects.acreate(charger_id=key, runtime="b", epoch=4, online=online)
    await sync_to_async(records.beat)("b", {})
    if not alive:
        await RuntimeProcess.objects.filter(pk="b").aupdate(beat_at="2020-01-01T00:00:00Z")
    claim = sync_to_async(loading.claim)
    if epoch is None:
        with pytest.raises(loading.ServedElsewhere):
            await claim(key, "a", spares)
    else:
        assert await claim(key, "a", spares) == epoch
