"""Each friendly command in each version: what it comes to, and that the schemas take it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from routing.commands import schemas
from routing.commands.arguments import BadArguments
from routing.commands.building import Facts, Running
from routing.commands.verbs import VERBS

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
RUNNING = (Running("0b5c7a0e-0000-4000-8000-000000000001", "17", 1, 1),)

GIVEN: dict[str, dict[str, Any]] = {
    "start": {"id_tag": "CARD", "connector": 1},
    "authorise": {"id_tag": "CARD"},
    "pause": {"connector": 1, "minutes": 5},
    "limit": {"limit": 10, "connector": 1, "until": "2030-01-02T04:00:00+00:00"},
    "set_profile": {"connector": 1},
    "unlock": {"connector": 1},
    "availability": {"operative": False, "connector": 1},
    "read_configuration": {"keys": ["OCPPCommCtrlr.HeartbeatInterval"]},
    "write_configuration": {"key": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"},
    "trigger": {"message": "StatusNotification", "connector": 1},
    "diagnostics": {"location": "http://files/up", "since": NOW},
    "firmware": {"location": "http://files/fw.bin"},
    "send_local_list": {"version": 3, "cards": ["CARD"]},
}
PERIODS = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
HEAD = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative"}
PROFILES = {
    "1.6": {**HEAD, "chargingProfileId": 1, "chargingSchedule": PERIODS},
    "2": {**HEAD, "id": 1, "chargingSchedule": [{"id": 1, **PERIODS}]},
}


def facts(version: str, *running: Running) -> Facts:
    return Facts(version, NOW, 4711, running or RUNNING)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("name", sorted(VERBS))
def test_the_schema_takes_what_a_verb_comes_to(name: str, version: str) -> None:
    verb, given = VERBS[name], dict(GIVEN.get(name, {}))
    if name == "set_profile":
        given["profile"] = PROFILES["1.6" if version == "1.6" else "2"]
    if version not in verb.versions:
        with pytest.raises(BadArguments, match=r"this charger speaks 1\.6"):
            verb.call(facts(version), given)
        return
    action, payload = verb.call(facts(version), given)
    assert schemas.problems(action, version, payload) == []


@pytest.mark.parametrize(
    ("version", "name", "given", "action", "part"),
    [
        ("1.6", "stop", {}, "RemoteStopTransaction", {"transactionId": 17}),
        ("2.0.1", "stop", {"transaction": RUNNING[0].id}, "RequestStopTransaction", {"transactionId": "17"}),
        ("1.6", "reset", {"how": "hard"}, "Reset", {"type": "Hard"}),
        ("2.1", "restart", {}, "Reset", {"type": "OnIdle"}),
        ("1.6", "resume", {"connector": 1}, "ClearChargingProfile", {"id": 12}),
        ("2.0.1", "unlimit", {}, "ClearChargingProfile", {"chargingProfileId": 1}),
        ("1.6", "pause", {"how": "availability"}, "ChangeAvailability", {"type": "Inoperative"}),
        ("2.0.1", "read_configuration", {}, "GetBaseReport", {"reportBase": "FullInventory"}),
        ("1.6", "diagnostics", {"location": "u", "kind": "security"}, "GetLog", {"logType": "SecurityLog"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_it_comes_to(
    version: str, name: str, given: dict[str, Any], action: str, part: dict[str, Any]
) -> None:
    call = VERBS[name].call(facts(version), given)
    assert call.action == action
    assert part.items() <= call.payload.items()


def test_a_limit_for_the_whole_charger_is_its_maximum_and_ends_by_itself() -> None:
    call = VERBS["limit"].call(facts("1.6"), {"limit": 7000, "unit": "W", "minutes": 10})
    assert call.payload == {
        "connectorId": 0,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 999,
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "validTo": "2030-01-02T03:14:05.000Z",
            "chargingSchedule": {
                "startSchedule": "2030-01-02T03:04:05.000Z",
                "duration": 600,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000.0}],
            },
        },
    }


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("limit", {}, "limit needs limit"),
        ("limit", {"limit": "much"}, "limit is number, not 'much'"),
        ("limit", {"limit": True}, "limit is number, not 'True'"),
        ("limit", {"limit": 5000}, "a limit of 5000 A is none"),
        ("limit", {"limit": 5, "unit": "V"}, "unit is one of A, W, not 'V'"),
        ("limit", {"limit": 5, "until": "soon"}, "until is a time like 2030-01-31T12:00:00Z, not 'soon'"),
        ("limit", {"limit": 5, "until": "2030-01-31T12:00:00"}, "until needs its time zone"),
        ("limit", {"limit": 5, "until": "2020-01-31T12:00:00Z"}, "a limit ends in the future"),
        ("start", {"card": "A"}, "start takes id_tag, connector, card_type; 'card' is not known"),
        ("stop", {"transaction": "18"}, "no such transaction runs on this charger"),
        ("unlock", {"connector": -1}, "connector is 0 or more, not -1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_told_in_words(name: str, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadArguments) as told:
        VERBS[name].call(facts("1.6"), given)
    assert sentence in str(told.value)


def test_a_stop_that_may_mean_two_sessions_is_not_guessed() -> None:
    two = Running("0b5c7a0e-0000-4000-8000-000000000002", "18", 2, 2)
    with pytest.raises(BadArguments, match="2 transactions run"):
        VERBS["stop"].call(facts("1.6", *RUNNING, two), {})
    assert VERBS["stop"].call(facts("1.6", *RUNNING, two), {"connector": 2}).payload == {"transactionId": 18}
