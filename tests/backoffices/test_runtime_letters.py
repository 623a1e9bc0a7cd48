"""What a person decides about dead letters reaches a session that is live, and its backoffice, at once."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from accounts.models import User
from backoffices.live import Pace
from routing import letters
from routing.core.rows import DEAD_LETTERS
from routing.models import Alarm, Delivery, Message, Route, RouteTransaction, Transaction
from routing.replaying import replay
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Socket, charger, links_open, request, runtime

pytestmark = pytest.mark.django_db(transaction=True)

BOOT = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
START = '{"connectorId":1,"idTag":"CARD","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}'
POLLS = Pace(beat=3600, poll=0.01, sweep=3600, mourn=3600)


def now():
    return timezone.now().isoformat()


class Office:
    """A backoffice that answers everything and keeps what it was asked."""

    def __init__(self):
        self.url = ""
        self.calls: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def handle(self, connection):
        async for text in connection:
            _, message_id, action, payload = json.loads(text)
            answers = {
                "BootNotification": {"status": "Accepted", "interval": 300, "currentTime": now()},
                "StartTransaction": {"transactionId": 77, "idTagInfo": {"status": "Accepted"}},
            }  # fmt: skip
            await connection.send(json.dumps([3, message_id, answers.get(action, {})]))
            if action != "Heartbeat":
                self.calls.put_nowait((action, payload))

    async def asked(self, action):
        """The payload of the next CALL, which is to be this one."""
        async with asyncio.timeout(PATIENCE):
            got, payload = await self.calls.get()
        assert got == action
        return payload


@asynccontextmanager
async def office():
    office = Office()
    protocols = [Subprotocol("ocpp1.6")]
    async with serve(office.handle, "127.0.0.1", 0, subprotocols=protocols, compression=None) as server:
        office.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield office


@sync_to_async
def given_up(key, *payloads):
    """A start and what followed are dead letters; the session is over for long."""
    route, now = Route.objects.get(charger=key), timezone.now()
    long_ago = now - timedelta(days=3)
    session = Transaction.objects.create(
        charger_id=key, ocpp_version="1.6", connector_id=1, id_tag="CARD", charger_transaction_id="5",
        start_payload=START, created=long_ago, closed=long_ago,
    )  # fmt: skip
    RouteTransaction.objects.create(transaction=session, route=route, state="failed")
    for seq, (action, payload) in enumerate(payloads, 1):
        Delivery.objects.create(
            charger_id=key, route=route, seq=seq, exchange=seq, at=now, action=action, payload=payload,
            transaction_id=session.pk, dead=True, attempts=3, error="no",
        )  # fmt: skip
    Alarm.objects.create(charger_id=key, kind=DEAD_LETTERS, key=str(route.pk), text="no", raised=now)


@sync_to_async
def decide(work):
    return work(Delivery.objects.all(), User.objects.create_superuser("operator"))


async def online(here, there, key):
    attachment = await here.attach(request(key), Socket())
    attachment.up(BOOT)
    await links_open(here, 1)
    await there.asked("BootNotification")
    return attachment


STOP = '{"transactionId":5,"meterStop":9,"timestamp":"2026-01-01T01:00:00Z"}'


async def test_what_is_sent_again_arrives_at_once_with_the_number_that_is_learnt_now():
    async with office() as there, runtime(pace=POLLS) as here:
        key = await charger("CP-1", there.url)
        await given_up(key, ("StartTransaction", START), ("StopTransaction", STOP))
        attachment = await online(here, there, key)
        assert await decide(letters.retry) == 2
        assert await there.asked("StartTransaction") == json.loads(START)
        assert (await there.asked("StopTransaction"))["transactionId"] == 77
        attachment.up('[2,"m","MeterValues",{"connectorId":1,"meterValue":[]}]')
        await there.asked("MeterValues")
        async with asyncio.timeout(PATIENCE):
            while await Delivery.objects.aexists():  # until the last answer has arrived, too
                await here._writer.flush()
        assert (await RouteTransaction.objects.aget()).route_transaction_id == "77"
        assert (await Alarm.objects.aget()).cleared is not None
        assert here._live[key].session._machine._state.alarms == {}


async def test_without_letters_a_live_session_has_no_alarm_and_raises_the_next():
    async with office() as there, runtime(pace=POLLS) as here:
        key = await charger("CP-1", there.url)
        await given_up(key, ("StartTransaction", START))
        await online(here, there, key)
        state = here._live[key].session._machine._state
        assert list(state.alarms) == [(DEAD_LETTERS, str(next(iter(state.lines))))]
        assert await decide(letters.discard) == 1
        async with asyncio.timeout(PATIENCE):
            while state.alarms:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0)
        await here._writer.flush()
        assert (await Alarm.objects.aget()).cleared is not None


async def test_a_replay_reaches_a_live_session():
    async with office() as there, runtime(pace=POLLS) as here:
        key = await charger("CP-1", there.url)
        attachment = await online(here, there, key)
        attachment.up(f'[2,"s","StartTransaction",{START}]')
        await there.asked("StartTransaction")
        attachment.up('[2,"e","StopTransaction",{"transactionId":77,"meterStop":9,"timestamp":"t"}]')
        await there.asked("StopTransaction")
        copies = Message.objects.filter(route__isnull=False, action="StopTransaction")
        async with asyncio.timeout(PATIENCE):
            while not await copies.aexists():
                await here._writer.flush()
        route = await Route.objects.select_related("charger", "backoffice").aget()
        person = await sync_to_async(User.objects.create_superuser)("operator")
        done = await sync_to_async(replay)(route, timezone.now() - timedelta(hours=1), person)
        assert done.queued == 2
        assert await there.asked("StartTransaction") == json.loads(START)
        assert (await there.asked("StopTransaction"))["transactionId"] == 77
