"""Scenarios 29, 65, 66, 67 and 70: several backoffices limit one charger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions, charger_options
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, route, start
from tests.routing.core.profiles_charger import MAX, Charger, asks, clears, profile, sets
from tests.routing.core.schemas import judge

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
ROLES = list(Role)


def world_of(version: str, **options: Any) -> tuple[World, Charger]:
    world = World(BILLING, ENERGY, WATCHER, version=version, options=ChargerOptions(**options))
    charger = Charger(world)
    world.boot()
    world.wait(40)
    return world, charger


def judged(world: World) -> None:
    """Every frame that anybody got is as the standard has it."""
    for text in (*world.to_charger, *(f for b in world.backoffices.values() for f in b.frames)):
        judge(world.version, text)


@pytest.mark.parametrize("rewritten", [False, True])
def test_29_names_of_2_1_stay_as_they_are(rewritten: bool) -> None:
    """Given ``limit_L2`` in a profile, when it is relayed (Billing's) or rewritten (energy's: another id,
    another level, a lowered limit), then the name is unchanged, and in the report back as well."""
    world, _ = world_of("2.1", max_current=20 if rewritten else None)
    periods = [{"startPeriod": 0, "limit": 32.0, "limit_L2": 10.5, "limit_L3": 6}]
    name, purpose = ("energy", "Max") if rewritten else ("billing", "TxDefaultProfile")
    assert sets(world, name, 1, purpose, periods=periods) == "Accepted"
    sent = world.commands[-1][3]["chargingProfile"]
    assert (sent["id"], sent["stackLevel"]) == ((1_000_000, 1) if rewritten else (1, 0))
    lowered = {"limit": 20.0} if rewritten else {}
    assert sent["chargingSchedule"][0]["chargingSchedulePeriod"] == [{**periods[0], **lowered}]
    asks(world, name, "GetChargingProfiles", {"requestId": 1, "chargingProfile": {"chargingProfileId": [1]}})
    report = {"requestId": world.commands[-1][3]["requestId"], "chargingLimitSource": "CSO", "evseId": 0}
    world.call("ReportChargingProfiles", {**report, "chargingProfile": [sent]})
    got = world[name].payloads("ReportChargingProfiles")[0]["chargingProfile"][0]
    assert (got["id"], got["stackLevel"], got["chargingSchedule"]) == (1, 0, sent["chargingSchedule"])
    judged(world)


@pytest.mark.skip(reason="arbiter mode is a later issue; the next test has what holds without it")
@ALL
def test_65_the_arbiter_installs_the_minimum(version: str) -> None:
    """Given energy's and Billing's profiles with id 1, stackLevel 0, TxDefaultProfile, in mode arbiter, then
    one proxy profile with the minimum; energy's clear of everything leaves Billing's limit in force."""


@ALL
@pytest.mark.parametrize("mode", ["split", "banded"])
def test_a_clear_of_everything_leaves_the_limits_of_the_others(version: str, mode: str) -> None:
    """What holds of 65 today: each clears ``{}``, and the other's limit stays in force."""
    allowed = {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW}
    world = World(
        BILLING,
        route(2, "energy", Role.CONTROL, allowed),
        version=version,
        options=charger_options({"smart_charging": mode}),
    )
    charger = Charger(world)
    world.boot()
    assert sets(world, "billing", 1, limit=10.0) == "Accepted"
    assert sets(world, "energy", 1, level=1, limit=8.0) == "Accepted"
    assert sets(world, "energy", 2, "Max", limit=20.0) == "Accepted"
    assert clears(world, "energy") == "Accepted"
    assert charger.limits("TxDefaultProfile") == {0: 10.0}
    assert clears(world, "energy") == "Unknown"
    assert sets(world, "energy", 2, "Max", limit=20.0) == "Accepted"
    assert clears(world, "billing") == "Accepted"
    assert charger.limits("TxDefaultProfile") == {}
    assert charger.limits(MAX[version]) == {0: 20.0}
    judged(world)


@ALL
def test_66_in_split_the_energy_manager_limits_the_station_only(version: str) -> None:
    """Given mode split, when energy sends a TxProfile, then Rejected and the charger is not asked; its
    ChargePointMaxProfile passes."""
    world, charger = world_of(version)
    if version == "1.6":
        world.call("StartTransaction", start())
        number: int | str = 900  # as energy knows it
    else:
        world.call("TransactionEvent", event("Started", 0, "T-1", "CARD", evse={"id": 1}))
        number = "T-1"
    assert sets(world, "energy", 1, "TxProfile", scope=1, transactionId=number) == "Rejected"
    assert world.commands == []
    assert sets(world, "energy", 1, "Max", limit=13.0) == "Accepted"
    assert charger.limits(MAX[version]) == {0: 13.0}
    judged(world)


