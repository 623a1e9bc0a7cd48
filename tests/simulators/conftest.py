"""A charger and a backoffice that talk to each other directly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulators.backoffice import SimulatedBackoffice
from simulators.charger import Habits, SimulatedCharger, simulated_charger

IDENTITY = "CP-1"


@pytest.fixture
async def backoffice() -> AsyncIterator[SimulatedBackoffice]:
    async with SimulatedBackoffice() as backoffice:
        yield backoffice


@pytest.fixture(params=["1.6", "2.0.1", "2.1"])
def version(request) -> str:
    return str(request.param)


@pytest.fixture
async def charger(backoffice: SimulatedBackoffice, version: str) -> AsyncIterator[SimulatedCharger]:
    """Connected, not booted; a minute takes 0.6 s, retries come at once."""
    habits = Habits(connectors=2, time_scale=100, retry_s=0.001)
    charger = simulated_charger(backoffice.url_of(IDENTITY), version, habits=habits, retry_s=0.001)
    async with charger:
        yield charger
