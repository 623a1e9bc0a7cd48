"""What a charger is and has: habits, connectors, transactions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from simulators.charger.car import Car


@dataclass(slots=True)
class Transaction:
    """A session as the charger sees it.

    ``transaction_id``: 1.6: what the backoffice gave, None until then; 2.x: the charger's own.
    ``accepted`` is None until the backoffice has answered.
    """

    connector_id: int
    id_tag: str
    meter_start_wh: int
    started_at: datetime
    transaction_id: int | str | None = None
    remote_start_id: int | None = None
    seq_no: int = 0
    accepted: bool | None = None
    stopped: bool = False


@dataclass(slots=True)
class Connector:
    """A connector with the car that is on it. ``unreported``: the backoffice does not know the status."""

    number: int
    status: str = "Available"
    error_code: str = "NoError"
    operative: bool = True
    unreported: bool = False
    car: Car = field(default_factory=Car)
    transaction: Transaction | None = None
    reservation: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Habits:
    """What sort of charger it is.

    ``time_scale``: simulated seconds per real second, for cars, heartbeats and steps of an upload.
    ``attempts`` and ``retry_s``: of transaction messages. ``step_s``: simulated seconds between the
    steps of an upload or installation.
    """

    connectors: int = 1
    vendor: str = "Simulators"
    model: str = "Model S"
    serial_number: str = "SIM-0001"
    firmware_version: str = "1.0.0"
    time_scale: float = 1
    attempts: int = 3
    retry_s: float = 60
    step_s: float = 1
