"""Scenarios 33 and 45 to 49: who decides about a card, and what others see of it."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.options import AuthRule, ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, event, meter, route, start, stop

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
TAG = "DE-ABC-0001"
DECISIONS = ("Authorize", "StartTransaction", "TransactionEvent")


def say(backoffice: Backoffice, status: str, group: str = "") -> None:
    """Give this verdict about every card from now on."""
    is_16 = backoffice.world.version == "1.6"
    info: dict[str, Any] = {"status": status}
    if group:
        info |= {"parentIdTag": group} if is_16 else {"groupIdToken": {"idToken": group, "type": "Central"}}

    def behave(self: Backoffice, message_id: str, action: str, payload: Any) -> None:
        verdict = {"idTagInfo" if is_16 else "idTokenInfo": info} if action in DECISIONS else {}
        self.result(message_id, {**self.payload_for(action), **verdict})

    backoffice.behave = behave


def present(world: World, tag: str = TAG, message_id: str | None = None) -> Any:
    """Authorize a card; the verdict, None while there is none."""
    payload = {"idTag": tag} if world.version == "1.6" else {"idToken": {"idToken": tag, "type": "ISO14443"}}
    return info(world.call("Authorize", payload, message_id))


def begin(world: World, tag: str = TAG) -> Any:
    """Start a session with a card; the verdict."""
    if world.version == "1.6":
        return info(world.call("StartTransaction", start(tag=tag)))
    return info(world.call("TransactionEvent", event("Started", 0, card=tag)))


def end(world: World, number: int = 100, tag: str = TAG) -> Any:
    """End it with the same card."""
    if world.version == "1.6":
        return world.call("StopTransaction", {**stop(number), "idTag": tag})
    return world.call("TransactionEvent", event("Ended", 1, card=tag))


def info(answer: Any) -> Any:
    return answer and answer[2].get("idTagInfo", answer[2].get("idTokenInfo"))


def group_of(verdict: Any) -> str | None:
    """The group of cards in a verdict."""
    token = verdict.get("groupIdToken", {})
    found: str | None = verdict.get("parentIdTag", token.get("idToken"))
    return found


def owner(world: World) -> str | None:
    """Whose the newest session is."""
    key = list(world.database.transactions.values())[-1].owner
    return next((r.backoffice for r in world.routes if r.key == key), None)


@ALL
def test_33_a_refusal_that_comes_late(version: str) -> None:
    """Given a start while Billing is away, when it says Blocked, then the charger is told to stop."""
    world = World(version=version, options=ChargerOptions(auth_offline="accept", late_reject="stop"))
    world.boot()
    world["billing"].lose()
    if version == "1.6":
        number = world.call("StartTransaction", start(tag=TAG))[2]["transactionId"]
        assert number >= 1_000_000_000
        expected = ("RemoteStopTransaction", {"transactionId": number})
    else:
        begin(world)
        expected = ("RequestStopTransaction", {"transactionId": "T-1"})
    assert world.commands == []
    say(world["billing"], "Blocked")
    world["billing"].open()
    world.wait(5)
    assert [(frame[2], frame[3]) for frame in world.commands] == [expected]


@ALL
@pytest.mark.parametrize("strategy", ["prefix", "list"])
def test_45_a_prefix_names_who_decides(version: str, strategy: Any) -> None:
    """Given DE-ABC is another's, when presented, then it alone is asked, owns, and its group counts."""
    rules = (AuthRule(match="prefix", value="DE-ABC", backoffice="energy"),)
    world = World(version=version, options=ChargerOptions(authorization=strategy, auth_rules=rules))
    world.boot()
    say(world["energy"], "Accepted", "FLEET")
    say(world["billing"], "Invalid", "OTHERS")
    assert group_of(present(world)) == "FLEET"
    assert world["billing"].of("Authorize") == []
    assert group_of(begin(world)) == "FLEET"
    assert owner(world) == "energy"
    assert present(world, "NL-1")["status"] == "Invalid"
    assert len(world["energy"].of("Authorize")) == 1


