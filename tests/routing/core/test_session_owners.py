"""Whose a session is, and what the charger is told of its card: ocpp-semantics 5.2 and 5.3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, event, route, start, stop
from tests.routing.core.presenting import (
    CARD,
    VERSIONS,
    authorize,
    begin,
    owner,
    rule,
    says,
    verdict,
    world_of,
)

RACE = {"authorization": "first_accept"}


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


def wishes(world: World) -> list[str]:
    rows = world.database.latest.items()
    return [row.payload for (kind, _), row in rows if kind == "asked_for" and row.payload]


@VERSIONS
def test_what_its_owner_has_asked_for_is_known_after_a_restart(version: str) -> None:
    """The owner is away, and the charger says again what was on its way when the proxy was killed."""
    world = world_of(version=version)
    if version == "1.6":
        world["energy"].call("RemoteStartTransaction", {"idTag": CARD, "connectorId": 1})
    else:
        remote_start_of(world, "energy")
    world["energy"].lose()
    started = event("Started", 0, card=CARD, evse={"id": 1})
    action, payload = (
        ("StartTransaction", start(tag=CARD)) if version == "1.6" else ("TransactionEvent", started)
    )
    world.commit_at_once = False
    assert world.call(action, payload) is None
    world.restart(committed=True)
    world.commit_at_once, world.auto_open = True, False
    world.connect()
    world["energy"].refuse()
    assert verdict(world.call(action, payload)) == {"status": "Accepted"}
    assert wishes(world) == [f'"{CARD}"']
    if version == "1.6":
        world.call("StopTransaction", stop(1_000_000_000))
    else:
        world.call("TransactionEvent", event("Ended", 1, card=CARD))
    assert wishes(world) == []


@VERSIONS
@pytest.mark.parametrize("way", ["away", "silent"])
def test_a_charger_that_asks_about_a_remote_start_is_not_refused(version: str, way: str) -> None:
    """AuthorizeRemoteTxRequests: the asker has gone between its own request and the question."""
    world = world_of(version=version)
    if version == "1.6":
        world["energy"].call("RemoteStartTransaction", {"idTag": CARD, "connectorId": 1})
    else:
        remote_start_of(world, "energy")
    if way == "away":
        world["energy"].lose()
    else:
        world["energy"].behave = Backoffice.ignore
    authorize(world, message_id="asks")
    world.wait(9)
    assert verdict(world.answer_to("asks")) == {"status": "Accepted"}
    world.wait(120)
    world["billing"].lose()
    assert authorize(world) == {"status": "Invalid"}


def test_what_is_said_of_the_card_at_the_end_is_not_about_that_of_the_start() -> None:
    world = world_of()
    number = world.call("StartTransaction", start(tag=CARD))[2]["transactionId"]

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        backoffice.result(message_id, {"idTagInfo": {"status": "Blocked"}})

    world["billing"].behave = behave
    world.call("StopTransaction", {**stop(number), "idTag": "OTHER"})
    world["billing"].lose()
    assert authorize(world) == {"status": "Accepted"}


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
