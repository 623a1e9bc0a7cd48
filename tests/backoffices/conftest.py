"""Which loops the tests of this room run on, and what they dial with."""

import asyncio

import pytest
import uvloop

from backoffices.links import Dialler
from tests.backoffices.dialling import QUICK
from tests.backoffices.peers import PATIENCE, Recorder


def pytest_asyncio_loop_factories(config, item):
    """Links run on both: uvloop is what we serve on, asyncio what a machine without it has."""
    if item.path.stem.startswith("test_links"):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def dialler():
    dialler = Dialler(QUICK, jitter=lambda: 0.0)
    yield dialler
    for link in tuple(dialler.links):
        link.close(1001, "the test ends")
    assert await dialler.settled(PATIENCE) == 0


@pytest.fixture
async def recorder():
    return Recorder()
