"""Nothing that a backoffice asks, or a charger says, about settings breaks the machine or tells a secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing.core.harness import World, event
from tests.routing.core.settings_charger import VERSIONS, sampled, set_one

NAMES = [
    "key", "value", "setVariableData", "getVariableData", "setVariableResult", "getVariableResult",
    "configurationKey", "unknownKey", "component", "variable", "name", "instance", "evse", "attributeType",
    "attributeValue", "attributeStatus", "status", "reportData", "variableAttribute", "mutability", "type",
    "eventData", "actualValue", "meterValue", "sampledValue", "timestamp", "context", "measurand", "evseId",
    "connectorId", "requestId", "transactionInfo", "variableCharacteristics", "maxLimit",
]  # fmt: skip
WORDS = [
    "AuthorizationKey", "MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval",
    "HeartbeatInterval", "OCPPCommCtrlr", "BasicAuthPassword", "Accepted", "Rejected", "10", "-1", "",
    "Actual", "WriteOnly", "Sample.Clock", "2026-01-01T00:00:00Z", "\u20ac\ud800", 'a"b\\',
    "MeterValuePeriodic", "Updated",
]  # fmt: skip
LEAVES = st.one_of(
    st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(allow_nan=False)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
ASKED = {
    "1.6": ["ChangeConfiguration", "GetConfiguration"],
    "2.0.1": ["SetVariables", "GetVariables"],
    "2.1": ["SetVariables", "GetVariables"],
}
TOLD = {
    "1.6": ["MeterValues"],
    "2.0.1": ["NotifyReport", "NotifyEvent", "MeterValues"],
    "2.1": ["NotifyReport"],
}


@given(
    version=st.sampled_from(VERSIONS),
    asked=st.lists(
        st.tuples(st.sampled_from(["billing", "energy"]), st.integers(0, 1), PAYLOADS), max_size=5
    ),
    answers=st.lists(PAYLOADS, min_size=1, max_size=5),
    told=st.lists(PAYLOADS, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_each_call_is_answered_once(version, asked, answers, told):
    world = World(version=version)
    world.boot()
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "10")
    world.forget()

    def obey(world: World, frame: Any) -> None:
        answers.append(answers.pop(0))
        world.frame(json.dumps([3, frame[1], answers[-1]]))

    world.obey = obey
    for number, (who, which, payload) in enumerate(asked):
        world[who].call(ASKED[version][which], payload, f"a{number}")
    for payload in told:
        for action in TOLD[version]:
            assert world.call(action, payload) is not None
        if version != "1.6":
            world.call("TransactionEvent", {**event("Updated", 1), **payload})
    world.wait(100)
    got = [answer[1] for who in ("billing", "energy") for answer in world[who].answers]
    assert sorted(got) == sorted(f"a{number}" for number in range(len(asked)))
