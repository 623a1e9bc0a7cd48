"""Liveness never waits; readiness names what is missing."""

import threading

import pytest
from django.db import OperationalError

from proxy_site import health
from routing import bus


class Anybody:
    async def attach(self, request, socket):
        raise AssertionError("health does not attach")


@pytest.fixture
def sessions_run():
    bus.install(bus.LocalBus(Anybody()))
    yield
    bus.install(None)


async def test_livez_needs_nothing():
    assert await health.livez() == (200, "ok")


async def test_not_ready_before_sessions_run():
    status, reason = await health.readyz()
    assert status == 503
    assert "starting or stopping" in reason


async def test_ready_when_sessions_run_and_the_database_answers(sessions_run, monkeypatch):
    monkeypatch.setattr(health, "_ask_database", lambda: None)
    assert await health.readyz() == (200, "ok")


async def test_a_database_that_hangs_makes_it_unready_within_the_limit(sessions_run, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(health, "_ask_database", released.wait)
    assert await health.readyz(seconds=0.01) == (503, "the database did not answer within 0.01 s")
    released.set()


async def test_a_database_that_refuses_makes_it_unready_without_telling_secrets(sessions_run, monkeypatch):
    def refuse():
        raise OperationalError("password authentication failed for user secret")

    monkeypatch.setattr(health, "_ask_database", refuse)
    status, reason = await health.readyz()
    assert status == 503
    assert "secret" not in reason


async def test_answers_are_plain_text(monkeypatch):
    sent = []

    async def send(message):
        sent.append(message)

    await health.answer("/livez", send)
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"ok\n"
