"""A charger that lives on its own: cars come, charge and leave."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass

from simulators.charger.base import SimulatedCharger
from simulators.charger.car import Car
from simulators.charger.errors import CallFailed
from simulators.charger.state import Connector

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Routine:
    """What a day at the charger is like. Times in simulated seconds, varied by a quarter.

    ``id_tags``: the cards people come with. ``seed``: the same seed, the same day.
    """

    id_tags: tuple[str, ...] = ("SIM-TAG-1", "SIM-TAG-2", "SIM-TAG-3")
    session_s: float = 3600
    pause_s: float = 600
    seed: int | None = None


async def live(charger: SimulatedCharger, routine: Routine | None = None) -> None:
    """Connect, boot, and charge one car after the other on each connector, until cancelled."""
    day, chance = routine or Routine(), random.Random((routine or Routine()).seed)
    await charger.connect(patient=True)
    await _boot(charger)
    async with asyncio.TaskGroup() as connectors:
        for connector in charger.connectors.values():
            connectors.create_task(_connector(charger, connector, day, chance))


async def _boot(charger: SimulatedCharger) -> None:
    while charger.registration != "Accepted":
        try:
            await charger.uplink.online.wait()
            await charger.boot()
            await charger.report_statuses()
        except CallFailed as error:
            logger.info("%s: boot failed, trying again: %s", charger.identity, error)
            await charger.pause(10)


async def _connector(
    charger: SimulatedCharger, connector: Connector, day: Routine, chance: random.Random
) -> None:
    while True:
        await _wait_for_a_car(charger, connector, day.pause_s * chance.uniform(0.75, 1.25))
        if connector.transaction is None:
            connector.car = Car(energy_wh=connector.car.energy_wh, soc=chance.uniform(0.15, 0.6))
            await _try_to_begin(charger, connector, chance.choice(day.id_tags))
        await _charge(charger, connector, day.session_s * chance.uniform(0.75, 1.25))


async def _wait_for_a_car(charger: SimulatedCharger, connector: Connector, seconds: float) -> None:
    """Until the next car comes, or a session is begun remotely."""
    waited = 0.0
    while waited < seconds and connector.transaction is None:
        step = min(30.0, seconds - waited)
        await charger.pause(step)
        waited += step


async def _try_to_begin(charger: SimulatedCharger, connector: Connector, id_tag: str) -> None:
    if charger.free(connector.number, id_tag) is None:
        return
    try:
        if await charger.authorize(id_tag):
            await charger.begin(connector.number, id_tag)
    except CallFailed as error:
        logger.info("%s: %s may not charge: %s", charger.identity, id_tag, error)


async def _charge(charger: SimulatedCharger, connector: Connector, seconds: float) -> None:
    """Send meter values as configured until time is up, the car is full or the session was stopped."""
    transaction, charged = connector.transaction, 0.0
    while transaction is not None and connector.transaction is transaction:
        interval_s = charger.meter_interval_s()
        await charger.pause(interval_s)
        if connector.transaction is not transaction:
            return
        charged += interval_s
        await charger.meter(connector.number, seconds=interval_s)
        if connector.transaction is transaction and (charged >= seconds or connector.car.soc >= 1):
            await charger.finish(connector.number, "EVDisconnected")
