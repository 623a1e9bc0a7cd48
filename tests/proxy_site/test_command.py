"""``manage.py command``: what is wrong is said, one of many does not end the rest."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chargers.models import Charger
from routing.models import ChargerSession

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def charger() -> Charger:
    made = Charger.objects.create(identity="CP-1")
    ChargerSession.objects.create(charger=made, ocpp_version="1.6", online=False)
    return made


def told(*arguments: str) -> list[Any]:
    out = io.StringIO()
    call_command("command", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_charger_that_is_away_is_told() -> None:
    (found,) = told("CP-1", "Reset", '{"type": "Soft"}')
    assert (found["action"], found["state"]) == ("Reset", "offline")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("CP-2", "Reset"), '"CP-2" is no charger'),
        (("CP-1",), "CHARGER VERB"),
        (("CP-1", "Reset", "{}", "--user", "nobody"), '"nobody" is no user'),
        (("CP-1", "Reset", "5"), "expected an object"),
        (("CP-1", "Reset", '["Soft"]'), "expected an object"),
        (("CP-1", "Reset", "null"), "expected an object"),
        (("CP-1", "Reset", '{"type"'), "expected an object"),
        (("CP-1", "Reset", "[" * 100_000), "expected an object"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        told(*arguments)


def test_one_line_that_is_wrong_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('CP-1 Reset 5\n\nCP-1 Reset {"type": "Soft"}\n'))
    wrong, empty, right = told("-")
    assert "expected an object" in wrong["error"]
    assert "is no charger" in empty["error"]
    assert right["state"] == "offline"
