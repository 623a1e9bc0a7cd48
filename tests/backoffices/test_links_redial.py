import asyncio
import math
import random
from itertools import pairwise

import pytest

from backoffices.links import Dialler, backoff
from backoffices.sockets import Limits
from tests.backoffices.dialling import backoffice, stay
from tests.backoffices.peers import PATIENCE, Recorder, target


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


AT_ONE_ADDRESS = "ws://cpo.example:9000/{}"


def lost_together(dialler, count):
    """After how many seconds links that were lost in one moment are dialled again."""
    return [dialler.redial_delay(AT_ONE_ADDRESS.format(n), 0, now=100.0) for n in range(count)]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_a_lone_link_is_dialled_again_within_a_second(jitter):
    assert lost_together(Dialler(jitter=lambda: jitter), 1) == [1 - jitter / 2]


@pytest.mark.parametrize("jitter", [random.Random(1).random, lambda: 0.0, lambda: 1.0])
def test_links_that_are_lost_together_are_dialled_again_one_after_the_other(jitter):
    delays = lost_together(Dialler(jitter=jitter), 1000)
    gaps = [later - earlier for earlier, later in pairwise(delays)]
    assert all(gap > 0.0049 for gap in gaps), "200 a second"
    assert 0.5 <= delays[0] <= 1
    assert 5.4 < delays[-1] < 6.1


def test_links_elsewhere_and_later_are_not_held_up():
    dialler = Dialler(jitter=lambda: 0.0)
    lost_together(dialler, 1000)
    assert dialler.redial_delay("ws://energy.example/1", 0, now=100.0) == 1
    assert dialler.redial_delay("wss://cpo.example:9001/1", 0, now=100.0) == 1
    assert dialler.redial_delay(AT_ONE_ADDRESS.format(1), 0, now=107.0) == 1


def test_what_has_failed_again_waits_its_back_off_alone():
    dialler = Dialler(jitter=lambda: 0.0)
    lost_together(dialler, 1000)
    assert [dialler.redial_delay(AT_ONE_ADDRESS.format(1), attempt, now=100.0) for attempt in (1, 2)] == [
        2,
        4,
    ]


def test_addresses_are_forgotten():
    dialler = Dialler(jitter=lambda: 0.0)
    for number in range(9):
        dialler.redial_delay(f"ws://cp-{number}.example/", 0, now=100.0 + number)
    dialler.tick(105.0)
    assert len(dialler._last_redials) == 4
    dialler.tick(200.0)
    assert dialler._last_redials == {}


@standard_loop
async def test_all_links_of_a_backoffice_that_goes_come_back_in_turn(monkeypatch):
    delays = Delays(monkeypatch)
    dialler = Dialler(Limits(redials=0.01), jitter=lambda: 0.0)
    recorders = [Recorder() for _ in range(5)]
    async with backoffice(stay) as port:
        links = [dialler(target(port, route=n), "1.6", recorder) for n, recorder in enumerate(recorders)]
        for recorder in recorders:
            await recorder.until("opened")
    for recorder in recorders:
        await recorder.until("waiting")
    for link in links:
        link.close(1000, "")
    assert [round(delay / 100) for delay in delays.asked[:5]] == [0, 1, 2, 3, 4]


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

    dialler = Dialler(Limits(redials=math.inf), jitter=lambda: 0.0)
    async with backoffice(behave) as port:
        link = dialler(target(port), "1.6", recorder)
        for _ in range(5):
            await recorder.until("waiting")
        link.close(1000, "")
    assert delays.asked == [1, 2, 1, 2, 4]

    steady = Dialler(Limits(steady=0, redials=math.inf), jitter=lambda: 0.0)
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


async def test_a_link_is_dialled_when_it_may(dialler, recorder):
    asked, allowed = asyncio.Event(), asyncio.Event()
    came = []

    async def handle(connection):
        came.append(connection)
        await stay(connection)

    async def may_dial():
        asked.set()
        await allowed.wait()

    dialler.may_dial = may_dial
    async with backoffice(handle) as port:
        link = dialler(target(port), "1.6", recorder)
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
        assert not came
        assert not link.open
        allowed.set()
        await recorder.until("opened")
