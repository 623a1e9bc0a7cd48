"""A charger that lives on its own."""

from __future__ import annotations

import asyncio

import pytest

from simulators.charger import Habits, simulated_charger
from simulators.charger.life import Routine, live
from tests.simulators import words
from tests.simulators.conftest import IDENTITY


@pytest.fixture(params=["1.6", "2.1"])
def version(request):
    return request.param


@pytest.fixture
async def charger(backoffice, version):
    """Lives half an hour in a second."""
    habits = Habits(connectors=2, time_scale=1800, retry_s=1)
    charger = simulated_charger(backoffice.url_of(IDENTITY), version, habits=habits, retry_s=0.001)
    routine = Routine(session_s=240, pause_s=60, seed=1)
    living = asyncio.create_task(live(charger, routine))
    yield charger
    living.cancel()
    await asyncio.wait([living])
    await charger.close()


async def test_charges_one_car_after_the_other(charger, backoffice, version):
    session = await backoffice.wait_session(IDENTITY, count=2)
    assert len(session.meter_values) >= 10
    assert session.energies_wh[-1] > session.energies_wh[0]
    assert backoffice.problems(IDENTITY) == []


async def test_lives_through_a_restart_of_its_backoffice(charger, backoffice, version):
    await backoffice.wait_session(IDENTITY, stopped=False)
    await backoffice.stop()
    await backoffice.start()
    await backoffice.wait_session(IDENTITY, count=3)
    assert [problem for problem in backoffice.problems(IDENTITY) if "twice" not in problem] == []


async def test_measures_sessions_that_were_begun_remotely(charger, backoffice, version):
    backoffice.policy.refused_tags.update(Routine().id_tags)
    await backoffice.wait_for(IDENTITY, "StatusNotification", count=2)
    await backoffice.call(IDENTITY, *words.remote_start(version, "APP"))
    session = await backoffice.wait_session(IDENTITY)
    assert len(session.meter_values) >= 10


async def test_begins_when_its_backoffice_comes_up(backoffice, version):
    await backoffice.stop()
    charger = simulated_charger(backoffice.url_of(IDENTITY), version, retry_s=0.001)
    living = asyncio.create_task(live(charger))
    await backoffice.start()
    await backoffice.wait_for(IDENTITY, "StatusNotification")
    living.cancel()
    await asyncio.wait([living])
    await charger.close()
