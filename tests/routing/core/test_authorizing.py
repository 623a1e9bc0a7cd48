"""Who decides about a card, and whose the session is: ocpp-semantics 5.1 and 5.2."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from routing.core.options import AuthRule, ChargerOptions
from routing.core.snapshot import CardRule, Role, Verdict
from tests.routing.core.harness import (
    BILLING,
    ENERGY,
    EPOCH,
    WATCHER,
    Backoffice,
    World,
    event,
    route,
    start,
    stop,
)
from tests.routing.core.test_actions_schemas import problems, request_schema, response

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
DECISIONS = ("Authorize", "StartTransaction", "TransactionEvent")
CARD = "DE-ABC-1"
SERVICE = route(4, "service", Role.SERVICE)


def rule(match: Any, value: str, backoffice: str = "energy") -> AuthRule:
    return AuthRule(match=match, value=value, backoffice=backoffice)


def says(status: str, **more: Any) -> Callable[[Backoffice, str, str, Any], None]:
    """A backoffice that gives this verdict about every card."""

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        answer = backoffice.payload_for(action)
        if action in DECISIONS:
            version = backoffice.world.version
            answer["idTagInfo" if version == "1.6" else "idTokenInfo"] = {"status": status, **more}
        backoffice.result(message_id, answer)

    return behave


def world_of(*routes: Any, version: str = "1.6", **options: Any) -> World:
    world = World(*(routes or (BILLING, ENERGY)), version=version, options=ChargerOptions(**options))
    world.boot()
    return world


def authorize(world: World, card: str = CARD, kind: str = "ISO14443", message_id: str | None = None) -> Any:
    payload: Any = {"idTag": card} if world.version == "1.6" else {"idToken": {"idToken": card, "type": kind}}
    return verdict(world.call("Authorize", payload, message_id))


def begin(world: World, card: str = CARD, connector: int = 1) -> Any:
    """Start a session; the verdict about its card."""
    if world.version == "1.6":
        return verdict(world.call("StartTransaction", start(connector, tag=card, meter=len(world.answered))))
    number = f"T-{len(world.answered)}"
    evse = {"evse": {"id": connector}}
    return verdict(world.call("TransactionEvent", event("Started", 0, number, card, **evse)))


def verdict(answer: Any) -> Any:
    """The idTagInfo or idTokenInfo in an answer, None while there is none."""
    return answer and answer[2].get("idTagInfo", answer[2].get("idTokenInfo"))


def owner(world: World) -> str | None:
    """Whose the newest session is."""
    key = list(world.database.transactions.values())[-1].owner
    return next((r.backoffice for r in world.routes if r.key == key), None)


def asked(world: World) -> list[str]:
    """Who got an Authorize."""
    return [r.backoffice for r in world.routes if world[r.backoffice].of("Authorize")]


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


def groups(version: str) -> dict[str, Any]:
    """A group of cards, as a backoffice writes it."""
    return {"parentIdTag": "G"} if version == "1.6" else {"groupIdToken": {"idToken": "G", "type": "Central"}}


# -- first_accept --------------------------------------------------------------------------------------

RACE = {"authorization": "first_accept"}


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

ALL = {"authorization": "all_accept"}


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


# -- local, free, cards --------------------------------------------------------------------------------

CARDS = {
    "KNOWN": CardRule(group="G"),
    "SOON": CardRule(expires_at=EPOCH + timedelta(hours=1)),
    "GONE": CardRule(expires_at=EPOCH),
    "BAD": CardRule(blocked=True),
}
KEPT = "2026-01-02T00:00:00.000Z"


def expected(version: str, status: str, group: str = "", until: str = "") -> dict[str, Any]:
    info: dict[str, Any] = {"status": status}
    if until:
        info["expiryDate" if version == "1.6" else "cacheExpiryDateTime"] = until
    return info | (groups(version) if group else {})


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


def with_cards(*routes: Any, version: str = "1.6", **options: Any) -> World:
    world = World(*routes, version=version, options=ChargerOptions(**options))
    world.routes = routes
    world.cards = CARDS
    world.machine = world._machine()
    world.boot()
    return world


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


# -- what the charger is told, and whose the session is ------------------------------------------------


@VERSIONS
def test_a_verdict_that_lasts_longer_than_the_proxys_is_shortened(version: str) -> None:
    name = "expiryDate" if version == "1.6" else "cacheExpiryDateTime"
    world = world_of(version=version, auth_cache_ttl=3600)
    world["billing"].behave = says("Accepted", **{name: "2030-01-01T00:00:00Z"})
    told = {"status": "Accepted", name: "2026-01-01T01:00:00.000Z"}
    assert authorize(world) == told
    assert begin(world) == told


@VERSIONS
def test_who_accepted_the_card_owns_the_session_also_after_a_restart(version: str) -> None:
    world = world_of(BILLING, ENERGY, version=version, **RACE)
    world["billing"].behave = says("Invalid")
    authorize(world)
    world.restart()
    world.boot()
    begin(world)
    assert owner(world) == "energy"


def test_that_lasts_ten_minutes() -> None:
    world = world_of(BILLING, ENERGY, **RACE)
    world["billing"].behave = says("Invalid")
    authorize(world)
    world.wait(601)
    begin(world)
    assert owner(world) == "billing"


def test_an_owner_that_is_switched_off_is_none() -> None:
    world = world_of(BILLING, ENERGY, **RACE)
    world["billing"].behave = says("Invalid")
    authorize(world)
    world.configure(BILLING)
    begin(world)
    assert owner(world) == "billing"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_session_that_began_with_the_cable_is_of_whom_its_first_card_is(version: str) -> None:
    world = world_of(version=version, authorization="prefix", auth_rules=(rule("prefix", "DE"),))
    world["energy"].behave, world["billing"].behave = says("Accepted"), says("Invalid")
    world.call("TransactionEvent", event("Started", 0))
    assert owner(world) == "billing"
    assert verdict(world.call("TransactionEvent", event("Updated", 1, card=CARD))) == {"status": "Accepted"}
    assert owner(world) == "energy"
    assert verdict(world.call("TransactionEvent", event("Updated", 2, card="NL"))) == {"status": "Accepted"}
    assert owner(world) == "energy"


@VERSIONS
@pytest.mark.parametrize("late_reject", ["stop", "ignore"])
def test_any_owner_may_refuse_a_session_that_began_without_it(version: str, late_reject: str) -> None:
    options = {"authorization": "prefix", "auth_rules": (rule("prefix", "DE"),)}
    world = world_of(version=version, late_reject=late_reject, auth_offline="accept", **options)
    world["energy"].lose()
    assert begin(world) == {"status": "Accepted"}
    world["energy"].behave = says("Blocked")
    world["energy"].open()
    world.wait(5)
    stops = ["RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"]
    assert [frame[2] for frame in world.commands] == (stops if late_reject == "stop" else [])


@VERSIONS
def test_who_does_not_own_a_session_cannot_refuse_it(version: str) -> None:
    world = world_of(version=version)
    world["energy"].behave = says("Blocked")
    begin(world)
    world.wait(5)
    assert world.commands == []


def test_cards_are_in_no_report() -> None:
    world = world_of(authorization="prefix", auth_rules=(rule("prefix", "DE"),))
    world["energy"].behave = says("Blocked")
    authorize(world)
    begin(world)
    assert CARD not in str(world.reports)
    assert all(CARD not in message.rule for message in world.database.messages)


# -- remote starts and local lists ---------------------------------------------------------------------

TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
TOKEN = {"idToken": CARD, "type": "Central"}


def remote_start_of(world: World, name: str) -> int:
    """A backoffice starts remotely; the id that the charger gets."""
    world[name].call("RequestStartTransaction", {"remoteStartId": 5, "idToken": TOKEN, "evseId": 1})
    return int(world.commands[-1][3]["remoteStartId"])


@TWO
@pytest.mark.parametrize("moment", ["at once", "restart", "late"])
def test_a_remote_start_is_known_by_its_id(version: str, moment: str) -> None:
    world = world_of(version=version)
    number = remote_start_of(world, "energy")
    if moment == "restart":
        world.restart()
        world.boot()
    elif moment == "late":
        world.wait(600)
    started = event("Started", 0, card=CARD)
    started["transactionInfo"]["remoteStartId"] = number
    world.call("TransactionEvent", started)
    assert owner(world) == "energy"


@TWO
def test_two_who_start_with_one_card_each_own_their_session(version: str) -> None:
    world = world_of(version=version)
    numbers = {name: remote_start_of(world, name) for name in ("energy", "billing")}
    for name in ("billing", "energy"):
        started = event("Started", 0, f"T-{name}", CARD)
        started["transactionInfo"]["remoteStartId"] = numbers[name]
        world.call("TransactionEvent", started)
        assert owner(world) == name


@TWO
def test_a_remote_start_of_a_session_that_began_with_the_cable(version: str) -> None:
    world = world_of(version=version)
    world.call("TransactionEvent", event("Started", 0))
    number = remote_start_of(world, "energy")
    updated = event("Updated", 1)
    updated["transactionInfo"]["remoteStartId"] = number
    world.call("TransactionEvent", updated)
    assert owner(world) == "energy"


@TWO
@pytest.mark.parametrize("written", [4711, "x", None, {}, 10**40])
def test_an_id_of_nobody_is_nobodys(version: str, written: Any) -> None:
    world = world_of(version=version)
    started = event("Started", 0, card=CARD)
    started["transactionInfo"]["remoteStartId"] = written
    world.call("TransactionEvent", started)
    assert owner(world) == "billing"


def send_list(world: World, name: str, card: str, status: str = "Accepted") -> None:
    """A backoffice gives the charger a list of one card."""
    if world.version == "1.6":
        entry: Any = {"idTag": card, "idTagInfo": {"status": status}}
        version = {"listVersion": 1}
    else:
        entry = {"idToken": {"idToken": card, "type": "ISO14443"}, "idTokenInfo": {"status": status}}
        version = {"versionNumber": 1}
    world[name].call("SendLocalList", {**version, "updateType": "Full", "localAuthorizationList": [entry]})
    assert world[name].answers[-1][2] == {"status": "Accepted"}


@VERSIONS
def test_what_billing_has_put_on_the_list_counts_while_it_is_away(version: str) -> None:
    world = world_of(version=version)
    send_list(world, "billing", CARD)
    world["billing"].lose()
    assert authorize(world) == {"status": "Accepted"}
    assert authorize(world, "OTHER") == {"status": "Invalid"}
    assert begin(world) == {"status": "Accepted"}


@VERSIONS
def test_with_merged_lists_a_session_is_of_whose_list_the_card_is_on(version: str) -> None:
    routes = (BILLING, route(2, "energy", Role.CONTROL, {"SendLocalList": Verdict.ALLOW}))
    world = world_of(*routes, version=version, local_list="merged")
    send_list(world, "energy", CARD)
    begin(world)
    assert owner(world) == "energy"
    begin(world, "OTHER", 2)
    assert owner(world) == "billing"


@VERSIONS
@pytest.mark.parametrize("name", ["billing", "energy"])
def test_who_has_asked_for_a_session_and_is_away_has_accepted_its_card(version: str, name: str) -> None:
    world = world_of(version=version)
    world["billing"].behave = says("Invalid")
    if name == "energy":
        authorize(world)
    if version == "1.6":
        world[name].call("RemoteStartTransaction", {"idTag": CARD, "connectorId": 1})
        world[name].lose()
        assert begin(world) == {"status": "Accepted"}
        assert begin(world, connector=2) == {"status": "Invalid"}
        return
    number = remote_start_of(world, name)
    world[name].lose()
    started = event("Started", 0, card=CARD)
    started["transactionInfo"]["remoteStartId"] = number
    assert verdict(world.call("TransactionEvent", started)) == {"status": "Accepted"}
    updated = event("Updated", 1, card="OTHER")
    updated["transactionInfo"]["remoteStartId"] = number
    assert verdict(world.call("TransactionEvent", updated)) == {"status": "Invalid"}


def test_what_is_said_of_the_card_at_the_end_is_not_about_that_of_the_start() -> None:
    world = world_of()
    number = world.call("StartTransaction", start(tag=CARD))[2]["transactionId"]

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        backoffice.result(message_id, {"idTagInfo": {"status": "Blocked"}})

    world["billing"].behave = behave
    world.call("StopTransaction", {**stop(number), "idTag": "OTHER"})
    world["billing"].lose()
    assert authorize(world) == {"status": "Accepted"}


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


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        (None, 120),
        ("30", 90),
        ("0", 60),
        ("86400", 3600),
        ("nan", 120),
        ("-5", 120),
        ("1e9", 120),
        ("9" * 400, 3600),
    ],
)
def test_how_long_a_remote_start_waits_for_its_session(said: str | None, waits: float) -> None:
    world = world_of()
    if said is not None:
        world.obey = lambda w, frame: w.frame(
            json.dumps([3, frame[1], {"configurationKey": [
                {"key": "ConnectionTimeOut", "readonly": False, "value": said}], "unknownKey": []}])
        )  # fmt: skip
        world["billing"].call("GetConfiguration", {"key": ["ConnectionTimeOut"]})
        world.obey = World.accept
    for seconds, who in ((waits - 1, "energy"), (waits + 1, "billing")):
        world["energy"].call("RemoteStartTransaction", {"idTag": CARD, "connectorId": 1})
        world.wait(seconds)
        begin(world)
        assert owner(world) == who
