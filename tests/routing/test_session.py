"""The actor of one charger, alone: what it does about passwords that backoffices set."""

import asyncio
import json

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError

from backoffices.pacing import Pacer
from routing.bus import Attach
from routing.core.decisions import Load, Loaded, Memory
from routing.core.snapshot import ChargerSnapshot
from routing.links import DialTarget, LinkListener
from routing.session import Session
from routing.traffic import OFTEN, Traffic
from tests.routing.core.harness import BILLING

pytestmark = pytest.mark.asyncio

KEYS = ["00" * 16, "11" * 16, "22" * 16]


class Writer:
    """Everything is safe at once."""

    def __init__(self):
        self.rows = []

    def put(self, charger, epoch, rows, done=None):
        self.rows += rows
        if done is not None:
            done()

    async def flush(self):
        pass


class Link:
    def __init__(self):
        self.sent = []

    def send(self, text):
        self.sent.append(text)

    def close(self, code, reason):
        pass

    def set_ping(self, seconds):
        pass


class Socket:
    def send(self, text):
        pass

    def close(self, code, reason):
        pass


class Store:
    """Keeps passwords one after the other, and slowly; ``faults`` are how often it fails first."""

    def __init__(self, faults=0):
        self.faults = faults
        self.kept = []
        self.busy = 0
        self.go_on = asyncio.Event()

    async def set_password(self, route, password):
        self.busy += 1
        assert self.busy == 1, "one at a time"
        await self.go_on.wait()
        self.busy -= 1
        if self.faults:
            self.faults -= 1
            raise DatabaseError("locked")
        self.kept.append((route, password))


def session_with(store, trust=None, load_deliveries=None, traffic=None):
    async def no_deliveries(load):
        return Loaded()

    async def no_thinning(route, after):
        return 0, 0

    link = Link()

    def dial(target: DialTarget, ocpp_version: str, listener: LinkListener) -> Link:
        return link

    target = DialTarget(route=1, charger=1, backoffice="billing", url="ws://x/CP-1", username="CP-1")
    session = Session(
        loop=asyncio.get_running_loop(),
        snapshot=ChargerSnapshot(key=1, identity="CP-1", routes=(BILLING,)),
        targets={1: target},
        memory=Memory(),
        epoch=1,
        writer=Writer(),
        dial=dial,
        load_deliveries=load_deliveries or no_deliveries,
        set_password=store.set_password,
        thin_deliveries=no_thinning,
        pacer=Pacer(asyncio.get_running_loop()),
        trust=trust,
        traffic=traffic,
    )
    session.attach(Attach(charger=1, identity="CP-1", ocpp_version="1.6", remote_address="test"), Socket())
    session.link_opened(1)
    return session, link


def give(session, value):
    payload = json.dumps({"key": "AuthorizationKey", "value": value})
    session.link_frame(1, f'[2,"{value[:4]}","ChangeConfiguration",{payload}]')


def answers(link):
    return [json.loads(text)[2] for text in link.sent if text.startswith("[3")]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def test_the_newest_password_is_the_last_one_stored():
    store = Store()
    session, link = session_with(store)
    give(session, KEYS[0])
    await until(lambda: store.busy == 1)
    for value in KEYS[1:]:
        give(session, value)
    assert answers(link) == []
    store.go_on.set()
    await until(lambda: answers(link))
    assert answers(link) == [{"status": "Accepted"}] * 3
    assert store.kept == [(1, bytes.fromhex(KEYS[0])), (1, bytes.fromhex(KEYS[2]))]
    session.stop(1001, "test")


async def test_a_database_that_fails_is_asked_again(monkeypatch, caplog):
    async def at_once(seconds):
        await real_sleep(0)

    real_sleep = asyncio.sleep
    store = Store(faults=2)
    session, _ = session_with(store)
    store.go_on.set()
    monkeypatch.setattr(asyncio, "sleep", at_once)
    give(session, KEYS[0])
    async with asyncio.timeout(10):
        while not store.kept:
            await real_sleep(0)
    assert store.kept == [(1, bytes.fromhex(KEYS[0]))]
    assert len([r for r in caplog.records if "cannot store a new password" in r.getMessage()]) == 2
    assert KEYS[0] not in caplog.text
    session.stop(1001, "test")


async def test_deliveries_are_read_when_the_database_is_back_and_the_log_says_once_that_they_wait(
    monkeypatch, caplog
):
    async def at_once(seconds):
        await real_sleep(0)

    async def load(asked):
        tried.append(asked)
        if len(tried) <= 4:
            raise (OperationalError if len(tried) % 2 else InterfaceError)("away")
        return Loaded()

    real_sleep = asyncio.sleep
    tried: list[Load] = []
    monkeypatch.setattr(asyncio, "sleep", at_once)
    session, _ = session_with(Store(), load_deliveries=load)
    await session._load_and_feed(Load(route=1, after=0, limit=10))
    assert len(tried) == 5
    assert [r.levelname for r in caplog.records if "cannot read deliveries" in r.getMessage()] == ["WARNING"]
    session.stop(1001, "test")


async def test_a_password_that_is_wrong_is_not_stored():
    store = Store()
    session, link = session_with(store)
    give(session, "zz")
    assert json.loads(link.sent[-1])[2] == {"status": "Rejected"}
    await asyncio.sleep(0)
    assert store.busy == 0
    session.stop(1001, "test")


async def test_nothing_is_confirmed_before_it_is_safe():
    store = Store()
    session, link = session_with(store)
    give(session, KEYS[0])
    await until(lambda: store.busy == 1)
    before = list(link.sent)
    give(session, "zz")
    assert link.sent == before
    store.go_on.set()
    await until(lambda: answers(link))
    assert store.kept == [(1, bytes.fromhex(KEYS[0]))]
    assert answers(link) == [{"status": "Accepted"}, {"status": "Rejected"}]
    give(session, "zz")
    assert len(answers(link)) == 3
    session.stop(1001, "test")


async def test_a_new_link_hears_nothing_of_what_the_old_one_was_told():
    store = Store()
    session, link = session_with(store)
    give(session, KEYS[0])
    await until(lambda: store.busy == 1)
    target = DialTarget(route=1, charger=1, backoffice="billing", url="ws://y/CP-1", username="CP-1")
    session.configure(ChargerSnapshot(key=1, identity="CP-1", routes=(BILLING,)), {1: target})
    store.go_on.set()
    await until(lambda: store.kept)
    await asyncio.sleep(0)
    assert answers(link) == []
    session.stop(1001, "test")


async def test_what_is_stored_is_counted_and_so_is_who_comes():
    traffic = Traffic()
    for _ in range(OFTEN):
        session, _link = session_with(Store(), traffic=traffic)
    traffic.take()
    boot = {"chargePointVendor": "v", "chargePointModel": "m"}
    attached = session.attach(
        Attach(charger=1, identity="CP-1", ocpp_version="1.6", remote_address="test"), Socket()
    )
    attached.up(f'[2,"b","BootNotification",{json.dumps(boot)}]')
    session.stop(1001, "test")
    assert traffic.take()[1].up == 1
    assert traffic.comings() == {"1": OFTEN + 1}
