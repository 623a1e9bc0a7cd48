"""Answers that the proxy composes from the request."""

import json

import pytest

from routing.core import actions
from routing.core.actions import Down
from routing.core.actions.denials import STATUS_INFO


def command(action: str, version: str = "2.1") -> Down:
    row = actions.down(version, action)
    assert row is not None
    return row


def denied(action: str, payload: str) -> dict[str, object]:
    text = actions.deny_payload(command(action), payload)
    assert text is not None
    loaded: dict[str, object] = json.loads(text)
    return loaded


def test_each_variable_is_refused_in_the_order_of_the_request():
    payload = """{"setVariableData":[
        {"attributeValue":"1","component":{"name":"A","evse":{"id":1}},"variable":{"name":"x","instance":"i"}},
        {"attributeType":"Target","attributeValue":"2","component":{"name":"B"},"variable":{"name":"y"}}
    ]}"""
    reason = {"reasonCode": "UnsupportedRequest", "additionalInfo": "denied by proxy policy"}
    assert denied("SetVariables", payload) == {
        "setVariableResult": [
            {
                "attributeStatus": "Rejected",
                "attributeStatusInfo": reason,
                "component": {"name": "A", "evse": {"id": 1}},
                "variable": {"name": "x", "instance": "i"},
            },
            {
                "attributeStatus": "Rejected",
                "attributeStatusInfo": reason,
                "component": {"name": "B"},
                "variable": {"name": "y"},
                "attributeType": "Target",
            },
        ]
    }


def test_a_refused_reading_has_no_value():
    results = denied(
        "GetVariables", '{"getVariableData":[{"component":{"name":"A"},"variable":{"name":"x"}}]}'
    )
    assert "attributeValue" not in json.dumps(results)


def test_a_refused_monitor_gets_no_id():
    payload = (
        '{"setMonitoringData":[{"id":3,"value":1.10,"type":"Delta","severity":8,'
        '"component":{"name":"A"},"variable":{"name":"x"}}]}'
    )
    assert actions.deny_payload(command("SetVariableMonitoring"), payload) == (
        '{"setMonitoringResult":[{"status":"Rejected","statusInfo":' + STATUS_INFO + ","
        '"type":"Delta","severity":8,"component":{"name":"A"},"variable":{"name":"x"}}]}'
    )


def test_monitors_to_clear_are_not_found_one_by_one():
    assert actions.deny_payload(command("ClearVariableMonitoring"), '{"id":[7,80]}') == (
        '{"clearMonitoringResult":['
        '{"status":"NotFound","statusInfo":' + STATUS_INFO + ',"id":7},'
        '{"status":"NotFound","statusInfo":' + STATUS_INFO + ',"id":80}]}'
    )


def test_tariffs_are_refused_one_by_one():
    results = denied("ClearTariffs", '{"tariffIds":["day","night"],"evseId":1}')["clearTariffsResult"]
    assert isinstance(results, list)
    assert [(result["tariffId"], result["status"]) for result in results] == [
        ("day", "Rejected"),
        ("night", "Rejected"),
    ]


def test_to_clear_all_tariffs_is_refused_once():
    assert actions.deny_payload(command("ClearTariffs"), "{}") == (
        '{"clearTariffsResult":[{"status":"Rejected","statusInfo":' + STATUS_INFO + "}]}"
    )


def test_what_is_repeated_stays_byte_for_byte():
    component = '{ "name" : "A\\u00e9", "n": 1.10, "n": 1e400, "big": ' + "9" * 5000 + " }"
    payload = '{"setVariableData":[{"component":' + component + ',"variable":{"name":"x"}}]}'
    assert component in (actions.deny_payload(command("SetVariables"), payload) or "")


def test_a_null_attribute_type_is_left_out():
    payload = '{"getVariableData":[{"attributeType":null,"component":{},"variable":{}}]}'
    assert "attributeType" not in (actions.deny_payload(command("GetVariables"), payload) or "attributeType")


@pytest.mark.parametrize(
    "payload",
    [
        "{}",
        "[]",
        "",
        '{"setVariableData":[]}',
        '{"setVariableData":{}}',
        '{"setVariableData":[{"component":{"name":"A"}}]}',
        '{"setVariableData":[1]}',
        '{"setVariableData":null}',
        '{"setVariableData":[{"component":',
    ],
)
def test_a_request_that_names_nothing_has_no_answer_of_its_own(payload):
    assert actions.deny_payload(command("SetVariables"), payload) is None


def test_the_fallback_of_a_vat_number_repeats_it():
    row = actions.up("2.1", "VatNumberValidation")
    assert row is not None
    assert actions.fallback_payload(row, '{"vatNumber":"NL 1"}') == '{"status":"Rejected","vatNumber":"NL 1"}'
    assert actions.fallback_payload(row, "{}") is None
    assert actions.fallback_payload(row, "[") is None


def test_the_fallback_of_other_actions_needs_no_request():
    row = actions.up("1.6", "StopTransaction")
    assert row is not None
    assert actions.fallback_payload(row, "garbage") == "{}"
