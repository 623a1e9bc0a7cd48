"""A clean stop: what backoffices have in hand is answered and recorded before they are left."""

import asyncio

import pytest

from backoffices.live import Pace
from routing.models import Delivery
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Socket, backend, charger, links_open, request, runtime

pytestmark = pytest.mark.django_db(transaction=True)

VALUES = (
    '{"connectorId":1,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":"1"}]}]}'
)
ONCE_A_STOP = {"beat": 3600, "poll": 3600, "sweep": 3600, "mourn": 3600, "health": 3600}


async def said(here, there, *, answers):
    """Meter values that the backoffice has in hand; ``answers`` is when it may answer."""
    key = await charger("CP-1", there.url)
    socket = Socket()
    attachment = await here.attach(request(key), socket)
    await links_open(here, 1)
    there.until_answer = answers
    attachment.up('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
    attachment.up(f'[2,"m","MeterValues",{VALUES}]')
    async with asyncio.timeout(PATIENCE):
        await there.in_hand.wait()
    return socket


async def test_a_stop_waits_for_the_answer_that_is_on_its_way():
    async with backend() as there, runtime(pace=Pace(**ONCE_A_STOP, answers=PATIENCE)) as here:
        answer = asyncio.Event()
        socket = await said(here, there, answers=answer)
        stopping = asyncio.ensure_future(here.stop())
        await asyncio.sleep(0)
        assert not socket.closed.done()
        assert there.gone == []
        answer.set()
        await stopping
        assert (await socket.closed)[0] == 1012
        await there.until(lambda there: there.gone == [("/CP-1", 1001)])
    assert not await Delivery.objects.aexists()


async def test_a_stop_does_not_wait_for_ever():
    async with backend() as there, runtime(pace=Pace(**ONCE_A_STOP, answers=0)) as here:
        never = asyncio.Event()
        socket = await said(here, there, answers=never)
        await here.stop()
        assert (await socket.closed)[0] == 1012
        never.set()  # so that the backoffice can end
    assert await Delivery.objects.acount() == 1
