"""What an answer must hold, against the schemas that the ``ocpp`` package carries."""

from __future__ import annotations

import pytest

from routing.core import actions
from routing.core.actions import responses
from routing.core.snapshot import OCPP_VERSIONS
from tests.routing.core.test_actions_schemas import DOWN_ROWS, response


@pytest.mark.parametrize(("version", "action"), DOWN_ROWS, ids=[f"{v}-{a}" for v, a in DOWN_ROWS])
def test_required_members_are_those_of_the_schema(version: str, action: str) -> None:
    schema = response(version, action)
    required = schema.get("required", [])
    assert sorted(responses.required(version, action)) == sorted(required)
    if not required:
        everything = "{" + ",".join(f'"{name}":1' for name in schema.get("properties", {})) + "}"
        assert responses.fits(version, action, everything)
        assert not responses.fits(version, action, '{"status":"Accepted"}')
    assert not responses.fits(version, action, '{"surprise":1}')


@pytest.mark.parametrize("payload", ["null", "[]", "{", "", '"status"', '{"Status":"Accepted"}'])
def test_what_is_no_answer_to_anything(payload: str) -> None:
    assert not responses.fits("1.6", "Reset", payload)


def test_no_name_stands_there_in_vain() -> None:
    named = {*responses._REQUIRED, *responses._REQUIRED_16, *responses._OPTIONAL}
    assert named <= {name for version in OCPP_VERSIONS for name in actions.names(version)}
