"""Aliases of cards, as one backoffice gets them; the rest of binding is in ``test_machine_foreign``."""

from __future__ import annotations

import pytest

from routing.core.binding import card_alias, foreign_tx
from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, route


def test_an_alias_is_stable_and_fits_an_id_tag() -> None:
    alias = card_alias(WATCHER, "04A1B2C3")
    assert alias == card_alias(WATCHER, "04A1B2C3")
    assert len(alias) == 20
    assert alias.isalnum()
    assert alias == alias.upper()


@pytest.mark.parametrize("card", ["", "04A1B2C4", "é", "\ud800", "x" * 1000])
def test_another_card_has_another_alias(card: str) -> None:
    assert card_alias(WATCHER, card) != card_alias(WATCHER, "04A1B2C3")


def test_a_card_in_small_letters_has_the_same_alias() -> None:
    assert card_alias(WATCHER, "04a1b2c3") == card_alias(WATCHER, "04A1B2C3")


def test_another_backoffice_has_another_alias() -> None:
    assert len({card_alias(r, "04A1B2C3") for r in (BILLING, ENERGY, WATCHER)}) == 3


@pytest.mark.parametrize(
    ("role", "option", "sees"),
    [
        (Role.BILLING, None, "full"),
        (Role.CONTROL, None, "full"),
        (Role.ENERGY, None, "full"),
        (Role.SERVICE, None, "full"),
        (Role.OBSERVE, None, "alias"),
        (Role.OBSERVE, "full", "full"),
        (Role.BILLING, "hidden", "hidden"),
    ],
)
def test_what_a_role_sees(role: Role, option: str | None, sees: str) -> None:
    assert foreign_tx(route(1, "x", role, foreign_tx=option)) == sees
