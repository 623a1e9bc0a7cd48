"""A charger comes and goes, backoffices behave badly, routes change: what a Runtime holds is as before."""

import asyncio
import itertools
import json
import os
import threading
from collections import Counter
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from backoffices.models import Backoffice
from routing.models import ChargerSession, Delivery, Route
from tests.backoffices.peers import PATIENCE
from tests.backoffices.runtimes import Backend, Socket, charger, request, runtime

pytestmark = pytest.mark.django_db(transaction=True)

LOOK_AGAIN_S = 0.5
ROUNDS = 50
MODES = ("good", "refuse", "close", "hang")
ROLES = ("billing", "control", "observe")

PASSING = Counter({"dict.pop": len(ROLES), "Dialler._sweep_once": 1})
"""Timers of the dialler that end by themselves: addresses are known for a while, and sockets looked at."""

POOLS = ("runtime-db", "asyncio", "ThreadPoolExecutor")
"""Threads that wait for work: of each pool at most as many as it may have."""

POOL_LIMIT = 8


class Moody(Backend):
    """Answers, refuses handshakes, closes at the first frame, or lets a handshake hang, by ``mode``."""

    def __init__(self):
        super().__init__()
        self.mode = "good"
        self.modes_seen: Counter[str] = Counter()

    async def greet(self, connection, handshake):
        self.modes_seen[self.mode] += 1
        if self.mode == "refuse":
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "not now")
        if self.mode == "hang":
            await connection.wait_closed()
        return None

    async def handle(self, connection):
        if self.mode == "close":
            with suppress(ConnectionClosed):
                await connection.recv()
            return
        with suppress(ConnectionClosed):  # in the middle of an answer
            await super().handle(connection)


@asynccontextmanager
async def moody():
    one = Moody()
    async with serve(
        one.handle, "127.0.0.1", 0,
        subprotocols=[Subprotocol("ocpp1.6")], process_request=one.greet, compression=None, close_timeout=0.1,
    ) as server:  # fmt: skip
        one.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield one


class Phone(Socket):
    """A charger's socket with an event for what it is told."""

    def __init__(self):
        super().__init__()
        self.ids = itertools.count(1)
        self.heard = asyncio.Event()

    def send(self, text):
        super().send(text)
        self.heard.set()

    async def ask(self, attachment, action, payload):
        """Send a CALL and wait for the payload of its answer."""
        message_id = f"m{next(self.ids)}"
        attachment.up(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(PATIENCE):
            while True:
                for text in self.sent:
                    if text.startswith(f'[3,"{message_id}"'):
                        return json.loads(text)[2]
                self.heard.clear()
                await self.heard.wait()


def census(here):
    """Everything that may be left over, by kind and name."""
    loop: Any = asyncio.get_running_loop()
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]
    held = {
        "sessions": here._live,
        "turns": here._turns,
        "presence": here._presence._pending,
        "slots": here.pacer.counts(),
        "links": here._dial.links,
        "sockets": here._dial.sockets,
        "stale": here._stale,
        "chores": here._chores._tasks,
        "mailbox": here.mailbox._tasks,
    }
    return {
        "tasks": Counter(_name(task.get_coro()) for task in asyncio.all_tasks(loop)),
        "timers": Counter(_name(timer._callback) for timer in timers),
        "sockets": sum(_is_socket(descriptor) for descriptor in Path("/proc/self/fd").iterdir()),
        "threads": Counter(
            name for name in (t.name for t in threading.enumerate()) if not name.startswith(POOLS)
        ),
        "held": {name: len(things) for name, things in held.items()},
        "counts": here.counts(),
    }


def _name(thing: Any) -> str:
    return str(getattr(thing, "__qualname__", thing))


def _is_socket(descriptor):
    try:
        return os.readlink(descriptor).startswith("socket:")
    except OSError:  # it was the listing's own
        return False


def watch(here, key):
    """Have whoever waits told of everything that a session does."""
    session = here._live[key].session
    carry_out = session._carry_out

    def noticed(decisions):
        carry_out(decisions)
        here._dial.changed.set()

    session._carry_out = noticed


