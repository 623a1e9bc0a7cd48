"""Who decides about what only one may decide about."""

from __future__ import annotations

import pytest

from routing.core.lines import Line
from routing.core.owners import energy_owner
from routing.core.snapshot import Role
from tests.routing.core.harness import World, route


@pytest.mark.parametrize(
    ("roles", "owner"),
    [
        ("billing control energy", "energy"),
        ("energy billing", "energy"),
        ("billing service control", "control"),
        ("billing observe service", "billing"),
        ("observe service", None),
        ("", None),
    ],
)
def test_the_owner_of_the_energy(roles, owner):
    world = World(*(route(n, role, Role(role)) for n, role in enumerate(roles.split(), 1)))
    state = world.machine._state
    if not roles:
        state.snapshot, state.lines = type(state.snapshot)(key=1, identity="CP-1"), {}
    found = energy_owner(state)
    assert (found.route.backoffice if isinstance(found, Line) else None) == owner
