"""Any text at any moment: nothing raises, each readable CALL is answered once (scenario 74).

``MACHINE_EXAMPLES`` sets how many runs are tried, as in ``test_machine_stateful``.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.core import actions, frames
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, World, event, meter, route, start, stop

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))
PROFILE = settings(
    max_examples=EXAMPLES or 60,
    deadline=None,
    derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
)

VERSIONS = ("1.6", "2.0.1", "2.1")
ACTIONS = sorted({name for version in VERSIONS for name in actions.names(version)})

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 1, 100, 900, 2**31, 2**63 - 1, 10**40]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["Accepted", "Started", "Updated", "Ended", "T-1", "CARD", "SignedData", "\x00", "Pending"]
    ),
)
KEYS = [
    "transactionId",
    "connectorId",
    "evseId",
    "idTag",
    "idToken",
    "timestamp",
    "meterStart",
    "meterStop",
    "status",
    "interval",
    "idTagInfo",
    "idTokenInfo",
    "meterValue",
    "sampledValue",
    "transactionData",
    "transactionInfo",
    "eventType",
    "seqNo",
    "evse",
    "id",
    "format",
    "key",
    "signedMeterValue",
    "setVariableData",
    "variable",
    "component",
    "name",
    "connectorStatus",
    "reason",
    "offline",
    "requestId",
    "expiryDate",
]
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
payloads = st.dictionaries(st.sampled_from(KEYS), values, max_size=6)
sane = st.sampled_from(
    [start(), stop(100), meter(100), meter(None), event("Started", 0, card="C"), event("Ended", 1)]
)
ids = st.one_of(st.sampled_from(["1", "2", "x"]), st.integers(0, 9), st.text(max_size=5), st.none())


def odd(payload: Any, key: str, value: Any) -> dict[str, Any]:
    """A payload with one member made odd."""
    return {**payload, key: value}


spoilt = st.builds(odd, sane, st.sampled_from(KEYS), values)
bodies = st.one_of(payloads, spoilt, sane, values)
calls = st.builds(lambda i, a, p: json.dumps([2, i, a, p]), ids, st.sampled_from(ACTIONS), bodies)
shapes = st.builds(json.dumps, st.lists(st.one_of(st.integers(0, 9), ids, payloads, scalars), max_size=6))
cut = st.builds(lambda text, n: text[: n % (len(text) + 1)], calls, st.integers(0, 200))
texts = st.one_of(calls, calls, calls, shapes, cut, st.text(max_size=40))

steps = st.lists(
    st.one_of(
        st.tuples(st.just("charger"), texts),
        st.tuples(st.just("billing"), texts),
        st.tuples(st.just("energy"), texts),
        st.tuples(st.sampled_from(["billing answers", "energy answers"]), bodies),
        st.tuples(st.just("charger answers"), bodies),
        st.tuples(st.sampled_from(["lose", "open", "reconnect", "gone", "restart", "boot"]), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 9, 40, 700])),
    ),
    max_size=25,
)


class Fuzzed:
    """A world whose backoffices answer with whatever comes."""

    readable: list[str]
    used: set[str]

    def __init__(self, version: str) -> None:
        self.world = World(
            BILLING,
            ENERGY,
            route(3, "watcher", Role.OBSERVE),
            version=version,
            options=ChargerOptions(offline_grace=30),
        )
        self.world.boot()
        self.world.obey = None
        for backoffice in self.world.backoffices.values():
            backoffice.behave = Backoffice.hold
        self.new_socket()

    def step(self, what: str, value: Any) -> None:
        """One thing happens."""
        world = self.world
        match what:
            case "charger":
                self.charger(value)
            case "billing" | "energy":
                world[what].say(value)
            case "billing answers" | "energy answers":
                backoffice = world[what.split(maxsplit=1)[0]]
                if backoffice.held:
                    backoffice.say(json.dumps([3, backoffice.held.pop(0)[0], value]))
            case "charger answers":
                if world.commands:
                    world.frame(json.dumps([3, world.commands[-1][1], value]))
            case "wait":
                world.wait(value)
            case "lose":
                world["energy"].lose()
            case "open":
                world["energy"].open()
            case "reconnect" | "boot":
                self.new_socket()
                world.connect()
                if what == "boot":
                    world.frame(f'[2,"boot","BootNotification",{BOOT if world.version == "1.6" else BOOT_2}]')
            case "gone":
                self.new_socket()
                world.disconnect()
            case "restart":
                self.new_socket()
                world.restart()
                world.connect()

    def charger(self, text: str) -> None:
        """The charger says something; readable CALLs are counted by their id."""
        frame = frames.parse(text)
        world = self.world
        if isinstance(frame, frames.Call | frames.Malformed | frames.UnknownType | frames.Send):
            if frame.message_id in self.used:
                return  # an id again: whether that is a repeat is the business of other tests
            self.used.add(frame.message_id or "")
        if isinstance(frame, frames.Call):
            self.readable.append(frame.message_id)
        world.frame(text)

    def new_socket(self) -> None:
        """What was open on the old one is over; "-1" is the proxy's own."""
        self.readable, self.used = [], {"-1", "boot"}
        self.world.answered.clear()


