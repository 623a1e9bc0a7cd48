"""Chargers that are away but still owe a backoffice something."""

import pytest
from django.utils import timezone

from backoffices.live import Pace
from routing.models import Delivery, Route
from tests.backoffices.runtimes import (
    Socket,
    backend,
    charger,
    request,
    runtime,
    session_row,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def owe(charger, seq=1):
    """Something that the charger's backoffice has not had."""
    route = await Route.objects.aget(charger_id=charger)
    await Delivery.objects.acreate(
        charger_id=charger,
        route=route,
        seq=seq,
        exchange=seq,
        at=timezone.now(),
        action="StatusNotification",
        payload='{"connectorId":1,"errorCode":"NoError","status":"Available"}',
    )


async def test_the_backlog_of_a_charger_that_is_away_is_delivered_and_its_link_closed():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await owe(key)
        assert await here.deliver_backlog(10) == 1
        await there.until(lambda there: there.gone)
        await here._drop_idle()

        assert not await Delivery.objects.aexists()
        assert (await session_row(key)).runtime == ""
        assert await here.deliver_backlog(10) == 0


async def test_a_backlog_that_cannot_be_delivered_makes_room_for_others():
    async with runtime(pace=Pace(beat=3600, poll=3600, sweep=3600, mourn=3600, backlog=0)) as here:
        keys = [await charger(f"CP-{n}", "ws://127.0.0.1:1/") for n in range(3)]
        for key in keys:
            await owe(key)
        assert await here.deliver_backlog(2) == 2
        assert await here.deliver_backlog(2) == 0
        await here._drop_idle()

        assert here.counts() == {"sessions": 0, "online": 0, "links": 0, "open_links": 0}
        assert await Delivery.objects.acount() == 3


async def test_a_charger_that_comes_while_its_backlog_is_delivered_keeps_the_session():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        await owe(key)
        await here.deliver_backlog(10)
        await here.attach(request(key), Socket())
        await there.until(lambda there: there.connected)
        await here._drop_idle()

        assert here.counts()["online"] == 1


async def test_the_backlog_that_another_runtime_has_in_memory_is_left_to_it():
    async with runtime("a") as here, runtime("b") as elsewhere:
        key = await charger("CP-1", "ws://127.0.0.1:1/")
        await owe(key)
        assert await here.deliver_backlog(10) == 1
        assert await elsewhere.deliver_backlog(10) == 0
        assert (await session_row(key)).runtime == "a"
