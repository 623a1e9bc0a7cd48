"""The audit log tells of what crossed the sockets, all of it and nothing else; and ``complete`` notices."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from routing.core.rows import MessageRow
from routing.core.snapshot import Role
from tests.routing.core import complete
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, meter, route, start


def booted(version: str = "1.6", *routes: object) -> World:
    world = World(*routes, version=version)  # type: ignore[arg-type]
    world.boot()
    world.wire.frames.clear()
    world.wire.rows.clear()
    return world


def told(world: World, **fields: object) -> list[MessageRow]:
    """The rows that have these values."""
    return [r for r in world.wire.rows if all(getattr(r, name) == v for name, v in fields.items())]


SPOILED: dict[str, Callable[[list[MessageRow]], None]] = {
    "a row is missing": lambda rows: rows.clear(),
    "a row is there twice": lambda rows: rows.append(rows[-1]),
    "an answer is missing": lambda rows: rows.append(msgspec.structs.replace(rows.pop(), answer="")),
    "another socket": lambda rows: rows.append(msgspec.structs.replace(rows.pop(), route=7)),
    "another id": lambda rows: rows.append(msgspec.structs.replace(rows.pop(), message_id="other")),
    "another text": lambda rows: rows.append(msgspec.structs.replace(rows.pop(), text='[2,"a","B",{}]')),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_is_wrong_in_a_log_is_noticed(spoil: Callable[[list[MessageRow]], None]) -> None:
    world = booted()
    world.call("MeterValues", meter(None))
    complete.check(world)
    spoil(world.wire.rows)
    with pytest.raises(AssertionError):
        complete.check(world)


def test_a_late_answer_stands_alone() -> None:
    world = booted("1.6", BILLING, route(2, "energy", Role.CONTROL, retry_interval=1.0))
    energy = world["energy"]
    energy.behave = Backoffice.ignore
    world.call("StartTransaction", start())
    first = world.last_id(energy)
    world.wait(31)
    energy.say('[2,"alive","GetConfiguration",{}]')
    world.wait(5)
    assert world.last_id(energy) != first
    energy.result(first, {"transactionId": 1})
    (late,) = [row for row in told(world, route=2, message_id=first) if row.text]
    assert (late.answer, late.outcome, late.text[:3]) == ("", "answered", "[3,")
    energy.drop()
    complete.check(world)


def test_a_command_that_waited_for_the_store_in_vain_was_never_sent() -> None:
    world = booted("2.0.1")
    world.commit_at_once = False
    world["billing"].call("GetReport", {"requestId": 1, "componentVariable": []})
    world.disconnect()
    assert told(world, route=None, direction="down") == []
    assert [row.outcome for row in told(world, route=1, direction="down")] == ["lost"]
    complete.check(world)


def test_an_asker_that_is_gone_is_told_nothing() -> None:
    world = booted()
    world.obey = None
    world["energy"].call("GetConfiguration", {})
    world["energy"].lose()
    world.frame(f'[3,"{world.commands[-1][1]}",{{"configurationKey":[]}}]')
    (row,) = told(world, route=2, action="GetConfiguration")
    assert (row.answer, row.outcome, row.rule) == ("", "lost", "the link closed before the answer")
    complete.check(world)


def test_each_copy_of_an_unconfirmed_message_has_a_row() -> None:
    world = booted("2.1", BILLING, WATCHER)
    world["billing"].call("AdjustPeriodicEventStream", {"id": 1, "params": {}})
    world.call("OpenPeriodicEventStream", {"constantStreamData": {
        "id": 1, "variableMonitoringId": 1, "params": {}}})  # fmt: skip
    text = '[6,"s","NotifyPeriodicEventStream",{"id":1,"pending":0,"basetime":"t","data":[]}]'
    world.frame(text)
    rows = told(world, action="NotifyPeriodicEventStream")
    assert {row.exchange for row in rows} == {rows[0].exchange}
    assert [row.route for row in rows] == [None, 1]
    complete.check(world)


def test_what_is_said_again_while_it_waits_has_a_row_of_its_own() -> None:
    world = booted()
    world["billing"].behave = Backoffice.hold
    world.call("Authorize", {"idTag": "C"}, "a")
    world.call("Authorize", {"idTag": "C"}, "a")
    (again,) = told(world, route=None)
    assert (again.outcome, again.answer) == ("dropped", "")
    world["billing"].release()
    assert [row.outcome for row in told(world, route=None)] == ["dropped", "answered"]
    complete.check(world)


def test_what_waits_when_a_session_ends_is_told() -> None:
    world = booted()
    world["billing"].behave = Backoffice.ignore
    world.call("Authorize", {"idTag": "C"})
    world.do(world.machine.stop(1012, "the proxy stops", *world.time))
    assert [(r.outcome, r.rule) for r in told(world, route=None)] == [("lost", "the proxy stops")]
    complete.check(world)
    assert told(world, route=1)[-1].outcome == "lost"


@pytest.mark.parametrize("again", [0, 3])
def test_an_answer_that_was_not_sent_is_taken_back(again: int) -> None:
    world = booted()
    world.commit_at_once = False
    for number in range(again + 1):
        world.disconnect()
        world.connect()
        world.call("MeterValues", meter(None), f"m{number}")
    world.disconnect()
    world.commit()
    rows = told(world, route=None, action="MeterValues")
    assert [row.outcome for row in rows] == ["answered", "lost", *["lost"] * bool(again)]
    assert [row.answer for row in rows[1:]] == [""] * len(rows[1:])
    complete.check(world)


def test_what_is_said_again_until_it_is_stored_is_counted() -> None:
    world = booted()
    world.commit_at_once = False
    for number in range(4):
        world.call("MeterValues", meter(None), f"m{number}")
        world.wait(30)
    world.commit()
    assert world.answer_to("m3")
    first, taken_back, last = told(world, route=None, action="MeterValues")
    assert (first.message_id, taken_back.message_id, last.message_id) == ("m0", "m0", "m3")
    assert last.rule == "proxy: said again 3 times before it was stored"
    complete.check(world)


def test_copies_of_a_call_that_no_row_tells_of_are_told_whole() -> None:
    world = booted("2.0.1")
    world["billing"].behave = Backoffice.ignore
    world["energy"].lose()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world.restart()
    world["billing"].behave = Backoffice.answer
    world.connect()
    world.wait(60)
    assert [bool(row.text) for row in told(world, route=2, action="TransactionEvent")] == [True]
    complete.check(world)


def test_statuses_that_are_said_again_for_the_charger_are_told_whole() -> None:
    world = booted("1.6", BILLING, ENERGY)
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    world["energy"].lose()
    world["energy"].open()
    world.wait(5)
    assert [bool(row.text) for row in told(world, route=2, action="StatusNotification")] == [False, True]
    complete.check(world)
