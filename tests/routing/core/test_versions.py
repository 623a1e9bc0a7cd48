"""Which OCPP version is spoken where Billing takes only some (ocpp-semantics 1.2)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from routing.core import versions
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, BOOT_2, ENERGY, EPOCH, World, route

REFUSED = "version_mismatch: offered ocpp{}, it chose no subprotocol; let it accept this version"


def connecting(world: World, *offered: str, quirks: tuple[str, ...] = ()) -> None:
    """The charger connects with its first version, having offered these."""
    world.version = offered[0]
    world.auto_open = False
    world.do(world.machine.charger_connected(offered[0], *world.time, offered=offered, quirks=quirks))


def park(world: World, name: str) -> None:
    """A backoffice does not take the version."""
    key, words = world[name].key, REFUSED.format(world.version)
    world.do(world.machine.link_state(key, "parked", words, *world.time))


def learned(world: World) -> versions.Known:
    """What is remembered of Billing."""
    return versions.known(world.database.latest["billing_versions", "1"].payload)


@pytest.mark.parametrize(
    ("offered", "accepted", "refused", "chosen"),
    [
        (["2.1", "2.0.1", "1.6"], ["2.0.1"], [], "2.0.1"),
        (["2.1", "2.0.1", "1.6"], [], [], "2.1"),
        (["2.1", "2.0.1", "1.6"], [], ["2.1"], "2.0.1"),
        (["2.1", "1.6"], ["2.1"], ["2.1"], "1.6"),
        (["2.1", "1.6"], ["2.0.1"], [], "2.1"),
        (["2.1", "1.6"], [], ["2.1", "1.6"], "2.1"),
        (["2.1", "1.6"], ["1.6"], ["2.1", "1.6"], "1.6"),
    ],
)
def test_the_preferred_version(
    offered: list[str], accepted: list[str], refused: list[str], chosen: str
) -> None:
    assert versions.preferred(offered, accepted, refused) == chosen


def test_the_charger_comes_again_with_another_version() -> None:
    world = World()
    connecting(world, "2.0.1", "1.6")
    assert world.call("BootNotification", json.loads(BOOT_2)) is None
    park(world, "billing")
    assert world.to_charger == []  # it is not told Pending, which would make it wait
    assert learned(world).refused.keys() == {"2.0.1"}
    world.wait(2)
    assert [one.code for one in world.closed] == [1012]
    assert world.database.alarms["version mismatch", "1"].cleared is None
    world.disconnect()
    connecting(world, "1.6")
    world["billing"].open()
    assert learned(world).accepted == ["1.6"]
    assert world.database.alarms["version mismatch", "1"].cleared is not None


@pytest.mark.parametrize(
    ("offered", "pinned"),
    [(("2.0.1",), None), ((), None), (("2.0.1", "1.6"), "2.0.1")],
    ids=["one", "none", "pinned"],
)
def test_billing_counts_as_away_where_there_is_no_choice(
    offered: tuple[str, ...], pinned: str | None
) -> None:
    world = World(options=ChargerOptions(pinned=pinned), version="2.0.1")  # type: ignore[arg-type] # parametrized
    world.auto_open = False
    world.do(world.machine.charger_connected("2.0.1", *world.time, offered=offered))
    world.call("BootNotification", json.loads(BOOT_2))
    park(world, "billing")
    assert world.answer_to("c1")[2]["status"] == "Pending"
    world.wait(600)
    assert world.closed == []
    assert ("version mismatch", "1") in world.database.alarms


def test_a_charger_is_not_sent_round_in_a_circle() -> None:
    world = World()
    for offered in (("2.1", "2.0.1", "1.6"), ("2.0.1", "2.1", "1.6"), ("1.6", "2.1", "2.0.1")):
        connecting(world, *offered)
        park(world, "billing")
        world.wait(5)
        world.disconnect()
        world.wait(10)
    assert len(world.closed) == 2  # the third time nothing is left to try


def test_a_refusal_is_forgiven_after_a_day() -> None:
    refused = versions.known('{"refused":{"2.1":"2026-01-01T00:00:00.000Z"}}')
    assert refused.refuses("2.1", EPOCH + timedelta(hours=23))
    assert not refused.refuses("2.1", EPOCH + timedelta(hours=25))
    assert not refused.refuses("1.6", EPOCH)


@pytest.mark.parametrize("payload", ["", "null", "[]", '{"accepted":5}', '{"refused":{"2.1":7}}', "{"])
def test_what_was_learned_and_cannot_be_read_is_nothing(payload: str) -> None:
    assert versions.known(payload) == versions.Known()


def test_a_time_that_cannot_be_read_refuses_nothing() -> None:
    assert not versions.known('{"refused":{"2.1":"yesterday"}}').refuses("2.1", EPOCH)


def test_a_secondary_that_refuses_the_version_touches_nobody() -> None:
    world = World()
    connecting(world, "2.0.1", "1.6")
    world["billing"].open()
    park(world, "energy")
    assert world.call("BootNotification", json.loads(BOOT_2))[2]["status"] == "Accepted"
    world.wait(600)
    assert world.closed == []
    assert world.database.route_states[2].state == "parked"
    assert world.database.alarms["version mismatch", "2"].text.startswith("energy: offered ocpp2.0.1")


def test_another_reason_to_park_is_no_mismatch() -> None:
    world = World()
    connecting(world, "2.0.1", "1.6")
    world.do(world.machine.link_state(1, "parked", "the address is refused", *world.time))
    world.wait(60)
    assert world.closed == []
    assert world.database.alarms == {}


@pytest.mark.parametrize("moment", ["at once", "while the charger is away"])
def test_a_route_that_goes_takes_its_alarm_along(moment: str) -> None:
    world = World(BILLING, ENERGY)
    connecting(world, "2.0.1")
    park(world, "energy")
    if moment == "at once":
        world.configure(BILLING)
    else:
        world.routes = (BILLING,)
        world.restart()
        assert world.database.alarms["version mismatch", "2"].cleared is None
        connecting(world, "2.0.1")
    assert world.database.alarms["version mismatch", "2"].cleared is not None


def test_what_was_odd_about_a_handshake_is_recorded() -> None:
    world = World()
    connecting(world, "1.6", quirks=("hex_password", "missing_subprotocol"))
    kinds = {key for kind, key in world.database.latest if kind == "quirk"}
    assert kinds == {"hex_password", "missing_subprotocol"}


def test_what_waits_for_the_charger_is_not_sent_in_another_version() -> None:
    may = route(2, "control", Role.CONTROL, {"SendLocalList": Verdict.ALLOW})
    world = World(BILLING, may, options=ChargerOptions(local_list="merged"))
    world.boot()
    entry = {"idTag": "CARD", "idTagInfo": {"status": "Accepted"}}
    cards = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    world["control"].call("SendLocalList", cards)
    world.obey = None
    world["billing"].call("GetConfiguration", {})
    world.configure(BILLING)  # the proxy takes the card from the charger, as soon as that has answered
    world.disconnect()
    world.forget()
    world.connect("2.0.1")
    world.wait(10)
    assert [frame for frame in world.commands if "listVersion" in frame[3]] == []
