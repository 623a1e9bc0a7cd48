"""What permissions tell apart, against the schemas."""

import pytest

from routing.core import actions
from routing.core.snapshot import OCPP_VERSIONS
from tests.routing.core.test_actions_schemas import member, request_schema

QUALIFIED = [
    (version, action)
    for version in OCPP_VERSIONS
    for action in sorted(actions.names(version))
    if (row := actions.down(version, action)) and row.qualifier
]


def qualifier(version, action):
    row = actions.down(version, action)
    assert row is not None
    assert row.qualifier is not None
    return row.qualifier


def places(version, action):
    head = f"{qualifier(version, action).items or '$'}."
    return [head + path.removeprefix("$.") for path in qualifier(version, action).paths]


@pytest.mark.parametrize(("version", "action"), QUALIFIED)
def test_a_qualifier_stands_where_the_schema_has_it(version, action):
    root = request_schema(version, action)
    for path in places(version, action):
        node, _ = member(root, path)
        assert node["type"] in ("string", "integer")


@pytest.mark.parametrize("action", sorted({action for _, action in QUALIFIED}))
def test_the_known_values_are_those_of_all_versions_that_share_the_row(action):
    for versions in (["1.6"], ["2.0.1", "2.1"]):
        found, known = set(), set()
        for version in (v for v in versions if (v, action) in QUALIFIED):
            node, _ = member(request_schema(version, action), places(version, action)[-1])
            found |= set(node.get("enum", ()))
            known |= set(qualifier(version, action).known)
        assert known == found


def test_something_is_told_apart_in_every_version():
    assert {version for version, _ in QUALIFIED} == set(OCPP_VERSIONS)
