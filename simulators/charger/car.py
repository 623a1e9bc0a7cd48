"""A car at a connector: how much it draws and what the meter then shows."""

from __future__ import annotations

from dataclasses import dataclass

VOLTAGE_V = 230.0
PHASES = 3


@dataclass(slots=True)
class Reading:
    """What the meter shows at one moment: the register of the connector, and the car's own state."""

    energy_wh: int
    power_w: float
    current_a: float
    voltage_v: float
    soc_percent: int


@dataclass(slots=True)
class Car:
    """Draws what it may, less when the battery is nearly full, nothing when it is full.

    ``energy_wh`` is the connector's meter register, which goes on from car to car.
    """

    energy_wh: float = 1_000.0
    battery_wh: float = 60_000.0
    soc: float = 0.35
    max_power_w: float = 11_000.0

    def power_w(self, limit_w: float) -> float:
        """What the car draws now under this limit: full power to 80 %, then falling to a tenth."""
        if self.soc >= 1:
            return 0.0
        taper = 1.0 if self.soc <= 0.8 else max(0.1, (1 - self.soc) / 0.2)
        return max(0.0, min(limit_w, self.max_power_w * taper))

    def advance(self, seconds: float, limit_w: float) -> Reading:
        """Charge for ``seconds`` under a limit in watts and read the meter."""
        power_w = self.power_w(limit_w)
        energy_wh = min(power_w * seconds / 3600, (1 - self.soc) * self.battery_wh)
        self.energy_wh += energy_wh
        self.soc = min(1.0, self.soc + energy_wh / self.battery_wh)
        return self.read(limit_w)

    def read(self, limit_w: float) -> Reading:
        """The meter now, while the car may draw ``limit_w``."""
        power_w = self.power_w(limit_w)
        return Reading(
            energy_wh=round(self.energy_wh),
            power_w=round(power_w, 1),
            current_a=round(power_w / (VOLTAGE_V * PHASES), 1),
            voltage_v=VOLTAGE_V,
            soc_percent=round(self.soc * 100),
        )
