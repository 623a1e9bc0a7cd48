"""Anything at all in the messages of monitors, streams and local lists: one answer each, and no error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import World, route

DOWN = ("SetVariableMonitoring", "ClearVariableMonitoring", "SendLocalList", "GetPeriodicEventStream")
UP = ("NotifyEvent", "NotifyMonitoringReport", "OpenPeriodicEventStream", "ClosePeriodicEventStream")
NAMES = (
    "id",
    "setMonitoringData",
    "setMonitoringResult",
    "clearMonitoringResult",
    "status",
    "severity",
    "value",
    "type",
    "component",
    "variable",
    "name",
    "evse",
    "localAuthorizationList",
    "versionNumber",
    "updateType",
    "idToken",
    "idTokenInfo",
    "eventData",
    "variableMonitoringId",
    "eventNotificationType",
    "monitor",
    "variableMonitoring",
    "requestId",
    "constantStreamData",
)
WORDS = ("Accepted", "Duplicate", "Rejected", "Full", "Differential", "CustomMonitor", "1", "")
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 5), st.just(10**40), st.floats(), st.sampled_from(WORDS)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)


def listed(name: str) -> Any:
    """An array of what resembles the right elements."""
    return st.lists(st.one_of(OBJECTS, JSON), max_size=3).map(lambda items: {name: items})


PAYLOADS = st.one_of(
    OBJECTS,
    listed("setMonitoringData"),
    listed("setMonitoringResult"),
    listed("clearMonitoringResult"),
    listed("eventData"),
    st.builds(
        lambda items, number, kind: {
            "localAuthorizationList": items,
            "versionNumber": number,
            "updateType": kind,
        },
        st.lists(st.one_of(OBJECTS, JSON), max_size=2),
        st.integers(0, 5),
        st.sampled_from(("Full", "Differential")),
    ),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("billing", "energy", "charger")),
        st.sampled_from(DOWN),
        st.sampled_from(UP),
        PAYLOADS,
        PAYLOADS,
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_each_call_is_answered_once_whatever_is_in_it(steps: list[tuple[str, str, str, Any, Any]]) -> None:
    permissions = dict.fromkeys(DOWN, Verdict.ALLOW)
    routes = (route(1, "billing", Role.BILLING), route(2, "energy", Role.CONTROL, permissions))
    world = World(*routes, version="2.1", options=ChargerOptions(local_list="merged"))
    world.boot()
    for who, down, up, payload, answer in steps:
        world.forget()
        if who == "charger":
            number = f"c{next(world.message_ids)}"
            world.frame(json.dumps([2, number, up, payload]))
            world.wait(10)
            assert world.answer_to(number) is not None
            continue
        world.obey = lambda world, frame, answer=answer: world.frame(json.dumps([3, frame[1], answer]))
        world[who].call(down, payload, "m")
        world.wait(100)
        assert [a[1] for a in world[who].answers] == ["m"]
