"""The charger's day: cars from morning to night, one after the other on each connector; nights are idle."""

from __future__ import annotations

import asyncio

from simulators.charger import Habits, SimulatedCharger, simulated_charger
from simulators.charger.life import Routine, live

IDENTITY = "ENDURANCE-1"
DAY_S, NIGHT_S = 16 * 3600.0, 8 * 3600.0
"""The run begins in the morning."""

KEPT_FRAMES = 500


def charger_for(url: str, version: str, speed: float) -> SimulatedCharger:
    """A charger with two connectors that reports its meters each simulated minute."""
    charger = simulated_charger(
        url,
        version,
        habits=Habits(connectors=2, time_scale=speed, attempts=10**6, retry_s=30 / speed),
        call_timeout_s=5,
        retry_s=10 / speed,
        longest_retry_s=1,
    )
    charger.record.keep = KEPT_FRAMES
    for name in ("MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval"):
        charger.configuration.change(name, "60")
    return charger


class Day:
    """Lives until cancelled; ``settle`` is the evening before all is let go."""

    def __init__(self, charger: SimulatedCharger, seed: int) -> None:
        self.charger = charger
        self.routine = Routine(session_s=2 * 3600, pause_s=1200, seed=seed)

    async def run(self) -> None:
        """Day and night by turns, for ever."""
        while True:
            day = asyncio.create_task(live(self.charger, self.routine))
            try:
                await self.charger.pause(DAY_S)
            finally:
                day.cancel()
                await asyncio.wait({day})
            self.end_sessions()
            await self.charger.pause(NIGHT_S)

    def end_sessions(self) -> None:
        """The last cars leave."""
        for connector in self.charger.connectors.values():
            if connector.transaction:
                self.charger.spawn(self.charger.finish(connector.number, "EVDisconnected"))

    async def settle(self) -> None:
        """Nobody is there any more, and all that happened has been said."""
        await self.charger.connect(patient=True)
        while any(c.transaction for c in self.charger.connectors.values()) or len(self.charger.outbox):
            self.end_sessions()
            await asyncio.sleep(0.1)
