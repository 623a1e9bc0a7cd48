"""Frames that are no CALL of OCPP, and what is recorded of all frames: ocpp-semantics 1.7."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.rows import MessageRow
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, start
from tests.routing.core.traffic import (
    VERSIONS,
)


def booted(version: str, action: str = "", /, **options: Any) -> World:
    """A charger with three backoffices; in a session where ``action`` ends one."""
    world = World(BILLING, ENERGY, WATCHER, version=version, options=ChargerOptions(**options))
    world.boot()
    if action == "StopTransaction":
        world.call("StartTransaction", start())
        world.forget()
    return world


def last_message(world: World) -> MessageRow:
    """The newest row that is no copy of a message that nobody answers."""
    return [row for row in world.database.messages if row.route is None or row.outcome != "sent"][-1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ('[2,"7","Heartbeat",{},]', "7"),
        ('[2,"7","Heartbeat",{', "7"),
        ('[2,"7","Heartbeat",[]]', "7"),
        ('[2,"7",7,{}]', "7"),
        ('[2,"7","Heartbeat"]', "7"),
        (' [ 2 , "7" , "MeterValues" , {"a":nonsense}]', "7"),
        ('[2,"7","MeterValues",' + '{"a":' * 40 + "1" + "}" * 40 + "]", "7"),
    ],
)
def test_a_malformed_call_is_refused_by_its_id_and_the_link_lives_on(
    version: str, text: str, message_id: str
) -> None:
    world = booted(version)
    world.frame(text)
    answer = json.loads(world.to_charger[-1])
    code = "FormationViolation" if version == "1.6" else "FormatViolation"
    assert answer[:3] == [4, message_id, code]
    assert last_message(world).outcome == "malformed"
    assert world.call("Heartbeat", {})[0] == 3
    assert world.closed == []


@pytest.mark.parametrize("text", ["{not json", "", "hello", "[]", '{"a":1}', "[[]]", '["2","7"]', "null"])
@pytest.mark.parametrize("version", VERSIONS)
def test_text_without_an_id(version: str, text: str) -> None:
    world = booted(version)
    world.frame(text)
    expected = [] if version == "1.6" else [[4, "-1", "RpcFrameworkError", "", {}]]
    assert [json.loads(t) for t in world.to_charger] == expected
    assert last_message(world).text == text


@pytest.mark.parametrize(
    ("version", "text", "answers"),
    [
        ("1.6", '[9,"7",{}]', []),
        ("2.0.1", '[9,"7",{}]', [[4, "7", "MessageTypeNotSupported", "", {}]]),
        ("2.1", '[9,"7",{}]', []),
        ("1.6", '[6,"7","NotifyPeriodicEventStream",{}]', []),
        ("2.0.1", '[6,"7","NotifyPeriodicEventStream",{}]', [[4, "7", "MessageTypeNotSupported", "", {}]]),
        ("2.1", '[6,"7","NotifyPeriodicEventStream",{}]', []),
        ("1.6", '[5,"7","GenericError","",{}]', []),
        ("2.0.1", '[5,"7","GenericError","",{}]', [[4, "7", "MessageTypeNotSupported", "", {}]]),
        ("2.1", '[5,"7","GenericError","",{}]', []),
    ],
)
def test_message_types_that_a_version_does_not_know(version: str, text: str, answers: list[Any]) -> None:
    world = booted(version)
    world.frame(text)
    assert [json.loads(t) for t in world.to_charger] == answers
    assert last_message(world).text == text


def test_a_send_goes_to_its_owner_at_once_even_while_a_call_is_outstanding() -> None:
    world = booted("2.1")
    world["billing"].behave = Backoffice.hold
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world.frame('[6,"s","NotifyPeriodicEventStream",{"id":1,"pending":0,"basetime":"t","data":[]}]')
    sent = json.loads(world["billing"].frames[-1])
    assert (sent[0], sent[2]) == (6, "NotifyPeriodicEventStream")
    assert sent[1] != "s"
    assert world["energy"].payloads("NotifyPeriodicEventStream") == []
    assert [t for t in world.to_charger if '"s"' in t] == []


@pytest.mark.parametrize("action", ["Heartbeat", "MeterValues", "Unknown"])
def test_a_send_of_something_else_goes_nowhere(action: str) -> None:
    world = booted("2.1")
    world.frame(json.dumps([6, "s", action, {}]))
    assert [b.got for b in world.backoffices.values()] == [[], [], []]
    assert world.to_charger == []


@pytest.mark.parametrize(
    ("version", "action", "code"),
    [
        ("1.6", "TransactionEvent", "NotImplemented"),
        ("1.6", "heartbeat", "NotImplemented"),
        ("1.6", "Reset", "NotSupported"),
        ("2.0.1", "StartTransaction", "NotImplemented"),
        ("2.0.1", "BatterySwap", "NotImplemented"),
        ("2.0.1", "SetVariables", "NotSupported"),
        ("2.1", "StopTransaction", "NotImplemented"),
        ("2.1", "NotifyPeriodicEventStream", "NotImplemented"),
        ("2.1", "x" * 200, "NotImplemented"),
    ],
)
def test_an_action_that_no_charger_sends(version: str, action: str, code: str) -> None:
    world = booted(version)
    answer = world.call(action, {}, "m")
    assert answer[:3] == [4, "m", code]
    assert len(answer[3]) <= 255
    assert [b.got for b in world.backoffices.values()] == [[], [], []]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "frame", ['[3,"none",{}]', '[4,"none","GenericError","",{}]', '[3,"none",{"a', "[4]"]
)
def test_an_answer_nobody_asked_for_changes_nothing(version: str, frame: str) -> None:
    world = booted(version)
    world.frame(frame)
    assert [b.answers for b in world.backoffices.values()] == [[], [], []]
    assert [t for t in world.to_charger if "-1" not in t] == []


def test_ten_frames_of_garbage_in_a_minute_end_the_connection() -> None:
    world = booted("1.6")
    for _ in range(9):
        world.frame("garbage")
    assert world.closed == []
    world.wait(61)
    for _ in range(9):
        world.frame("garbage")
    assert world.closed == []
    world.frame("garbage")
    assert [c.code for c in world.closed] == [1002]


def test_a_frame_before_the_connection_is_nobodys() -> None:
    world = World()
    world.frame('[2,"1","Heartbeat",{}]')
    assert world.to_charger == []
    assert world.database.messages == []


# -- what is recorded --------------------------------------------------------------------------------


def test_every_call_is_recorded_with_its_copies_under_one_exchange() -> None:
    world = booted("1.6")
    world.database.messages.clear()
    world.call("StatusNotification", {"connectorId": 3, "errorCode": "NoError", "status": "Available"}, "m")
    rows = world.database.messages
    assert {(r.route, r.action, r.outcome) for r in rows} == {
        (None, "StatusNotification", "answered"),
        (1, "StatusNotification", "answered"),
        (2, "StatusNotification", "answered"),
        (3, "StatusNotification", "answered"),
    }
    assert len({r.exchange for r in rows}) == 1
    own = next(r for r in rows if r.route is None)
    assert (own.message_id, own.connector_id, own.rule) == ("m", 3, "proxy: the answer is empty by schema")
    assert {r.text for r in rows if r.route is not None} == {""}  # byte for byte the charger's payload


def test_an_owners_latency_is_recorded() -> None:
    world = booted("1.6")
    world["billing"].behave = Backoffice.hold
    world.call("Authorize", {"idTag": "X"}, "m")
    world.wait(1.5)
    world["billing"].release()
    rows = [r for r in world.database.messages if r.action == "Authorize"]
    assert [(r.route, r.latency_ms) for r in rows] == [(1, 1500.0), (None, 1500.0)]
    assert rows[1].rule == "answered by billing"


def test_texts_that_are_recorded_fit_their_columns() -> None:
    world = booted("1.6")
    world["billing"].behave = lambda b, m, a, p: b.say(json.dumps([4, m, "x" * 300, "y" * 3000, {}]))
    world.call("DataTransfer", {"vendorId": "v"}, "m" * 300)
    for row in world.database.messages:
        assert len(row.rule) <= 255
        assert len(row.message_id) <= 64
        assert len(row.error_code) <= 64


def test_a_backoffice_that_talks_nonsense_is_left_alone_for_a_minute() -> None:
    world = World()
    world.boot()
    for _ in range(9):
        world["energy"].say("nonsense")
    world.wait(61)
    for _ in range(9):
        world["energy"].say("nonsense")
    assert world.closed_links == []
    world["energy"].say("nonsense")
    assert world.closed_links == [(2, 1002, "10 frames that cannot be read")]
    assert world.database.route_states[2].last_error == "closed by the proxy: 10 frames that cannot be read"
    world.call("StartTransaction", start())
    world.wait(59)
    assert world["energy"].wanted == ""
    world.wait(2)
    assert len(world["energy"].payloads("StartTransaction")) == 1  # nothing is lost by it
    assert world.closed == []


def test_a_backoffice_that_talked_nonsense_is_not_dialled_for_a_charger_that_is_gone() -> None:
    world = World()
    world.boot()
    for _ in range(10):
        world["billing"].say("[")
    world.disconnect()
    world.wait(120)
    assert world["billing"].wanted == ""
    assert world.machine.idle


def test_what_a_backoffice_says_of_an_answer_is_recorded_and_goes_nowhere() -> None:
    world = World(version="2.1")
    world.boot()
    before = world.sent()
    world["billing"].say('[5,"p1","FormatViolation","",{}]')
    assert world.sent() == before
    row = world.database.messages[-1]
    assert (row.outcome, row.rule) == ("unsolicited", "it complains about an answer")


@pytest.mark.parametrize(
    ("complaint", "details"),
    [
        ('[5,"c1","FormatViolation","why",{"a":1.10}]', '{"a":1.10}'),
        ('[5,"c1","FormatViolation","why","text"]', "{}"),
        ('[5,"c1","FormatViolation","why"]', "{}"),
    ],
)
def test_a_complaint_reaches_whose_answer_it_was_once(complaint: str, details: str) -> None:
    world = World(version="2.1")
    world.boot()
    world.call("Authorize", {"idToken": {"idToken": "A", "type": "Central"}}, "c1")
    own_id = world.last_id(world["billing"])
    world.frame(complaint)
    world.frame(complaint)
    got = [frame for frame in world["billing"].frames if frame.startswith("[5")]
    assert got == [f'[5,"{own_id}","FormatViolation","why",{details}]']


@pytest.mark.parametrize("case", ["the proxy's own answer", "reconnected", "away", "never sent"])
def test_complaints_that_concern_nobody_are_recorded(case: str) -> None:
    world = World(version="2.1")
    world.boot()
    world.call("Authorize", {"idToken": {"idToken": "A", "type": "Central"}}, "c1")
    world.call("Heartbeat", {}, "c2")
    if case == "reconnected":
        world.disconnect()
        world.connect()
    if case == "away":
        world["billing"].lose()
    named = {"the proxy's own answer": "c2", "never sent": "c9"}.get(case, "c1")
    world.frame(f'[5,"{named}","FormatViolation","",{{}}]')
    assert [f for b in world.backoffices.values() for f in b.frames if f.startswith("[5")] == []
    assert world.database.messages[-1].rule == "the charger complains about an answer that no backoffice gave"


def test_a_backoffice_that_answers_nothing_is_dialled_anew_after_a_while() -> None:
    world = World()
    world["energy"].interval = 60
    world.boot()
    world["energy"].behave = Backoffice.ignore
    world.wait(600)
    assert world.closed_links[0] == (2, 1000, "5 CALLs in a row were not answered")
    assert len(world["energy"].payloads("Heartbeat")) == 5
    assert len(world["energy"].payloads("BootNotification")) > 1  # it was tried again, with a new link
    world["energy"].behave = Backoffice.answer
    world.call("StartTransaction", start())
    world.wait(300)
    assert len(world["energy"].payloads("StartTransaction")) >= 1
    assert world.call("Heartbeat", {}) is not None


def test_an_answer_now_and_then_is_enough() -> None:
    def every_fourth(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if len(backoffice.got) % 4 == 0:
            backoffice.answer(message_id, action, payload)

    world = World()
    world["energy"].interval = 60
    world.boot()
    world["energy"].behave = every_fourth
    world.wait(3000)
    assert world.closed_links == []
