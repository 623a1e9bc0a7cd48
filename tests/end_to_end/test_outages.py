"""Backoffices that are down, frozen, refusing, rude or slow (issue 2, acceptance; semantics rule 8)."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from simulators.backoffice import Rudeness, SimulatedBackoffice
from simulators.charger import SimulatedCharger
from tests.end_to_end.conftest import Site
from tests.end_to_end.proxy import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

VALUES = 5


def stopped(energy: SimulatedBackoffice) -> Any:
    """The backoffice is gone from the network."""
    return _stopped(energy)


@asynccontextmanager
async def _stopped(energy: SimulatedBackoffice) -> AsyncIterator[None]:
    await energy.stop()
    yield
    await energy.start()


@asynccontextmanager
async def refusing(energy: SimulatedBackoffice) -> AsyncIterator[None]:
    """It loses the link and refuses every handshake."""
    energy.behaviour.refuse_status = 503
    for identity in energy.chargers:
        energy.drop(identity)
    await energy.wait_refused()
    yield
    energy.behaviour.refuse_status = None


@asynccontextmanager
async def garbage(energy: SimulatedBackoffice) -> AsyncIterator[None]:
    """It answers what is no OCPP."""
    energy.behaviour.rude = Rudeness.GARBAGE
    yield
    energy.behaviour.rude = None


@asynccontextmanager
async def late(energy: SimulatedBackoffice) -> AsyncIterator[None]:
    """It answers, but much later."""
    energy.behaviour.hold()
    yield
    energy.behaviour.let_go()


@pytest.mark.parametrize("trouble", [stopped, refusing, garbage, late], ids=lambda t: t.__name__)
async def test_nobody_else_notices_and_nothing_is_lost(
    site: Site, trouble: Callable[[SimulatedBackoffice], Any]
) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    retry = {"options": {"T_up": 2, "retry_interval": 1, "retry_attempts": 30}}
    await site.configure(identity, routes={"energy": retry})
    charger = await site.booted(identity)
    await charger.start(1, "CARD-1")
    await energy.wait_session(identity, stopped=False)
    async with trouble(energy):
        for _ in range(VALUES):
            await charger.meter(1, seconds=60)
        await charger.stop(1)
        await charger.status(1, "Available")
        await charger.heartbeat()
        assert await charger.authorize("CARD-2")
        await charger.start(1, "CARD-2")
        await charger.stop(1)
        await billing.wait_session(identity, count=2)
    for number in (1, 2):
        await energy.wait_session(identity, count=number, timeout_s=60)
    assert [len(s.meter_values) for s in energy.sessions(identity)] == [VALUES, 0]
    assert [s.transaction_id for s in energy.sessions(identity)] == [900, 901]
    assert billing.problems(identity) == energy.problems(identity) == []


class Frozen:
    """A backoffice in a process of its own, that can be stopped in mid-breath."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"ws://127.0.0.1:{port}/ocpp/{{identity}}"

    def freeze(self) -> None:
        """Stop it without its noticing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def line(self, found: Callable[[str], bool]) -> str:
        """The next printed line that fits."""
        assert self.process.stdout is not None  # it is a pipe
        async with asyncio.timeout(60):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, "the backoffice has ended"
                if found(line):
                    return line


@asynccontextmanager
async def backoffice_process() -> AsyncIterator[Frozen]:
    """A recording backoffice in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.end_to_end.recorder", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None  # it is a pipe
    port = int((await process.stdout.readline()).split()[-1])
    try:
        yield Frozen(process, port)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        await process.wait()


async def test_a_frozen_backoffice_gets_everything_once_when_it_wakes(site: Site) -> None:
    billing = await site.backoffice("billing", 100)
    identity = site.identity()
    async with backoffice_process() as energy:
        site.backoffices["energy"] = energy  # type: ignore[assignment]  # only its URL is asked for
        await site.configure(identity)
        del site.backoffices["energy"]
        charger = await site.booted(identity)
        await charger.start(1, "CARD-1", 0)
        await energy.line(lambda line: "StartTransaction" in line)
        energy.freeze()
        await charged(charger)
        session = await billing.wait_session(identity)
        assert len(session.meter_values) == VALUES
        energy.thaw()
        seen = [
            await energy.line(lambda line: "Transaction" in line or "Meter" in line)
            for _ in range(VALUES + 1)
        ]
    assert [line.split()[0] for line in seen] == ["MeterValues"] * VALUES + ["StopTransaction"]
    assert [line.split()[1] for line in seen] == [str(n) for n in range(1, VALUES + 1)] + ["stop"]


def _is_transaction(line: str) -> bool:
    return line.startswith(("MeterValues", "StopTransaction"))


async def charged(charger: SimulatedCharger) -> None:
    """Meter values with the registers 1, 2, 3 ... and a stop."""
    for number in range(1, VALUES + 1):
        await charger.meter(1, energy_wh=number)
    await charger.stop(1)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_billing_is_away_in_mid_session(site: Site, version: str) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    await site.configure(identity)
    charger = await site.booted(identity, version)
    assert await charger.authorize("CARD-1")
    await charger.start(1, "CARD-1")
    await charger.meter(1, seconds=60)
    await billing.wait_session(identity, stopped=False)
    told = "MeterValues" if version == "1.6" else "TransactionEvent"
    await billing.wait_for(identity, told, where=lambda payload: "meterValue" in payload)  # and answered
    await billing.stop()
    for _ in range(3):
        await charger.meter(1, seconds=60)
    assert await charger.authorize("CARD-1")  # accepted by Billing before
    assert not await charger.authorize("CARD-9")  # never seen: the offline policy says no
    await charger.stop(1)
    await energy.wait_session(identity)
    await billing.start()
    session = await billing.wait_session(identity, timeout_s=60)
    assert len(session.meter_values) == 4
    assert len(billing.sessions(identity)) == 1
    assert billing.problems(identity) == energy.problems(identity) == []


async def test_a_session_begins_and_ends_while_billing_is_away(site: Site) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identity = site.identity()
    await site.configure(identity, charger={"options": {"auth_offline": "accept"}})
    charger = await site.booted(identity)
    await billing.stop()
    await charger.start(1, "CARD-1", 0)
    await charged(charger)
    await energy.wait_session(identity)
    await billing.start()
    session = await billing.wait_session(identity, timeout_s=60)
    assert (session.transaction_id, len(session.meter_values)) == (100, VALUES)
    assert billing.problems(identity) == energy.problems(identity) == []
