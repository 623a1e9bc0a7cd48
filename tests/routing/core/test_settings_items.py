"""Writes that are odd, and SetVariables item by item (ocpp-semantics 3.9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.routing.core.harness import BILLING
from tests.routing.core.settings_charger import (
    VERSIONS,
    a_world,
    a_write,
    ask,
    get_one,
    heartbeat,
    sampled,
    set_one,
    variable,
)

ALL = pytest.mark.parametrize("version", VERSIONS)


# -- odd requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        "{}",
        '{"key":"ConnectionTimeOut"}',
        '{"value":"1"}',
        '{"key":["A"],"value":"1"}',
        '{"key":"VendorThing","key":"BackOffice-URL-wired","value":"1"}',
        '{"key":"VendorThing","value":"1","value":"2"}',
        '{"key":"VendorThing","value":{}}',
        '{"key":null,"value":null}',
    ],
)
def test_a_change_that_says_no_one_thing_stays_here(payload):
    world, charger = a_world("1.6")
    world["billing"].say(f'[2,"x","ChangeConfiguration",{payload}]')
    assert world["billing"].answers == [[3, "x", {"status": "Rejected"}]]
    assert charger.asked == []


@pytest.mark.parametrize(
    "data",
    [
        "{}",
        "[]",
        "[1]",
        '[{"component":{"name":"A"},"variable":{"name":"B"}}]',
        '[{"component":{"name":"A"},"variable":{"name":"B","name":"CsmsUrl"},"attributeValue":"1"}]',
        '[{"component":{"name":"A"},"component":{"name":"SecurityCtrlr"},"variable":{"name":"B"},'
        '"attributeValue":"1"}]',
        '[{"component":"A","variable":{"name":"B"},"attributeValue":"1"}]',
    ],
)
def test_variables_that_say_no_one_thing_stay_here(data):
    world, charger = a_world("2.1")
    world["billing"].say(f'[2,"x","SetVariables",{{"setVariableData":{data}}}]')
    assert len(world["billing"].answers) == 1
    assert "Accepted" not in json.dumps(world["billing"].answers)
    assert charger.asked == []


def test_what_needs_no_rewriting_reaches_the_charger_byte_for_byte():
    world, _ = a_world("1.6")
    world.obey = None
    payload = '{ "key":" connectiontimeout" ,"value":"30" , "v":1.10}'
    world["billing"].say(f'[2,"x","ChangeConfiguration",{payload}]')
    assert world.to_charger[-1].endswith(f',"ChangeConfiguration",{payload}]')
    world.frame(f'[3,"{world.commands[-1][1]}",{{"status" :"Accepted"}}]')
    assert world["billing"].frames[-1] == '[3,"x",{"status" :"Accepted"}]'


@ALL
def test_the_charger_is_away(version):
    world, _ = a_world(version)
    world.disconnect()
    world.wait(1)
    world["energy"].call(*a_write(version, sampled(version), "10"), "e")
    world["energy"].call(*a_write(version, heartbeat(version), "77"), "h")
    world.wait(60)
    kinds = {answer[1]: answer[0] for answer in world["energy"].answers}
    assert kinds == {"e": 4, "h": 3}


@ALL
def test_the_asker_goes_before_the_charger_answers(version):
    world, charger = a_world(version)
    charger.silent = True
    world["energy"].call(*a_write(version, sampled(version), "10"), "e")
    world.configure(BILLING)
    charger.silent = False
    charger.obey(world, world.commands[-1])
    assert world.backoffices[2].answers == []
    set_one(world, "billing", sampled(version), "60")
    assert charger.values[sampled(version)] == "60"


# -- item by item --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_items_are_decided_one_by_one_and_answered_in_order(version):
    world, charger = a_world(version)
    data = [
        variable("OCPPCommCtrlr.HeartbeatInterval", "60"),
        variable("Vendor.Thing", "5", attributeType="Actual"),
        variable("OCPPCommCtrlr.NetworkConfigurationPriority", "1"),
        variable("SampledDataCtrlr.TxUpdatedInterval", "3"),
        variable("NoSuch.Thing", "3"),
    ]
    answer = ask(world, "billing", "SetVariables", {"setVariableData": data})["setVariableResult"]
    assert [(r["variable"]["name"], r["attributeStatus"]) for r in answer] == [
        ("HeartbeatInterval", "Accepted"),
        ("Thing", "Accepted"),
        ("NetworkConfigurationPriority", "Rejected"),
        ("TxUpdatedInterval", "Accepted"),
        ("Thing", "UnknownVariable"),
    ]
    assert charger.told == [("Vendor.Thing", "5"), ("SampledDataCtrlr.TxUpdatedInterval", "5")]
    assert get_one(world, "billing", "SampledDataCtrlr.TxUpdatedInterval") == "3"


def test_results_in_another_order_find_their_items():
    world, charger = a_world("2.1")
    reverse = charger.SetVariables

    def in_reverse(payload: Any) -> Any:
        return {"setVariableResult": reverse(payload)["setVariableResult"][::-1]}

    charger.SetVariables = in_reverse  # type: ignore[method-assign]
    data = [variable("NoSuch.Thing", "3"), variable("Vendor.Thing", "5"), variable("A.Url", "ws://evil")]
    answer = ask(world, "billing", "SetVariables", {"setVariableData": data})["setVariableResult"]
    statuses = [r["attributeStatus"] for r in answer]
    assert statuses == ["UnknownVariable", "Accepted", "Rejected"]


@pytest.mark.parametrize("results", ["[]", "{}", "null", '[{"attributeStatus":"Accepted"}]', "[1,2,3]"])
def test_results_that_are_none(results):
    world, charger = a_world("2.1")
    charger.silent = True
    data = [
        variable("Vendor.Thing", "5"),
        variable("A.Url", "x"),
        variable("SampledDataCtrlr.TxUpdatedInterval", "30"),
    ]
    world["billing"].call("SetVariables", {"setVariableData": data})
    world.frame(f'[3,"{world.commands[-1][1]}",{{"setVariableResult":{results}}}]')
    answer = world["billing"].answers[-1][2]["setVariableResult"]
    assert [r["attributeStatus"] for r in answer] == ["Rejected"] * 3


def test_an_error_of_the_charger_is_relayed_where_the_proxy_has_decided_nothing():
    world, charger = a_world("2.1")
    charger.silent = True
    world["billing"].call("SetVariables", {"setVariableData": [variable("Vendor.Thing", "5")]}, "a")
    world.frame(f'[4,"{world.commands[-1][1]}","InternalError","why",{{}}]')
    data = [variable("Vendor.Thing", "5"), variable("OCPPCommCtrlr.HeartbeatInterval", "60")]
    world["billing"].call("SetVariables", {"setVariableData": data}, "b")
    world.frame(f'[4,"{world.commands[-1][1]}","InternalError","why",{{}}]')
    error, mixed = world["billing"].answers
    assert error == [4, "a", "InternalError", "why", {}]
    assert [r["attributeStatus"] for r in mixed[2]["setVariableResult"]] == ["Rejected", "Accepted"]


def test_a_place_of_its_own_is_billings():
    world, charger = a_world("2.1")
    item = variable("SampledDataCtrlr.TxUpdatedInterval", "30")
    item["component"]["evse"] = {"id": 1}
    for who, status in (("energy", "Rejected"), ("billing", "Accepted")):
        answer = ask(world, who, "SetVariables", {"setVariableData": [item]})
        assert answer["setVariableResult"][0]["attributeStatus"] == status
    target = variable("OCPPCommCtrlr.HeartbeatInterval", "30", attributeType="MaxSet")
    answer = ask(world, "billing", "SetVariables", {"setVariableData": [target]})
    assert answer["setVariableResult"][0]["attributeStatus"] == "Rejected"
    assert len(charger.told) == 1