@ALL
def test_67_the_limit_of_a_dead_energy_manager_lapses(version: str) -> None:
    """Given energy's link is dead for energy_ttl, then its limit lapses, and Billing hears so where its
    version has a ClearedChargingLimit."""
    world, charger = world_of(version, energy_ttl=600)
    assert sets(world, "energy", 1, "Max", limit=0.0) == "Accepted"
    assert sets(world, "billing", 1, limit=10.0) == "Accepted"
    world["energy"].lose()
    world.wait(595)
    assert charger.limits(MAX[version]) == {0: 0.0}
    world.wait(10)
    assert charger.limits(MAX[version]) == {}
    assert charger.limits("TxDefaultProfile") == {0: 10.0}
    told = world["billing"].payloads("ClearedChargingLimit")
    assert told == ([] if version == "1.6" else [{"chargingLimitSource": "EMS"}])
    judged(world)


def test_70_a_pull_goes_to_whose_the_profile_is() -> None:
    """Given PullDynamicScheduleUpdate for energy's profile, then only energy is asked, under its own id, and
    its answer is returned; with energy away the charger is told Rejected; an unknown one is Billing's."""
    world, _ = world_of("2.1")
    assert sets(world, "energy", 7, "Max", chargingProfileKind="Dynamic") == "Accepted"
    assert sets(world, "billing", 7, chargingProfileKind="Dynamic") == "Accepted"

    def answer_of(key: int) -> dict[str, Any]:
        update = {"status": "Accepted", "scheduleUpdate": {"limit": 9.50}}
        return {**update, "customData": {"vendorId": str(key)}}

    for name in ("energy", "billing"):
        world[name].behave = lambda b, m, a, p: b.result(m, answer_of(b.key))
    for name, number in (("energy", 1_000_000), ("billing", 7)):
        world.forget()
        answer = world.call("PullDynamicScheduleUpdate", {"chargingProfileId": number})
        key = {"billing": 1, "energy": 2}[name]
        assert answer[2] == answer_of(key)
        got = {b.key: b.got for b in world.backoffices.values() if b.got}
        assert got == {key: [("PullDynamicScheduleUpdate", {"chargingProfileId": 7})]}
    world["energy"].lose()
    world.forget()
    answer = world.call("PullDynamicScheduleUpdate", {"chargingProfileId": 1_000_000})
    assert answer[2]["status"] == "Rejected"
    assert world["billing"].got == []
    assert world.call("PullDynamicScheduleUpdate", {"chargingProfileId": 5})[2]["status"] == "Accepted"
    judged(world)


# -- without a number ----------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("restarts", [False, True])
def test_both_set_profile_1_and_each_sees_only_its_own(version: str, restarts: bool) -> None:
    """From the acceptance of the issue: two backoffices set profile id 1; each changes, reads and clears its
    own, before and after a restart of the proxy."""
    world, charger = world_of(version)
    for name, purpose in (("billing", "TxDefaultProfile"), ("energy", "Max")):
        assert sets(world, name, 1, purpose, limit=10.0) == "Accepted"
    if restarts:
        world.restart()
        world.connect()
        world.wait(10)
    assert sets(world, "energy", 1, "Max", limit=12.0) == "Accepted"
    assert charger.limits(MAX[version]) == {0: 12.0}
    assert charger.limits("TxDefaultProfile") == {0: 10.0}
    if version != "1.6":
        everything = [
            profile(version, n, p["chargingProfilePurpose"])["chargingProfile"]
            for n, p in charger.profiles.items()
        ]
        for name, purpose in (("billing", "TxDefaultProfile"), ("energy", MAX[version])):
            asks(world, name, "GetChargingProfiles", {"requestId": 1, "chargingProfile": {"stackLevel": 0}})
            head = {
                "requestId": world.commands[-1][3]["requestId"],
                "chargingLimitSource": "CSO",
                "evseId": 0,
            }
            world.call("ReportChargingProfiles", {**head, "chargingProfile": everything})
            reports = world[name].payloads("ReportChargingProfiles")
            assert [
                [(p["id"], p["chargingProfilePurpose"]) for p in r["chargingProfile"]] for r in reports
            ] == [[(1, purpose)]]
    assert clears(world, "billing", 1) == "Accepted"
    assert clears(world, "billing", 1) == "Unknown"
    assert charger.limits(MAX[version]) == {0: 12.0}
    assert clears(world, "energy", 1) == "Accepted"
    assert charger.profiles == {}
    judged(world)


@ALL
@pytest.mark.parametrize("role", ROLES, ids=str)
def test_nobody_clears_the_tenants_limit(version: str, role: Role) -> None:
    """Given max_current, then any role may try what it likes: the charger draws no more."""
    mine = route(
        2, "asker", role, dict.fromkeys(("SetChargingProfile", "ClearChargingProfile"), Verdict.ALLOW)
    )
    routes = (mine,) if role is Role.BILLING else (BILLING, mine)
    world = World(*routes, version=version, options=ChargerOptions(max_current=16))
    charger = Charger(world)
    world.boot()
    world.wait(40)
    [(number, held)] = charger.profiles.items()
    for level in range(3):
        for given in (number, 1):
            sets(world, "asker", given, "Max", level, 63.0)
            assert max(charger.limits(MAX[version]).values()) <= 16.0
    for criteria in (
        {},
        {"number": number},
        {"purpose": "Max"},
        {"level": 0},
        {"scope": 0},
        {"purpose": "Max", "level": 0},
    ):
        clears(world, "asker", **criteria)
        assert charger.profiles[number] == held
    assert json.dumps(charger.profiles[number]).count("16.0") == 1
    judged(world)
