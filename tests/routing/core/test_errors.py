"""Error codes: the exact spelling of each version out, every spelling in."""

from __future__ import annotations

import pytest

from routing.core.errors import Condition, error_code, read_code

OLD = {
    Condition.UNKNOWN_ACTION: "NotImplemented",
    Condition.NOT_SUPPORTED: "NotSupported",
    Condition.FORMAT: "FormationViolation",
    Condition.INCOMPLETE: "ProtocolError",
    Condition.OCCURRENCE: "OccurenceConstraintViolation",
    Condition.TYPE: "TypeConstraintViolation",
    Condition.VALUE: "PropertyConstraintViolation",
    Condition.SECURITY: "SecurityError",
    Condition.GENERIC: "GenericError",
    Condition.INTERNAL: "InternalError",
    Condition.MESSAGE_TYPE: "GenericError",
    Condition.RPC_FRAMEWORK: "GenericError",
}
NEW = OLD | {
    Condition.FORMAT: "FormatViolation",
    Condition.OCCURRENCE: "OccurrenceConstraintViolation",
    Condition.MESSAGE_TYPE: "MessageTypeNotSupported",
    Condition.RPC_FRAMEWORK: "RpcFrameworkError",
}
WRITTEN = [
    (version, condition, codes[condition])
    for version, codes in (("1.6", OLD), ("2.0.1", NEW), ("2.1", NEW))
    for condition in Condition
]


@pytest.mark.parametrize(("version", "condition", "code"), WRITTEN, ids=str)
def test_each_version_has_its_spelling(version: str, condition: Condition, code: str) -> None:
    assert error_code(version, condition) == code


def test_every_spelling_is_read_on_every_version() -> None:
    for _, condition, code in WRITTEN:
        assert read_code(code) is (Condition.GENERIC if code == "GenericError" else condition)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (" FormatViolation ", Condition.FORMAT),
        ("formationviolation", Condition.FORMAT),
        ("NOTIMPLEMENTED", Condition.UNKNOWN_ACTION),
        ("SomethingElse", Condition.GENERIC),
        ("", Condition.GENERIC),
        ("\ud800", Condition.GENERIC),
    ],
    ids=ascii,
)
def test_odd_codes_are_read_as_well(text: str, condition: Condition) -> None:
    assert read_code(text) is condition


@pytest.mark.parametrize("version", ["", "1.5", "2.0", "ocpp1.6"])
def test_an_unknown_version_is_refused_in_words(version: str) -> None:
    with pytest.raises(ValueError, match=f'"{version}" is not an OCPP version .* one of 1.6, 2.0.1, 2.1'):
        error_code(version, Condition.FORMAT)
