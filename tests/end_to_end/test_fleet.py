"""Two processes of role all on PostgreSQL and Redis: one dies, or a charger leaves it (architecture.md 5)."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from simulators.charger import Habits
from tests import templates
from tests.end_to_end.conftest import Site
from tests.end_to_end.proxy import ProxyProcess
from tests.end_to_end.test_stop import numbered

POSTGRES, REDIS = os.environ.get("TEST_POSTGRES_URL", ""), os.environ.get("TEST_REDIS_URL", "")

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not (POSTGRES and REDIS), reason="TEST_POSTGRES_URL and TEST_REDIS_URL are not set"),
]

SOON: dict[str, Any] = {"retry_s": 0.2, "longest_retry_s": 0.5}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """An empty database on the server of TEST_POSTGRES_URL, dropped afterwards."""
    with templates.postgres_database(f"ocpp_fleet_{secrets.token_hex(4)}") as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(database: str, tmp_path: Path) -> AsyncIterator[tuple[Site, ProxyProcess]]:
    """A site at the first of two processes, and the second."""
    settings = {
        "DATABASE_URL": database,
        "REDIS_URL": REDIS,
        "PROXY_ALLOW_PRIVATE_UPSTREAMS": "true",
        "ALLOWED_HOSTS": "127.0.0.1",
    }
    first, second = ProxyProcess(tmp_path, settings), ProxyProcess(tmp_path, settings)
    async with AsyncExitStack() as stack:
        for process in (first, second):
            await process.start()
            stack.push_async_callback(process.kill)
        yield Site(first, stack), second


async def test_the_charger_goes_on_at_the_other_process(fleet: tuple[Site, ProxyProcess]) -> None:
    site, second = fleet
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, habits=Habits(retry_s=0.5), **SOON)
    await charger.start(1, "CARD-1")
    for _ in range(3):
        await charger.meter(1, seconds=60)
    await energy.stop()
    await charger.meter(1, seconds=60)  # owed to energy by the process that dies
    await site.proxy.kill()
    await energy.start()
    charger.uplink.dialling = replace(charger.uplink.dialling, url=second.url(identity))
    await charger.meter(1, seconds=60)
    await charger.stop(1)
    for backoffice, number in ((billing, 100), (energy, 900)):
        session = await backoffice.wait_session(identity, timeout_s=60)
        assert session.transaction_id == number
        assert len({str(values) for values in session.meter_values}) == 5
        assert len(backoffice.sessions(identity)) == 1


async def test_what_is_stored_comes_once_when_the_charger_dials_the_other_process(
    fleet: tuple[Site, ProxyProcess],
) -> None:
    """A backoffice answers late, to the process that the charger has left: that one says nothing more."""
    site, second = fleet
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, habits=Habits(retry_s=0.5), **SOON)
    await charger.start(1, "CARD-1")
    await energy.wait_session(identity, stopped=False)
    energy.behaviour.hold("MeterValues")
    for _ in range(3):
        await charger.meter(1, seconds=60)  # energy has the first in hand, the others wait
    await energy.wait_for(identity, "MeterValues", answered=False)
    charger.uplink.dialling = replace(charger.uplink.dialling, url=second.url(identity))
    async with connect(second.url(identity), subprotocols=[Subprotocol("ocpp1.6")]):
        await energy.wait_for(identity, "MeterValues", count=2, answered=False)  # the first, of the second
        await said(site.proxy, f"{identity}: another runtime takes over")
        energy.behaviour.let_go()
    await charger.stop(1)
    for backoffice in (billing, energy):
        session = await backoffice.wait_session(identity, timeout_s=60)
        assert len({str(values) for values in session.meter_values}) == 3
        times = Counter(numbered(backoffice, identity))
        assert list(times.values()) == [1, 2 if backoffice is energy else 1, 1, 1, 1]


async def said(process: ProxyProcess, words: str) -> None:
    """Return when a process has printed something."""
    async with asyncio.timeout(10):
        while words not in process.log:  # noqa: ASYNC110 - its log has no events
            await asyncio.sleep(0.05)
