"""Runtimes with what they need around them, and backoffices that say who came."""

import asyncio
import json
from contextlib import asynccontextmanager

from asgiref.sync import sync_to_async
from django.apps import apps
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from backoffices.links import Dialler
from backoffices.live import Pace
from backoffices.models import Backoffice
from backoffices.runtime import Runtime
from backoffices.sockets import Limits
from routing.bus import Attach
from routing.models import ChargerSession, Route
from routing.writer import Writer
from tests.backoffices.peers import PATIENCE

SELDOM = Pace(beat=3600, poll=3600, sweep=3600, mourn=3600, health=3600)
"""Nothing happens on its own: each test calls what it is about."""


class Socket:
    """A charger's socket that keeps what it is told."""

    def __init__(self):
        self.sent = []
        self.closed = asyncio.get_running_loop().create_future()

    def send(self, text):
        self.sent.append(text)

    def close(self, code, reason):
        if not self.closed.done():
            self.closed.set_result((code, reason))


class Backend:
    """Backoffices on real sockets: who is connected, by path, with which code each went, what it answered.

    ``until_answer``: what is waited for before meter values are answered; ``in_hand``: there are some;
    ``values``: all that came.
    """

    def __init__(self):
        self.url = ""
        self.connected = {}
        self.gone = []
        self.answers: asyncio.Queue[str] = asyncio.Queue()
        self.until_answer: asyncio.Event | None = None
        self.in_hand = asyncio.Event()
        self.values: list[str] = []
        self.changed = asyncio.Condition()

    async def handle(self, connection):
        path = connection.request.path
        async with self.changed:
            self.connected[path] = connection
            self.changed.notify_all()
        async for text in connection:
            if '"BootNotification"' in text:
                answer = '{"status":"Accepted","interval":300,"currentTime":"2026-01-01T00:00:00Z"}'
            elif '"StartTransaction"' in text:
                answer = '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}'
            elif text.startswith("[2"):
                answer = "{}"
                if '"MeterValues"' in text:
                    await self.meter_values(text)
            else:
                self.answers.put_nowait(text)
                continue
            message_id = text.split('"')[1]
            await connection.send(f'[3,"{message_id}",{answer}]')
        async with self.changed:
            self.connected.pop(path, None)
            self.gone.append((path, connection.close_code))
            self.changed.notify_all()

    async def meter_values(self, text):
        async with self.changed:
            self.values.append(json.loads(text)[3]["meterValue"][0]["sampledValue"][0]["value"])
            self.changed.notify_all()
        if self.until_answer is not None:
            self.in_hand.set()
            await self.until_answer.wait()

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: condition(self))


@asynccontextmanager
async def backend():
    backend = Backend()
    subprotocols = [Subprotocol("ocpp1.6")]
    async with serve(backend.handle, "127.0.0.1", 0, subprotocols=subprotocols, compression=None) as server:
        backend.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield backend


class Noticing:
    """A session's listener, with somebody who is told of every change after it."""

    def __init__(self, listener, changed):
        self._listener, self._changed = listener, changed
        self.link_frame = listener.link_frame

    def link_state(self, route, state, error):
        self._listener.link_state(route, state, error)

    def link_opened(self, route):
        self._listener.link_opened(route)
        self._changed.set()

    def link_closed(self, route, error):
        self._listener.link_closed(route, error)
        self._changed.set()


class WatchedDialler(Dialler):
    """A Dialler with an event for whoever waits until links are open."""

    def __init__(self):
        super().__init__(Limits(first_delay=0.01), jitter=lambda: 0.0)
        self.changed = asyncio.Event()

    def __call__(self, target, ocpp_version, listener):
        return super().__call__(target, ocpp_version, Noticing(listener, self.changed))


@asynccontextmanager
async def runtime(name="runtime-a", pace=SELDOM):
    loop = asyncio.get_running_loop()
    dialler = WatchedDialler()
    writer = Writer(loop)
    writer.start()
    runtime = Runtime(loop, dialler, writer, name, pace=pace)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()
        await dialler.settled(PATIENCE)
        await writer.stop()


async def links_open(here, count):
    """Wait until the runtime, too, knows that its handshakes are done."""
    async with asyncio.timeout(PATIENCE):
        while here.counts()["open_links"] != count:
            here._dial.changed.clear()
            await here._dial.changed.wait()


@sync_to_async
def charger(identity, url=None, role="billing", **fields):
    row = apps.get_model("chargers", "Charger").objects.create(identity=identity, **fields)
    if url is not None:
        backoffice, _ = Backoffice.objects.get_or_create(name=f"{role} of all", url=url)
        Route.objects.create(charger=row, backoffice=backoffice, role=role)
    return row.pk


def request(charger, **fields):
    return Attach(
        charger=charger,
        identity=f"CP-{charger}",
        ocpp_version=fields.get("ocpp_version", "1.6"),
        remote_address=fields.get("remote_address", "192.0.2.1"),
    )


@sync_to_async
def session_row(charger):
    return ChargerSession.objects.get(pk=charger)


@sync_to_async
def update(model, pk, **fields):
    model.objects.filter(pk=pk).update(**fields)
