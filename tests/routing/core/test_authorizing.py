"""Who is asked about a card, and whose answer counts: ocpp-semantics 5.1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, route
from tests.routing.core.presenting import (
    CARD,
    VERSIONS,
    asked,
    authorize,
    begin,
    groups,
    owner,
    rule,
    says,
    verdict,
    world_of,
)

SERVICE = route(4, "service", Role.SERVICE)
RACE = {"authorization": "first_accept"}
ALL = {"authorization": "all_accept"}


# -- primary, prefix, list -----------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize(
    ("rules", "card", "kind", "who"),
    [
        ([], CARD, "ISO14443", "billing"),
        ([rule("prefix", "DE-ABC")], CARD, "ISO14443", "energy"),
        ([rule("prefix", "de-abc")], CARD, "ISO14443", "energy"),
        ([rule("prefix", "DE-ABC")], "DE-AB", "ISO14443", "billing"),
        ([rule("exact", "de-abc-1")], CARD, "ISO14443", "energy"),
        ([rule("exact", "DE-ABC")], CARD, "ISO14443", "billing"),
        ([rule("regex", "DE-[A-Z]{3}-.*")], CARD, "ISO14443", "energy"),
        ([rule("regex", "DE")], CARD, "ISO14443", "billing"),
        ([rule("type", "emaid")], CARD, "eMAID", "energy"),
        ([rule("type", "eMAID")], CARD, "ISO14443", "billing"),
        ([rule("prefix", "DE", "billing"), rule("prefix", "DE-ABC")], CARD, "ISO14443", "billing"),
        ([rule("prefix", "DE", "nobody"), rule("prefix", "DE-ABC")], CARD, "ISO14443", "energy"),
        ([rule("prefix", "DE", "nobody")], CARD, "ISO14443", "billing"),
    ],
)
@pytest.mark.parametrize("strategy", ["prefix", "list"])
def test_the_first_rule_that_fits(
    version: str, strategy: str, rules: Any, card: str, kind: str, who: str
) -> None:
    if version == "1.6" and kind == "eMAID":
        who = "billing"  # there are no types in 1.6
    world = world_of(version=version, authorization=strategy, auth_rules=tuple(rules))
    world[who].behave = says("Accepted")
    assert authorize(world, card, kind) == {"status": "Accepted"}
    assert asked(world) == [who]
    begin(world, card)
    if kind == "ISO14443":
        assert owner(world) == who


def test_rules_are_of_no_use_under_another_strategy() -> None:
    world = world_of(authorization="primary", auth_rules=(rule("prefix", "DE"),))
    authorize(world)
    begin(world)
    assert (asked(world), owner(world)) == (["billing"], "billing")


@VERSIONS
def test_a_start_without_authorize_goes_to_whom_the_rule_names(version: str) -> None:
    world = world_of(version=version, authorization="prefix", auth_rules=(rule("prefix", "DE"),))
    world["energy"].behave = says("Accepted", **groups(version))
    world["billing"].behave = says("Invalid")
    assert begin(world) == {"status": "Accepted", **groups(version)}
    assert owner(world) == "energy"


# -- first_accept --------------------------------------------------------------------------------------


@VERSIONS
def test_all_are_asked_at_once_and_who_accepts_owns_the_session(version: str) -> None:
    world = world_of(BILLING, ENERGY, WATCHER, version=version, **RACE)
    world["billing"].behave = says("Invalid")
    world["energy"].behave = says("Accepted", **groups(version))
    assert authorize(world) == {"status": "Accepted", **groups(version)}
    assert asked(world) == ["billing", "energy"]
    begin(world)
    assert owner(world) == "energy"


def answer_late(world: World, name: str, status: str, **more: Any) -> None:
    """Answer what a backoffice holds."""
    backoffice = world[name]
    held, backoffice.held = backoffice.held, []
    for message_id, action, payload in held:
        says(status, **more)(backoffice, message_id, action, payload)


def held_world(*routes: Any, **options: Any) -> World:
    """Billing and the others keep what they are asked."""
    world = world_of(*routes, **{**RACE, **options})
    for backoffice in world.backoffices.values():
        backoffice.behave = Backoffice.hold
    assert authorize(world, message_id="a") is None
    return world


def result(world: World) -> Any:
    return verdict(world.answer_to("a"))


def test_an_acceptance_of_the_foremost_counts_at_once() -> None:
    world = held_world()
    answer_late(world, "billing", "Accepted", parentIdTag="P")
    assert result(world) == {"status": "Accepted", "parentIdTag": "P"}


def test_within_the_window_the_order_decides() -> None:
    world = held_world()
    answer_late(world, "energy", "Accepted", parentIdTag="C")
    world.wait(0.2)
    assert result(world) is None
    answer_late(world, "billing", "Accepted", parentIdTag="P")
    assert result(world) == {"status": "Accepted", "parentIdTag": "P"}


def test_after_the_window_the_first_has_won() -> None:
    world = held_world()
    answer_late(world, "energy", "Accepted", parentIdTag="C")
    world.wait(0.4)
    assert result(world) == {"status": "Accepted", "parentIdTag": "C"}
    answer_late(world, "billing", "Accepted", parentIdTag="P")
    assert result(world) == {"status": "Accepted", "parentIdTag": "C"}
    begin(world)
    assert owner(world) == "energy"


@pytest.mark.parametrize(
    ("authorizers", "answers", "status"),
    [
        ((), {"billing": "Blocked", "energy": "Invalid"}, "Blocked"),
        ((), {"energy": "Expired"}, "Expired"),
        ((), {"billing": "Blocked"}, "Blocked"),
        ((), {}, "Invalid"),
        (("energy", "billing"), {"billing": "Blocked", "energy": "Expired"}, "Blocked"),
        (("service", "energy"), {"service": "Blocked", "energy": "Expired"}, "Blocked"),
        (("energy", "service"), {"service": "Blocked", "energy": "Expired"}, "Expired"),
        (("energy", "service", "nobody"), {"service": "Blocked"}, "Blocked"),
    ],
)
def test_where_nobody_accepts_billing_is_heard_or_else_the_foremost(
    authorizers: Any, answers: dict[str, str], status: str
) -> None:
    world = held_world(BILLING, ENERGY, SERVICE, authorizers=authorizers)
    for name, verdict_ in reversed(answers.items()):
        answer_late(world, name, verdict_)
    world.wait(8)
    assert result(world) == {"status": status}


def test_who_is_away_is_not_waited_for() -> None:
    world = world_of(**RACE)
    world["billing"].lose()
    world["energy"].behave = says("Expired")
    assert authorize(world) == {"status": "Expired"}
    world["energy"].behave = Backoffice.hold
    assert authorize(world, message_id="a") is None
    world["energy"].lose()
    assert result(world) == {"status": "Expired"}  # by the cache: its last verdict


def test_one_who_answers_nonsense_has_not_answered() -> None:
    world = held_world()
    world["billing"].say(f'[4,"{world["billing"].held[0][0]}","InternalError","",{{}}]')
    world["energy"].result(world["energy"].held[0][0], {"idTagInfo": "yes"})
    assert result(world) == {"status": "Invalid"}


def test_a_repeat_while_they_think_gets_the_one_answer() -> None:
    world = held_world()
    world.call("Authorize", {"idTag": CARD}, "a")
    answer_late(world, "billing", "Accepted")
    assert result(world) == {"status": "Accepted"}
    assert len(world["energy"].of("Authorize")) == 1


@pytest.mark.parametrize("moment", ["reconnect", "away", "restart", "off"])
def test_whatever_happens_meanwhile_nobody_is_answered_twice(moment: str) -> None:
    world = held_world()
    match moment:
        case "reconnect":
            world.connect()
        case "away":
            world.disconnect()
        case "restart":
            world.restart()
            world.connect()
        case "off":
            world.configure(BILLING)
    for one in world.routes:
        answer_late(world, one.backoffice, "Accepted")
    world.wait(10)
    assert result(world) == ({"status": "Accepted"} if moment == "off" else None)


def test_a_session_without_authorize_is_billings() -> None:
    world = world_of(**RACE)
    begin(world)
    assert owner(world) == "billing"


# -- all_accept ----------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize(
    ("answers", "status", "group"),
    [
        (("Accepted", "Accepted"), "Accepted", "billing"),
        (("Accepted", "Blocked"), "Blocked", "energy"),
        (("Expired", "Accepted"), "Expired", "billing"),
    ],
)
def test_every_one_has_to_accept(version: str, answers: Any, status: str, group: str) -> None:
    world = world_of(version=version, **ALL)
    for name, one in zip(("billing", "energy"), answers, strict=True):
        world[name].behave = says(one, **{"personalMessage": name})
    assert authorize(world) == {"status": status, "personalMessage": group}
    assert asked(world) == ["billing", "energy"]


@VERSIONS
def test_one_who_is_away_blocks_the_card(version: str) -> None:
    world = world_of(version=version, **ALL)
    assert authorize(world) == {"status": "Accepted"}
    world["energy"].lose()
    assert authorize(world) == {"status": "Invalid"}
    assert "all_accept: energy has not answered" in [m.rule for m in world.database.messages]


def test_one_who_is_silent_blocks_the_card_in_time() -> None:
    world = world_of(T_auth=3, **ALL)
    world["energy"].behave = Backoffice.ignore
    assert authorize(world, message_id="a") is None
    world.wait(2.9)
    assert result(world) is None
    world.wait(0.2)
    assert result(world) == {"status": "Invalid"}


def test_the_only_one_who_has_to_accept_blocks_as_well() -> None:
    world = world_of(authorizers=("energy",), **ALL)
    assert authorize(world) == {"status": "Accepted"}
    assert asked(world) == ["energy"]
    world["energy"].lose()
    assert authorize(world) == {"status": "Invalid"}


@pytest.mark.parametrize("strategy", [RACE, ALL], ids=str)
def test_where_none_of_them_is_there_billing_decides(strategy: Any) -> None:
    world = world_of(authorizers=("nobody",), **strategy)
    world["billing"].behave = says("Expired")
    assert authorize(world) == {"status": "Expired"}
    assert asked(world) == ["billing"]


@pytest.mark.parametrize("strategy", [RACE, ALL], ids=str)
def test_a_complaint_about_the_answer_goes_to_whose_it_was(strategy: Any) -> None:
    world = world_of(version="2.1", **strategy)
    world["billing"].behave = says("Blocked")
    authorize(world, message_id="a")
    asked_as = json.loads(world["billing"].frames[-1])[1]
    world.frame('[5,"a","FormatViolation","no",{}]')
    complaints = [json.loads(f) for f in world["billing"].frames if f.startswith("[5")]
    if strategy is ALL:
        assert complaints == [[5, asked_as, "FormatViolation", "no", {}]]
    else:
        assert complaints == []
        assert any(f.startswith("[5") for f in world["energy"].frames)
