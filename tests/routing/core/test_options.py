"""Options by name: unknown names and wrong values are told, known ones taken."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.options import (
    ChargerOptions,
    OptionError,
    RouteOptions,
    charger_options,
    route_options,
)


def test_nothing_said_means_the_defaults() -> None:
    assert charger_options({}) == ChargerOptions()
    assert route_options({}) == RouteOptions()


@pytest.mark.parametrize(
    ("values", "attribute", "value"),
    [
        ({"T_auth": 3}, "T_auth", 3.0),
        ({"offline_grace": 0}, "offline_grace", 0.0),
        ({"pinned": "2.0.1"}, "pinned", "2.0.1"),
        ({"pin_interval": None}, "pin_interval", None),
        ({"standalone": True}, "standalone", True),
        ({"auth_offline": "accept"}, "auth_offline", "accept"),
    ],
)
def test_options_of_a_charger(values: dict[str, Any], attribute: str, value: object) -> None:
    assert getattr(charger_options(values), attribute) == value


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"T_atuh": 3}, '"T_atuh" is not an option; expected one of pinned'),
        ({"T_auth": "soon"}, "T_auth"),
        ({"pinned": "1.5"}, "pinned"),
        ({"standalone": "yes"}, "standalone"),
        ({"auth_offline": "maybe"}, "auth_offline"),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        charger_options(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"T_Up": 3}, '"T_Up" is not an option; expected one of T_up'),
        ({"foreign_tx": "some"}, "foreign_tx"),
        ({"retry_attempts": 1.5}, "retry_attempts"),
        ({"unknown_tx": None}, "unknown_tx"),
    ],
)
def test_what_is_wrong_on_a_route_is_said(values: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        route_options(values)


@pytest.mark.parametrize(
    ("match", "count", "words"),
    [
        ("prefix", 1000, ""),
        ("prefix", 1001, "1001 are too many auth_rules; at most 1000"),
        ("regex", 20, ""),
        ("regex", 21, "21 of auth_rules are regular expressions; at most 20 may be"),
    ],
)
def test_each_card_is_held_against_so_many_rules(match: str, count: int, words: str) -> None:
    rules = [{"match": match, "value": f"C{n}", "backoffice": "b"} for n in range(count)]
    if not words:
        assert len(charger_options({"auth_rules": rules}).auth_rules) == count
        return
    with pytest.raises(OptionError, match=words):
        charger_options({"auth_rules": rules})
