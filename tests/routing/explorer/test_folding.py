"""Exchanges as the core's own rows make them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from routing.explorer.folding import Exchange, fold
from tests.routing.core.harness import BILLING, ENERGY, World, meter, start
from tests.routing.rows import AT, MESSAGE, message


def booted(**values: Any) -> World:
    world = World(BILLING, ENERGY, **values)
    world.boot()
    world.forget()
    world.database.messages.clear()
    return world


def only(world: World, action: str = "") -> Exchange:
    (found,) = [x for x in fold(world.database.messages) if action in ("", x.action)]
    return found


def test_what_a_charger_says_and_its_copies_are_one_exchange() -> None:
    world = booted()
    world.call("MeterValues", meter(None))
    found = only(world)
    assert (found.kind, found.answered_by, found.group) == ("charger", "proxy", "well")
    assert found.rule == "proxy: the answer is empty by schema"
    assert [leg.route for leg in found.copies] == [BILLING.key, ENERGY.key]
    assert [leg.group for leg in found.copies] == ["well", "well"]
    assert not found.troubles


def test_the_frame_of_a_copy_is_that_of_the_charger_under_its_own_message_id() -> None:
    world = booted()
    world.call("MeterValues", meter(None), "m")
    found = only(world)
    assert found.head is not None
    copy = found.copies[0]
    assert (copy.text, copy.is_other) == ("", False)
    assert found.frame(copy) == found.head.text.replace('"m"', f'"{copy.message_id}"', 1)
    assert found.frame(found.head) == found.head.text


def test_what_was_sent_otherwise_than_it_came_is_told() -> None:
    world = booted()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    world.database.messages.clear()
    world.call("MeterValues", meter(number))
    found = only(world)
    (copy,) = [leg for leg in found.copies if leg.is_other]
    assert (copy.route, found.frame(copy)) == (ENERGY.key, copy.text)


def test_the_backoffice_that_answered_is_named() -> None:
    world = booted()
    world.call("Authorize", {"idTag": "CARD"})
    found = only(world)
    assert (found.answered_by, found.rule) == ("billing", "answered by billing")
    assert found.head is not None
    assert found.head.status == "Accepted"
    assert found.id_tag == "CARD"


def test_what_a_backoffice_asks_the_charger_answers() -> None:
    world = booted()
    world["billing"].call("Reset", {"type": "Soft"})
    found = only(world)
    assert (found.kind, found.answered_by, found.group, found.is_virtual) == (
        "backoffice", "charger", "well", False,
    )  # fmt: skip
    assert found.head is not None
    assert found.head.route == BILLING.key
    assert [leg.route for leg in found.copies] == [None]


def test_what_a_rule_keeps_from_the_charger_is_blocked() -> None:
    world = booted()
    world["energy"].call("Reset", {"type": "Hard"})
    found = only(world)
    assert (found.group, found.answered_by, found.copies) == ("blocked", "proxy", ())
    assert "Reset" in found.rule


def test_an_action_that_nobody_knows_is_blocked_by_the_proxy() -> None:
    world = booted()
    world.call("Dance", {})
    found = only(world)
    assert (found.kind, found.group, found.answered_by) == ("charger", "blocked", "proxy")


def test_what_the_proxy_answers_itself_is_virtual() -> None:
    rows = [message(direction="down", route=1, action="GetConfiguration", rule="option view")]
    (found,) = fold(rows)
    assert (found.is_virtual, found.answered_by, found.group) == (True, "proxy", "well")


@pytest.mark.parametrize("direction", ["up", "down"])
def test_what_the_proxy_says_of_itself_has_no_head(direction: Any) -> None:
    route = 1 if direction == "up" else None
    (found,) = fold([message(direction=direction, route=route)])
    assert (found.kind, found.head, len(found.copies)) == ("proxy", None, 1)
    assert found.answered_by == ("backoffice" if direction == "up" else "charger")


def test_copies_whose_first_row_is_missing_are_still_the_chargers() -> None:
    (found,) = fold([message(route=1, text=""), message(route=2, text="")])
    assert (found.kind, found.head, found.answered_by) == ("charger", None, "")
    assert found.frame(found.copies[0]) == ""


@pytest.mark.parametrize("outcome", ["malformed", "unsolicited", "sent"])
@pytest.mark.parametrize(("direction", "route"), [("up", None), ("up", 1), ("down", None), ("down", 1)])
def test_a_frame_that_belongs_to_nothing_is_a_stray(outcome: Any, direction: Any, route: int | None) -> None:
    (found,) = fold([message(outcome=outcome, direction=direction, route=route, latency_ms=None)])
    assert (found.kind, found.copies) == ("stray", ())
    assert found.head is not None


def test_a_backoffice_that_does_not_answer_is_a_trouble_of_the_exchange_only_as_long_as_it_lasts() -> None:
    late = message(route=1, text="", outcome="timeout", answer="")
    kept = message(route=2, text="", outcome="withheld", rule="nothing in it is for this route")
    (found,) = fold([MESSAGE, late, kept])
    assert [leg.outcome for leg in found.troubles] == ["timeout"]
    assert found.group == "well"
    again = replace(late, outcome="answered", at=AT + timedelta(seconds=9))
    (found,) = fold([MESSAGE, again, late, kept])
    assert not found.troubles


def test_a_charger_that_says_nothing_is_answered_for_by_the_proxy() -> None:
    world = booted()
    world.obey = None
    world["billing"].call("Reset", {"type": "Soft"})
    world.wait(world.options.T_cmd + 1)
    found = only(world)
    assert (found.group, found.answered_by) == ("unanswered", "proxy")
    assert [leg.outcome for leg in found.copies] == ["timeout"]


def test_exchanges_are_the_newest_first_and_never_mixed() -> None:
    rows = [message(charger, exchange=n, route=r) for n in (1, 3, 2) for charger in (1, 2) for r in (None, 1)]
    found = fold(rows)
    assert [x.key for x in found] == [(3, 2), (3, 1), (2, 2), (2, 1), (1, 2), (1, 1)]
    assert {len(x.legs) for x in found} == {2}


@pytest.mark.parametrize("text", ["", "x", "[", "[2", '[2,"m","A",{"a":', "[3]", "\x00"])
def test_odd_text_does_no_harm(text: str) -> None:
    (found,) = fold([message(text=text, answer=text), message(route=1, text="", answer=text)])
    assert [found.frame(leg) for leg in found.legs] == [text, ""]
