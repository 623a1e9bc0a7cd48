"""CALLs of backoffices toward the charger: ocpp-semantics 1.5, 1.8, 3.10, 7.2 and their scenarios."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import actions
from routing.core.actions import Access, Down
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, route, start

VERSIONS = ("1.6", "2.0.1", "2.1")
ROLES = (Role.BILLING, Role.CONTROL, Role.ENERGY, Role.SERVICE, Role.OBSERVE)
KEY_BY_KEY = {"ChangeConfiguration", "SetVariables"}  # are decided so: test_settings_changes.py
ON_ITS_OWN_TERMS = {"CertificateSigned", "SetNetworkProfile"}  # test_guard.py
DOWN = [
    (v, row)
    for v in VERSIONS
    for name in sorted(actions.names(v) - KEY_BY_KEY)
    if (row := actions.down(v, name))
]
NAMES = {Role.BILLING: "billing", Role.CONTROL: "energy", Role.OBSERVE: "watcher"}


@pytest.fixture
def world() -> World:
    world = World(BILLING, ENERGY, WATCHER)
    world.boot()
    world.obey = None
    return world


def everybody(version: str) -> World:
    world = World(
        *(route(n, str(role), role) for n, role in enumerate(ROLES, 1)),
        version=version,
        first_numbers=(100, 200, 300, 400, 500),
    )
    world.boot()
    return world


def charger_answers(world: World, payload: Any, index: int = -1) -> None:
    world.frame(json.dumps([3, world.commands[index][1], payload], separators=(",", ":")))


PAYLOADS = {
    "ExtendedTriggerMessage": {"requestedMessage": "MeterValues"},
    "InstallCertificate": {"certificateType": "ManufacturerRootCertificate"},
    "TriggerMessage": {"requestedMessage": "MeterValues"},
}


@pytest.mark.parametrize(("version", "row"), DOWN, ids=[f"{v}-{r.action}" for v, r in DOWN])
def test_who_may_send_what_and_how_the_others_are_refused(version: str, row: Down) -> None:
    for role in ROLES:
        world = everybody(version)  # a charger that is busy with one backoffice refuses the next
        world[str(role)].call(row.action, PAYLOADS.get(row.action, {}), "x")
        answer = world[str(role)].answers[-1]
        access = row.access[role]
        own = access is Access.OWN and role is not Role.BILLING
        virtual = access is Access.VIRTUAL  # there is no local list for them
        if access is Access.DENY or own or virtual or row.action in ON_ITS_OWN_TERMS:
            assert world.commands == []
            denial = actions.deny_payload(row, "{}")
            if row.action == "ClearChargingProfile" and own:
                denial = '{"status":"Unknown"}'  # not refused: none of its own is there
            assert answer == [3, "x", json.loads(denial)] if denial else answer[:2] == [4, "x"]
        else:
            assert [c[2] for c in world.commands] == [row.action], role
            assert answer == [3, "x", {"status": "Accepted"}]
        others = [b for b in world.backoffices.values() if b is not world[str(role)]]
        assert all(b.answers == [] and b.got == [] for b in others)


@pytest.mark.parametrize(("style", "kind"), [("status", 3), ("callerror", 4)])
@pytest.mark.parametrize(("version", "code"), [("1.6", "SecurityError"), ("2.1", "SecurityError")])
def test_how_a_denial_is_worded_is_an_option(style: str, kind: int, version: str, code: str) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, deny_style=style), version=version)
    world.boot()
    world["energy"].call("Reset", {"type": "Hard"}, "x")
    answer = world["energy"].answers[0]
    assert answer[0] == kind
    assert answer[2] == code if kind == 4 else answer[2]["status"] == "Rejected"


def test_a_denial_is_recorded_with_the_rule_and_reported(world: World) -> None:
    world["energy"].call("Reset", {"type": "Hard"}, "x")
    row = world.database.messages[-1]
    assert (row.route, row.direction, row.outcome, row.rule) == (
        2,
        "down",
        "denied",
        "preset control: Reset is deny",
    )
    assert [(r.kind, r.text) for r in world.reports] == [
        ("blocked", "Reset of energy: preset control: Reset is deny")
    ]


@pytest.mark.parametrize(
    ("permissions", "passes"),
    [({}, False), ({"Reset": Verdict.ALLOW}, True), ({"Reset": Verdict.DENY}, False)],
)
def test_permissions_of_the_route_win(permissions: dict[str, Verdict], passes: bool) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, permissions))
    world.boot()
    world["energy"].call("Reset", {"type": "Hard"}, "x")
    assert bool(world.commands) is passes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("action", "code"),
    [("NoSuchThing", "NotImplemented"), ("Heartbeat", "NotSupported"), ("", "NotImplemented")],
)
def test_an_action_that_no_backoffice_sends(version: str, action: str, code: str) -> None:
    world = World(version=version)
    world.boot()
    world["billing"].call(action, {}, "x")
    assert world["billing"].answers[0][:3] == [4, "x", code]
    assert world.commands == []


# -- the gate ----------------------------------------------------------------------------------------


def test_two_backoffices_with_the_same_message_id_each_get_their_own_answer(world: World) -> None:
    world["billing"].call("GetConfiguration", {"key": ["a"]}, "same")
    world["energy"].call("GetConfiguration", {"key": ["b"]}, "same")
    assert [c[3] for c in world.commands] == [{"key": ["a"]}]
    charger_answers(world, {"unknownKey": ["a"]})
    assert [c[3] for c in world.commands] == [{"key": ["a"]}, {"key": ["b"]}]
    charger_answers(world, {"unknownKey": ["b"]})
    assert world["billing"].answers == [[3, "same", {"unknownKey": ["a"]}]]
    assert world["energy"].answers == [[3, "same", {"unknownKey": ["b"]}]]
    assert world["watcher"].answers == []
    assert len({c[1] for c in world.commands}) == 2


def test_the_charger_sees_one_at_a_time_by_priority_and_then_in_order(world: World) -> None:
    world["billing"].call("GetConfiguration", {"n": 0}, "0")
    world["watcher"].call("GetConfiguration", {"n": 4}, "4")
    world["energy"].call("GetConfiguration", {"n": 3}, "3")
    world["billing"].call("GetConfiguration", {"n": 2}, "2")
    world["billing"].call("UnlockConnector", {"n": 1}, "1")
    world["billing"].call("GetConfiguration", {"n": 2.5}, "2.5")
    for count in range(1, 7):
        assert len(world.commands) == count
        charger_answers(world, {"status": "Accepted"})
    assert [c[3]["n"] for c in world.commands] == [0, 1, 2, 2.5, 3, 4]


def test_what_has_waited_ten_seconds_goes_first(world: World) -> None:
    world["billing"].call("GetConfiguration", {"n": 0}, "0")
    world["watcher"].call("GetConfiguration", {"n": "old"}, "1")
    world.wait(10)
    world["billing"].call("GetConfiguration", {"n": "new"}, "2")
    charger_answers(world, {})
    assert world.commands[-1][3]["n"] == "old"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_flood_of_one_backoffice_does_not_keep_out_the_others(version: str) -> None:
    world = World(version=version)
    world.boot()
    world.obey = None
    for n in range(1000):
        world["energy"].call("GetCompositeSchedule", {"n": n}, str(n))
    refused = [a for a in world["energy"].answers if a[0] == 4]
    assert len(refused) == 979  # one is with the charger, twenty wait
    assert {(a[2], a[3][:10]) for a in refused} == {("InternalError", "queue full")}
    world["billing"].call("Reset", {"type": "Soft"}, "b")
    charger_answers(world, {})
    assert world.commands[-1][2] == "Reset"


@pytest.mark.parametrize("seconds", [5, 45])
def test_the_charger_does_not_answer(seconds: float) -> None:
    world = World(options=ChargerOptions(T_cmd=seconds, T_cmd_queue=1000))
    world.boot()
    world.obey = None
    world["billing"].call("GetConfiguration", {}, "b1")
    world["energy"].call("GetConfiguration", {}, "e1")
    world.wait(seconds - 0.1)
    assert len(world.commands) == 1
    world.wait(0.2)
    assert world["billing"].answers[0][:3] == [4, "b1", "GenericError"]
    assert len(world.commands) == 2
    charger_answers(world, {"late": 1}, index=0)  # the answer to the first: too late for anybody
    assert world["energy"].answers == []
    assert len(world["billing"].answers) == 1
    charger_answers(world, {"mine": 1})
    assert world["energy"].answers == [[3, "e1", {"mine": 1}]]


@pytest.mark.parametrize("queued_at", [0.0, 0.1, 0.3, 7.7])
def test_a_call_that_waits_too_long_is_never_sent(world: World, queued_at: float) -> None:
    world["billing"].call("GetConfiguration", {}, "b1")
    world.wait(queued_at)
    world["energy"].call("GetConfiguration", {}, "e1")
    world.wait(19.9)
    assert world["energy"].answers == []
    world.wait(0.2)
    assert world["energy"].answers[0][:3] == [4, "e1", "InternalError"]
    charger_answers(world, {})
    assert len(world.commands) == 1


def test_a_charger_that_reconnects_with_a_call_in_flight(world: World) -> None:
    world["billing"].call("Reset", {"type": "Soft"}, "b1")
    world["energy"].call("GetConfiguration", {}, "e1")
    world.connect()
    assert world["billing"].answers == [[4, "b1", "GenericError", "charger reconnected", {}]]
    assert [c[2] for c in world.commands] == ["Reset", "GetConfiguration"]  # the Reset is not repeated
    charger_answers(world, {"status": "Accepted"}, index=0)
    assert len(world["billing"].answers) == 1


def test_a_charger_that_goes_away_with_a_call_in_flight_and_one_waiting(world: World) -> None:
    world["billing"].call("Reset", {"type": "Soft"}, "b1")
    world["energy"].call("GetConfiguration", {}, "e1")
    world.disconnect()
    assert world["billing"].answers == [[4, "b1", "GenericError", "charger offline", {}]]
    assert world["energy"].answers == []  # waits for the grace
    world["billing"].call("GetConfiguration", {}, "b2")
    world.wait(5)
    assert world["energy"].answers == [[4, "e1", "GenericError", "charger offline", {}]]
    assert world["billing"].answers[-1] == [4, "b2", "GenericError", "charger offline", {}]
    assert len(world.commands) == 1


def test_what_waits_in_the_grace_is_served_when_the_charger_is_back(world: World) -> None:
    world.disconnect()
    world["energy"].call("GetConfiguration", {}, "e1")
    world.wait(3)
    world.connect()
    charger_answers(world, {"configurationKey": []})
    assert world["energy"].answers == [[3, "e1", {"configurationKey": []}]]


@pytest.mark.parametrize("in_flight", [True, False])
def test_an_asker_that_goes_away(world: World, in_flight: bool) -> None:
    if not in_flight:
        world["billing"].call("GetConfiguration", {}, "b1")
    world["energy"].call("GetConfiguration", {}, "e1")
    world["energy"].lose()
    world["energy"].open()
    charger_answers(world, {"configurationKey": []})
    assert world["energy"].answers == []  # it was another socket
    assert len(world.commands) == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('[3,"{}",{{"status" : "Accepted", "x":1.10}}]', '[3,"e1",{"status" : "Accepted", "x":1.10}]'),
        ('[4,"{}","NotSupported","why",{{"a":1}}]', '[4,"e1","NotSupported","why",{"a":1}]'),
        ('[4,"{}","NotSupported","why"]', '[4,"e1","NotSupported","why",{}]'),
    ],
)
def test_the_chargers_answer_goes_to_the_asker_as_it_is(version: str, answer: str, expected: str) -> None:
    world = World(version=version)
    world.boot()
    world.obey = None
    action = "GetConfiguration" if version == "1.6" else "GetVariables"
    world["energy"].call(action, {}, "e1")
    world.frame(answer.format(world.commands[0][1]))
    assert world["energy"].frames[-1] == expected
    assert world["billing"].answers == []


@pytest.mark.parametrize(("version", "code"), [("1.6", "FormationViolation"), ("2.1", "FormatViolation")])
def test_an_answer_that_cannot_be_read_ends_the_wait_of_the_asker(version: str, code: str) -> None:
    world = World(version=version)
    world.boot()
    world.obey = None
    world["billing"].call("Reset", {"type": "Soft"}, "b1")
    world.frame(f'[3,"{world.commands[0][1]}",{{"status":"Acc')
    assert world["billing"].answers[0][:3] == [4, "b1", code]
    world["billing"].call("Reset", {"type": "Soft"}, "b2")
    assert len(world.commands) == 2


def test_a_payload_that_needs_no_rewriting_reaches_the_charger_byte_for_byte(world: World) -> None:
    payload = '{ "key" : ["A"] ,"x": 1.10, "y":1e400, "x":2}'
    world["billing"].say(f'[2, "b" ,"GetConfiguration", {payload} ]')
    assert world.to_charger[-1].endswith(f',"GetConfiguration",{payload}]')


def test_a_charger_that_waits_for_its_boot_is_not_asked_anything() -> None:
    world = World()
    world.boot()
    world["billing"].behave = Backoffice.hold
    world.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    world["energy"].call("GetConfiguration", {}, "e1")
    assert world.commands == []
    world["billing"].release()
    assert len(world.commands) == 1
    assert [json.loads(t)[0] for t in world.to_charger] == [3, 2]


def test_the_answer_to_a_backoffice_precedes_what_the_charger_sent_after_it(world: World) -> None:
    world["energy"].call("GetConfiguration", {}, "e1")
    charger_answers(world, {})
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"})
    assert [json.loads(f)[0] for f in world["energy"].frames] == [3, 2]


@pytest.mark.parametrize("short", [True, False])
def test_message_ids_are_the_proxys_own(short: bool) -> None:
    world = World(options=ChargerOptions(short_ids=short))
    world.boot()
    world["billing"].call("GetConfiguration", {}, "b1")
    assert world.commands[0][1].isdecimal() is short
    assert world.commands[0][1] != "b1"


# -- sessions and what takes the charger away ----------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (900, {"transactionId": 100}),
        (100, None),
        (1, None),
        ("900", {"transactionId": 100}),
        (None, None),
        (-1, None),
    ],
)
def test_remote_stop_by_the_askers_own_number(given: object, sent: object) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, {"RemoteStopTransaction": Verdict.ALLOW}))
    world.boot()
    world.call("StartTransaction", start())
    world["energy"].call("RemoteStopTransaction", {"transactionId": given}, "x")
    assert [c[3] for c in world.commands] == ([sent] if sent else [])
    assert world["energy"].answers[0][2]["status"] == ("Accepted" if sent else "Rejected")


def test_a_number_given_twice_means_the_newest_session(world: World) -> None:
    world["billing"].numbers = iter([7, 7])  # type: ignore[assignment]  # any iterator will do
    world.call("StartTransaction", start(1))
    second = world.call("StartTransaction", start(2))[2]["transactionId"]
    world["billing"].call("RemoteStopTransaction", {"transactionId": 7}, "x")
    assert world.commands[-1][3] == {"transactionId": second}


def test_a_profile_in_a_remote_start_carries_no_transaction(world: World) -> None:
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}
    payload = {"idTag": "A", "chargingProfile": {"transactionId": 5, **profile}}
    world["billing"].call("RemoteStartTransaction", payload, "x")
    assert world.commands[0][3]["chargingProfile"] == profile


@pytest.mark.parametrize(("number", "sent"), [(900, 100), (100, None)])
def test_a_profile_of_a_session_has_the_chargers_number(number: int, sent: int | None) -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, {"SetChargingProfile:TxProfile": Verdict.ALLOW}))
    world.boot()
    world.call("StartTransaction", start())
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}
    profile = {"connectorId": 1, "csChargingProfiles": {"transactionId": number, **profile}}
    world["energy"].call("SetChargingProfile", profile, "x")
    assert [c[3]["csChargingProfiles"]["transactionId"] for c in world.commands] == ([sent] if sent else [])


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(("asked_for", "started_on"), [(1, 1), (None, 2), (2, 1)])
def test_a_session_belongs_to_who_has_started_it(
    accepted: bool, asked_for: int | None, started_on: int
) -> None:
    world = World()
    world.boot()
    world.obey = lambda w, f: charger_answers(w, {"status": "Accepted" if accepted else "Rejected"})
    payload = {"idTag": "EMS"} | ({"connectorId": asked_for} if asked_for else {})
    world["energy"].call("RemoteStartTransaction", payload, "x")
    answer = world.call("StartTransaction", start(started_on, tag="EMS"))
    mine = accepted and asked_for in (None, started_on)
    assert answer[2]["transactionId"] == (900 if mine else 100)


def test_a_remote_start_is_for_the_next_session_only_and_not_for_ever() -> None:
    world = World()
    world.boot()
    world["energy"].call("RemoteStartTransaction", {"idTag": "EMS"}, "x")
    assert world.call("Authorize", {"idTag": "EMS"})[0] == 3
    assert world["energy"].payloads("Authorize") == [{"idTag": "EMS"}]
    assert world.call("StartTransaction", start(1, tag="EMS"))[2]["transactionId"] == 900
    assert world.call("StartTransaction", start(2, tag="EMS"))[2]["transactionId"] == 101
    world["energy"].call("RemoteStartTransaction", {"idTag": "EMS", "connectorId": 3}, "y")
    world.wait(121)
    assert world.call("StartTransaction", start(3, tag="EMS", at="later"))[2]["transactionId"] == 102


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_2x_sessions_cross_under_the_chargers_id(version: str) -> None:
    world = World(version=version)
    world.boot()
    world["energy"].call(
        "RequestStartTransaction", {"remoteStartId": 5, "idToken": {"idToken": "EMS", "type": "Central"}}, "x"
    )
    world.call("TransactionEvent", event("Started", 0, "T-9", card="EMS"))
    world["energy"].call("RequestStopTransaction", {"transactionId": "T-9"}, "y")
    world["energy"].call("RequestStopTransaction", {"transactionId": "T-8"}, "z")
    assert [c[3].get("transactionId") for c in world.commands] == [None, "T-9"]
    assert world["energy"].answers[-1][2]["status"] == "Rejected"


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        ("1.6", "ChangeConfiguration", {"key": "BackOffice-URL-wired", "value": "ws://evil"}),
        ("1.6", "ChangeConfiguration", {"key": " authorizationkey ", "value": "00"}),
        ("2.0.1", "SetNetworkProfile", {"configurationSlot": 1}),
        ("2.1", "InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": "x"}),
        (
            "2.1",
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "1",
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "MessageTimeout"},
                    },
                    {
                        "attributeValue": "1",
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "ActiveNetworkProfile"},
                    },
                ]
            },
        ),
    ],
)
def test_nobody_takes_the_charger_away(version: str, action: str, payload: dict[str, Any]) -> None:
    world = World(
        *(route(n, str(r), r, {action: Verdict.ALLOW}) for n, r in enumerate(ROLES, 1)),
        version=version,
        first_numbers=(1, 2, 3, 4, 5),
    )
    world.boot()
    for backoffice in world.backoffices.values():
        backoffice.call(action, payload, "x")
        assert "Accepted" not in json.dumps(backoffice.answers)
        assert len(backoffice.answers) == 1
    assert world.commands == []
    assert len(world.reports) == 5
