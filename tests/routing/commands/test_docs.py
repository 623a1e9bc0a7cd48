"""docs/commands.md names every verb with its class and arguments, every class and every state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from routing.commands.classes import RIGHTS, CommandClass
from routing.commands.verbs import VERBS
from routing.models import Command

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*)$", PAGE, re.MULTILINE))

LEFT_OUT = {"card_type", "certificate", "signature"}
"""What few need, and a form shows."""


@pytest.mark.parametrize("name", sorted(VERBS))
def test_a_verb_is_described(name: str) -> None:
    verb, told = VERBS[name], ROWS[name]
    assert told.startswith(f"{verb.command_class} |")
    missing = {a.name for a in verb.arguments if f"`{a.name}`" not in told} - LEFT_OUT
    assert missing == set() or "as `start`" in told


def test_states_and_classes_are_described() -> None:
    assert set(ROWS) == {*VERBS, *map(str, CommandClass), *Command.State.values}
    for command_class, roles in RIGHTS.items():
        assert {role.strip() for role in ROWS[command_class].partition("|")[0].split(",")} == roles
