"""Liveness and readiness never wait; readiness names what is missing."""

from types import SimpleNamespace

import pytest

from backoffices import current
from proxy_site import health
from proxy_site.plain import Answer
from routing import bus


class Anybody:
    async def attach(self, request, socket):
        raise AssertionError("health does not attach")


class Runtime:
    """Stands for a Runtime whose database has been away for so long."""

    def __init__(self, away_s):
        self.life = SimpleNamespace(away_s=away_s)


@pytest.fixture
def sessions_run():
    bus.install(bus.LocalBus(Anybody()))
    yield
    bus.install(None)


@pytest.fixture
def database_away(monkeypatch):
    monkeypatch.setattr(current, "get", lambda: Runtime(12.3))


async def test_livez_needs_nothing():
    assert await health.livez({}) == Answer(200, "ok\n")


async def test_not_ready_before_sessions_run():
    answer = await health.readyz({})
    assert answer.status == 503
    assert "starting or stopping" in answer.text


async def test_ready_when_sessions_run(sessions_run, monkeypatch):
    monkeypatch.setattr(current, "get", lambda: Runtime(None))
    assert await health.readyz({}) == Answer(200, "ok\n")


async def test_a_database_that_is_away_is_told_and_takes_no_process_out(sessions_run, database_away):
    answer = await health.readyz({})
    assert answer == Answer(200, "ok, but no new charger can be let in: no database for 12 s\n")


async def test_a_process_that_stops_is_not_ready_whatever_the_database_does(database_away):
    assert (await health.readyz({})).status == 503


async def test_answers_are_plain_text():
    sent = []

    async def send(message):
        sent.append(message)

    await health.answer({"path": "/livez"}, send)
    assert sent[0]["status"] == 200
    assert (b"content-type", b"text/plain; charset=utf-8") in sent[0]["headers"]
    assert sent[1]["body"] == b"ok\n"
