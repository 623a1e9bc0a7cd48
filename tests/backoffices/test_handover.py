"""A charger dials another process while the one that has its session lives: nobody hears anything twice."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from backoffices import handover
from backoffices.live import Pace
from routing.bus import BusUnavailable
from routing.models import Delivery, Message
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import (
    SELDOM,
    Socket,
    backend,
    charger,
    links_open,
    request,
    runtime,
    session_row,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATIENT = structs.replace(SELDOM, answers=PATIENCE, moves=PATIENCE, asks=3600)
HASTY = structs.replace(SELDOM, moves=0, asks=3600)
BOOT = '[2,"boot","BootNotification",{"chargePointModel":"M","chargePointVendor":"V"}]'


def values(number):
    sampled = f'[{{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{{"value":"{number}"}}]}}]'
    return f'[2,"m{number}","MeterValues",{{"connectorId":1,"meterValue":{sampled}}}]'


@asynccontextmanager
async def process(name, pace: Pace = PATIENT):
    """A Runtime that is not alone."""
    async with runtime(name, pace=pace) as one:
        one.trust.begin()
        yield one


@pytest.fixture
async def there():
    async with backend() as there:
        there.until_answer = asyncio.Event()
        yield there
        if there.until_answer is not None:
            there.until_answer.set()


async def serve(here, there):
    """A charger whose backoffice has the first of two meter values in hand; the second is stored."""
    key, socket = await charger("CP-1", there.url), Socket()
    attachment = await here.attach(request(key), socket)
    await links_open(here, 1)
    for text in (BOOT, values(1), values(2)):
        attachment.up(text)
    await within(there.in_hand.wait())
    await here._writer.flush()
    assert any('"m2"' in text for text in socket.sent)
    return key, socket, attachment


async def within(awaitable):
    async with asyncio.timeout(PATIENCE):
        return await awaitable


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


def dial(process, key, socket=None):
    return asyncio.ensure_future(process.attach(request(key), socket or Socket()))


async def test_the_answer_is_awaited_and_nothing_comes_twice(there):
    async with process("a") as here, process("b") as elsewhere:
        key, old, attachment = await serve(here, there)
        dialling = dial(elsewhere, key, new := Socket())
        assert await within(old.closed) == (1012, "moved")
        attachment.up(values(3))
        assert not dialling.done()
        assert (await session_row(key)).runtime == "a"
        there.until_answer.set()
        await within(dialling)
        sent = here.traffic.counts()["backoffice_sent"]
        await there.until(lambda there: there.values == ["1", "2"])
        await until(lambda: elsewhere.counts()["open_links"] == 1)
        assert here.counts() == {"sessions": 0, "online": 0, "links": 0, "open_links": 0}
        assert here.traffic.counts()["backoffice_sent"] == sent
        row = await session_row(key)
        assert (row.runtime, row.epoch) == ("b", 2)
        assert not new.closed.done()
        assert here._writer.counts()["fenced"] == 0
    assert not await Message.objects.filter(message_id="m3").aexists(), "it is said again where it is now"
    assert not await Delivery.objects.aexists()
    assert there.values == ["1", "2"]


async def test_an_answer_that_does_not_come_in_time_is_asked_for_again(there):
    async with process("a", HASTY) as here, process("b") as elsewhere:
        key, old, _ = await serve(here, there)
        never, there.until_answer = there.until_answer, None
        await within(elsewhere.attach(request(key), Socket()))
        await there.until(lambda there: len(there.values) == 3)
        never.set()
        assert (await within(old.closed))[0] == 1012
    assert there.values == ["1", "1", "2"]
    assert not await Delivery.objects.aexists()


async def test_an_owner_that_does_not_hear_loses_the_session_by_force(there):
    soon = structs.replace(SELDOM, asks=0.01)
    async with process("a") as here, process("b", soon) as elsewhere:
        key, old, _ = await serve(here, there)
        await here.mailbox.stop()
        await within(elsewhere.attach(request(key), Socket()))
        assert (await session_row(key)).runtime == "b"
        there.until_answer.set()
        assert (await within(old.closed))[0] == 1012, "its next write was fenced"
        await until(lambda: not here._live)


class Broken:
    """A layer whose Redis is away."""

    def __init__(self):
        self.asked = 0

    async def group_send(self, group, message):
        self.asked += 1
        raise ConnectionRefusedError(111, "refused")

    async def group_discard(self, group, channel):
        raise ConnectionRefusedError(111, "refused")

    group_add = group_send


async def test_without_redis_nobody_waits(there, caplog):
    async with process("a") as here, process("b") as elsewhere:
        key, _, _ = await serve(here, there)
        elsewhere.mailbox._layer = broken = Broken()
        await within(elsewhere.attach(request(key), Socket()))
        assert (await session_row(key)).runtime == "b"
        assert broken.asked == 1
        assert elsewhere.mailbox.is_away
        there.until_answer.set()
        await until(lambda: not here._live)
        await within(here.attach(request(key), Socket()))
        asked = broken.asked
        await within(elsewhere.attach(request(key), Socket()))
        assert (await session_row(key)).runtime == "b"
        assert broken.asked - asked <= 1, "only whether it is back"


async def test_of_two_that_want_it_the_one_that_asked_last_gets_it(there):
    async with process("a") as here, process("b") as earlier, process("c") as later:
        key, old, _ = await serve(here, there)
        first = dial(earlier, key)
        await within(old.closed)
        second = dial(later, key, new := Socket())
        await until(lambda: len(here._handover._wanted[key, 1]) == 2)
        there.until_answer.set()
        with pytest.raises(BusUnavailable, match="is served by a; connect again"):
            await within(first)
        await within(second)
        assert (await session_row(key)).runtime == "c"
        assert not new.closed.done()
        await there.until(lambda there: there.values == ["1", "2"])
    assert there.values == ["1", "2"]


async def test_a_charger_that_is_back_meanwhile_is_newer_than_who_asked(there):
    async with process("a") as here, process("b") as elsewhere:
        key, old, _ = await serve(here, there)
        going = dial(elsewhere, key, between := Socket())
        await within(old.closed)
        back = dial(here, key, new := Socket())
        await asyncio.sleep(0)
        there.until_answer.set()
        earlier, _ = await within(asyncio.gather(going, back, return_exceptions=True))
        assert isinstance(earlier, BusUnavailable) or (await within(between.closed))[0] == 1012
        assert not new.closed.done()
        assert (await session_row(key)).runtime == "a"
        await there.until(lambda there: there.values == ["1", "2"])
    assert there.values == ["1", "2"]


async def test_each_asks_the_other_in_turn():
    """A charger that hurries to and fro: nobody waits for somebody who waits."""
    async with backend() as there, process("a") as here, process("b") as elsewhere:
        key = await charger("CP-1", there.url)
        sockets = [Socket() for _ in range(8)]
        dialling = [dial((here, elsewhere)[number % 2], key, socket) for number, socket in enumerate(sockets)]
        done = await within(asyncio.gather(*dialling, return_exceptions=True))
        assert all(isinstance(one, BusUnavailable) or hasattr(one, "up") for one in done)
        live = [socket for socket in sockets if not socket.closed.done()]
        served = [one for one in (here, elsewhere) if one.counts()["online"]]
        assert len(served) == 1
        assert (await session_row(key)).runtime == served[0].id
        assert served[0]._live[key].session._attachment.socket in live


async def test_a_session_that_is_its_owners_by_name_only_is_taken():
    async with backend() as there, process("a") as here, process("b") as elsewhere:
        key = await charger("CP-1", there.url)
        await here.attach(request(key), Socket())
        here._live.pop(key).session.stop(1012, "lost")
        await within(elsewhere.attach(request(key), Socket()))
        assert (await session_row(key)).runtime == "b"


async def test_an_answer_that_is_lost_is_seen_in_the_row(there, monkeypatch):
    monkeypatch.setattr(handover, "LOOK_S", 0.01)
    there.until_answer.set()
    async with process("a") as here, process("b") as elsewhere:
        key, _, _ = await serve(here, there)

        async def lose(runtime_id, message):
            return True

        here.mailbox.send = lose
        await within(elsewhere.attach(request(key), Socket()))
        assert (await session_row(key)).epoch == 2
        assert not elsewhere._handover._asked
        assert elsewhere._handover._looking is None


async def test_a_question_from_before_takes_nothing():
    """It comes late, to a process that was frozen and has the charger anew."""
    async with backend() as there, process("a") as here:
        key, socket = await charger("CP-1", there.url), Socket()
        await here.attach(request(key), socket)
        assert await here.hand_over(key, 0) is False
        assert await here.hand_over(key + 1, 1) is False
        assert not socket.closed.done()
        assert here.counts()["online"] == 1


async def test_who_stood_still_finds_out_first_what_is_its_own(there):
    there.until_answer.set()
    async with process("a") as here, process("b") as elsewhere:
        key, old, _ = await serve(here, there)
        pauses = here.trust.pauses
        here.trust.until = 0.0
        await within(elsewhere.attach(request(key), Socket()))
        assert here.trust.pauses == pauses + 1
        assert await within(old.closed) == (1012, "moved")
        assert (await session_row(key)).runtime == "b"


async def test_a_process_that_stops_waits_for_nobody(there):
    async with process("a") as here, process("b") as elsewhere:
        key, old, _ = await serve(here, there)
        dialling = dial(elsewhere, key)
        await within(old.closed)
        await within(elsewhere.stop())
        with pytest.raises(BusUnavailable):
            await within(dialling)
        there.until_answer.set()
        await until(lambda: not here._live)


async def test_an_owner_that_stops_hands_over_as_well(there):
    async with process("a") as here, process("b") as elsewhere:
        key, old, _ = await serve(here, there)
        stopping = asyncio.ensure_future(here.stop())
        await asyncio.sleep(0)
        dialling = dial(elsewhere, key)
        assert await within(old.closed) == (1012, "moved")
        there.until_answer.set()
        await within(asyncio.gather(stopping, dialling))
        assert (await session_row(key)).runtime == "b"
        await there.until(lambda there: there.values == ["1", "2"])
    assert there.values == ["1", "2"]


async def test_deliveries_of_a_charger_that_is_away_are_handed_over_when_it_is_back(there):
    async with process("a") as here, process("b") as elsewhere:
        key, _, attachment = await serve(here, there)
        attachment.detach(1006)
        dialling = dial(elsewhere, key)
        await until(lambda: here._handover._wanted)
        assert not dialling.done()
        there.until_answer.set()
        await within(dialling)
        await there.until(lambda there: there.values == ["1", "2"])
    assert there.values == ["1", "2"]


async def test_a_process_that_is_alone_asks_nobody():
    async with backend() as there, runtime("a") as here, runtime("b") as elsewhere:
        key = await charger("CP-1", there.url)
        await here.attach(request(key), Socket())

        async def never(*_):
            raise AssertionError("it is alone")

        elsewhere.mailbox.send = elsewhere._handover.take = never
        await within(elsewhere.attach(request(key), Socket()))
        assert (await session_row(key)).runtime == "b"
