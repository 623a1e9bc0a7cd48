"""Scenarios 13 and 15 to 18: what a socket carries, and what happens to it under way."""

from __future__ import annotations

import pytest

from tests.routing.core.backoffice import decode
from tests.routing.core.harness import World

ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def command(world: World, name: str, message_id: str = "7") -> None:
    """A backoffice asks something harmless of the charger."""
    if world.version == "1.6":
        world[name].call("GetConfiguration", {"key": ["A"]}, message_id)
    else:
        world[name].call("GetInstalledCertificateIds", {}, message_id)


@ALL
def test_13_a_command_in_flight_is_not_repeated_on_the_next_connection(version: str) -> None:
    """Given a CALL with the charger, when that reconnects, then the asker gets one CALLERROR, no more."""
    world = World(version=version)
    world.boot()
    world.obey = None
    command(world, "billing")
    assert len(world.commands) == 1
    world.connect()
    world.wait(100)
    answers = world["billing"].answers
    assert [(answer[0], answer[1]) for answer in answers] == [(4, "7")]
    assert len(world.commands) == 1


@ALL
def test_15_a_message_type_that_nobody_knows(version: str) -> None:
    """Given type 9, when it arrives, then 2.0.1 says so and the others say nothing."""
    world = World(version=version)
    world.boot()
    world.frame('[9,"x",{}]')
    said = [decode(text) for text in world.to_charger]
    assert [(frame[0], frame[1], frame[2]) for frame in said] == (
        [(4, "x", "MessageTypeNotSupported")] if version == "2.0.1" else []
    )


@ALL
def test_16_text_that_is_no_json(version: str) -> None:
    """Given ``{not json``, when it arrives, then 2.x answers to "-1" and 1.6 says nothing."""
    world = World(version=version)
    world.boot()
    world.frame("{not json")
    said = [decode(text) for text in world.to_charger]
    assert [frame[:3] for frame in said] == ([] if version == "1.6" else [[4, "-1", "RpcFrameworkError"]])
    assert world.closed == []


def test_17_a_stray_comma_is_answered_under_its_id() -> None:
    """Given a CALL with a stray comma, when it arrives, then FormationViolation, and the link lives on."""
    world = World()
    world.boot()
    world.frame('[2,"7","Heartbeat",{},]')
    assert decode(world.to_charger[-1])[:3] == [4, "7", "FormationViolation"]
    assert world.call("Heartbeat", {})[0] == 3
    assert world.closed == []


def test_18_a_truncated_answer_ends_the_wait_at_once() -> None:
    """Given a CALLRESULT cut off in its payload, when Billing waits for it, then it gets a CALLERROR now."""
    world = World()
    world.boot()
    world.obey = None
    command(world, "billing")
    message_id = world.commands[-1][1]
    world.frame(f'[3,"{message_id}",{{"configurationKey":[{{"key":"A"')
    assert [answer[:3] for answer in world["billing"].answers] == [[4, "7", "FormationViolation"]]
