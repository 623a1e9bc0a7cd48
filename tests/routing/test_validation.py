import math

import pytest

from routing.core.options import ChargerOptions, RouteOptions, charger_options, route_options
from routing.validation import option_problems, permission_problems, role_problem


def sentences(problems):
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    "permissions",
    [
        {},
        {"Reset": "deny"},
        {"RemoteStopTransaction": "own", "RequestStopTransaction": "own"},
        {"DataTransfer": "allow"},
    ],
    ids=str,
)
def test_permissions_that_are_accepted(permissions):
    assert sentences(permission_problems(permissions)) == []


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        ({"Reset": "denyy"}, ['Reset: "denyy" is not a verdict (allow, deny, own, guard)']),
        ({"Reset": False}, ["Reset: false is not a verdict (allow, deny, own, guard)"]),
        ({"Rest": "deny"}, ['Rest: "Rest" is not an action of OCPP 1.6, 2.0.1, 2.1; did you mean "Reset"?']),
        (
            {"reset": "deny"},
            ['reset: "reset" is not an action of OCPP 1.6, 2.0.1, 2.1; did you mean "Reset"?'],
        ),
        (
            {"MeterValues": "deny"},
            ['MeterValues: "MeterValues" is sent by chargers; permissions are for what a backoffice sends'],
        ),
        (["Reset"], ['["Reset"] are not permissions; expected actions with verdicts, like Reset: deny']),
    ],
    ids=str,
)
def test_permissions_that_are_not(permissions, expected):
    assert sentences(permission_problems(permissions)) == expected


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, ChargerOptions),
        ({"offline_grace": 5, "T_auth": 0.5, "pinned": "2.0.1", "standalone": True}, ChargerOptions),
        ({"pinned": None, "pin_interval": 300}, ChargerOptions),
        ({"foreign_tx": "alias", "retry_attempts": 0, "adopt_running_tx": False}, RouteOptions),
        ({"foreign_tx": None}, RouteOptions),
    ],
    ids=str,
)
def test_what_is_accepted_is_accepted_by_the_core(options, kind):
    assert sentences(option_problems(options, kind)) == []
    convert = charger_options if kind is ChargerOptions else route_options
    convert(options)


@pytest.mark.parametrize(
    ("options", "kind", "expected"),
    [
        (
            {"offline_grase": 5},
            ChargerOptions,
            'offline_grase: "offline_grase" is not an option; did you mean "offline_grace"?',
        ),
        ({"ping": "30"}, ChargerOptions, 'ping: "30" does not fit; expected a number, 0 or more'),
        ({"ping": -1}, ChargerOptions, "ping: -1 does not fit; expected a number, 0 or more"),
        ({"ping": math.inf}, RouteOptions, "ping: null does not fit; expected a number, 0 or more"),
        ({"ping": True}, ChargerOptions, "ping: true does not fit; expected a number, 0 or more"),
        ({"standalone": 1}, ChargerOptions, "standalone: 1 does not fit; expected true or false"),
        (
            {"pinned": 1.6},
            ChargerOptions,
            'pinned: 1.6 does not fit; expected one of "1.6", "2.0.1", "2.1" or null',
        ),
        (
            {"pin_interval": 1.5},
            ChargerOptions,
            "pin_interval: 1.5 does not fit; expected a whole number, 0 or more or null",
        ),
        (
            {"foreign_tx": "hide"},
            RouteOptions,
            'foreign_tx: "hide" does not fit; expected one of "full", "alias", "hidden" or null',
        ),
        (
            {"auth_rules": "DE"},
            ChargerOptions,
            'auth_rules: "DE" does not fit; expected a list of entries with match, value, backoffice',
        ),
        (
            {"auth_rules": [{"match": "regex", "value": "(a+)+", "backoffice": "energy"}]},
            ChargerOptions,
            'auth_rules: [0] "(a+)+" repeats a group, which may take for ever; '
            "repeat single characters or classes",
        ),
        (
            {"auth_rules": [{"match": "prefix", "backoffice": "energy"}]},
            ChargerOptions,
            "auth_rules: [0] object missing required field `value`",
        ),
        (
            {"authorizers": "energy"},
            ChargerOptions,
            'authorizers: "energy" does not fit; expected a list of text',
        ),
        ({"authorizers": [1]}, ChargerOptions, "authorizers: [0] expected `str`, got `int`"),
        ({"free_id_tag": 5}, ChargerOptions, "free_id_tag: 5 does not fit; expected text or null"),
        (
            {"free_id_tag": "X" * 21},
            ChargerOptions,
            "free_id_tag: expected `str` of length <= 20",
        ),
        (5, RouteOptions, "5 are not options; expected names with values, like ping: 30"),
    ],
    ids=str,
)
def test_what_is_refused_says_what_was_expected(options, kind, expected):
    assert sentences(option_problems(options, kind)) == [expected]


