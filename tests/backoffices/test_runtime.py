import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import DatabaseError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from backoffices import current, records
from backoffices.live import Pace
from backoffices.models import Backoffice
from routing import loading
from routing.bus import BusUnavailable
from routing.core.rows import DeliveryDone
from routing.models import ChargerSession, ConfigChange, Route, RuntimeProcess
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import (
    Socket,
    backend,
    charger,
    links_open,
    request,
    runtime,
    session_row,
    update,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_charger_is_attached_owned_and_connected_to_its_backoffice():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await here.attach(request(key, remote_address="192.0.2.7"), Socket())
        await there.until(lambda there: "/CP-1" in there.connected)
        await links_open(here, 1)
        await here._presence.settled()

        row = await session_row(key)
        assert (row.runtime, row.online, row.ocpp_version) == ("runtime-a", True, "1.6")
        assert row.remote_address == "192.0.2.7"
        assert here.counts() == {"sessions": 1, "online": 1, "links": 1, "open_links": 1}


async def test_a_backoffice_sets_the_ping_of_its_own_link():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await here.attach(request(key), Socket())
        await there.until(lambda there: "/CP-1" in there.connected)
        await links_open(here, 1)
        change = '{"key":"WebSocketPingInterval","value":"45"}'
        await there.connected["/CP-1"].send(f'[2,"a","ChangeConfiguration",{change}]')
        async with asyncio.timeout(PATIENCE):
            assert '"Accepted"' in await there.answers.get()
        assert [link._socket._ping_every for link in here._dial.links] == [45]


async def test_a_charger_that_goes_is_offline_and_its_session_leaves_memory():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url, options={"offline_grace": 0})
        attachment = await here.attach(request(key), Socket())
        await links_open(here, 1)
        attachment.detach(1006)
        await there.until(lambda there: there.gone == [("/CP-1", 1000)])
        await here._drop_idle()
        await here._drop_idle()

        row = await session_row(key)
        assert (row.runtime, row.online) == ("", False)
        assert row.disconnected_at is not None
        assert here.counts()["sessions"] == 0


async def test_a_charger_that_comes_back_in_the_last_moment_keeps_its_session():
    async with runtime() as here:
        key = await charger("CP-1")
        attachment = await here.attach(request(key), Socket())
        attachment.detach(1006)
        back = Socket()
        async with here._turn(key):
            attaching = asyncio.ensure_future(here.attach(request(key), back))
            await asyncio.sleep(0)
            dropping = asyncio.ensure_future(here._drop_idle())
            await asyncio.sleep(0)
        await asyncio.gather(attaching, dropping)

        assert here.counts()["online"] == 1
        assert not back.closed.done()
        assert (await session_row(key)).runtime == "runtime-a"


async def test_a_new_socket_replaces_the_old_one_and_its_late_end_changes_nothing():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        old, new = Socket(), Socket()
        first = await here.attach(request(key), old)
        await here.attach(request(key), new)
        assert await old.closed == (1008, "replaced")
        first.detach(1008)
        await here._presence.settled()

        assert not new.closed.done()
        assert (await session_row(key)).online
        assert here.counts()["online"] == 1


async def test_of_attachments_that_race_one_session_is_built_and_the_last_one_wins():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        sockets = [Socket() for _ in range(5)]
        await asyncio.gather(*(here.attach(request(key), socket) for socket in sockets))
        await links_open(here, 1)

        assert [socket.closed.done() for socket in sockets] == [True, True, True, True, False]
        assert here.counts() == {"sessions": 1, "online": 1, "links": 1, "open_links": 1}


async def test_an_attachment_that_is_cancelled_takes_nothing_from_the_next():
    async with runtime() as here:
        key = await charger("CP-1")
        given_up = asyncio.ensure_future(here.attach(request(key), Socket()))
        await asyncio.sleep(0)
        given_up.cancel()
        with suppress(asyncio.CancelledError):
            await given_up
        socket = Socket()
        await here.attach(request(key), socket)

        assert here.counts()["online"] == 1
        assert not socket.closed.done()


@pytest.mark.parametrize("fault", ["disabled", "deleted"])
async def test_a_charger_that_is_not_served_is_refused_in_words(fault):
    async with runtime() as here:
        key = await charger("CP-1", enabled=False) if fault == "disabled" else 4711
        with pytest.raises(BusUnavailable, match=f"charger {key} (is switched off|does not exist)"):
            await here.attach(request(key), Socket())
        assert here.counts()["sessions"] == 0


