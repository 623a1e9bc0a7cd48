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
