"""A backoffice that was away is told what it has missed at the pace that it has agreed to.

With an hour of 100 chargers, and with figures: ``python -m benchmarks.catch_up``.
"""

from __future__ import annotations

import asyncio

import pytest

from simulators.backoffice import ChargerView, SimulatedBackoffice
from simulators.charger import SimulatedCharger
from simulators.record import Entry
from tests.end_to_end.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHARGERS, AT_ONCE = 12, 3
MISSED = 20
"""Meter values of the session that runs while the backoffice is away."""

OF_A_SESSION = ("StartTransaction", "MeterValues", "StopTransaction")
PATIENT = {"options": {"T_up": 300}}


class Desk:
    """Counts what a backoffice is asked of sessions: now, at most at once, and by whom in which order."""

    def __init__(self, backoffice: SimulatedBackoffice) -> None:
        self.outstanding = self.most = 0
        self.asked: list[str] = []
        self.changed = asyncio.Event()
        backoffice.on_arrival = self._arrived

    def _arrived(self, view: ChargerView) -> None:
        view.record.listener = lambda entry: self._note(view.identity, entry)

    def _note(self, identity: str, entry: Entry) -> None:
        if entry.action not in OF_A_SESSION:
            return
        if entry.is_call:
            self.asked.append(identity)
            self.outstanding += 1
            self.most = max(self.most, self.outstanding)
        else:
            self.outstanding -= 1
        self.changed.set()

    async def wait_outstanding(self, count: int) -> None:
        """Pass once so many are outstanding."""
        async with asyncio.timeout(60):
            while self.outstanding < count:
                self.changed.clear()
                await self.changed.wait()


async def miss_much(charger: SimulatedCharger) -> None:
    """A session that runs ends, and another begins and ends."""
    for _ in range(MISSED):
        await charger.meter(1, seconds=60)
    await charger.stop(1)
    await charger.start(1, "CARD-2")
    await charger.meter(1, seconds=60)
    await charger.stop(1)


async def back(site: Site, energy: SimulatedBackoffice, identities: list[str]) -> None:
    """The backoffice returns; passes when it has answered what needs no slot, for every charger."""
    await energy.start()
    for identity in identities:
        await energy.wait_for(identity, "StatusNotification", count=2, timeout_s=60)


async def test_no_more_at_once_than_agreed_and_all_chargers_in_turn(site: Site) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    identities = [site.identity(f"CP{number}") for number in range(CHARGERS)]
    await site.configure(
        *identities, routes={"energy": PATIENT}, backoffices={"energy": {"catch_up": AT_ONCE}}
    )
    chargers = [await site.booted(identity) for identity in identities]
    for charger in chargers:
        await charger.start(1, "CARD-1")
        await energy.wait_session(charger.identity, stopped=False)
    await energy.stop()
    await asyncio.gather(*(miss_much(charger) for charger in chargers))

    desk = Desk(energy)
    energy.behaviour.hold(*OF_A_SESSION)
    energy.behaviour.delay_s = 0.005
    await back(site, energy, identities)
    await desk.wait_outstanding(AT_ONCE)
    assert len(set(desk.asked)) == AT_ONCE

    await chargers[0].start(1, "CARD-3")  # who is being told what waits keeps no charger waiting
    await billing.wait_session(identities[0], count=3, stopped=False)
    assert desk.outstanding == AT_ONCE

    energy.behaviour.let_go()
    for identity in identities:
        await energy.wait_session(identity, count=2, timeout_s=60)
    await chargers[0].stop(1)
    await energy.wait_session(identities[0], count=3, timeout_s=60)
    assert desk.most == AT_ONCE
    each = MISSED + 4
    until_one_was_told_all = min(
        [at for at, who in enumerate(desk.asked) if who == identity][each - 1] for identity in identities
    )
    assert set(desk.asked[:until_one_was_told_all]) == set(identities)
    assert len(desk.asked) == CHARGERS * each + 2
    for identity in identities:
        assert [len(s.meter_values) for s in energy.sessions(identity)][:2] == [MISSED, 1]
        assert billing.problems(identity) == energy.problems(identity) == []