async def test_a_route_switched_off_closes_that_link_alone_and_on_brings_it_back():
    async with backend() as there, backend() as other, runtime() as here:
        key = await charger("CP-1", there.url)
        await sync_to_async(Route.objects.create)(
            charger_id=key,
            backoffice=await Backoffice.objects.acreate(name="energy", url=other.url),
            role="control",
        )
        socket = Socket()
        await here.attach(request(key), socket)
        await links_open(here, 2)

        route = await Route.objects.aget(backoffice__name="energy")
        await update(Route, route.pk, enabled=False)
        await here._follow_configuration()
        await other.until(lambda other: other.gone == [("/CP-1", 1000)])
        assert here.counts()["links"] == 1

        await update(Route, route.pk, enabled=True)
        await here._follow_configuration()
        await other.until(lambda other: other.connected)
        assert there.gone == []
        assert not socket.closed.done()


async def test_a_change_that_concerns_everybody_reaches_everybody():
    async with backend() as there, runtime() as here:
        keys = [await charger(f"CP-{n}", there.url) for n in range(3)]
        for key in keys:
            await here.attach(request(key), Socket())
        await links_open(here, 3)
        await ConfigChange.objects.all().adelete()
        await sync_to_async(QuerySet.update)(Route.objects.all(), enabled=False)  # unrecorded
        await ConfigChange.objects.acreate(charger=None)
        await here._follow_configuration()
        await here._refresh_stale()
        assert here.counts()["links"] == 0


async def test_a_refresh_that_failed_is_repeated(monkeypatch):
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await here.attach(request(key), Socket())
        await links_open(here, 1)
        here._stale = {key}

        def fail(charger):
            raise DatabaseError("the disk is full")

        monkeypatch.setattr(loading, "load_charger", fail)
        with pytest.raises(DatabaseError):
            await here._refresh_stale()
        assert here._stale == {key}


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_a_charger_switched_off_is_closed_with_1008(how):
    model = apps.get_model("chargers", "Charger")
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        socket = Socket()
        await here.attach(request(key), socket)
        await links_open(here, 1)
        if how == "disabled":
            await update(model, key, enabled=False)
        else:
            await delete(model, key)
        await here._follow_configuration()

        code, _ = await socket.closed
        # Rows of a deleted charger are refused by the writer, which may be noticed first.
        assert code == 1008 or (how == "deleted" and code == 1012)
        await there.until(lambda there: there.gone)
        assert here.counts()["sessions"] == 0


@sync_to_async
def delete(model, pk):
    model.objects.filter(pk=pk).delete()


async def test_a_change_while_the_session_is_being_opened_is_not_missed():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        entered, polled, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        run = here._threads.run

        async def slow(function, *args, **options):
            result = await run(function, *args, **options)
            if function == here._load:
                entered.set()
                await go_on.wait()
            if function == loading.config_changes:
                polled.set()
            return result

        here._threads.run = slow
        attaching = asyncio.ensure_future(here.attach(request(key), Socket()))
        await entered.wait()
        await sync_to_async(Route.objects.update)(enabled=False)
        following = asyncio.ensure_future(here._follow_configuration())
        await polled.wait()
        go_on.set()
        await asyncio.gather(attaching, following)

        assert here.counts()["links"] == 0


async def test_stop_closes_everybody_and_releases_everything():
    async with backend() as there, runtime() as here:
        keys = [await charger(f"CP-{n}", there.url) for n in range(20)]
        sockets = [Socket() for _ in keys]
        for key, socket in zip(keys, sockets, strict=True):
            await here.attach(request(key), socket)
        await links_open(here, 20)
        await here.stop()

        assert [await socket.closed for socket in sockets] == [(1012, "service restart")] * 20
        await there.until(lambda there: len(there.gone) == 20)
        assert {code for _, code in there.gone} == {1001}
        rows = [row async for row in ChargerSession.objects.all()]
        assert {(row.runtime, row.online) for row in rows} == {("", False)}
        assert not await RuntimeProcess.objects.aexists()
        with pytest.raises(BusUnavailable, match="is stopping"):
            await here.attach(request(keys[0]), Socket())
        assert not current.exists()


