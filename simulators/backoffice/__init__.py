"""A simulated backoffice (CSMS) for many chargers of all OCPP versions."""

from __future__ import annotations

from simulators.backoffice.answers import Policy
from simulators.backoffice.behaviour import Behaviour, Rudeness
from simulators.backoffice.server import ChargerView, SimulatedBackoffice
from simulators.backoffice.sessions import Session, Sessions

__all__ = [
    "Behaviour",
    "ChargerView",
    "Policy",
    "Rudeness",
    "Session",
    "Sessions",
    "SimulatedBackoffice",
]
