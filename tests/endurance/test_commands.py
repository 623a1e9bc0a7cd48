"""What the backoffices of the harness ask is right by the schemas: the charger shall do it, not object."""

from __future__ import annotations

import random

import pytest

from simulators.schemas import problems
from tests.endurance.commands import Asker

SEED = 7


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("name", ["billing", "energy", "service"])
def test_commands_are_right_by_the_schemas(name: str, version: str) -> None:
    asker = Asker(name, version, random.Random(SEED), [5, 6])
    made = [asker.next() for _ in range(300)]
    assert [found for action, payload in made for found in problems(version, action, payload)] == []
    assert len({action for action, _ in made}) > 5