async def test_a_session_that_another_runtime_took_falls_silent():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key = await charger("CP-1", there.url)
        old, new = Socket(), Socket()
        await here.attach(request(key), old)
        await elsewhere.attach(request(key), new)
        here._writer.put(key, 1, [DeliveryDone(charger=key, route=1, seq=1)])

        assert (await old.closed)[0] == 1012
        assert here.counts() == {"sessions": 0, "online": 0, "links": 0, "open_links": 0}
        row = await session_row(key)
        assert (row.runtime, row.epoch) == ("b", 2)
        assert not new.closed.done()


async def test_what_an_older_session_left_does_not_cost_the_one_that_is_ours_again():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key, new = await charger("CP-1", there.url), Socket()
        await elsewhere.attach(request(key), Socket())
        await here.attach(request(key), new)
        here._writer.put(key, 1, [DeliveryDone(charger=key, route=1, seq=1)])
        await here._writer.flush()
        assert here._writer.counts()["fenced"] >= 1
        assert here.counts()["sessions"] == 1
        assert not new.closed.done()


async def test_life_is_proved_by_the_clock_of_the_database():
    async with runtime() as here:
        first = (await RuntimeProcess.objects.aget(pk="runtime-a")).beat_at
        assert abs(timezone.now() - first) < timedelta(minutes=5)
        await RuntimeProcess.objects.aupdate(beat_at=datetime(2020, 1, 1, tzinfo=UTC))
        await here._prove_life()
        assert (await RuntimeProcess.objects.aget(pk="runtime-a")).beat_at >= first
        await RuntimeProcess.objects.all().adelete()  # as another process does with one long dead
        await here._prove_life()
        assert await RuntimeProcess.objects.filter(pk="runtime-a").aexists()


async def test_chores_are_repeated_even_when_one_fails(caplog, monkeypatch):
    often = Pace(beat=0.001, poll=3600, sweep=0.001, mourn=3600)
    async with runtime(pace=often):
        loop, seen, turns = asyncio.get_running_loop(), asyncio.Event(), []

        def beat(runtime_id, report):
            turns.append("beat")
            if len(turns) <= 2:  # it is asked once more on a fresh connection
                raise OperationalError("the disk is full")
            loop.call_soon_threadsafe(seen.set)

        monkeypatch.setattr(records, "beat", beat)
        async with asyncio.timeout(PATIENCE):
            await seen.wait()
    assert "_prove_life: the database does not answer: the disk is full" in caplog.text


async def test_chargers_of_a_killed_process_are_not_online():
    key, other = await charger("CP-1"), await charger("CP-2")
    await ChargerSession.objects.acreate(charger_id=key, runtime="killed", epoch=3, online=True)
    await RuntimeProcess.objects.acreate(id="killed", beat_at=datetime(2020, 1, 1, tzinfo=UTC))
    async with runtime() as here:
        await here.attach(request(other), Socket())
        await here._presence.settled()
        await here._record_the_dead()

        assert not (await session_row(key)).online
        assert (await session_row(other)).online
        assert not await RuntimeProcess.objects.filter(pk="killed").aexists()


async def test_maintain_links_repairs_what_polling_missed():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await here.attach(request(key), Socket())
        await links_open(here, 1)
        assert await here.maintain_links() == {
            "sessions": 1,
            "online": 1,
            "links": 1,
            "open_links": 1,
            "closed": 0,
            "redialled": 0,
            "refreshed": 0,
        }
        await sync_to_async(Route.objects.update)(enabled=False)
        assert (await here.maintain_links())["refreshed"] == 1
        await there.until(lambda there: there.gone)

        here._live.clear()  # as if a fault had lost the session but not its link
        await sync_to_async(Route.objects.update)(enabled=True)
        await here.attach(request(key), Socket())
        await links_open(here, 1)
        here._live.clear()
        assert (await here.maintain_links())["closed"] == 1
        await there.until(lambda there: not there.connected)


async def test_links_are_repaired_while_the_database_is_away_and_it_is_not_asked(monkeypatch):
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await here.attach(request(key), Socket())
        await links_open(here, 1)
        here._complaint.failed("_prove_life", OperationalError("away"))
        assert here.database_is_away

        def enabled_routes(chargers):
            raise OperationalError("asked all the same")

        with monkeypatch.context() as patched:
            patched.setattr(records, "enabled_routes", enabled_routes)
            here._live.clear()
            assert (await here.maintain_links())["closed"] == 1
        await here._prove_life()
        assert not here.database_is_away
