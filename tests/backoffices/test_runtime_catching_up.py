"""Slots in a Runtime: each is given back however its session ends, an edit of their number acts at once."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.utils import timezone
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from backoffices.live import Pace
from backoffices.models import Backoffice
from routing.models import Delivery, Route
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import SELDOM, charger, runtime, update

pytestmark = pytest.mark.django_db(transaction=True)

POLLS = Pace(beat=3600, poll=0.01, sweep=3600, mourn=3600, health=3600)


class Office:
    """A backoffice that answers nothing; ``asked``: whose meter values it has in hand."""

    def __init__(self):
        self.url = ""
        self.connections = 0
        self.asked = []
        self.changed = asyncio.Condition()

    async def handle(self, connection):
        self.connections += 1
        async for text in connection:
            if '"MeterValues"' in text:
                async with self.changed:
                    self.asked.append(connection.request.path)
                    self.changed.notify_all()

    async def has_in_hand(self, count):
        """Wait until so many chargers have sent something; who they are."""
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= count)
        return list(self.asked)


@asynccontextmanager
async def office():
    office = Office()
    protocols = [Subprotocol("ocpp1.6")]
    async with serve(office.handle, "127.0.0.1", 0, subprotocols=protocols, compression=None) as server:
        office.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield office


@sync_to_async
def owe(key):
    """A meter value that the charger's backoffice has not had."""
    Delivery.objects.create(
        charger_id=key, route=Route.objects.get(charger_id=key), seq=1, exchange=1, at=timezone.now(),
        action="MeterValues", payload='{"connectorId":1,"meterValue":[]}',
    )  # fmt: skip


@asynccontextmanager
async def catching_up(count, *, at_once, pace=SELDOM):
    """A runtime in which so many chargers owe a backoffice something, and by identity their keys."""
    async with office() as there, runtime(pace=pace) as here:
        keys = {}
        for number in range(count):
            identity = f"CP-{number}"
            keys[f"/{identity}"] = await charger(identity, there.url)
            await owe(keys[f"/{identity}"])
        await sync_to_async(Backoffice.objects.update)(catch_up=at_once)
        assert await here.deliver_backlog(count) == count
        yield there, here, keys


def slots(here):
    """Those that are out, and those that are waited for."""
    return here.pacer.counts().get("billing of all", (0, 0))


async def all_have_asked(here, *expected):
    async with asyncio.timeout(PATIENCE):
        while slots(here) != expected:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def switch_off(here, key):
    await update(apps.get_model("chargers", "Charger"), key, enabled=False)
    await here.refresh_routes([key])


async def be_taken_over(here, key):
    here._session_lost(key, 1)


@pytest.mark.parametrize("end", [switch_off, be_taken_over])
async def test_a_session_that_ends_leaves_its_slot_to_the_next(end):
    async with catching_up(3, at_once=2) as (there, here, keys):
        first, second = await there.has_in_hand(2)
        await all_have_asked(here, 2, 1)
        await end(here, keys[first])
        assert set(await there.has_in_hand(3)) == set(keys)
        assert slots(here) == (2, 0)
        await end(here, keys[second])
        assert slots(here) == (1, 0)


@pytest.mark.parametrize("end", [switch_off, be_taken_over])
async def test_a_session_that_ends_waits_for_no_slot_any_more(end):
    async with catching_up(2, at_once=1) as (there, here, keys):
        (first,) = await there.has_in_hand(1)
        await all_have_asked(here, 1, 1)
        (other,) = set(keys) - {first}
        await end(here, keys[other])
        assert slots(here) == (1, 0)


async def test_a_runtime_that_stops_has_no_slot_left():
    async with catching_up(3, at_once=2) as (there, here, _):
        await there.has_in_hand(2)
        await all_have_asked(here, 2, 1)
        await here.stop()
        assert here.pacer.counts() == {}
        assert len(there.asked) == 2


async def test_an_edit_reaches_live_sessions_with_the_next_poll_and_redials_no_link():
    async with catching_up(3, at_once=1, pace=POLLS) as (there, here, keys):
        await there.has_in_hand(1)
        await all_have_asked(here, 1, 2)
        backoffice = await Backoffice.objects.aget()
        backoffice.catch_up = 3
        await backoffice.asave()
        assert set(await there.has_in_hand(3)) == set(keys)
        assert slots(here) == (3, 0)
        assert (there.connections, here.counts()["open_links"]) == (3, 3)
