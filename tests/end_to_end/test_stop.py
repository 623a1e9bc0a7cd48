"""The process is told to stop while something else has stopped already (architecture 5)."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulators.backoffice import SimulatedBackoffice
from simulators.charger import Habits
from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Nobody else can write to it, and whoever tries waits."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def half_open(site: Site, identity: str) -> asyncio.StreamWriter:
    """A charger that is connected and from then on answers nothing, not even a close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.proxy.port)
    writer.write(
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: proxy\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return writer


@pytest.mark.parametrize("database", ["there", "away"])
async def test_a_stop_is_in_time_whoever_does_not_answer(own_site: Site, database: str) -> None:
    billing, energy = await own_site.backoffice("billing", 100), await own_site.backoffice("energy", 900)
    identity, other = own_site.identity(), own_site.identity("HALF-OPEN")
    await own_site.configure(identity, other)
    charger = await own_site.booted(identity)
    await charger.start(1, "CARD-1")
    await energy.wait_session(identity, stopped=False)
    silent = await half_open(own_site, other)
    await billing.wait_connected(other)
    energy.behaviour.hold()
    await charger.meter(1, seconds=60)
    await billing.wait_for(identity, "MeterValues")
    if database == "away":
        with locked(own_site.proxy.data / "db.sqlite3"):
            await charger.heartbeat()
            code = await own_site.proxy.end(signal.SIGTERM)
    else:
        code = await own_site.proxy.end(signal.SIGTERM)
    energy.behaviour.let_go()
    silent.close()
    assert code == 0, own_site.proxy.log
    spooled = list((own_site.proxy.data / "spool").glob("*.spool"))
    assert bool(spooled) == (database == "away")  # what was not stored comes back with the next start


METER_VALUES = {"1.6": "MeterValues", "2.0.1": "TransactionEvent"}
VALUES = 12


def numbered(backoffice: SimulatedBackoffice, identity: str) -> list[str]:
    """What a backoffice was asked about sessions, in order; what comes twice is in here twice."""
    actions = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
    calls = [e for e in backoffice.record(identity) if e.direction == "received" and e.action in actions]
    return [json.dumps([call.action, call.payload], sort_keys=True) for call in calls if call.is_call]


@pytest.mark.parametrize("version", ["2.0.1"])  # 1.6: test_kill, and both in the harness of faults
async def test_told_to_stop_in_mid_traffic(own_site: Site, version: str) -> None:
    billing, energy = await own_site.backoffice("billing", 100), await own_site.backoffice("energy", 900)
    identity = own_site.identity()
    await own_site.configure(identity)
    habits = Habits(retry_s=0.2)
    charger = await own_site.booted(identity, version, habits=habits, retry_s=0.2, longest_retry_s=0.5)
    await charger.start(1, "CARD-1")
    await energy.wait_session(identity, stopped=False)
    for backoffice in (billing, energy):
        backoffice.behaviour.delay_s = 0.3

    async def charge() -> None:
        for _ in range(VALUES):
            await charger.meter(1, seconds=60)
        await charger.stop(1)

    charging = asyncio.create_task(charge())
    for backoffice in (billing, energy):  # both have been asked, and will answer in a moment
        await backoffice.wait_for(identity, METER_VALUES[version], count=2, answered=False)
    assert await own_site.proxy.end(signal.SIGTERM) == 0, own_site.proxy.log
    await own_site.proxy.start()
    await charging
    for backoffice in (billing, energy):
        session = await backoffice.wait_session(identity, timeout_s=60)
        assert len(session.meter_values) == VALUES
        assert session.energies_wh == sorted(set(session.energies_wh))
        asked = numbered(backoffice, identity)
        assert len(asked) == len(set(asked)) == VALUES + 2
        assert backoffice.problems(identity) == []