def test_an_unknown_option_that_resembles_nothing_lists_all():
    (problem,) = sentences(option_problems({"colour": 1}, RouteOptions))
    assert "expected one of T_up, boot_replay" in problem


@pytest.mark.parametrize("role", ["billing", "control", "energy", "service", "observe"])
def test_roles(role):
    assert role_problem(role) is None


def test_what_is_no_role():
    assert role_problem("billling") == '"billling" is not a role (billing, control, energy, service, observe)'


@pytest.mark.parametrize(
    "key",
    [
        "Reset:Hard",
        "Reset:immediate",
        "Reset:*",
        "ChangeConfiguration:LightIntensity",
        "ChangeConfiguration:Station-*",
        "SetVariables:SmartChargingCtrlr.LimitChangeSignificance",
        "GetVariables:Smart*",
        "SetChargingProfile:TxProfile",
        "SetChargingProfile:Tx*",
        "RequestStartTransaction:PriorityCharging",
        "UnlockConnector:2",
        "ChangeAvailability:0",
        "TriggerMessage:MeterValues",
        "TriggerMessage:TransactionEvent",
        "DataTransfer:com.example",
    ],
)
def test_parts_of_actions_that_are_accepted(key):
    assert sentences(permission_problems({key: "deny"})) == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "Rest:Hard",
            '"Rest" is not an action of OCPP 1.6, 2.0.1, 2.1; did you mean "Reset"?',
        ),
        (
            "MeterValues:1",
            '"MeterValues" is sent by chargers; permissions are for what a backoffice sends',
        ),
        ("ClearCache:1", "ClearCache is permitted as a whole; leave out what is behind it"),
        (
            "SetChargingProfile:TxProfil",
            '"TxProfil" is not a purpose of the profile (ChargePointMaxProfile, TxDefaultProfile, TxProfile, '
            "ChargingStationExternalConstraints, ChargingStationMaxProfile, PriorityCharging, "
            'LocalGeneration); did you mean "TxProfile"?',
        ),
        ("Reset:", "behind Reset: stands one kind of reset, or the beginning of some and *"),
        ("Reset: ", "behind Reset: stands one kind of reset, or the beginning of some and *"),
        (
            "ChangeConfiguration:*Url",
            "behind ChangeConfiguration: stands one configuration key, or the beginning of some and *",
        ),
        ("UnlockConnector:two", '"two" is not a number; expected the number of one (EVSE)'),
        (
            "SetVariables:HeartbeatInterval",
            '"HeartbeatInterval" is not a component.variable, as in OCPPCommCtrlr.HeartbeatInterval',
        ),
    ],
)
def test_parts_of_actions_that_are_not(key, expected):
    assert sentences(permission_problems({key: "deny"})) == [f"{key}: {expected}"]


def test_a_part_of_an_action_stands_once():
    permissions = {"ChangeConfiguration:A": "deny", "ChangeConfiguration: a": "allow", "Reset": "deny"}
    assert sentences(permission_problems(permissions)) == [
        'ChangeConfiguration: a: "ChangeConfiguration: a" says the same as "ChangeConfiguration:A"; '
        "keep one of them"
    ]
