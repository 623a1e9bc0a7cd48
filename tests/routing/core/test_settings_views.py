"""The configuration as each backoffice reads it: GetConfiguration, GetVariables, NotifyReport (3.9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import settings
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, World, route
from tests.routing.core.schemas import judge
from tests.routing.core.settings_charger import (
    VERSIONS,
    Charger,
    a_world,
    ask,
    get_one,
    heartbeat,
    set_one,
    variable,
)

ALL = pytest.mark.parametrize("version", VERSIONS)
OF_2 = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
SECRETS_16 = {"AuthorizationKey": "SECRET-1", "Cst_WiFiPASS": "SECRET-2", "ApiToken": "SECRET-3"}


# -- GetConfiguration ----------------------------------------------------------------------------------


def test_a_listing_holds_no_secrets_and_the_routes_own_values():
    world, charger = a_world("1.6")
    charger.values |= SECRETS_16
    set_one(world, "energy", "MeterValueSampleInterval", "10")
    set_one(world, "billing", "MeterValueSampleInterval", "60")
    set_one(world, "energy", "CpoName", "Example")
    answer = ask(world, "energy", "GetConfiguration", {})
    listed = {k["key"]: k["value"] for k in answer["configurationKey"]}
    expected = {k: v for k, v in charger.values.items() if k not in SECRETS_16}
    own = {"MeterValueSampleInterval": "10", "HeartbeatInterval": "300", "CpoName": "Example"}
    assert listed == expected | own
    assert answer["unknownKey"] == []
    listed = {k["key"]: k["value"] for k in ask(world, "billing", "GetConfiguration", {})["configurationKey"]}
    assert listed["MeterValueSampleInterval"] == "60"
    assert "CpoName" not in listed


def test_a_secret_asked_by_name_is_unknown_and_not_asked_for():
    world, charger = a_world("1.6")
    answer = ask(
        world, "billing", "GetConfiguration", {"key": ["ConnectionTimeOut", "authorizationkey", "X"]}
    )
    assert charger.asked == [{"key": ["ConnectionTimeOut", "X"]}]
    assert answer == {
        "configurationKey": [{"key": "ConnectionTimeOut", "readonly": False, "value": "60"}],
        "unknownKey": ["X", "authorizationkey"],
    }
    assert ask(world, "billing", "GetConfiguration", {"key": ["AuthorizationKey"]}) == {
        "unknownKey": ["AuthorizationKey"]
    }
    assert len(charger.asked) == 1


def test_what_the_proxy_knows_the_charger_is_not_asked():
    world, charger = a_world("1.6")
    set_one(world, "energy", "WebSocketPingInterval", "45")
    answer = ask(world, "energy", "GetConfiguration", {"key": ["heartbeatinterval", "WebSocketPingInterval"]})
    assert {k["key"]: k["value"] for k in answer["configurationKey"]} == {
        "HeartbeatInterval": "300",
        "WebSocketPingInterval": "45",
    }
    assert charger.asked == []


def test_own_values_that_the_charger_does_not_know():
    world, _ = a_world("1.6")
    set_one(world, "energy", "CpoName", "Example")
    answer = ask(world, "energy", "GetConfiguration", {"key": ["CpoName", "ConnectionTimeOut", "X"]})
    assert [k["key"] for k in answer["configurationKey"]] == ["ConnectionTimeOut", "CpoName"]
    assert answer["unknownKey"] == ["X"]
    answer = ask(world, "billing", "GetConfiguration", {"key": ["CpoName", "ConnectionTimeOut"]})
    assert answer["unknownKey"] == ["CpoName"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            '{ "configurationKey" : [ {"key":"A","readonly":"0" , "value":1.10} , '
            '{"key":"AuthorizationKey","readonly":false,"value":"S"} , {"key":"B"}] , "x":1e400}',
            '{ "configurationKey" : [ {"key":"A","readonly":"0" , "value":1.10} , {"key":"B"}] , "x":1e400}',
        ),
        (
            '{"configurationKey":[{"key":"AuthorizationKey","value":"S"},'
            ' {"key":"HeartbeatInterval","readonly":1}]}',
            '{"configurationKey":[ {"key":"HeartbeatInterval","readonly":1,"value":"300"}]}',
        ),
        ('{"configurationKey":[{"key":"apiToken","key":"A","value":"S"}]}', '{"configurationKey":[]}'),
        ('{"configurationKey":{"key":"A"}}', '{"configurationKey":{"key":"A"}}'),
        ('{"configurationKey":[1,null,[],{"x":1}]}', '{"configurationKey":[1,null,[],{"x":1}]}'),
        ('{"unknownKey" : ["A"]}', '{"unknownKey" : ["A"]}'),
        ("{}", "{}"),
    ],
)
def test_the_rest_of_an_answer_stays_byte_for_byte(answer, expected):
    world = World()
    world.boot()
    world.obey = None
    world["energy"].call("GetConfiguration", {}, "e")
    world.frame(f'[3,"{world.commands[-1][1]}",{answer}]')
    assert world["energy"].frames[-1] == f'[3,"e",{expected}]'


@ALL
def test_an_error_of_the_charger_is_relayed(version):
    world = World(version=version)
    world.boot()
    world.obey = None
    data: Any = {"key": ["A"]} if version == "1.6" else {"getVariableData": [variable("A.B")]}
    world["energy"].call("GetConfiguration" if version == "1.6" else "GetVariables", data, "e")
    world.frame(f'[4,"{world.commands[-1][1]}","InternalError","why",{{}}]')
    assert world["energy"].answers == [[4, "e", "InternalError", "why", {}]]


# -- GetVariables --------------------------------------------------------------------------------------


@OF_2
def test_variables_come_from_here_and_from_the_charger_in_order(version):
    world, charger = a_world(version)
    set_one(world, "energy", "SampledDataCtrlr.TxUpdatedInterval", "30")
    charger.values["SampledDataCtrlr.TxUpdatedInterval"] = "10"
    names = [
        "Vendor.Thing",
        "SecurityCtrlr.BasicAuthPassword",
        "OCPPCommCtrlr.HeartbeatInterval",
        "SampledDataCtrlr.TxUpdatedInterval",
        "NoSuch.Thing",
    ]
    charger.asked.clear()
    answer = ask(world, "energy", "GetVariables", {"getVariableData": [variable(n) for n in names]})
    results = answer["getVariableResult"]
    assert [f"{r['component']['name']}.{r['variable']['name']}" for r in results] == names
    assert [(r["attributeStatus"], r.get("attributeValue")) for r in results] == [
        ("Accepted", "1"),
        ("Rejected", None),
        ("Accepted", "300"),
        ("Accepted", "30"),
        ("UnknownVariable", None),
    ]
    assert [len(a["getVariableData"]) for a in charger.asked] == [3]


@OF_2
def test_variables_that_all_come_from_here(version):
    world, charger = a_world(version)
    assert get_one(world, "billing", heartbeat(version)) == "300"
    assert get_one(world, "billing", "SecurityCtrlr.BasicAuthPassword") is None
    assert charger.asked == []


@OF_2
def test_other_attributes_are_the_chargers(version):
    world, charger = a_world(version)
    set_one(world, "energy", "SampledDataCtrlr.TxUpdatedInterval", "30")
    charger.values["SampledDataCtrlr.TxUpdatedInterval"] = "7200"
    item = variable("SampledDataCtrlr.TxUpdatedInterval", attributeType="MaxSet")
    answer = ask(world, "energy", "GetVariables", {"getVariableData": [item]})
    assert answer["getVariableResult"][0]["attributeValue"] == "7200"


@OF_2
def test_a_permission_may_hide_one_variable(version):
    hidden = {"GetVariables:Vendor.Thing": Verdict.DENY}
    world, _ = a_world(version, BILLING, route(2, "energy", Role.CONTROL, hidden))
    data = [variable("Vendor.Thing"), variable("TxCtrlr.EVConnectionTimeOut")]
    answer = ask(world, "energy", "GetVariables", {"getVariableData": data})
    assert [r["attributeStatus"] for r in answer["getVariableResult"]] == ["Rejected", "Accepted"]


@OF_2
def test_a_charger_that_gives_more_than_it_was_asked(version):
    world, charger = a_world(version)
    charger.silent = True
    world["energy"].call("GetVariables", {"getVariableData": [variable("Vendor.Thing")]})
    secret = {"attributeStatus": "Accepted", "attributeValue": "S", **variable("Vendor.ApiToken")}
    plain = {"attributeStatus": "Accepted", "attributeValue": "1", **variable("Vendor.Thing")}
    world.frame(json.dumps([3, world.commands[-1][1], {"getVariableResult": [secret, plain]}]))
    answer = world["energy"].answers[-1][2]
    assert [r.get("attributeValue") for r in answer["getVariableResult"]] == [None, "1"]
    judge(version, json.dumps(world["energy"].answers[-1]), "GetVariables")


# -- NotifyReport --------------------------------------------------------------------------------------


def report(*attributes: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    data = []
    for name, attribute in attributes:
        characteristics = {"dataType": "MemberList", "supportsMonitoring": False, "maxLimit": 1000}
        data.append(
            {**variable(name), "variableAttribute": [attribute], "variableCharacteristics": characteristics}
        )
    return {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "reportData": data, **more}


@OF_2
def test_a_report_holds_no_secrets_and_the_routes_own_values(version):
    world, _ = a_world(version)
    for who, value in (("billing", "60"), ("energy", "10")):
        set_one(world, who, "SampledDataCtrlr.TxUpdatedInterval", value)
        ask(world, who, "GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    requests = [c[3]["requestId"] for c in world.commands if c[2] == "GetBaseReport"]
    for request, who, value in zip(requests, ("billing", "energy"), ("60", "10"), strict=True):
        payload = report(
            ("SampledDataCtrlr.TxUpdatedInterval", {"value": "10"}),
            ("SampledDataCtrlr.TxUpdatedInterval", {"type": "MaxSet", "value": "86400"}),
            ("SecurityCtrlr.BasicAuthPassword", {"value": "S", "mutability": "ReadWrite"}),
            ("Vendor.Unlock", {"value": "S", "mutability": "WriteOnly"}),
            ("OCPPCommCtrlr.HeartbeatInterval", {"mutability": "ReadOnly"}),
            ("Vendor.Thing", {"value": "1"}),
            requestId=request,
        )
        judge(version, json.dumps([2, "x", "NotifyReport", payload]))
        world.call("NotifyReport", payload)
        got = world[who].payloads("NotifyReport")[-1]
        judge(version, json.dumps([2, "x", "NotifyReport", got]))
        assert [item["variableAttribute"][0].get("value") for item in got["reportData"]] == [
            value,
            "86400",
            None,
            None,
            "300",
            "1",
        ]
        assert "S" not in [item["variableAttribute"][0].get("value") for item in got["reportData"]]


@OF_2
def test_what_others_need_is_remembered_from_reports(version):
    world, _ = a_world(version)
    world.call(
        "NotifyReport",
        report(
            ("SmartChargingCtrlr.ProfileStackLevel", {"value": "9"}),
            ("SampledDataCtrlr.TxUpdatedMeasurands", {"value": "SoC"}),
            ("LocalAuthListCtrlr.Entries", {"value": "3"}),
        ),
    )
    world.restart()
    state = world.machine._state
    assert settings.known(state, "ChargeProfileMaxStackLevel") == "9"
    assert settings.known(state, "LocalAuthListMaxLength") == "1000"
    assert settings.known(state, "SampledDataCtrlr.TxUpdatedMeasurands.maxLimit") == "1000"
    assert settings.known(state, "SendLocalListMaxLength") is None


@ALL
def test_what_others_need_is_remembered_from_answers(version):
    world, charger = a_world(version)
    name = "ConnectionTimeOut" if version == "1.6" else "TxCtrlr.EVConnectionTimeOut"
    get_one(world, "billing", name)
    assert settings.known(world.machine._state, "ConnectionTimeOut") == "60"
    set_one(world, "billing", name, "90")
    assert settings.known(world.machine._state, "ConnectionTimeOut") == "90"
    charger.refuses = {"120"}
    set_one(world, "billing", name, "120")
    assert settings.known(world.machine._state, "ConnectionTimeOut") == "90"


@ALL
def test_a_value_changed_on_the_spot_is_noticed(version):
    world, charger = a_world(version)
    name = "MeterValueSampleInterval" if version == "1.6" else "SampledDataCtrlr.TxUpdatedInterval"
    set_one(world, "billing", name, "60")
    charger.values[name] = "300"
    assert get_one(world, "billing", name) == "60"
    assert set_one(world, "billing", name, "60") == "Accepted"
    assert charger.values[name] == "60"


@OF_2
def test_an_event_does_not_tell_a_secret(version):
    world, _ = a_world(version)
    common = {
        "timestamp": "2026-01-01T00:00:00Z",
        "trigger": "Delta",
        "eventNotificationType": "HardWiredNotification",
    }
    data = [
        {"eventId": n, "actualValue": f"S{n}", **common, **variable(name)}
        for n, name in enumerate(("SecurityCtrlr.BasicAuthPassword", "Vendor.Thing"))
    ]
    payload = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": data}
    world.call("NotifyEvent", payload)
    got = world["billing"].payloads("NotifyEvent")[0]
    judge(version, json.dumps([2, "x", "NotifyEvent", got]))
    assert [entry["actualValue"] for entry in got["eventData"]] == ["", "S1"]
    assert not [row for row in world.database.messages if '"S0"' in repr(row)]
    world.call("NotifyEvent", {**payload, "eventData": data[1:]})
    assert world["billing"].payloads("NotifyEvent")[1]["eventData"] == data[1:]


# -- everybody -----------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("role", list(Role))
def test_no_role_reads_secrets(version, role):
    allowed = {"GetConfiguration": Verdict.ALLOW, "GetVariables": Verdict.ALLOW}
    routes = (route(1, "asker", role, allowed), *([ENERGY] if role is Role.BILLING else [BILLING]))
    world = World(*routes, version=version)
    charger = Charger(world)
    world.boot()
    for name in (
        "AuthorizationKey",
        "SecurityCtrlr.BasicAuthPassword",
        "Wifi.Password",
        "WifiPSK",
        "Api.Token",
    ):
        charger.values[name] = "SECRET"
    if version == "1.6":
        for payload in ({}, {"key": list(charger.values)}):
            assert "SECRET" not in json.dumps(ask(world, "asker", "GetConfiguration", payload))
    else:
        data = [variable(name) for name in charger.values if "." in name]
        assert "SECRET" not in json.dumps(ask(world, "asker", "GetVariables", {"getVariableData": data}))
