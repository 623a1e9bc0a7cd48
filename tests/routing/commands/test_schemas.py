"""Forms and checks of raw commands, from the schemas."""

from __future__ import annotations

from typing import Any

import pytest

from routing.commands import schemas
from routing.commands.classes import CommandClass, class_of
from routing.commands.results import Result, of_answer, of_end
from routing.core import actions
from routing.core.snapshot import OCPP_VERSIONS


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_every_call_toward_a_charger_has_a_form(version: str) -> None:
    down = {name for name in actions.names(version) if actions.down(version, name)}
    assert set(schemas.actions_of(version)) == down
    for action in down:
        assert all(field.name and field.type for field in schemas.form_of(action, version))


def test_a_form_says_what_is_needed_and_what_may_be_chosen() -> None:
    fields = {field.name: field for field in schemas.form_of("ChangeAvailability", "1.6")}
    assert fields["type"].choices == ("Inoperative", "Operative")
    assert (fields["connectorId"].type, fields["connectorId"].required) == ("integer", True)


def test_a_form_shows_what_is_inside_objects_and_lists() -> None:
    fields = {field.name: field for field in schemas.form_of("SetChargingProfile", "2.0.1")}
    inner = {field.name: field for field in fields["chargingProfile"].fields}
    schedule = inner["chargingSchedule"]
    assert (schedule.type, schedule.item_type) == ("array", "object")
    assert "chargingSchedulePeriod" in [field.name for field in schedule.fields]
    assert inner["validTo"].format == "date-time"


def test_what_a_charger_says_itself_is_no_command() -> None:
    with pytest.raises(KeyError, match="Heartbeat"):
        schemas.form_of("Heartbeat", "1.6")


@pytest.mark.parametrize(
    ("action", "payload", "sentence"),
    [
        ("Reset", {"type": "Warm"}, '$.type: "Warm" is not one of Hard, Soft'),
        ("Reset", {}, "$: type is missing"),
        ("Reset", {"type": "Hard", "tpye": 1}, '$: tpye is not known here; did you mean "type"?'),
        ("UnlockConnector", {"connectorId": "1"}, '$.connectorId: "1" is not of type integer'),
        ("Rest", {}, '"Rest" is not something to ask a charger in OCPP 1.6; did you mean "Reset"?'),
        ("Reset", [], "a payload is an object, not list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_told_in_words(action: str, payload: Any, sentence: str) -> None:
    assert schemas.problems(action, "1.6", payload) == [sentence]


def test_a_limit_with_one_decimal_is_right() -> None:
    period = {"startPeriod": 0, "limit": 21.4}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    assert schemas.problems("SetChargingProfile", "1.6", payload) == []


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("SetChargingProfile", {}, CommandClass.ENERGY),
        ("Reset", {"type": "Hard"}, CommandClass.MAINTENANCE),
        ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "1"}, CommandClass.MAINTENANCE),
        ("ChangeConfiguration", {"key": "BackOffice-URL", "value": "x"}, CommandClass.DANGEROUS),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "1",
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "NetworkConfigurationPriority"},
                    }
                ]
            },
            CommandClass.DANGEROUS,
        ),
        ("InstallCertificate", {}, CommandClass.DANGEROUS),
        ("ActionOfTomorrow", {}, CommandClass.MAINTENANCE),
    ],
)
def test_the_class_of_a_raw_action(action: str, payload: dict[str, Any], expected: CommandClass) -> None:
    assert class_of(action, payload) is expected


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("Reset", {"status": "Accepted"}, ("accepted", "")),
        ("ChangeAvailability", {"status": "Scheduled"}, ("accepted", "Scheduled")),
        ("Reset", {"status": "Rejected"}, ("rejected", "Rejected")),
        ("TriggerMessage", {"status": "NotImplemented"}, ("not_supported", "NotImplemented")),
        ("UnlockConnector", {"status": "Unlocked"}, ("accepted", "Unlocked")),
        ("UpdateFirmware", {}, ("accepted", "")),
        ("GetDiagnostics", {}, ("rejected", "the charger has no diagnostics to send")),
        ("GetDiagnostics", {"fileName": "a"}, ("accepted", "")),
        (
            "Reset",
            {"status": "Rejected", "statusInfo": {"reasonCode": "InUse"}},
            ("rejected", "Rejected: InUse"),
        ),
        ("GetConfiguration", {"unknownKey": ["X"]}, ("not_supported", "the charger does not know X")),
        ("SetVariables", {"setVariableResult": [{"attributeStatus": "Rejected"}]}, ("rejected", "Rejected")),
        (
            "SetVariables",
            {"setVariableResult": [{"attributeStatus": "RebootRequired"}]},
            ("accepted", "RebootRequired"),
        ),
        (
            "GetVariables",
            {"getVariableResult": [{"attributeStatus": "Accepted"}, {"attributeStatus": "UnknownVariable"}]},
            ("accepted", "1 of 2 not: UnknownVariable"),
        ),
    ],
)
def test_what_an_answer_means(action: str, payload: dict[str, Any], expected: tuple[str, str]) -> None:
    assert of_answer(action, payload) == Result(*expected)


@pytest.mark.parametrize(
    ("outcome", "code", "words", "state"),
    [
        ("error", "NotImplemented", "", "not_supported"),
        ("error", "InternalError", "broken", "failed"),
        ("denied", "", "guard: no", "rejected"),
        ("timeout", "GenericError", "x", "timed_out"),
        ("lost", "GenericError", "x", "timed_out"),
        ("dropped", "InternalError", "busy", "failed"),
        ("malformed", "FormationViolation", "unreadable", "failed"),
    ],
)
def test_what_another_end_means(outcome: str, code: str, words: str, state: str) -> None:
    assert of_end("Reset", outcome, None, code, words).state == state
