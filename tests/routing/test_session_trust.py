"""The actor of one charger while it is not known whether the session is still ours: silent, and in order."""

import json
from math import inf

import pytest

from routing import session as module
from routing.bus import Attach
from tests.routing.test_session import Store, session_with

pytestmark = pytest.mark.asyncio

HEARTBEAT = '[2,"beat","Heartbeat",{}]'


def heartbeat(number):
    return HEARTBEAT.replace('"beat"', f'"{number}"')


class Trust:
    """Lost and found by hand."""

    def __init__(self):
        self.until = inf
        self.asked = 0

    def ask(self):
        self.asked += 1


class Socket:
    def __init__(self):
        self.sent = []
        self.closed = []

    def send(self, text):
        self.sent.append(text)

    def close(self, code, reason):
        self.closed.append((code, reason))

    def answered(self):
        return [json.loads(text)[1] for text in self.sent if text.startswith("[3")]


@pytest.fixture
async def trust():
    return Trust()


@pytest.fixture
async def session(trust):
    session, link = session_with(Store(), trust)
    yield session, link
    session.abandon()


@pytest.fixture
async def charger(session, trust):
    """A charger that has booted, when the process has stood still."""
    socket = Socket()
    request = Attach(charger=1, identity="CP-1", ocpp_version="1.6", remote_address="test")
    attachment = session[0].attach(request, socket)
    attachment.up('[2,"boot","BootNotification",{"chargePointModel":"M","chargePointVendor":"V"}]')
    accept(session)
    attachment.up(HEARTBEAT)
    assert "beat" in socket.answered()
    socket.sent.clear()
    session[1].sent.clear()
    trust.until = -inf
    return attachment, socket


def accept(session):
    """Billing accepts what it was asked last."""
    link = session[1]
    payload = '{"status":"Accepted","interval":300,"currentTime":"2026-01-01T00:00:00Z"}'
    session[0].link_frame(1, f"[3,{json.dumps(json.loads(link.sent[-1])[1])},{payload}]")


async def test_nothing_is_said_before_it_is_known(session, trust, charger):
    attachment, socket = charger
    stored = len(session[0]._writer.rows)
    attachment.up(HEARTBEAT)
    session[0].link_frame(1, '[2,"ask","Reset",{"type":"Soft"}]')
    session[0]._tick()
    assert not socket.sent
    assert not session[1].sent
    assert len(session[0]._writer.rows) == stored
    assert trust.asked


async def test_a_session_that_is_ours_goes_on_in_order(session, trust, charger):
    attachment, socket = charger
    for number in range(3):
        attachment.up(heartbeat(number))
    trust.until = inf
    attachment.up(heartbeat(3))
    assert not socket.sent, "what came before has waited longer"
    session[0].go_on()
    assert socket.answered() == ["0", "1", "2", "3"]
    attachment.up(HEARTBEAT)
    assert socket.answered()[-1] == "beat"


async def test_a_session_that_is_not_ours_falls_silent(session, trust, charger):
    attachment, socket = charger
    attachment.up(HEARTBEAT)
    session[0].abandon()
    trust.until = inf
    session[0].go_on()
    assert not socket.sent
    assert not session[1].sent
    assert socket.closed == [(1012, "moved")]


async def test_what_a_charger_said_on_a_socket_that_is_gone_is_not_heard(session, trust, charger):
    """It has given up, and says it again elsewhere or here."""
    attachment, _ = charger
    attachment.up('[2,"lost","DataTransfer",{"vendorId":"V"}]')
    attachment.detach(1006)
    trust.until = inf
    session[0].go_on()
    assert not [text for text in session[1].sent if "DataTransfer" in text]
    assert not session[0].online


async def test_a_new_link_hears_nothing_before_its_boot(session, trust, charger):
    """Its loss is known before what the charger said meanwhile is passed on."""
    attachment, _ = charger
    attachment.up('[2,"data","DataTransfer",{"vendorId":"V"}]')
    session[0].link_frame(1, '[2,"ask","ClearCache",{}]')
    session[0].link_closed(1, "lost")
    session[0].link_opened(1)
    trust.until = inf
    session[0].go_on()
    assert "BootNotification" in session[1].sent[0]
    assert not [text for text in session[1].sent if "DataTransfer" in text or '"ask"' in text]


async def test_a_link_that_came_and_went_was_never_there(session, trust, charger):
    session[0].link_closed(1, "lost")
    session[0].link_opened(1)
    session[0].link_closed(1, "lost again")
    trust.until = inf
    session[0].go_on()
    assert not session[1].sent
    charger[0].up('[2,"data","DataTransfer",{"vendorId":"V"}]')
    assert not session[1].sent


async def test_memory_is_bounded_and_no_event_is_lost(session, trust, charger, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    attachment, socket = charger
    for number in range(4):
        attachment.up(heartbeat(number))
    session[0].link_closed(1, "lost")
    trust.until = inf
    session[0].go_on()
    assert socket.answered() == ["0", "1"]
    attachment.up('[2,"data","DataTransfer",{"vendorId":"V"}]')
    assert not session[1].sent


async def test_a_stop_says_nothing_of_what_waits(session, trust, charger):
    attachment, socket = charger
    attachment.up(HEARTBEAT)
    session[0].stop(1012, "service restart")
    trust.until = inf
    session[0].go_on()
    assert not socket.answered()
    assert not session[1].sent
    assert socket.closed[-1] == (1012, "service restart")
