"""The action tables against the JSON schemas that the ``ocpp`` package carries."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import ocpp
import pytest
from jsonschema import Draft4Validator

from routing.core import actions
from routing.core.actions import Answer, Kind, Rewrite
from routing.core.errors import Condition
from routing.core.snapshot import OCPP_VERSIONS

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

UP_ROWS = [(v, a) for v in OCPP_VERSIONS for a in sorted(actions.names(v)) if actions.up(v, a)]
DOWN_ROWS = [(v, a) for v in OCPP_VERSIONS for a in sorted(actions.names(v)) if actions.down(v, a)]

Schema = dict[str, Any]


def folder(version: str) -> Path:
    return Path(ocpp.__file__).parent / FOLDERS[version] / "schemas"


def request_name(version: str, action: str) -> str:
    """1.6 has ``X.json``, 2.x ``XRequest.json``; the one SEND of 2.1 is no request and has ``X.json``."""
    bare = version == "1.6" or action == "NotifyPeriodicEventStream"
    return action if bare else f"{action}Request"


@cache
def schema(version: str, name: str) -> Schema:
    loaded: Schema = json.loads((folder(version) / f"{name}.json").read_text(encoding="utf-8-sig"))
    return loaded


def response(version: str, action: str) -> Schema:
    return schema(version, f"{action}Response")


def request_schema(version: str, action: str) -> Schema:
    return schema(version, request_name(version, action))


def problems(against: Schema, payload: str) -> list[str]:
    return [error.message for error in Draft4Validator(against).iter_errors(json.loads(payload))]


def resolved(node: Schema, root: Schema) -> Schema:
    while "$ref" in node:
        node = root["definitions"][node["$ref"].removeprefix("#/definitions/")]
    return node


def member(root: Schema, path: str) -> tuple[Schema, bool]:
    """The schema at a path such as ``$.a[].b``, and whether it may be left out. KeyError: not there."""
    node, optional = root, True
    for step in path.removeprefix("$.").split("."):
        name = step.removesuffix("[]")
        optional = name not in node.get("required", [])
        node = resolved(node["properties"][name], root)
        assert step.endswith("[]") == (node.get("type") == "array"), f"{step} in {path} is {node.get('type')}"
        if step.endswith("[]"):
            node = resolved(node["items"], root)
    return node, optional


def places() -> list[tuple[str, str, str, Rewrite]]:
    """Every rewrite with the schema it applies to: version, action, request or response."""
    found = []
    for version, action in UP_ROWS:
        row = actions.up(version, action)
        assert row is not None
        found += [(version, action, "request", r) for r in row.to_route]
        found += [(version, action, "response", r) for r in row.from_owner]
    for version, action in DOWN_ROWS:
        command = actions.down(version, action)
        assert command is not None
        found += [(version, action, "request", r) for r in command.to_charger]
        found += [(version, action, "response", r) for r in command.to_asker]
    return found


PLACES = places()


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_every_action_of_the_schemas_has_a_row_and_no_other_has(version):
    files = {path.stem for path in folder(version).glob("*.json")}
    requests = {name for name in files if not name.endswith("Response")}
    assert {request_name(version, action) for action in actions.names(version)} == requests


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_what_has_a_response_is_a_call_and_the_rest_is_a_send(version):
    for action in actions.names(version):
        row = actions.up(version, action)
        is_send = row is not None and row.is_send
        assert (folder(version) / f"{action}Response.json").exists() is not is_send, action


@pytest.mark.parametrize(("version", "kind"), sorted({(version, r.kind) for version, _, _, r in PLACES}))
def test_a_rewritten_path_is_in_the_schema(version, kind):
    for action, side, rewrite in [(a, s, r) for v, a, s, r in PLACES if (v, r.kind) == (version, kind)]:
        root = request_schema(version, action) if side == "request" else response(version, action)
        node, optional = member(root, rewrite.path)
        if rewrite.unknown == "delete":
            assert optional, f"{rewrite.path} of {action} is required and can't be deleted"
        if rewrite.unknown == "filter":
            assert "[]" in rewrite.path, f"{rewrite.path} of {action} is in no list to be left out of"
        if kind in (
            Kind.PROFILE,
            Kind.REQUEST,
            Kind.RESERVATION,
            Kind.REMOTE_START,
            Kind.STREAM,
            Kind.MONITOR,
        ):
            assert node["type"] == "integer", f"{rewrite.path} of {action}"
        if kind is Kind.DER:
            assert (node["type"], node["maxLength"]) == ("string", 36), f"{rewrite.path} of {action}"


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_the_keys_of_latest_values_are_required_members(version):
    keys = [
        (a, path) for a in actions.names(version) if (r := actions.up(version, a)) for path in r.latest_key
    ]
    assert keys
    assert [key for key in keys if member(request_schema(version, key[0]), key[1])[1]] == []


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_the_proxy_acknowledges_exactly_what_has_an_empty_answer(version):
    for row in [row for action in actions.names(version) if (row := actions.up(version, action))]:
        if row.is_send:
            assert row.answer is Answer.NONE
            continue
        empty = not set(response(version, row.action).get("properties", {})) - {"customData"}
        assert (row.answer is Answer.ACK) is empty, row.action
        if empty:
            assert row.fallback == "{}", row.action
            assert problems(response(version, row.action), "{}") == [], row.action


# Requests with what the composed answers repeat.
UP_SAMPLES = {"VatNumberValidation": '{"vatNumber":"NL0012 34","evseId":1}'}

DECIDED_BY_CODE = {"Authorize", "BootNotification", "StartTransaction", "TransactionEvent", "Heartbeat"}
WITHOUT_FALLBACK = {"NotifyPeriodicEventStream", "GetCertificateChainStatus"}


@pytest.mark.parametrize(("version", "action"), UP_ROWS)
def test_what_the_charger_gets_while_the_owner_is_away_fits_the_schema(version, action):
    row = actions.up(version, action)
    assert row is not None
    payload = actions.fallback_payload(row, UP_SAMPLES.get(action, "{}"))
    if action in DECIDED_BY_CODE | WITHOUT_FALLBACK:
        assert payload is None
    else:
        assert payload is not None
        assert problems(response(version, action), payload) == []


VARIABLE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}

# Valid requests of the actions that are refused item by item.
DOWN_SAMPLES = {
    action: json.dumps(request)
    for action, request in {
        "ClearVariableMonitoring": {"id": [7, 8]},
        "ClearTariffs": {"tariffIds": ["day", "night"]},
        "GetVariables": {"getVariableData": [{"attributeType": "Actual", **VARIABLE}, VARIABLE]},
        "SetVariableMonitoring": {
            "setMonitoringData": [{"id": 3, "value": 1.5, "type": "Delta", "severity": 8, **VARIABLE}]
        },
        "SetVariables": {
            "setVariableData": [
                {"attributeValue": "30", **VARIABLE},
                {"attributeValue": "5", "attributeType": "Target", **VARIABLE},
            ]
        },
    }.items()
}

CALLERROR_ONLY = {
    ("1.6", "UpdateFirmware"): Condition.NOT_SUPPORTED,
    ("1.6", "GetConfiguration"): Condition.SECURITY,
    ("2.0.1", "CostUpdated"): Condition.SECURITY,
    ("2.0.1", "GetTransactionStatus"): Condition.SECURITY,
    ("2.1", "CostUpdated"): Condition.SECURITY,
    ("2.1", "GetTransactionStatus"): Condition.SECURITY,
    ("2.1", "NotifyWebPaymentStarted"): Condition.SECURITY,
}


@pytest.mark.parametrize(("version", "action"), DOWN_ROWS)
def test_a_denial_fits_the_schema(version, action):
    row = actions.down(version, action)
    assert row is not None
    payload = actions.deny_payload(row, DOWN_SAMPLES.get(action, "{}"))
    if (version, action) in CALLERROR_ONLY:
        assert (payload, row.denial_error) == (None, CALLERROR_ONLY[version, action])
    else:
        assert payload is not None
        assert problems(response(version, action), payload) == []
        assert "Accepted" not in payload


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_denial_says_why_where_the_schema_has_room(version):
    silent = set()
    for action in actions.names(version):
        row = actions.down(version, action)
        if row is not None:
            payload = actions.deny_payload(row, DOWN_SAMPLES.get(action, "{}")) or ""
            explained = (
                '{"reasonCode":"UnsupportedRequest","additionalInfo":"denied by proxy policy"}' in payload
            )
            room = "statusInfo" in response(version, action)["properties"] or row.denial_items is not None
            assert explained is room, action
            silent |= set() if explained else {action}
    assert silent <= {
        "CostUpdated",
        "GetLocalListVersion",
        "GetPeriodicEventStream",
        "GetTransactionStatus",
        "NotifyWebPaymentStarted",
        "UnpublishFirmware",
    }


@pytest.mark.parametrize("action", DOWN_SAMPLES)
def test_the_samples_are_valid_requests(action):
    assert problems(request_schema("2.1", action), DOWN_SAMPLES[action]) == []


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("CancelReservation", "Rejected"),
        ("ClearChargingProfile", "Unknown"),
        ("ClearDisplayMessage", {"2.0.1": "Unknown", "2.1": "Rejected"}),
        ("DataTransfer", "UnknownVendorId"),
        ("DeleteCertificate", "Failed"),
        ("GetChargingProfiles", "NoProfiles"),
        ("GetDisplayMessages", "Unknown"),
        ("GetInstalledCertificateIds", "NotFound"),
        ("Reset", "Rejected"),
        ("SendLocalList", "Failed"),
        ("SetNetworkProfile", "Rejected"),
        ("UnlockConnector", "UnlockFailed"),
        ("UnpublishFirmware", "NoFirmware"),
    ],
    ids=str,
)
def test_a_denial_of_2_x_is_the_actions_own_word(version, action, status):
    row = actions.down(version, action)
    assert row is not None
    expected = status if isinstance(status, str) else status[version]
    assert json.loads(actions.deny_payload(row, "{}") or "")["status"] == expected


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", '{"status":"Rejected"}'),
        ("ClearChargingProfile", '{"status":"Unknown"}'),
        ("DataTransfer", '{"status":"UnknownVendorId"}'),
        ("DeleteCertificate", '{"status":"Failed"}'),
        ("GetDiagnostics", "{}"),
        ("GetInstalledCertificateIds", '{"status":"NotFound"}'),
        ("GetLocalListVersion", '{"listVersion":-1}'),
        ("RemoteStartTransaction", '{"status":"Rejected"}'),
        ("Reset", '{"status":"Rejected"}'),
        ("SendLocalList", '{"status":"NotSupported"}'),
        ("UnlockConnector", '{"status":"NotSupported"}'),
    ],
)
def test_a_denial_of_1_6_is_the_actions_own_word(action, payload):
    row = actions.down("1.6", action)
    assert row is not None
    assert actions.deny_payload(row, "{}") == payload
