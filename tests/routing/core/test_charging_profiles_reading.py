"""What backoffices read of the charger's profiles: ocpp-semantics 3.5 and 6."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, WATCHER, World, route
from tests.routing.core.profiles_charger import MAX, Charger, profile, said, sets
from tests.routing.core.schemas import judge

MANY = route(2, "energy", Role.CONTROL, {"SetChargingProfile:TxDefaultProfile": Verdict.ALLOW})
TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
EXTERNAL = "ChargingStationExternalConstraints"


def world_of(version: str, **options: Any) -> World:
    world = World(BILLING, MANY, WATCHER, version=version, options=ChargerOptions(**options))
    charger = Charger(world)
    world.boot()
    world.wait(5)
    assert sets(world, "billing", 1) == sets(world, "energy", 1, "Max", 2) == "Accepted"
    assert sets(world, "energy", 2, level=1) == "Accepted"
    charger._set(profile(version, 77, "TxDefaultProfile", 7))
    return world


def entry(version: str, number: int, purpose: str, level: int = 0, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = profile(version, number, purpose, level)["chargingProfile"]
    return {**made, **more}


def asks_for(world: World, name: str, **criteria: Any) -> Any:
    """Ask, and what the charger was asked then; None where it was not."""
    before = len(world.commands)
    payload = {"requestId": 1, "chargingProfile": criteria}
    world[name].call("GetChargingProfiles", payload, f"g{next(world.message_ids)}")
    return world.commands[-1][3] if len(world.commands) > before else None


def reports(world: World, request: int, *entries: dict[str, Any], tbc: bool = False, **more: Any) -> None:
    payload = {"requestId": request, "chargingLimitSource": "CSO", "evseId": 0, "chargingProfile": entries}
    assert world.call("ReportChargingProfiles", {**payload, "tbc": tbc, **more})[2] == {}


def seen(world: World, name: str) -> list[Any]:
    """The profiles of each report that a backoffice got, as id, purpose, stackLevel."""
    found = world[name].payloads("ReportChargingProfiles")
    for text in world[name].frames:
        if "ReportChargingProfiles" in text:
            judge(world.version, text)
    return [
        [(p["id"], p["chargingProfilePurpose"], p["stackLevel"]) for p in one["chargingProfile"]]
        for one in found
    ]


@TWO
@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("billing", [(1, "TxDefaultProfile", 0), (77, "TxDefaultProfile", 7), (9, EXTERNAL, 0)]),
        ("energy", [(1, "Max", 2), (2, "TxDefaultProfile", 1), (9, EXTERNAL, 0)]),
        ("watcher", [(9, EXTERNAL, 0)]),
    ],
)
@pytest.mark.parametrize("limit", [None, 32])
def test_each_reads_its_own_under_its_own_numbers(
    version: str, who: str, expected: list[Any], limit: float | None
) -> None:
    world = world_of(version, max_current=limit)
    request = asks_for(world, who, chargingProfilePurpose="TxDefaultProfile")["requestId"]
    shift = 1 if limit else 0
    reports(
        world,
        request,
        entry(version, 1, "TxDefaultProfile"),
        entry(version, 77, "TxDefaultProfile", 7),
        entry(version, 1_000_000, MAX[version], 2 + shift),
        entry(version, 1_000_001, "TxDefaultProfile", 1),
        entry(version, 9, EXTERNAL),
        *([entry(version, 999_999, MAX[version], 0)] if limit else []),
    )
    assert seen(world, who) == [[(n, MAX[version] if p == "Max" else p, level) for n, p, level in expected]]
    assert world[who].payloads("ReportChargingProfiles")[0]["requestId"] == 1
    assert all(
        b.payloads("ReportChargingProfiles") == [] for b in world.backoffices.values() if b is not world[who]
    )


@TWO
def test_a_part_in_which_nothing_is_the_askers_is_left_out(version: str) -> None:
    world = world_of(version)
    request = asks_for(world, "energy", chargingProfilePurpose="TxDefaultProfile")["requestId"]
    reports(world, request, entry(version, 1, "TxDefaultProfile"), tbc=True)
    reports(world, request, entry(version, 1_000_001, "TxDefaultProfile", 1), tbc=False)
    assert seen(world, "energy") == [[(2, "TxDefaultProfile", 1)]]


@TWO
@pytest.mark.parametrize(
    ("who", "foreign", "source"),
    [
        ("energy", (1, "TxDefaultProfile"), "CSO"),
        ("energy", (999_999, "Max"), "Other"),
        ("billing", (1_000_000, "Max"), "EMS"),
        ("watcher", (77, "TxDefaultProfile"), "CSO"),
    ],
)
def test_the_last_part_shows_the_limit_of_the_others_as_one_from_outside(
    version: str, who: str, foreign: tuple[int, str], source: str
) -> None:
    world = world_of(version, max_current=32)
    request = asks_for(world, who, chargingProfilePurpose="TxDefaultProfile")["requestId"]
    number, purpose = foreign
    shown = entry(version, number, MAX[version] if purpose == "Max" else purpose, 3, transactionId="T-1")
    tariff = {"id": 1, "salesTariffEntry": [{"relativeTimeInterval": {"start": 0}}]}
    shown["chargingSchedule"][0]["salesTariff"] = tariff
    reports(world, request, shown)
    assert seen(world, who) == [[(0, EXTERNAL, 0)]]
    got = world[who].payloads("ReportChargingProfiles")[0]
    assert got["chargingLimitSource"] == source
    assert got["tbc"] is False
    assert "T-1" not in json.dumps(got)
    assert "salesTariff" not in json.dumps(got)


def test_a_report_that_nobody_asked_for_is_nobodys() -> None:
    world = world_of("2.0.1")
    reports(world, 4711, entry("2.0.1", 1_000_000, MAX["2.0.1"]))
    assert seen(world, "energy") == seen(world, "watcher") == []


@TWO
@pytest.mark.parametrize(
    ("who", "ids", "asked"),
    [
        ("energy", [1], [1_000_000]),
        ("energy", [1, 2], [1_000_000, 1_000_001]),
        ("energy", [1, 77, 5], [1_000_000]),
        ("energy", [77], None),
        ("energy", [1_000_000], None),
        ("billing", [1, 77], [1, 77]),
        ("billing", [1_000_000], None),
        ("watcher", [1], None),
    ],
)
def test_ids_in_a_question_are_the_askers_own(
    version: str, who: str, ids: list[int], asked: list[int] | None
) -> None:
    world = world_of(version)
    sent = asks_for(world, who, chargingProfileId=ids)
    assert (sent and sent["chargingProfile"]) == (asked and {"chargingProfileId": asked})
    assert said(world, who) == ("Accepted" if asked else "NoProfiles")


@TWO
def test_a_stack_level_in_a_question_is_the_askers_own(version: str) -> None:
    world = world_of(version, max_current=32)
    sent = asks_for(world, "energy", chargingProfilePurpose=MAX[version], stackLevel=2)
    assert sent["chargingProfile"] == {"chargingProfilePurpose": MAX[version], "stackLevel": 3}
    assert asks_for(world, "energy", stackLevel=2)["chargingProfile"] == {"chargingProfileId": [1_000_000]}
    assert asks_for(world, "energy", stackLevel=9) is None
    assert asks_for(world_of(version), "energy", stackLevel=9)["chargingProfile"] == {"stackLevel": 9}


@TWO
def test_a_question_without_criteria_is_passed_on(version: str) -> None:
    world = world_of(version)
    assert asks_for(world, "energy", chargingLimitSource=["EMS"])["chargingProfile"] == {
        "chargingLimitSource": ["EMS"]
    }
    assert said(world, "energy") == "Accepted"


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("name", ["billing", "energy", "watcher"])
def test_the_composite_schedule_is_the_chargers_to_say(version: str, name: str) -> None:
    world = World(BILLING, MANY, WATCHER, version=version)
    world.boot()
    place = {"connectorId": 0} if version == "1.6" else {"evseId": 0}
    world[name].call("GetCompositeSchedule", {**place, "duration": 60}, "x")
    assert world.commands[-1][2:] == ["GetCompositeSchedule", {**place, "duration": 60}]


@pytest.mark.parametrize("odd", [{}, {"id": "x"}, {"id": None}, [], "x", 1])
def test_an_entry_that_cannot_be_read_is_nobodys(odd: Any) -> None:
    world = world_of("2.0.1")
    request = asks_for(world, "energy", stackLevel=0)["requestId"]
    world.call(
        "ReportChargingProfiles",
        {
            "requestId": request,
            "chargingLimitSource": "CSO",
            "evseId": 0,
            "chargingProfile": [odd, entry("2.0.1", 1_000_000, MAX["2.0.1"], 2)],
        },
    )
    assert world["energy"].payloads("ReportChargingProfiles")[0]["chargingProfile"] == [
        entry("2.0.1", 1, MAX["2.0.1"], 2)
    ]
