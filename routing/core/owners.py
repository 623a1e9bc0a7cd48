"""Who among the backoffices of a charger decides about what only one may decide about."""

from __future__ import annotations

from routing.core.lines import Line
from routing.core.snapshot import Role
from routing.core.state import State


def energy_owner(state: State) -> Line | None:
    """The route that manages the charger's power: role energy, else the first control route, else Billing.

    Source: ocpp-semantics 3.9 (energy owner) and 6.
    """
    return _first(state, Role.ENERGY) or _first(state, Role.CONTROL) or state.billing


def car_needs_owner(state: State) -> Line | None:
    """The route that answers for what a car needs: role energy, else Billing.

    Who says *Accepted* sends a profile for the session, and a control route may not (``split``).
    Source: ocpp-semantics 2.3, NotifyEVChargingNeeds.
    """
    return _first(state, Role.ENERGY) or state.billing


def _first(state: State, role: Role) -> Line | None:
    return next((line for line in state.lines.values() if line.route.role is role), None)
