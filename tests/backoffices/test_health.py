"""What the runtime has stored of how routes and chargers are."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from backoffices import records
from backoffices.runtime import ASKED_AT_ONCE
from backoffices.tasks import recount_waiting
from routing.models import ChargerSession, Delivery, Route, RouteState, RuntimeProcess
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Socket, backend, charger, links_open, request, runtime, session_row

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "ws://127.0.0.1:9/"
START = '{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}'
CONTROL = "control"


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- nobody is told of it
            await asyncio.sleep(0.001)


@sync_to_async
def states():
    rows = RouteState.objects.order_by("pk")
    return [(row.waiting, row.oldest is not None, row.round_trip_ms is not None) for row in rows]


async def test_what_waits_and_how_long_answers_take_is_stored():
    async with backend() as there, runtime() as here:
        key = await charger("CP-1", there.url)
        socket = Socket()
        attachment = await here.attach(request(key), socket)
        await links_open(here, 1)
        attachment.up('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        await until(lambda: socket.sent)
        await here._tell_health()
        assert await states() == [(0, False, True)]


async def test_nothing_is_stored_while_nothing_changes():
    async with runtime() as here:
        key = await charger("CP-1", NOWHERE)
        await here.attach(request(key), Socket())
        session = here._live[key].session
        assert (session.tell_health(), session.tell_health()) == (True, False)


async def test_all_sessions_are_asked_and_others_have_their_turn_between():
    async with runtime() as here:
        for number in range(ASKED_AT_ONCE + 1):
            await here.attach(request(await charger(f"CP-{number}")), Socket())
        asked: list[int] = []
        turns: list[None] = []

        def tell_health():
            asked.append(len(turns))
            return False

        for live in here._live.values():
            live.session.tell_health = tell_health
        looking = asyncio.ensure_future(here._tell_health())
        while not looking.done():
            turns.append(None)
            await asyncio.sleep(0)
        assert len(asked) == ASKED_AT_ONCE + 1
        assert asked[0] < asked[-1]


async def test_what_waits_for_a_charger_that_has_gone_is_right_when_its_session_ends():
    async with runtime() as here:
        key = await charger("CP-1", NOWHERE, role=CONTROL, options={"offline_grace": 0})
        attachment = await here.attach(request(key), Socket())
        attachment.up(f'[2,"1","StartTransaction",{START}]')
        attachment.detach(1006)
        await until(lambda: here._live[key].session.idle)
        await here._drop_idle()
        assert await states() == [(1, True, False)]
        assert await Delivery.objects.acount() == 1


async def test_what_a_killed_process_has_said_of_a_charger_is_forgotten_when_it_is_taken_over():
    key = await charger("CP-1")
    await ChargerSession.objects.acreate(charger_id=key, runtime="killed", epoch=7, waits_for="an answer")
    async with runtime() as here:
        await here.attach(request(key), Socket())
        assert (await session_row(key)).waits_for == ""


@sync_to_async
def route_with_deliveries(key, *, runtime="", **fields):
    ChargerSession.objects.create(charger_id=key, runtime=runtime, epoch=1)
    route = Route.objects.get(charger_id=key)
    Route.objects.filter(pk=route.pk).update(**fields)
    RouteState.objects.create(route=route, state="closed", since=timezone.now(), waiting=9)
    for seq, dead in enumerate([False, False, True]):
        Delivery.objects.create(
            charger_id=key, route=route, seq=seq, exchange=seq, at=timezone.now(), action="StartTransaction",
            payload=START, dead=dead,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "waiting"),
    [
        ({}, 2),
        ({"runtime": "killed"}, 2),
        ({"runtime": "alive", "enabled": False}, 2),
        ({"runtime": "alive"}, 9),
    ],
    ids=["nobody's", "of a killed process", "switched off", "served"],
)
async def test_what_waits_is_counted_anew_where_no_session_does(fields, waiting):
    await RuntimeProcess.objects.acreate(id="alive", beat_at=timezone.now())
    await route_with_deliveries(await charger("CP-1", NOWHERE), **fields)
    assert await sync_to_async(recount_waiting)() == (waiting != 9)
    assert await states() == [(waiting, waiting != 9, False)]
    assert await sync_to_async(records.recount_waiting)() == 0


async def test_a_route_for_which_nothing_waits_any_more_is_counted_too():
    key = await charger("CP-1", NOWHERE)
    await route_with_deliveries(key)
    await Delivery.objects.all().adelete()
    assert await sync_to_async(recount_waiting)() == 1
    assert await states() == [(0, False, False)]
