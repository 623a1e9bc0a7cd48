import asyncio

import pytest

from backoffices.links import Dialler, backoff
from backoffices.sockets import Limits
from tests.backoffices.dialling import backoffice, stay
from tests.backoffices.peers import (
    PATIENCE,
    target,
)


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [(0, 0.5, 1), (1, 1, 2), (2, 2, 4), (6, 32, 64), (7, 60, 120), (8, 60, 120), (10_000, 60, 120)],
)
def test_the_back_off_doubles_up_to_two_minutes_with_half_as_jitter(attempt, least, most):
    assert backoff(attempt, Limits(), lambda: 0.0) == most
    assert backoff(attempt, Limits(), lambda: 1.0) == least


class Delays:
    """What a link asks the loop to wait, without waiting it."""

    def __init__(self, monkeypatch):
        self.asked: list[float] = []
        loop = asyncio.get_running_loop()
        later = loop.call_later

        def call_later(delay, callback, *args, **options):
            if getattr(callback, "__name__", "") == "_redial":
                self.asked.append(delay)
                delay = 0
            return later(delay, callback, *args, **options)

        monkeypatch.setattr(loop, "call_later", call_later)


standard_loop = pytest.mark.asyncio(loop_factories=["asyncio"])
"""uvloop's call_later cannot be replaced."""


@standard_loop
async def test_redials_wait_longer_each_time(recorder, monkeypatch):
    delays = Delays(monkeypatch)
    dialler = Dialler(jitter=lambda: 0.0)
    async with backoffice(stay) as port:
        pass
    link = dialler(target(port), "1.6", recorder)
    for _ in range(10):
        await recorder.until("waiting")
    link.close(1000, "")
    assert delays.asked == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]


@standard_loop
async def test_a_frame_or_a_steady_link_begins_the_back_off_anew(recorder, monkeypatch):
    delays = Delays(monkeypatch)
    visits = []

    async def behave(connection):
        visits.append(connection)
        if len(visits) == 3:
            await connection.send("hello")
        await connection.close(1012)

    dialler = Dialler(jitter=lambda: 0.0)
    async with backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        for _ in range(5):
            await recorder.until("waiting")
        link.close(1000, "")
    assert delays.asked == [1, 2, 1, 2, 4]

    steady = Dialler(Limits(steady=0), jitter=lambda: 0.0)
    async with backoffice(behave) as port:
        link = steady(target(port), "1.6", recorder)
        for _ in range(3):
            await recorder.until("waiting")
        link.close(1000, "")
    assert delays.asked[5:] == [1, 1, 1]


@standard_loop
async def test_a_version_that_is_refused_is_tried_again_in_minutes(recorder, monkeypatch):
    delays = Delays(monkeypatch)
    dialler = Dialler(jitter=lambda: 0.0)
    async with backoffice(stay, subprotocols=None) as port:
        link = dialler(target(port), "1.6", recorder)
        await recorder.until("parked")
        await recorder.until("parked")
        link.close(1000, "")
        await dialler.settled(PATIENCE)
    assert delays.asked == [300, 300]
