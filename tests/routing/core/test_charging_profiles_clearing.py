"""A clear takes away what is the asker's own, and nothing else: ocpp-semantics 3.4."""

from __future__ import annotations

from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, route
from tests.routing.core.profiles_charger import MAX, Charger, asks, clear, clears, profile, sets

VERSIONS = ("1.6", "2.0.1", "2.1")
ALL = pytest.mark.parametrize("version", VERSIONS)
MANY = route(2, "energy", Role.CONTROL, {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW})


def world_with_profiles(version: str) -> tuple[World, Charger]:
    """Billing has TxDefault 1 (level 0) and 2 (level 1); energy the same ids on 2 and 3, and Max 3."""
    world = World(BILLING, MANY, WATCHER, version=version)
    world.boot()
    charger = Charger(world)
    for number, level in ((1, 0), (2, 1)):
        assert sets(world, "billing", number, level=level) == "Accepted"
        assert sets(world, "energy", number, level=level + 2, limit=6.0) == "Accepted"
    assert sets(world, "energy", 3, "Max", limit=20.0) == "Accepted"
    world.commands.clear()
    return world, charger


@ALL
@pytest.mark.parametrize(
    ("who", "criteria", "left", "status"),
    [
        ("energy", {}, {1, 2}, "Accepted"),
        ("energy", {"number": 1}, {1, 2, 1_000_001, 1_000_002}, "Accepted"),
        ("energy", {"number": 4}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("energy", {"number": 1_000_000}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("energy", {"purpose": "Max"}, {1, 2, 1_000_000, 1_000_001}, "Accepted"),
        ("energy", {"purpose": "TxDefaultProfile"}, {1, 2, 1_000_002}, "Accepted"),
        ("energy", {"level": 3}, {1, 2, 1_000_000, 1_000_002}, "Accepted"),
        ("energy", {"level": 1}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("energy", {"scope": 0, "purpose": "Max", "level": 0}, {1, 2, 1_000_000, 1_000_001}, "Accepted"),
        ("energy", {"scope": 1}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("energy", {"purpose": "TxProfile"}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("energy", {"purpose": "nonsense"}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("billing", {}, {1_000_000, 1_000_001, 1_000_002}, "Accepted"),
        ("billing", {"number": 2}, {1, 1_000_000, 1_000_001, 1_000_002}, "Accepted"),
        ("billing", {"number": 1_000_000}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("billing", {"purpose": "Max"}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("billing", {"level": 2}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("billing", {"level": 0}, {2, 1_000_000, 1_000_001, 1_000_002}, "Accepted"),
        ("watcher", {}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
        ("watcher", {"number": 1}, {1, 2, 1_000_000, 1_000_001, 1_000_002}, "Unknown"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_clear_takes_away(
    version: str, who: str, criteria: dict[str, Any], left: set[int], status: str
) -> None:
    world, charger = world_with_profiles(version)
    before = set(charger.profiles)
    assert clears(world, who, **criteria) == status
    assert set(charger.profiles) == left
    assert len(world.commands) == len(before - left)
    assert all(len(frame[3]) == 1 for frame in world.commands)
    known = {
        int(key.split("/")[1])
        for (kind, key), row in world.database.latest.items()
        if kind == "profile" and row.payload
    }
    assert known == left


@ALL
def test_what_was_cleared_may_be_set_again(version: str) -> None:
    world, charger = world_with_profiles(version)
    clears(world, "energy")
    assert clears(world, "energy") == "Unknown"
    assert sets(world, "energy", 3, "Max", limit=9.0) == "Accepted"
    assert charger.limits(MAX[version]) == {0: 9.0}
    assert clears(world, "energy", 3) == "Accepted"


@pytest.mark.parametrize(
    "text",
    [
        '{"id":[]}',
        '{"id":{}}',
        '{"id":true}',
        '{"id":"x"}',
        '{"id":99999999999999999999999999999999999}',
        '{"stackLevel":"0"}',
        '{"stackLevel":0,"stackLevel":1}',
        '{"connectorId":{}}',
        '{"connectorId":0,"connectorId":1}',
        '{"chargingProfilePurpose":1}',
        '{"chargingProfilePurpose":"TxProfile","chargingProfilePurpose":"TxDefaultProfile"}',
    ],
)
def test_what_cannot_be_read_clears_nothing(text: str) -> None:
    world, _charger = world_with_profiles("1.6")
    for name in ("billing", "energy"):
        world[name].say(f'[2,"m","ClearChargingProfile",{text}]')
        assert world[name].answers[-1] == [3, "m", {"status": "Unknown"}]
    assert world.commands == []


def test_an_id_that_is_null_is_none() -> None:
    world, charger = world_with_profiles("1.6")
    world["energy"].say('[2,"m","ClearChargingProfile",{"id":null}]')
    assert set(charger.profiles) == {1, 2}


def test_with_an_id_no_criteria_reach_the_charger() -> None:
    world, _charger = world_with_profiles("1.6")
    asks(world, "energy", "ClearChargingProfile", {"id": 1, "connectorId": 0, "stackLevel": 0})
    assert [frame[3] for frame in world.commands] == [{"id": 1_000_000}]


@ALL
def test_billings_older_profiles_are_its_own(version: str) -> None:
    world = World(version=version)
    world.boot()
    charger = Charger(world)
    charger._set(profile(version, 77))
    assert clears(world, "energy", 77) == "Unknown"
    assert clears(world, "billing", 77) == "Accepted"
    charger._set(profile(version, 78))
    assert clears(world, "energy") == "Unknown"
    assert clears(world, "billing") == "Accepted"
    assert charger.profiles == {}


@ALL
def test_billings_broad_clear_passes_where_it_can_touch_nobody(version: str) -> None:
    world = World(version=version)
    world.boot()
    charger = Charger(world)
    charger._set(profile(version, 77))
    sets(world, "billing", 5, level=1)
    sets(world, "energy", 1, "Max")
    assert clears(world, "billing", scope=0) == "Accepted"
    assert set(charger.profiles) == {77, 1_000_000}
    assert clears(world, "billing", purpose="TxDefaultProfile") == "Accepted"
    assert set(charger.profiles) == {1_000_000}


def test_what_is_just_being_set_by_another_is_not_touched() -> None:
    world = World()
    world.boot()
    charger = Charger(world)
    charger.silent = True
    world["energy"].call("SetChargingProfile", profile("1.6", 1, "Max"), "a")
    assert clears(world, "billing") == "Unknown"


def test_a_clear_behind_a_set_clears_that_too() -> None:
    world = World()
    world.boot()
    charger = Charger(world)
    charger.silent = True
    world["energy"].call("SetChargingProfile", profile("1.6", 1, "Max"), "a")
    world["energy"].call("ClearChargingProfile", {}, "b")
    charger.silent = False
    charger.obey(world, world.commands[-1])
    assert [frame[2]["status"] for frame in world["energy"].answers] == ["Accepted", "Accepted"]
    assert charger.profiles == {}


def test_a_charger_that_lost_a_profile_says_so_and_it_is_forgotten() -> None:
    world, charger = world_with_profiles("1.6")
    charger.profiles.clear()
    assert clears(world, "energy") == "Unknown"
    assert len(world.commands) == 3
    assert clears(world, "energy") == "Unknown"
    assert len(world.commands) == 3


def test_one_of_several_that_was_there_is_enough() -> None:
    world, charger = world_with_profiles("1.6")
    del charger.profiles[1_000_000]
    assert clears(world, "energy") == "Accepted"


@pytest.mark.parametrize("trouble", ["silence", "gone", "error"])
def test_a_charger_that_does_not_answer_leaves_the_rest_known(trouble: str) -> None:
    world, charger = world_with_profiles("1.6")
    if trouble == "error":
        world.obey = lambda w, f: w.frame(f'[4,"{f[1]}","InternalError","no",{{}}]')
    else:
        charger.silent = True
    world["energy"].call("ClearChargingProfile", {}, "m")
    if trouble == "silence":
        world.wait(50)
    if trouble == "gone":
        world.disconnect()
    assert [frame[:3] for frame in world["energy"].answers[-1:]] == [
        [4, "m", "InternalError" if trouble == "error" else "GenericError"]
    ]
    assert len(world.commands) == 1
    charger.silent = False
    world.obey = charger.obey
    world.connect()
    assert clears(world, "energy") == "Accepted"
    assert set(charger.profiles) == {1, 2}


def test_an_asker_that_has_gone_meanwhile_has_cleared_all_the_same() -> None:
    world, charger = world_with_profiles("1.6")
    charger.silent = True
    world["energy"].call("ClearChargingProfile", {}, "m")
    world["energy"].lose()
    charger.silent = False
    charger.obey(world, world.commands[-1])
    assert set(charger.profiles) == {1, 2}


@ALL
def test_after_a_restart_everybody_clears_his_own(version: str) -> None:
    world, charger = world_with_profiles(version)
    world.restart()
    world.connect()
    assert clears(world, "energy", 3) == "Accepted"
    assert clears(world, "energy") == "Accepted"
    assert set(charger.profiles) == {1, 2}
    assert clears(world, "billing", level=1) == "Accepted"
    assert set(charger.profiles) == {1}


def test_the_clear_of_2_takes_an_id_before_criteria() -> None:
    world, _charger = world_with_profiles("2.0.1")
    both = {**clear("2.0.1", 1), **clear("2.0.1", purpose="Max")}
    assert asks(world, "energy", "ClearChargingProfile", both) == "Accepted"
    assert [frame[3] for frame in world.commands] == [{"chargingProfileId": 1_000_000}]


def test_the_route_of_nobody_clears_nothing() -> None:
    world = World(BILLING, ENERGY, route(4, "second", Role.CONTROL))
    world.boot()
    charger = Charger(world)
    sets(world, "energy", 1, "Max")
    assert clears(world, "second") == clears(world, "second", 1) == "Unknown"
    assert set(charger.profiles) == {1_000_000}


def test_what_was_replaced_before_a_clear_comes_back_after_a_boot() -> None:
    world = World(BILLING, version="2.0.1")
    world.boot()
    charger = Charger(world)
    assert sets(world, "billing", 1) == "Accepted"
    charger.silent = True
    world["billing"].call("SetChargingProfile", profile("2.0.1", 1, "Max"), "s")
    world["billing"].call("ClearChargingProfile", clear("2.0.1", purpose="TxDefaultProfile"), "c")
    charger.silent = False
    charger.obey(world, world.commands[-1])
    charger.profiles.clear()
    world.boot()
    world.wait(60)
    assert list(charger.limits(MAX["2.0.1"]).values()) == [16.0]
