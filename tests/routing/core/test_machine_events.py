"""Sessions of 2.x through the whole machine: ocpp-semantics 2.3, 3.1, 7.9; scenarios 41 to 44."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event

VERSIONS = ("2.0.1", "2.1")


@pytest.fixture(params=VERSIONS)
def world(request: pytest.FixtureRequest) -> World:
    world = World(BILLING, ENERGY, version=request.param)
    world.boot()
    return world


def seen(backoffice: Backoffice) -> list[tuple[str, int]]:
    return [(p["eventType"], p["seqNo"]) for p in backoffice.payloads("TransactionEvent")]


def test_every_backoffice_has_the_session_under_the_chargers_id(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0, "abc-1", card="C"))
    for seq_no in (1, 2, 3):
        world.call("TransactionEvent", event("Updated", seq_no, "abc-1"))
    world.call("TransactionEvent", event("Ended", 4, "abc-1"))
    for name in ("billing", "energy"):
        assert seen(world[name]) == [
            ("Started", 0),
            ("Updated", 1),
            ("Updated", 2),
            ("Updated", 3),
            ("Ended", 4),
        ]
        ids = {p["transactionInfo"]["transactionId"] for p in world[name].payloads("TransactionEvent")}
        assert ids == {"abc-1"}
    row = next(iter(world.database.transactions.values()))
    assert (row.charger_transaction_id, row.id_tag, row.owner) == ("abc-1", "C", 1)
    assert row.closed is not None


@pytest.mark.parametrize(
    ("kind", "card", "asks"),
    [
        ("Started", "C", True),
        ("Started", None, True),
        ("Updated", "C", True),
        ("Updated", None, False),
        ("Ended", "C", True),
        ("Ended", None, True),
    ],
)
def test_the_owner_is_asked_where_its_answer_may_say_something(
    world: World, kind: str, card: str | None, asks: bool
) -> None:
    answer = {"totalCost": 1.10, "idTokenInfo": {"status": "Accepted"}}
    world["billing"].behave = lambda b, m, a, p: b.result(m, answer)
    world["energy"].behave = lambda b, m, a, p: b.result(m, {"totalCost": 99})
    assert world.call("TransactionEvent", event(kind, 0, card=card))[2] == (answer if asks else {})


@pytest.mark.parametrize("kind", ["Started", "Updated", "Ended"])
def test_an_event_that_is_repeated_under_another_id_is_one(world: World, kind: str) -> None:
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world.call("TransactionEvent", event("Updated", 1, card="C"))
    first = world.call("TransactionEvent", event(kind, 2, card="C"))
    again = world.call("TransactionEvent", {**event(kind, 2, card="C"), "offline": True})
    assert again[2] == first[2]
    assert seen(world["billing"]) == seen(world["energy"]) == [("Started", 0), ("Updated", 1), (kind, 2)]


def test_the_same_number_of_another_session_or_kind_is_no_repeat(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0, "A", card="C"))
    world.call("TransactionEvent", event("Updated", 0, "A"))
    world.call("TransactionEvent", event("Started", 0, "B", card="C"))
    assert len(seen(world["billing"])) == 3


def test_a_charger_that_does_not_count_loses_no_event(world: World) -> None:
    for hour, kind in enumerate(("Started", "Updated", "Updated", "Ended")):
        for _ in range(2):  # each is repeated, and still comes once
            world.call("TransactionEvent", event(kind, 0, card="C", timestamp=f"2026-01-01T0{hour}:00:00Z"))
    assert [p["timestamp"][11:13] for p in world["billing"].payloads("TransactionEvent")] == [
        "00", "01", "02", "03",
    ]  # fmt: skip


def test_the_last_events_of_a_charger_that_does_not_count_are_remembered(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0, card="C"))
    for minute in range(200):
        at = f"2026-01-01T{minute // 60:02}:{minute % 60:02}:30Z"
        for _ in range(2):
            world.call("TransactionEvent", event("Updated", 0, timestamp=at))
    assert len(world["billing"].payloads("TransactionEvent")) == 201


@pytest.mark.parametrize("moment", ["at once", "restart"])
def test_an_id_that_is_used_again_is_another_session(world: World, moment: str) -> None:
    for hour, name in ((1, "billing"), (2, "energy")):
        if name == "energy":
            world[name].call(
                "RequestStartTransaction", {"remoteStartId": 1, "idToken": {"idToken": "D", "type": "Local"}}
            )
        card, at = ("C", "D")[hour - 1], f"2026-01-01T0{hour}:00:00Z"
        for _ in range(2):
            world.call("TransactionEvent", event("Started", 0, "1", card=card, timestamp=at))
        world.call("TransactionEvent", event("Ended", 1, "1", timestamp=at.replace("00Z", "30Z")))
        if moment == "restart":
            world.restart()
            world.boot()
    rows = sorted(world.database.transactions.values(), key=lambda row: row.started_at)
    assert [(row.id_tag, row.owner) for row in rows] == [("C", 1), ("D", 2)]
    assert all(row.closed is not None for row in rows)


def test_a_repeat_while_the_owner_is_asked_waits_with_it(world: World) -> None:
    world["billing"].behave = Backoffice.hold
    assert world.call("TransactionEvent", event("Started", 0, card="C"), "a") is None
    assert world.call("TransactionEvent", event("Started", 0, card="C"), "b") is None
    world["billing"].release()
    assert world.answer_to("a")[2] == world.answer_to("b")[2] == {}
    assert len(seen(world["billing"])) == 1


def test_a_repeat_after_the_fallback_gets_the_fallback_again() -> None:
    world = World(version="2.0.1", options=ChargerOptions(auth_offline="accept"))
    world.boot()
    world["billing"].lose()
    first = world.call("TransactionEvent", event("Started", 0, card="C"), "a")
    world.connect()
    again = world.call("TransactionEvent", event("Started", 0, card="C"), "b")
    assert first[2] == again[2] == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize("kind", ["Started", "Updated", "Ended"])
def test_an_event_that_is_repeated_after_a_restart_is_one(world: World, kind: str) -> None:
    events = [event("Started", 0, card="C"), event("Updated", 1), event("Ended", 2)]
    events = events[: ["Started", "Updated", "Ended"].index(kind) + 1]
    for one in events:
        world.call("TransactionEvent", one)
    world.restart()
    world.connect()
    assert world.call("TransactionEvent", events[-1])[0] == 3
    world.wait(100)
    expected = [(e["eventType"], e["seqNo"]) for e in events]
    assert seen(world["billing"]) == seen(world["energy"]) == expected


def test_a_session_whose_start_was_lost_begins_with_its_first_event(world: World) -> None:
    world.call("TransactionEvent", event("Updated", 5, card="C"))
    world.call("TransactionEvent", event("Ended", 6))
    assert seen(world["energy"]) == [("Updated", 5), ("Ended", 6)]


def test_late_events_of_an_ended_session_are_passed_on(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world.call("TransactionEvent", event("Ended", 2))
    world.call("TransactionEvent", event("Updated", 1))
    assert seen(world["energy"]) == [("Started", 0), ("Ended", 2), ("Updated", 1)]


@pytest.mark.parametrize("member", ["idToken", "evse", "meterValue", "reservationId"])
@pytest.mark.parametrize("value", [None, [], 7, "x"], ids=str)
def test_a_member_of_another_shape_costs_only_itself(world: World, member: str, value: object) -> None:
    answer = world.call("TransactionEvent", event("Started", 0) | {member: value})
    assert answer[0] == 3
    row = next(iter(world.database.transactions.values()))
    assert row.charger_transaction_id == "T-1"


@pytest.mark.parametrize("info", [None, {}, {"transactionId": None}, {"transactionId": {}}, 7, []], ids=str)
def test_an_event_without_a_transaction_still_reaches_everybody(world: World, info: object) -> None:
    assert world.call("TransactionEvent", event("Started", 0) | {"transactionInfo": info})[0] == 3
    assert len(seen(world["billing"])) == len(seen(world["energy"])) == 1
    assert world.database.transactions == {}


def test_a_number_as_transaction_id_is_its_text(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0) | {"transactionInfo": {"transactionId": 17}})
    world["billing"].call("RequestStopTransaction", {"transactionId": "17"}, "x")
    assert world["billing"].answers[0][2]["status"] == "Accepted"
    assert world["energy"].payloads("TransactionEvent")[0]["transactionInfo"] == {"transactionId": 17}


def test_a_card_learnt_later_belongs_to_the_session(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0))
    world.call("TransactionEvent", event("Updated", 1, card="C"))
    assert [t.id_tag for t in world.database.transactions.values()] == ["C"]


@pytest.mark.parametrize(
    ("status", "card", "stops"),
    [("Blocked", "C", True), ("Accepted", "C", False), ("ConcurrentTx", "C", False), ("Invalid", "D", False)],
)
def test_a_late_verdict_ends_only_the_session_it_is_about(status: str, card: str, stops: bool) -> None:
    world = World(version="2.0.1", options=ChargerOptions(auth_offline="accept"))
    world.boot()
    world["billing"].lose()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    if card != "C":
        world.call("TransactionEvent", event("Updated", 1, card=card))

    def verdict(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if payload.get("idToken", {}).get("idToken") == card:
            return backoffice.result(message_id, {"idTokenInfo": {"status": status}})
        backoffice.answer(message_id, action, payload)

    world["billing"].behave = verdict
    world["billing"].open()
    stopped = [["RequestStopTransaction", {"transactionId": "T-1"}]] if stops else []
    assert [c[2:] for c in world.commands] == stopped


def test_late_refusals_may_be_ignored() -> None:
    world = World(version="2.1", options=ChargerOptions(auth_offline="accept", late_reject="ignore"))
    world.boot()
    world["billing"].lose()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world["billing"].behave = lambda b, m, a, p: b.result(
        m, b.payload_for(a) if a == "BootNotification" else {"idTokenInfo": {"status": "Blocked"}}
    )
    world["billing"].open()
    assert world.commands == []


def test_an_accepted_card_whose_acceptance_has_expired_is_not_refused_late() -> None:
    world = World(version="2.0.1", options=ChargerOptions(auth_offline="accept"))
    world.boot()
    world["billing"].lose()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    info = {"status": "Accepted", "cacheExpiryDateTime": "2020-01-01T00:00:00Z"}
    world["billing"].behave = lambda b, m, a, p: b.result(
        m, b.payload_for(a) if a == "BootNotification" else {"idTokenInfo": info}
    )
    world["billing"].open()
    assert world.commands == []


def test_only_what_must_be_differs_in_a_replayed_event(world: World) -> None:
    world["energy"].lose()
    payload = (
        '{ "eventType":"Started" ,"seqNo" : 0,"x":1.10,"timestamp":"t", "triggerReason":"CablePluggedIn",'
        '"transactionInfo":{"transactionId":"T", "limit_L2":1e400} }'
    )
    world.frame(f'[2,"m","TransactionEvent",{payload}]')
    world["energy"].open()
    assert world["billing"].frames[-1].endswith(f'"TransactionEvent",{payload}]')
    expected = payload.replace(" }", ',"offline":true }').replace("1e400}", "1e400}")
    assert world["energy"].frames[-1].endswith(f'"TransactionEvent",{expected}]')


def test_offline_false_becomes_true_in_a_replayed_event(world: World) -> None:
    world["energy"].lose()
    world.call("TransactionEvent", event("Started", 0) | {"offline": False})
    world["energy"].open()
    assert world["energy"].payloads("TransactionEvent")[0]["offline"] is True


@pytest.mark.parametrize(("old", "new"), [("2.0.1", "2.1"), ("2.1", "2.0.1")])
def test_a_session_goes_on_in_another_2x_version(old: str, new: str) -> None:
    world = World(version=old)
    world.boot()
    world.call("TransactionEvent", event("Started", 0, card="C"))
    world["energy"].lose()
    world.call("TransactionEvent", event("Updated", 1))
    world.connect(new)
    assert {b.wanted for b in world.backoffices.values()} == {new}
    world.call("TransactionEvent", event("Ended", 2))
    assert seen(world["energy"]) == [("Started", 0), ("Updated", 1), ("Ended", 2)]
    assert len(world.database.transactions) == 1


def test_many_sessions_are_remembered_by_their_last_events(world: World) -> None:
    for seq_no in range(200):
        world.call("TransactionEvent", event("Updated" if seq_no else "Started", seq_no))
    world.call("TransactionEvent", event("Updated", 199))
    assert len(seen(world["billing"])) == 200


def test_meter_values_outside_of_sessions_pass_as_they_are() -> None:
    world = World(BILLING, ENERGY, WATCHER, version="2.0.1")
    world.boot()
    payload = {"evseId": 1, "meterValue": [{"timestamp": "t", "sampledValue": [{"value": 1}]}]}
    world.call("MeterValues", payload)
    for name in ("billing", "energy", "watcher"):
        assert world[name].payloads("MeterValues") == [payload]
    assert json.loads(world["watcher"].frames[-1])[3] == payload