@ALL
def test_46_the_first_acceptance_wins(version: str) -> None:
    """Given Billing says Invalid after 1 s and another Accepted after 2 s, then Accepted, and its session."""
    world = World(version=version, options=ChargerOptions(authorization="first_accept", T_auth=8))
    world.boot()
    for backoffice in world.backoffices.values():
        backoffice.behave = Backoffice.hold
    assert present(world, message_id="a") is None
    for name, status in (("billing", "Invalid"), ("energy", "Accepted")):
        world.wait(1)
        say(world[name], status)
        held, world[name].held = world[name].held, []
        for message_id, action, payload in held:
            world[name].behave(world[name], message_id, action, payload)
    world.wait(0.5)
    assert info(world.answer_to("a"))["status"] == "Accepted"
    begin(world)
    assert owner(world) == "energy"


@ALL
def test_47_who_has_asked_for_the_start_is_asked_about_the_card(version: str) -> None:
    """Given another's remote start with a card unknown to Billing, then the other is asked."""
    world = World(version=version)
    world.boot()
    say(world["billing"], "Invalid")
    say(world["energy"], "Accepted")
    if version == "1.6":
        world["energy"].call("RemoteStartTransaction", {"idTag": TAG, "connectorId": 1})
    else:
        token = {"idToken": TAG, "type": "Central"}
        world["energy"].call("RequestStartTransaction", {"remoteStartId": 1, "idToken": token, "evseId": 1})
    assert present(world) == {"status": "Accepted"}
    assert [len(world[name].of("Authorize")) for name in ("billing", "energy")] == [0, 1]
    assert begin(world) == {"status": "Accepted"}
    assert owner(world) == "energy"


@ALL
def test_48_a_card_that_was_accepted_not_long_ago(version: str) -> None:
    """Given Billing is away, then a card accepted an hour ago is accepted, one never seen is refused."""
    world = World(version=version)
    world.boot()
    assert present(world)["status"] == "Accepted"
    world["billing"].lose()
    world.wait(3600)
    assert present(world)["status"] == "Accepted"
    assert present(world, "NEVER-SEEN")["status"] == "Invalid"
    world.wait(86400)
    assert present(world)["status"] == "Invalid"


@ALL
def test_49_a_backoffice_that_only_observes_never_sees_the_card(version: str) -> None:
    """Given foreign_tx alias, when a session runs, then one alias in start and end, and nothing signed."""
    observer = route(3, "watcher", Role.OBSERVE, foreign_tx="alias")
    world = World(BILLING, ENERGY, observer, version=version)
    world.boot()
    signed: dict[str, Any] = {"value": f"OCMF|{TAG}", "format": "SignedData"}
    if version != "1.6":
        signed = {"value": 2.5, "signedMeterValue": {"signedMeterData": TAG, "encodingMethod": "OCMF"}}
    values = [{"timestamp": "2026-01-01T00:30:00Z", "sampledValue": [signed]}]
    present(world)
    begin(world)
    if version == "1.6":
        world.call("MeterValues", {**meter(100), "meterValue": values})
        end(world)
        seen = [p["idTag"] for _, p in world["watcher"].of("StartTransaction", "StopTransaction")]
    else:
        world.call("TransactionEvent", event("Updated", 1, meterValue=values))
        world.call("TransactionEvent", event("Ended", 2, card=TAG, meterValue=values))
        tokens = [p["idToken"] for p in world["watcher"].payloads("TransactionEvent") if "idToken" in p]
        assert {token["type"] for token in tokens} == {"Central"}
        seen = [token["idToken"] for token in tokens]
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert len(seen[0]) <= 20
    frames = "".join(world["watcher"].frames)
    assert TAG not in frames
    assert "igned" not in frames
    assert TAG in "".join(world["billing"].frames)
