"""A person asks for a new socket or a new link, at the process that has the session or at another one."""

from __future__ import annotations

import asyncio

import pytest
from django.apps import apps

from backoffices.nudging import CODE, REASON
from routing import nudging
from routing.models import Route
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Socket, backend, charger, links_open, request, runtime


@pytest.fixture(autouse=True)
def nobody_is_asked():
    yield
    nudging.install(None)


def row_of(key):
    return apps.get_model("chargers", "Charger").objects.get(pk=key)


@pytest.mark.parametrize("asked", ["here", "elsewhere"])
async def test_a_charger_is_disconnected(database, asked):
    key = await charger("CP-1")
    async with runtime("runtime-a") as owner, runtime("runtime-b") as other:
        socket = Socket()
        await owner.attach(request(key), socket)
        nudging.install((owner if asked == "here" else other).nudges.nudge)
        assert await database.orm(lambda: nudging.disconnect(row_of(key)))
        async with asyncio.timeout(PATIENCE):
            assert await socket.closed == (CODE, REASON)


async def test_a_route_is_dialled_anew(database):
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        attached = await here.attach(request(key), Socket())
        attached.up('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        await links_open(here, 1)
        nudging.install(here.nudges.nudge)
        assert await database.orm(lambda: nudging.reconnect(Route.objects.get(charger=key)))
        await there.until(lambda backend: len(backend.gone) == 1 and backend.connected)
        assert there.gone == [("/CP-1", 1000)]


async def test_who_has_no_sessions_can_ask_nobody(database):
    key = await charger("CP-1")
    assert not await database.orm(lambda: nudging.disconnect(row_of(key)))
