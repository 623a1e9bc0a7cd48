"""Who among the backoffices of a charger decides about what only one may decide about."""

from __future__ import annotations

from routing.core.lines import Line
from routing.core.snapshot import Role
from routing.core.state import State


def energy_owner(state: State) -> Line | None:
    """The route that manages the charger's power: role energy, else the first control route, else Billing.

    Source: ocpp-semantics 3.9 (energy owner) and 6.
    """
    for role in (Role.ENERGY, Role.CONTROL):
        for line in state.lines.values():
            if line.route.role is role:
                return line
    return state.billing
