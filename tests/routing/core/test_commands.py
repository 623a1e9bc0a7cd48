"""What people ask through the proxy: one party among the others, with identifiers of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.decisions import CommandEnded, CommandSent
from routing.core.options import ChargerOptions
from routing.core.settings import learning
from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, ENERGY, World, event, route, start

VERSIONS = ("1.6", "2.0.1", "2.1")
RESET = {"1.6": {"type": "Soft"}, "2.0.1": {"type": "OnIdle"}, "2.1": {"type": "OnIdle"}}


def world(version: str = "1.6", *routes: Any, **options: Any) -> World:
    made = World(*routes, version=version, options=ChargerOptions(**options))
    made.boot()
    made.obey = None
    return made


def answer(world: World, payload: Any, index: int = -1) -> None:
    world.frame(json.dumps([3, world.commands[index][1], payload], separators=(",", ":")))


def ended(world: World) -> list[CommandEnded]:
    return [one for one in world.told if isinstance(one, CommandEnded)]


def nobody_noticed(world: World) -> bool:
    return all(b.got == [] and b.frames == [] and b.answers == [] for b in world.backoffices.values())


def profile(version: str, number: int, limit: float, level: int = 1000) -> dict[str, Any]:
    period = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    made = {
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
    }
    if version == "1.6":
        made |= {"chargingProfileId": number, "chargingSchedule": period}
        return {"connectorId": 1, "csChargingProfiles": made}
    made |= {"id": number, "chargingSchedule": [{"id": 1, **period}]}
    return {"evseId": 1, "chargingProfile": made}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_command_is_sent_answered_and_logged_and_no_backoffice_notices(version: str) -> None:
    there = world(version)
    there.ask("Reset", RESET[version])
    sent = there.told[-1]
    assert isinstance(sent, CommandSent)
    assert [c[2:] for c in there.commands] == [["Reset", RESET[version]]]
    answer(there, {"status": "Accepted"})
    assert there.told == [
        sent,
        CommandEnded(id="x", outcome="answered", payload='{"status":"Accepted"}'),
    ]
    row = there.database.messages[-1]
    assert (row.exchange, row.route, row.direction, row.rule) == (
        sent.exchange,
        None,
        "down",
        "asked by anna",
    )
    assert json.loads(row.text)[2:] == ["Reset", RESET[version]]
    assert nobody_noticed(there)


def test_a_charger_that_is_away_is_not_asked() -> None:
    there = world()
    there.disconnect()
    there.ask("ClearCache", {}, "before it is known that it is gone for long")
    there.wait(6)
    there.ask("ClearCache", {})
    assert [one.outcome for one in ended(there)] == ["lost", "lost"]
    assert [type(one) for one in there.told] == [CommandEnded, CommandEnded]
    assert there.commands == []


def test_an_action_of_another_version_is_not_sent() -> None:
    there = world()
    there.ask("GetVariables", {})
    assert (ended(there)[0].outcome, ended(there)[0].code) == ("error", "NotImplemented")


def test_an_error_of_the_charger_is_told_with_its_code() -> None:
    there = world()
    there.ask("ClearCache", {})
    there.frame(f'[4,"{there.commands[-1][1]}","NotSupported","no cache",{{}}]')
    assert ended(there) == [CommandEnded(id="x", outcome="error", code="NotSupported", words="no cache")]


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "late"])
def test_what_an_error_quotes_of_a_secret_is_not_told(is_late: bool) -> None:
    there = world()
    there.ask("DataTransfer", {"vendorId": "V", "data": "password=zebra"})
    if is_late:
        there.wait(120)
    said = 'cannot set password "zebra"; see https://proxy/uploads/' + 43 * "a"
    there.frame(json.dumps([4, there.commands[-1][1], "InternalError", said, {}]))
    assert len(ended(there)) == 1 + is_late
    assert "zebra" not in str(there.told)
    assert 43 * "a" not in str(there.told)


def test_one_that_is_never_answered_costs_a_backoffice_its_slot_and_no_more() -> None:
    there = world(T_cmd=45, T_cmd_queue=60)
    there.ask("ClearCache", {})
    there["billing"].call("ChangeAvailability", {"connectorId": 1, "type": "Operative"}, "b")
    there.wait(44)
    assert [c[2] for c in there.commands] == ["ClearCache"]
    assert ended(there) == []
    there.wait(1)
    assert [one.outcome for one in ended(there)] == ["timeout"]
    assert [c[2] for c in there.commands] == ["ClearCache", "ChangeAvailability"]
    answer(there, {"status": "Accepted"})
    assert there["billing"].answers == [[3, "b", {"status": "Accepted"}]]


def test_a_late_answer_is_recorded_and_delivered_to_nobody_twice() -> None:
    there = world()
    there.ask("ClearCache", {})
    there.wait(46)
    for _ in range(2):
        answer(there, {"status": "Accepted"}, 0)
    assert [(one.outcome, one.late) for one in ended(there)] == [("timeout", False), ("answered", True)]
    assert [row.outcome for row in there.database.messages[-3:]] == ["timeout", "unsolicited", "unsolicited"]
    assert nobody_noticed(there)


def test_what_had_no_time_is_dropped_and_never_sent_later() -> None:
    there = world(T_cmd=45, T_cmd_queue=20)
    there["billing"].call("ClearCache", {}, "b")
    there.ask("ClearCache", {})
    there.wait(60)
    assert [one.outcome for one in ended(there)] == ["dropped"]
    assert len(there.commands) == 1


def test_a_reconnect_ends_what_was_sent_once() -> None:
    there = world()
    there.ask("ClearCache", {})
    there.connect()
    assert [type(one).__name__ for one in there.told] == ["CommandSent", "CommandEnded"]
    assert ended(there)[0].outcome == "lost"


# -- nobody takes the charger away ---------------------------------------------------------------------

MOVES = [
    ("1.6", "ChangeConfiguration", {"key": "BackOffice-URL", "value": "ws://elsewhere"}),
    (
        "2.0.1",
        "SetNetworkProfile",
        {"configurationSlot": 1, "connectionData": {"ocppCsmsUrl": "ws://elsewhere"}},
    ),
    ("2.1", "InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": "x"}),
]


@pytest.mark.parametrize(("version", "action", "payload"), MOVES, ids=[m[1] for m in MOVES])
def test_what_would_move_the_charger_needs_to_be_meant(
    version: str, action: str, payload: dict[str, Any]
) -> None:
    there = world(version)
    there.ask(action, payload)
    assert ended(there)[0].outcome == "denied"
    assert ended(there)[0].words.startswith("guard: ")
    assert there.commands == []
    there.ask(action, payload, "y", dangerous=True)
    answer(there, {"status": "Accepted"})
    assert ended(there)[-1].outcome == "answered"
    assert there.database.messages[-1].rule.startswith("asked by anna; guard: ")
    assert there.machine._state.remembered("moved") is not None


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        ("1.6", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "ab" * 20}),
        (
            "2.0.1",
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "s" * 20,
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                    }
                ]
            },
        ),
    ],
    ids=["1.6", "2.0.1"],
)
def test_the_charger_is_never_given_a_password_that_the_proxy_does_not_know(
    version: str, action: str, payload: dict[str, Any]
) -> None:
    there = world(version)
    there.ask(action, payload, dangerous=True)
    assert ended(there)[0].outcome == "denied"
    assert there.commands == []


def test_secrets_of_the_charger_are_told_to_nobody() -> None:
    there = world()
    there.ask("GetConfiguration", {})
    keys = [
        {"key": "AuthorizationKey", "readonly": False, "value": "hush"},
        {"key": "ResetRetries", "readonly": False, "value": "3"},
    ]
    answer(there, {"configurationKey": keys})
    assert json.loads(ended(there)[0].payload or "") == {"configurationKey": keys[1:]}


def test_a_person_may_take_the_whole_charger_out_of_service() -> None:
    there = world()
    there.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    assert [c[2] for c in there.commands] == ["ChangeAvailability"]


# -- identifiers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_profile_of_a_person_has_an_id_of_its_own_and_stands_at_the_top(version: str) -> None:
    there = world(version, max_stack_level=8)
    there["billing"].call("SetChargingProfile", profile(version, 21, 16, 0), "b")
    answer(there, {"status": "Accepted"})
    there.ask("SetChargingProfile", profile(version, 21, 6))
    sent = there.commands[-1][3]
    place = sent["csChargingProfiles" if version == "1.6" else "chargingProfile"]
    number = place["chargingProfileId" if version == "1.6" else "id"]
    assert (number, place["stackLevel"]) == (1_000_000, 8)
    answer(there, {"status": "Accepted"})
    name = "id" if version == "1.6" else "chargingProfileId"
    there["billing"].call("ClearChargingProfile", {}, "c")
    answer(there, {"status": "Accepted"})
    assert there.commands[-1][3] == {name: 21}
    there.ask("ClearChargingProfile", {name: 21}, "y")
    assert there.commands[-1][3] == {name: 1_000_000}


def test_a_profile_of_a_person_is_set_again_after_a_boot_and_over_a_restart() -> None:
    there = world()
    there.ask("SetChargingProfile", profile("1.6", 21, 6))
    answer(there, {"status": "Accepted"})
    there.restart()
    there.boot()
    there.obey = World.accept
    there.wait(60)
    sent = [c for c in there.commands if c[2] == "SetChargingProfile"]
    assert [c[3]["csChargingProfiles"]["chargingProfileId"] for c in sent] == [1_000_000]
    there.ask("ClearChargingProfile", {"id": 21}, "y")
    assert there.commands[-1][3] == {"id": 1_000_000}
    there.forget()
    there.restart()
    there.boot()
    there.wait(60)
    assert [c for c in there.commands if c[2] == "SetChargingProfile"] == []


def test_a_pause_may_be_a_limit_of_nothing_but_not_above_the_static_limit() -> None:
    there = world(max_current=10)
    there.ask("SetChargingProfile", profile("1.6", 2, 0))
    assert there.commands[-1][2] == "SetChargingProfile"
    most = profile("1.6", 1, 32)
    most["connectorId"] = 0
    most["csChargingProfiles"]["chargingProfilePurpose"] = "ChargePointMaxProfile"
    there = world(max_current=10)
    there.obey = World.accept
    there.wait(60)
    there.ask("SetChargingProfile", most)
    period = there.commands[-1][3]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period == [{"startPeriod": 0, "limit": 10.0}]


def test_reports_for_a_person_go_to_no_backoffice_not_even_after_a_restart() -> None:
    there = world("2.0.1")
    there["billing"].call("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"}, "b")
    answer(there, {"status": "Accepted"})
    there.ask("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"})
    answer(there, {"status": "Accepted"})
    numbers = [c[3]["requestId"] for c in there.commands]
    assert len(set(numbers)) == 2
    there.restart()
    there.boot()
    report = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "tbc": False}
    assert there.call("NotifyReport", {**report, "requestId": numbers[1]}) is not None
    assert nobody_noticed(there)
    there.call("NotifyReport", {**report, "requestId": numbers[0]})
    assert [got[0] for got in there["billing"].got] == ["NotifyReport"]


# -- sessions ------------------------------------------------------------------------------------------


def test_a_start_by_a_person_is_billings_session_as_if_the_card_had_been_shown() -> None:
    there = world()
    there.ask("RemoteStartTransaction", {"idTag": "CARD", "connectorId": 1})
    answer(there, {"status": "Accepted"})
    assert nobody_noticed(there)
    there.call("Authorize", {"idTag": "CARD"})
    answered = there.call("StartTransaction", start())
    assert [got[0] for got in there["billing"].got] == ["Authorize", "StartTransaction"]
    assert answered[2]["transactionId"] == 100
    (row,) = there.database.transactions.values()
    assert row.owner == 1


def test_a_start_of_2_is_told_to_billing_without_the_persons_number() -> None:
    there = world("2.0.1")
    payload = {"idToken": {"idToken": "CARD", "type": "Central"}, "remoteStartId": 7, "evseId": 1}
    there.ask("RequestStartTransaction", payload)
    sent = there.commands[-1][3]["remoteStartId"]
    answer(there, {"status": "Accepted"})
    begun = event("Started", 0, idToken={"idToken": "CARD", "type": "Central"})
    begun["transactionInfo"]["remoteStartId"] = sent
    there.call("TransactionEvent", begun)
    (got,) = there["billing"].got
    assert "remoteStartId" not in got[1]["transactionInfo"]
    (row,) = there.database.transactions.values()
    assert row.owner == 1


def test_a_session_is_stopped_by_the_number_that_the_charger_knows() -> None:
    there = world()
    there.call("StartTransaction", start())
    there.ask("RemoteStopTransaction", {"transactionId": 100})
    assert there.commands[-1][3] == {"transactionId": 100}
    there.ask("RemoteStopTransaction", {"transactionId": 4711}, "y")
    assert ended(there)[-1].outcome == "denied"


# -- leases and lists ----------------------------------------------------------------------------------


def test_diagnostics_for_a_person_are_a_lease_like_any_others() -> None:
    there = world()
    there.ask("GetDiagnostics", {"location": "http://files/"})
    answer(there, {"fileName": "a.log"})
    there["billing"].call("GetDiagnostics", {"location": "http://files/"}, "b")
    assert len(there.commands) == 1
    there.forget()
    there.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    assert nobody_noticed(there)
    there["billing"].call("GetDiagnostics", {"location": "http://files/"}, "c")
    assert len(there.commands) == 1
    there.ask("GetDiagnostics", {"location": "http://files/"}, "y")
    answer(there, {"fileName": "b.log"})
    assert ended(there)[-1].words == "lease: billing has the diagnostics of this charger in hand"


def test_the_local_list_of_a_backoffice_is_not_overwritten() -> None:
    entry = {"idTag": "CARD", "idTagInfo": {"status": "Accepted"}}
    payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    there = world()
    there.ask("SendLocalList", payload)
    answer(there, {"status": "Accepted"})
    assert ended(there)[-1].outcome == "answered"
    there["billing"].call("SendLocalList", payload, "b")
    answer(there, {"status": "Accepted"})
    there.ask("SendLocalList", payload, "y")
    assert ended(there)[-1].words == "the local list of this charger is of billing"


def test_a_setting_that_is_shared_is_known_to_have_been_changed() -> None:
    there = world()
    there["billing"].call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"}, "b")
    answer(there, {"status": "Accepted"})
    there.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "30"})
    assert there.commands[-1][3] == {"key": "MeterValueSampleInterval", "value": "30"}
    answer(there, {"status": "Accepted"})
    there["energy"].call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"}, "e")
    assert there.commands[-1][3]["value"] == "60"


def test_variables_of_which_the_charger_answers_in_another_order_are_told_apart() -> None:
    there = world("2.0.1")
    timeout, periods = (
        {"component": {"name": component}, "variable": {"name": variable}}
        for component, variable in (
            ("TxCtrlr", "EVConnectionTimeOut"),
            ("SmartChargingCtrlr", "PeriodsPerSchedule"),
        )
    )
    said = [
        {**timeout, "attributeType": "Actual", "attributeValue": "30"},
        {**periods, "attributeValue": "4"},
    ]
    there.ask("SetVariables", {"setVariableData": said})
    results = [{**periods, "attributeStatus": "Rejected"}, {**timeout, "attributeStatus": "Accepted"}]
    answer(there, {"setVariableResult": results})
    state = there.machine._state
    assert learning.known(state, "ConnectionTimeOut") == "30"
    assert learning.known(state, "ChargingScheduleMaxPeriods") is None


def test_too_many_commands_of_people_are_refused_and_backoffices_still_served() -> None:
    there = world()
    for number in range(25):
        there.ask("ClearCache", {}, str(number))
    assert [one.outcome for one in ended(there)] == ["dropped"] * 4
    there["billing"].call("ClearCache", {}, "b")
    assert there["billing"].answers == []


def test_routes_may_change_while_a_command_waits() -> None:
    there = world("1.6", BILLING, ENERGY)
    there.ask("SetChargingProfile", profile("1.6", 1, 6))
    answer(there, {"status": "Accepted"})
    there.ask("ClearCache", {}, "y")
    there.ask("ChangeConfiguration", {"key": "ServiceURL", "value": "u"}, "z", dangerous=True)
    there.configure(route(3, "other", Role.BILLING))
    answer(there, {"status": "Accepted"})
    assert [c[2] for c in there.commands] == ["SetChargingProfile", "ClearCache", "ChangeConfiguration"]
