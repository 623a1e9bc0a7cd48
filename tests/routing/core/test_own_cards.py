"""Cards that the proxy knows itself, and what it answers without anybody: ocpp-semantics 5.1 to 5.3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import CardRule, Role
from tests.routing.core.harness import (
    BILLING,
    ENERGY,
    World,
    event,
    route,
    start,
    stop,
)
from tests.routing.core.presenting import (
    CARD,
    CARDS,
    KEPT,
    VERSIONS,
    asked,
    authorize,
    begin,
    expected,
    owner,
    rule,
    says,
    with_cards,
    world_of,
)
from tests.routing.core.test_actions_schemas import problems, request_schema, response

OWN_CARDS = pytest.mark.parametrize(
    ("card", "status", "group", "until"),
    [
        ("KNOWN", "Accepted", "G", KEPT),
        ("known", "Accepted", "G", KEPT),
        ("SOON", "Accepted", "", "2026-01-01T01:00:00.000Z"),
        ("GONE", "Expired", "", ""),
        ("BAD", "Blocked", "", ""),
        ("OTHER", "Invalid", "", ""),
    ],
)


@VERSIONS
@OWN_CARDS
def test_the_proxy_decides_about_the_cards_it_knows(
    version: str, card: str, status: str, group: str, until: str
) -> None:
    world = with_cards(BILLING, ENERGY, version=version, authorization="local")
    world["billing"].behave = says("Invalid")
    assert authorize(world, card) == expected(version, status, group, until)
    assert asked(world) == (["billing"] if card == "OTHER" else [])
    assert begin(world, card) == expected(version, status, group, until)
    assert owner(world) == "billing"


@pytest.mark.parametrize(
    ("then", "who", "status"),
    [
        ("primary", ["billing"], "Blocked"),
        ("prefix", ["energy"], "Expired"),
        ("first_accept", ["billing", "energy"], "Blocked"),
        ("all_accept", ["billing", "energy"], "Blocked"),
        ("free", [], "Accepted"),
    ],
)
def test_what_follows_for_cards_it_does_not_know(then: str, who: list[str], status: str) -> None:
    rules = (rule("prefix", "OTHER"),)
    world = with_cards(BILLING, ENERGY, authorization="local", auth_then=then, auth_rules=rules)
    world["billing"].behave, world["energy"].behave = says("Blocked"), says("Expired")
    assert authorize(world, "OTHER") == {"status": status}
    assert asked(world) == who
    assert authorize(world, "BAD") == {"status": "Blocked"}


@VERSIONS
def test_free_accepts_every_card_whatever_billing_says(version: str) -> None:
    world = with_cards(BILLING, ENERGY, version=version, authorization="free")
    world["billing"].behave = says("Blocked")
    assert authorize(world, "BAD") == {"status": "Accepted"}
    assert asked(world) == []
    assert begin(world, "BAD") == {"status": "Accepted"}
    world["billing"].lose()
    begin(world, "NEW")
    world["billing"].open()
    world.wait(30)
    assert world.commands == []


@VERSIONS
@OWN_CARDS
def test_the_proxy_alone_is_a_backoffice(
    version: str, card: str, status: str, group: str, until: str
) -> None:
    world = with_cards(version=version)
    assert authorize(world, card) == expected(version, status, group, until)
    assert begin(world, card) == expected(version, status, group, until)
    assert owner(world) is None


@pytest.mark.parametrize(("policy", "status"), [("accept", "Accepted"), ("reject", "Invalid")])
def test_unknown_cards_of_the_proxy_alone(policy: str, status: str) -> None:
    assert authorize(with_cards(auth_offline=policy), "OTHER") == {"status": status}


@VERSIONS
def test_a_card_without_a_number_is_unknown_and_free_where_every_card_is(version: str) -> None:
    world = with_cards(version=version)
    assert authorize(world, "") == begin(world, "") == {"status": "Invalid"}
    world = with_cards(version=version, authorization="free")
    assert authorize(world, "") == begin(world, "") == {"status": "Accepted"}


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("token", [None, {"idToken": "", "type": "NoAuthorization"}, "", []])
def test_a_charger_that_asks_about_no_card_hears_of_none(version: str, token: Any) -> None:
    world = with_cards(version=version)
    more = {} if token is None else {"idToken": token}
    assert world.call("TransactionEvent", event("Started", 0, **more))[2] == {}


def test_a_card_that_is_blocked_counts_from_the_next_moment_on() -> None:
    world = with_cards()
    world.cards = {"KNOWN": CardRule(blocked=True)}
    world.configure()
    assert authorize(world, "KNOWN") == {"status": "Blocked"}


@VERSIONS
def test_while_billing_is_away_its_last_word_counts_before_the_cards(version: str) -> None:
    world = with_cards(BILLING, version=version)
    world["billing"].behave = says("Blocked")
    assert authorize(world, "KNOWN") == {"status": "Blocked"}
    assert authorize(world, "SOON") == {"status": "Blocked"}
    world["billing"].lose()
    assert authorize(world, "KNOWN") == {"status": "Blocked"}
    world.wait(601)
    assert authorize(world, "BAD") == {"status": "Blocked"}
    assert authorize(world, "KNOWN")["status"] == "Accepted"
    assert authorize(world, "OTHER") == {"status": "Invalid"}


# -- what the schemas say ------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("group", ["", "G", "G" * 21, "G" * 36])
@pytest.mark.parametrize("way", ["alone", "local", "free", "all_accept"])
def test_what_the_proxy_answers_itself_passes_the_schemas(version: str, group: str, way: Any) -> None:
    strategy: Any = "primary" if way == "alone" else way
    routes = () if way == "alone" else (BILLING, ENERGY)
    world = World(*routes, version=version, options=ChargerOptions(authorization=strategy))
    world.routes = routes
    world.cards = {**CARDS, "KNOWN": CardRule(group=group)}
    world.machine = world._machine()
    world.boot()
    if way == "all_accept":
        world["energy"].lose()
    for card in ("KNOWN", "SOON", "GONE", "BAD", "OTHER"):
        authorize(world, card)
        begin(world, card)
    if way != "alone":
        world["billing"].lose()
        begin(world, "OFFLINE")
    asked_ = {message.message_id: message.action for message in world.database.messages if not message.route}
    for message_id, answers in world.answered.items():
        payload = json.dumps(answers[0][2])
        assert problems(response(version, asked_[message_id]), payload) == []


@VERSIONS
@pytest.mark.parametrize(
    "options", [{"foreign_tx": "alias"}, {"foreign_tx": "alias", "foreign_tag": "X" * 20}]
)
def test_what_others_are_told_of_a_session_passes_the_schemas(version: str, options: dict[str, Any]) -> None:
    world = world_of(BILLING, route(2, "energy", Role.CONTROL, hide_cost=True, **options), version=version)
    if version == "1.6":
        number = world.call("StartTransaction", start(tag=CARD))[2]["transactionId"]
        world.call("StopTransaction", {**stop(number), "idTag": CARD})
    else:
        more = [{"additionalIdToken": CARD, "type": "x"}]
        token = {"idToken": {"idToken": CARD, "type": "ISO14443", "additionalInfo": more}}
        world.call("TransactionEvent", {**event("Started", 0), **token})
        world.call("TransactionEvent", {**event("Ended", 1), **token})
    for action in ("StartTransaction", "StopTransaction", "TransactionEvent"):
        for payload in world["energy"].payloads(action):
            assert problems(request_schema(version, action), json.dumps(payload)) == []