async def changed(here, condition):
    """Wait until something that a session does makes this true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                here._dial.changed.clear()
                with suppress(TimeoutError):  # tasks end, and links are told, also where no session is asked
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await here._dial.changed.wait()
                await asyncio.sleep(0)  # what it did may be the last of a task, which is gone a moment later
    except TimeoutError:
        raise AssertionError(f"nothing more has happened: {standing(here)}") from None


def standing(here):
    """What sessions still wait for, in words: for whoever reads of a test that waited in vain."""
    return [
        {
            "tasks": session._tasks,
            "gates": list(session._machine._state.gates),
            "waiting": list(session._machine._state.waiting),
            "wanted": [line.key for line in session._machine._state.lines.values() if line.wanted],
            "deadline": session._timer_at,
            "writer": here._writer.counts(),
        }
        for session in (live.session for live in here._live.values())
    ]


def lines(here, key):
    return here._live[key].session._machine._state.lines.values()


async def talk(here, key, phone, attachment):
    """A whole session, with everybody there."""
    boot = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
    assert (await phone.ask(attachment, "BootNotification", boot))["status"] == "Accepted"
    began = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    number = (await phone.ask(attachment, "StartTransaction", began))["transactionId"]
    values = [{"timestamp": "2026-01-01T00:30:00Z", "sampledValue": [{"value": "1"}]}]
    meter = {"connectorId": 1, "transactionId": number, "meterValue": values}
    assert await phone.ask(attachment, "MeterValues", meter) == {}
    ended = {"transactionId": number, "meterStop": 10, "timestamp": "2026-01-01T01:00:00Z"}
    await phone.ask(attachment, "StopTransaction", ended)
    await changed(here, lambda: all(not line.fifo and line.outstanding is None for line in lines(here, key)))


async def visit(here, key, backoffices, number):
    """The charger comes, talks and goes; meanwhile one backoffice behaves as its turn says."""
    mode, one = MODES[number % len(MODES)], backoffices[number // len(MODES) % len(backoffices)]
    one.mode = mode
    phone = Phone()
    attachment = await here.attach(request(key), phone)
    watch(here, key)
    if mode == "good":
        await changed(here, lambda: here.counts()["open_links"] == len(ROLES))
        await talk(here, key, phone, attachment)
    else:
        attachment.up(
            '[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Faulted"}]'
        )
        before = one.modes_seen[mode]
        await changed(here, lambda: here.counts()["open_links"] >= len(ROLES) - 1)
        if mode == "refuse":
            await changed(here, lambda: one.modes_seen[mode] > before)
    if number % 5 == 0:
        await switch(here, key, backoffices[1].url, enabled=False)
        await switch(here, key, backoffices[1].url, enabled=True)
    one.mode = "good"
    attachment.detach(1006)
    await changed(here, lambda: here._live[key].session.idle)
    await here._drop_idle()
    assert key not in here._live


async def switch(here, key, url, *, enabled):
    routes = Route.objects.filter(charger_id=key, backoffice__url=url)
    assert await sync_to_async(routes.update)(enabled=enabled) == 1
    assert await here.refresh_routes([key]) == 1


async def test_nothing_is_left_of_fifty_visits():
    async with runtime() as here:
        await asyncio.sleep(0)  # its chores begin
        fresh = census(here)
        async with moody() as first, moody() as second, moody() as third:
            backoffices = (first, second, third)
            key = await charger("CP-1", options={"offline_grace": 0, "auth_offline": "accept"})
            for role, one in zip(ROLES, backoffices, strict=True):
                await join(key, role, one.url)
            for number in range(ROUNDS):
                await visit(here, key, backoffices, number)
            await visit(here, key, backoffices, 0)
            await here._dial.settled(PATIENCE)
        assert {mode for one in backoffices for mode in one.modes_seen} == set(MODES)
        await here._presence.settled()
        after = census(here)
        after["timers"] = after["timers"] - PASSING
        fresh["timers"] = fresh["timers"] - PASSING
        assert after == fresh
        pools = Counter(thread.name.rpartition("_")[0] for thread in threading.enumerate())
        assert max(pools[name] for name in POOLS) <= POOL_LIMIT
        assert await sync_to_async(Delivery.objects.count)() == 0
        row = await sync_to_async(ChargerSession.objects.get)(pk=key)
        assert (row.runtime, row.online) == ("", False)


@sync_to_async
def join(key, role, url):
    backoffice = Backoffice.objects.create(name=role, url=url)
    Route.objects.create(charger_id=key, backoffice=backoffice, role=role)
