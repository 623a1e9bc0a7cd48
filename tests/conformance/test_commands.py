"""Scenarios 56 and 74: what backoffices ask of the charger, and text that nobody should send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing.core.backoffice import decode
from tests.routing.core.harness import World

VERSIONS = ["1.6", "2.0.1", "2.1"]
ALL = pytest.mark.parametrize("version", VERSIONS)


@ALL
def test_56_commands_of_two_backoffices_at_once(version: str) -> None:
    """Given two CALLs under one message id, then the charger sees one at a time, each asker its own."""
    world = World(version=version)
    world.boot()
    world.obey = None
    action = "GetConfiguration" if version == "1.6" else "GetVariables"
    for name in ("billing", "energy"):
        if version == "1.6":
            payload: object = {"key": [name]}
        else:
            payload = {"getVariableData": [{"component": {"name": "A"}, "variable": {"name": name}}]}
        world[name].call(action, payload, "same")
    for name in ("billing", "energy"):
        message_id, asked = world.commands[-1][1], world.commands[-1][3]
        assert name in json.dumps(asked)
        if version == "1.6":
            answer: object = {"configurationKey": [], "unknownKey": [name]}
        else:
            item = {"attributeStatus": "UnknownVariable", **asked["getVariableData"][0]}
            answer = {"getVariableResult": [item]}
        before = len(world.commands)
        world.frame(json.dumps([3, message_id, answer]))
        assert name in json.dumps(world[name].answers[-1])
        assert len(world.commands) - before == (1 if name == "billing" else 0)
    assert [len(world[name].answers) for name in ("billing", "energy")] == [1, 1]


@given(
    version=st.sampled_from(VERSIONS),
    texts=st.lists(
        st.tuples(
            st.sampled_from(["charger", "billing", "energy"]),
            st.one_of(
                st.text(max_size=60),
                st.from_regex(r"\[[2-6],\"[a-z]{1,3}\",.{0,40}", fullmatch=True),
                st.builds(
                    lambda action, payload: json.dumps([2, "id", action, payload]),
                    st.sampled_from(
                        ["Heartbeat", "MeterValues", "StartTransaction", "NotifyReport", "Reset"]
                    ),
                    st.recursive(
                        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
                        lambda inner: st.dictionaries(st.text(max_size=12), inner, max_size=3),
                    ),
                ),
            ),
        ),
        max_size=12,
    ),
)
@settings(max_examples=150)
def test_74_any_text_at_all(version: str, texts: list[tuple[str, str]]) -> None:
    """Given any text of anybody, then nothing raises, and each CALL of the charger has one answer."""
    world = World(version=version)
    world.boot()
    asked: dict[str, int] = {}
    for who, text in texts:
        if who != "charger":
            world[who].say(text)
            continue
        world.frame(text)
        try:
            frame = decode(text)
        except ValueError:
            continue
        if isinstance(frame, list) and len(frame) >= 4 and frame[0] == 2 and isinstance(frame[1], str):
            asked[frame[1]] = asked.get(frame[1], 0) + 1
    world.wait(60)
    for message_id, times in asked.items():
        if 0 < len(message_id) <= 36:
            assert 1 <= len(world.answered.get(message_id, [])) <= times, message_id
    assert {closing.code for closing in world.closed} <= {1002}


@ALL
def test_what_the_charger_makes_is_known_after_a_kill(version: str) -> None:
    """A CALL that makes something under a number of the proxy's leaves when that number is safe on disk."""
    world = World(version=version)
    world.boot()
    world.commit_at_once = False
    if version == "1.6":
        payload: object = {"connectorId": 1, "expiryDate": "t", "idTag": "A", "reservationId": 1}
    else:
        payload = {"id": 1, "expiryDateTime": "t", "idToken": {"idToken": "A", "type": "Central"}}
    world["billing"].call("ReserveNow", payload)
    assert world.commands == []
    world.commit()
    assert [command[2] for command in world.commands] == ["ReserveNow"]