@pytest.mark.parametrize("version", VERSIONS)
@PROFILE
@given(steps=steps)
def test_nothing_raises_and_every_readable_call_is_answered_once(
    version: str, steps: list[tuple[str, Any]]
) -> None:
    fuzzed = Fuzzed(version)
    world = fuzzed.world
    online = True
    for what, value in steps:
        if what == "charger" and not online:
            continue
        fuzzed.step(what, value)
        online = what != "gone" if what in ("gone", "reconnect", "restart", "boot") else online
    world.wait(60)
    if online:
        for message_id in fuzzed.readable:
            answers = world.answered.get(message_id) or world.answered.get(as_number(message_id), [])
            assert len(answers) == 1, (message_id, answers)
    for row in world.database.messages:
        assert len(row.rule) <= 255
    world.restart()
    world.connect()
    world.wait(5)


def as_number(text: str) -> Any:
    """The number that an id is the text of, as json reads it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@PROFILE
@given(text=st.text(), version=st.sampled_from(VERSIONS))
def test_any_text_of_the_charger(text: str, version: str) -> None:
    world = World(version=version)
    world.boot()
    world.frame(text)
    assert world.call("Heartbeat", {}, "after")[0] == 3


@PROFILE
@given(text=st.text(), version=st.sampled_from(VERSIONS))
def test_any_text_of_a_backoffice(text: str, version: str) -> None:
    world = World(version=version)
    world.boot()
    world["energy"].say(text)
    world["energy"].call("GetConfiguration" if version == "1.6" else "GetVariables", {}, "after")
    assert len(world.commands) == 1


@PROFILE
@given(
    payload=values,
    action=st.sampled_from(ACTIONS),
    version=st.sampled_from(VERSIONS),
    role=st.sampled_from(list(Role)),
)
def test_any_payload_of_a_command_is_answered(payload: Any, action: str, version: str, role: Role) -> None:
    world = World(route(1, "one", role), version=version)
    world.boot()
    world["one"].say(json.dumps([2, "x", action, payload]))
    answers = [a for a in world["one"].answers if a[1] == "x"]
    assert len(answers) == 1


@PROFILE
@given(payload=bodies, action=st.sampled_from(ACTIONS), version=st.sampled_from(VERSIONS))
def test_any_answer_of_the_owner(payload: Any, action: str, version: str) -> None:
    world = World(version=version)
    world.boot()
    world["billing"].behave = lambda b, m, a, p: b.say(json.dumps([3, m, payload]))
    world.call(action, event("Started", 0, card="C") if action == "TransactionEvent" else start(), "x")
    world.wait(20)
    assert world.answer_to("x") is not None
