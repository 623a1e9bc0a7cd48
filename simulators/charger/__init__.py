"""A simulated charger that speaks OCPP 1.6, 2.0.1 or 2.1."""

from __future__ import annotations

from typing import Any

from simulators.charger.base import SimulatedCharger
from simulators.charger.errors import CallFailed, NoAnswer, NotAdmitted, NotConnected, Refused
from simulators.charger.state import Connector, Habits, Transaction
from simulators.charger.uplink import Dialling
from simulators.charger.v2 import SimulatedCharger21, SimulatedCharger201
from simulators.charger.v16 import SimulatedCharger16

__all__ = [
    "CallFailed",
    "Connector",
    "Dialling",
    "Habits",
    "NoAnswer",
    "NotAdmitted",
    "NotConnected",
    "Refused",
    "SimulatedCharger",
    "Transaction",
    "simulated_charger",
]

_CHARGERS: dict[str, type[SimulatedCharger16] | type[SimulatedCharger201] | type[SimulatedCharger21]] = {
    "1.6": SimulatedCharger16,
    "2.0.1": SimulatedCharger201,
    "2.1": SimulatedCharger21,
}


def simulated_charger(
    url: str, ocpp_version: str = "1.6", *, habits: Habits | None = None, **dialling: Any
) -> SimulatedCharger:
    """A charger for ``url``, whose last segment is its identity; not connected yet.

    ``dialling``: further fields of Dialling (password, retry_s, call_timeout_s ...).
    Raises ValueError for a version that is not spoken here.
    """
    if ocpp_version not in _CHARGERS:
        known = ", ".join(_CHARGERS)
        raise ValueError(f'"{ocpp_version}" is not a version of OCPP spoken here; expected {known}')
    return _CHARGERS[ocpp_version](Dialling(url, ocpp_version, **dialling), habits or Habits())
