"""CALLs that get into each other's way while they wait for the charger (ocpp-semantics 7.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

VERSIONS = ["1.6", "2.0.1", "2.1"]
ALL = pytest.mark.parametrize("version", VERSIONS)
COMMANDS = (
    "RemoteStartTransaction",
    "RequestStartTransaction",
    "UnlockConnector",
    "Reset",
    "SetChargingProfile",
)
MAY = dict.fromkeys(COMMANDS, Verdict.ALLOW)


def busy(version: str) -> World:
    """A charger that is thinking about something else."""
    world = World(BILLING, route(2, "energy", Role.CONTROL, MAY), version=version)
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "busy")
    return world


def answers_of(world: World, name: str) -> list[tuple[str, Any]]:
    """Message id and status (or error code and words) of what a backoffice was answered."""
    return [
        (frame[1], frame[2].get("status") if frame[0] == 3 else (frame[2], frame[3]))
        for frame in world[name].answers
    ]


def answer_next(world: World, payload: dict[str, Any] | None = None) -> None:
    """The charger answers its newest command."""
    world.frame(json.dumps([3, world.commands[-1][1], payload or {"status": "Accepted"}]))


def profile(
    world: World, stack: int = 0, limit: int = 16, number: int = 7, connector: int = 0
) -> dict[str, Any]:
    """A limit for the whole charger."""
    period = {"startPeriod": 0, "limit": limit}
    if world.version == "1.6":
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
        made = {
            "chargingProfileId": number,
            "stackLevel": stack,
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        }
        return {"connectorId": 0, "csChargingProfiles": made}
    made = {
        "id": number,
        "stackLevel": stack,
        "chargingProfilePurpose": "ChargingStationMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}],
    }
    return {"evseId": 0, "chargingProfile": made}


def start(version: str, connector: int | None = 1) -> tuple[str, dict[str, Any]]:
    """A remote start on a connector."""
    where = {} if connector is None else {"connectorId" if version == "1.6" else "evseId": connector}
    if version == "1.6":
        return "RemoteStartTransaction", {"idTag": "A", **where}
    return "RequestStartTransaction", {
        "remoteStartId": 1,
        "idToken": {"idToken": "A", "type": "Central"},
        **where,
    }


@ALL
@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_newer_profile_takes_the_place_of_the_older_and_shares_its_fate(version: str, status: str) -> None:
    world = busy(version)
    for number, limit in enumerate((16, 10, 6)):
        world["energy"].call("SetChargingProfile", profile(world, limit=limit), f"e{number}")
    answer_next(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache", "SetChargingProfile"]
    assert '"limit": 6' in json.dumps(world.commands[-1])
    assert world["energy"].answers == []
    answer_next(world, {"status": status})
    assert answers_of(world, "energy") == [("e0", status), ("e1", status), ("e2", status)]
    rules = [row.rule for row in world.database.messages if row.message_id in ("e0", "e1")]
    assert all("superseded" in rule for rule in rules)


@ALL
def test_profiles_of_other_scopes_and_askers_stay(version: str) -> None:
    world = busy(version)
    world["energy"].call("SetChargingProfile", profile(world), "e0")
    world["energy"].call("SetChargingProfile", profile(world, stack=1, number=8), "e1")
    world["billing"].call("SetChargingProfile", profile(world), "b0")
    for _ in range(4):
        answer_next(world)
    assert sum(frame[2] == "SetChargingProfile" for frame in world.commands) >= 2
    assert [message_id for message_id, _ in answers_of(world, "energy")] == ["e0", "e1"]


@ALL
def test_superseded_profiles_end_with_a_charger_that_does_not_answer(version: str) -> None:
    world = busy(version)
    world["energy"].call("SetChargingProfile", profile(world, limit=16), "e0")
    world["energy"].call("SetChargingProfile", profile(world, limit=10), "e1")
    answer_next(world)
    world.wait(50)
    assert [frame[:2] for frame in world["energy"].answers] == [[4, "e0"], [4, "e1"]]


@ALL
def test_nobody_is_answered_on_a_new_link_for_what_the_old_one_asked(version: str) -> None:
    world = busy(version)
    world["energy"].call("SetChargingProfile", profile(world, limit=16), "e0")
    world["energy"].call("SetChargingProfile", profile(world, limit=10), "e1")
    answer_next(world)
    world["energy"].lose()
    world["energy"].open()
    answer_next(world)
    assert world["energy"].answers == []


@ALL
def test_the_newest_of_many_profiles_is_sent_and_the_oldest_are_refused(version: str) -> None:
    world = busy(version)
    for number in range(3000):
        world["energy"].call("SetChargingProfile", profile(world, limit=number), f"e{number}")
    refused = [f"e{number}" for number in range(3000 - 21)]  # the newest, and twenty that share its fate
    assert [frame[:2] for frame in world["energy"].answers] == [[4, name] for name in refused]
    answer_next(world)
    assert '"limit": 2999' in json.dumps(world.commands[-1])
    answer_next(world)
    assert len(world["energy"].answers) == 3000
    mappings = [row for row in world.database.identifiers.values() if row.kind == "profile"]
    assert [row.closed for row in mappings] == [None]  # the profile is there, under its id


@ALL
@pytest.mark.parametrize("sent", [True, False], ids=["with the charger", "waiting"])
def test_two_starts_on_one_connector(version: str, sent: bool) -> None:
    world = busy(version)
    if sent:
        answer_next(world)
    world["energy"].call(*start(version), "e1")
    world["billing"].call(*start(version), "b1")
    assert ("b1", "Rejected") in answers_of(world, "billing")
    assert answers_of(world, "energy") == []
    if not sent:
        answer_next(world)
    answer_next(world)
    assert answers_of(world, "energy") == [("e1", "Accepted")]
    world["billing"].call(*start(version), "b2")  # whether it can start again is the charger's to say
    answer_next(world, {"status": "Rejected"})
    assert ("b2", "Rejected") in answers_of(world, "billing")


@ALL
@pytest.mark.parametrize(("first", "second"), [(1, 2), (1, None), (None, 1), (None, None)])
def test_starts_elsewhere_or_anywhere_are_no_conflict(
    version: str, first: int | None, second: int | None
) -> None:
    world = busy(version)
    world["energy"].call(*start(version, first), "e1")
    world["billing"].call(*start(version, second), "b1")
    assert world["energy"].answers == world["billing"].answers == []


@ALL
@pytest.mark.parametrize("stage", ["waiting", "sent", "accepted"])
def test_what_is_not_carried_out_after_a_reset_fails_and_the_rest_waits_for_the_boot(
    version: str, stage: str
) -> None:
    world = busy(version)
    world["billing"].call("Reset", {"type": "Soft" if version == "1.6" else "Immediate"}, "b1")
    if stage != "waiting":
        answer_next(world)
    if stage == "accepted":
        answer_next(world)
    world["energy"].call(*start(version), "e1")
    world["energy"].call("Reset", {"type": "Hard" if version == "1.6" else "OnIdle"}, "e2")
    code = "GenericError"
    assert answers_of(world, "energy") == [(i, (code, "charger rebooting")) for i in ("e1", "e2")]
    read = {"connectorId" if version == "1.6" else "evseId": 1, "duration": 60}
    world["energy"].call("GetCompositeSchedule", read, "e3")
    while world.commands[-1][2] != "Reset":
        answer_next(world)
    if stage != "accepted":
        answer_next(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache", "Reset"]
    world.disconnect()
    world.wait(3)
    world.boot()
    assert [frame[2] for frame in world.commands] == []  # boot() forgets
    assert [frame[2] for frame in map(json.loads, world.to_charger) if frame[0] == 2] == []
    world["billing"].call("ClearCache", {}, "b2")


@ALL
def test_starts_that_wait_behind_a_reset_fail_when_it_is_accepted(version: str) -> None:
    world = busy(version)
    world["energy"].call(*start(version), "e1")
    world["billing"].call("Reset", {"type": "Soft" if version == "1.6" else "Immediate"}, "b1")
    answer_next(world)  # the reset of Billing goes first
    assert world.commands[-1][2] == "Reset"
    answer_next(world)
    assert answers_of(world, "energy") == [("e1", ("GenericError", "charger rebooting"))]
    assert ("b1", "Accepted") in answers_of(world, "billing")


@ALL
@pytest.mark.parametrize("status", ["Rejected", "Scheduled"])
def test_a_reset_that_does_not_happen_now_stops_nobody(version: str, status: str) -> None:
    world = busy(version)
    world["billing"].call("Reset", {"type": "Soft" if version == "1.6" else "OnIdle"}, "b1")
    answer_next(world)
    answer_next(world, {"status": status})
    world["energy"].call(*start(version), "e1")
    assert world.commands[-1][2] == start(version)[0]


@ALL
def test_a_charger_that_accepts_a_reset_and_goes_on_is_asked_again_after_a_minute(version: str) -> None:
    world = busy(version)
    world["billing"].call("Reset", {"type": "Soft" if version == "1.6" else "Immediate"}, "b1")
    answer_next(world)
    answer_next(world)
    world.wait(50)
    world["billing"].call("ClearCache", {}, "b2")
    assert world.commands[-1][2] == "Reset"
    world.wait(11)
    assert world.commands[-1][2] == "ClearCache"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_the_reset_of_one_evse_is_no_reboot(version: str) -> None:
    world = busy(version)
    world["billing"].call("Reset", {"type": "Immediate", "evseId": 1}, "b1")
    answer_next(world)
    answer_next(world)
    world["energy"].call(*start(version), "e1")
    assert world.commands[-1][2] == "RequestStartTransaction"


# -- answers under ids that nobody sent ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "taken"),
    [
        ('[3,"odd",{"status":"Accepted"}]', True),
        ("[3,17,{\"status\":\"Accepted\"}]", True),
        ('[3,"odd",{}]', False),
        ('[3,"odd",null]', False),
        ('[3,"odd",{"listVersion":3}]', False),
        ('[4,"odd","InternalError","",{}]', False),
    ],
)  # fmt: skip
@ALL
def test_which_answers_are_taken_under_a_foreign_id(version: str, frame: str, taken: bool) -> None:
    world = busy(version)
    world.frame(frame)
    assert len(world["billing"].answers) == int(taken)
    assert (("quirk", "wrong_answer_id") in world.database.latest) is taken


@ALL
def test_a_late_answer_to_an_earlier_call_is_none_to_this_one(version: str) -> None:
    world = busy(version)
    late = world.commands[-1][1]
    world.wait(46)
    world["billing"].call("ClearCache", {}, "b2")
    world.frame(json.dumps([3, late, {"status": "Rejected"}]))
    assert [frame[1] for frame in world["billing"].answers] == ["busy"]
    answer_next(world)
    assert answers_of(world, "billing")[-1] == ("b2", "Accepted")


@ALL
def test_nothing_is_outstanding_and_an_answer_comes(version: str) -> None:
    world = World(version=version)
    world.boot()
    world.frame('[3,"odd",{"status":"Accepted"}]')
    assert world.sent()[1:] == [0, 0]


# -- order (ocpp-semantics 7.7) -----------------------------------------------------------------------------


@ALL
def test_what_a_command_causes_comes_after_its_answer(version: str) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, MAY), version=version)
    world.boot()
    world.obey = None
    world["billing"].call(*start(version), "b1")
    answer_next(world)
    status: dict[str, Any] = {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"}
    if version != "1.6":
        status = {
            "evseId": 1,
            "connectorId": 1,
            "connectorStatus": "Occupied",
            "timestamp": "2026-01-01T00:00:00Z",
        }
    world.call("StatusNotification", status)
    kinds = [json.loads(frame)[0] for frame in world["billing"].frames]
    assert kinds == [3, 2]


@ALL
def test_a_profile_that_supersedes_keeps_the_place_in_the_queue(version: str) -> None:
    world = busy(version)
    world["energy"].call("SetChargingProfile", profile(world, limit=16), "e0")
    world.wait(8)
    read = {"connectorId" if version == "1.6" else "evseId": 1, "duration": 60}
    world["billing"].call("GetCompositeSchedule", read, "b1")
    world["energy"].call("SetChargingProfile", profile(world, limit=10), "e1")
    world.wait(3)  # the first has aged: its successor is served before Billing
    answer_next(world)
    assert world.commands[-1][2] == "SetChargingProfile"
    assert '"limit": 10' in json.dumps(world.commands[-1])
