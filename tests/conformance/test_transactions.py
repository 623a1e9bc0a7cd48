"""Scenarios 30 to 32, 34, 36 to 40, 42 and 43: no message of a session is lost, each sees its own numbers."""

from __future__ import annotations

import json

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, World, event, meter, route, start, stop

SESSION = ("StartTransaction", "MeterValues", "StopTransaction")
TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def begin(world: World, **changes: object) -> int:
    """Start a session; the charger's number of it."""
    return int(world.call("StartTransaction", {**start(), **changes})[2]["transactionId"])


def numbers(backoffice: Backoffice) -> list[tuple[str, object]]:
    """What a backoffice got of a session, with the number in it."""
    return [(action, payload.get("transactionId")) for action, payload in backoffice.of(*SESSION)]


def test_30_each_backoffice_sees_the_number_that_it_gave() -> None:
    """Given 17 of Billing and 900 of another, when the charger writes 17, then each reads its own."""
    world = World(first_numbers=(17, 900))
    world.boot()
    assert begin(world) == 17
    world.call("MeterValues", meter(17))
    world.call("StopTransaction", stop(17))
    for name, number in (("billing", 17), ("energy", 900)):
        assert numbers(world[name])[1:] == [("MeterValues", number), ("StopTransaction", number)]


def test_31_a_number_that_comes_after_the_end() -> None:
    """Given the other answers the start after the stop, then it gets the stop with its number, after that."""
    world = World(first_numbers=(17, 900))
    world.boot()
    world["energy"].behave = Backoffice.hold
    begin(world)
    world.call("StopTransaction", stop(17))
    assert numbers(world["energy"]) == [("StartTransaction", None)]
    world["energy"].behave = Backoffice.answer
    world["energy"].release()
    assert numbers(world["energy"])[1:] == [("StopTransaction", 900)]


def test_32_billing_is_away_when_the_session_begins() -> None:
    """Given Billing is offline, then the charger has a number at once, and Billing all of it afterwards."""
    world = World(first_numbers=(17, 900))
    world.boot()
    world.auto_open = False
    world["billing"].lose()
    number = begin(world)
    world.call("MeterValues", meter(number))
    world.call("StopTransaction", stop(number))
    world["billing"].open()
    world.wait(5)
    assert numbers(world["billing"]) == [
        ("StartTransaction", None),
        ("MeterValues", 17),
        ("StopTransaction", 17),
    ]
    assert number not in (17, 900)


@pytest.mark.parametrize(
    ("unknown_tx", "stops"), [("minus_one", [-1]), ("skip", [])], ids=["minus one", "skip"]
)
def test_34_a_start_that_fails_for_good(unknown_tx: str, stops: list[int]) -> None:
    """Given a backoffice that refuses the start to the end, then it gets the stop with -1, or not at all."""
    other = route(2, "energy", Role.CONTROL, unknown_tx=unknown_tx)
    world = World(BILLING, other, first_numbers=(17, 900))
    world.boot()

    def refuse_start(backoffice: Backoffice, message_id: str, action: str, payload: object) -> None:
        if action == "StartTransaction":
            backoffice.say(f'[4,"{message_id}","InternalError","no",{{}}]')
        else:
            backoffice.answer(message_id, action, payload)

    world["energy"].behave = refuse_start
    begin(world)
    assert world.call("StopTransaction", stop(17))[0] == 3
    world.wait(600)
    assert len(world["energy"].payloads("StartTransaction")) == 3
    assert [p["transactionId"] for p in world["energy"].payloads("StopTransaction")] == stops


def test_36_the_same_stop_again_without_a_number() -> None:
    """Given a stop and then the same stop with -1, then each backoffice gets one."""
    world = World(first_numbers=(17, 900))
    world.boot()
    begin(world)
    assert world.call("StopTransaction", stop(17))[0] == 3
    assert world.call("StopTransaction", {**stop(17), "transactionId": -1})[2] == {}
    for name in ("billing", "energy"):
        assert len(world[name].payloads("StopTransaction")) == 1


def test_37_the_same_start_four_times() -> None:
    """Given four equal starts before the answer, then one session, and every answer has the one number."""
    world = World(first_numbers=(17, 900))
    world.boot()
    world["billing"].behave = Backoffice.hold
    for number in range(4):
        world.call("StartTransaction", start(), f"s{number}")
    world["billing"].release()
    answers = [world.answer_to(f"s{number}") for number in range(4)]
    assert {answer[2]["transactionId"] for answer in answers if answer} == {17}
    assert answers[0]
    for name in ("billing", "energy"):
        assert len(world[name].payloads("StartTransaction")) == 1


def test_38_a_number_beyond_all_bounds() -> None:
    """Given 9223372036854775807, then in a session each reads its own number, outside nobody that one."""
    world = World(first_numbers=(17, 900))
    world.boot()
    begin(world)
    huge = 9223372036854775807
    world.call("MeterValues", meter(huge))
    assert [world[n].payloads("MeterValues")[0]["transactionId"] for n in ("billing", "energy")] == [17, 900]
    world.call("StopTransaction", stop(17))
    world.forget()
    world.call("MeterValues", meter(huge, connector=2))
    for name in ("billing", "energy"):
        assert world[name].payloads("MeterValues")[0].get("transactionId", -1) == -1


@pytest.mark.parametrize("committed", [True, False], ids=["stored", "not stored"])
def test_39_a_kill_between_the_store_and_the_answer(committed: bool) -> None:
    """Given the proxy dies before it answers a stop, when that is repeated, then everybody has it once."""
    world = World(first_numbers=(17, 900))
    world.boot()
    begin(world)
    world.auto_open = False
    for name in ("billing", "energy"):
        world[name].lose()
    world.commit_at_once = False
    assert world.call("StopTransaction", stop(17), "stop") is None
    world.restart(committed=committed)
    world.commit_at_once = world.auto_open = True
    world.connect()
    world.frame(f'[2,"again","StopTransaction",{json.dumps(stop(17))}]')
    world.wait(10)
    assert world.answer_to("again")[0] == 3
    for name, number in (("billing", 17), ("energy", 900)):
        assert [p["transactionId"] for p in world[name].payloads("StopTransaction")] == [number]


def test_40_billing_gives_no_number_to_a_card_it_refuses() -> None:
    """Given 0 for a blocked card, when the charger stops with -1, then Billing reads 0 and it is over."""
    world = World(first_numbers=(17, 900))
    world.boot()

    def block(backoffice: Backoffice, message_id: str, action: str, payload: object) -> None:
        if action == "StartTransaction":
            return backoffice.result(message_id, {"transactionId": 0, "idTagInfo": {"status": "Blocked"}})
        backoffice.answer(message_id, action, payload)

    world["billing"].behave = block
    answer = world.call("StartTransaction", start())
    assert answer[2]["idTagInfo"]["status"] == "Blocked"
    world.call("StopTransaction", stop(-1))
    assert [p["transactionId"] for p in world["billing"].payloads("StopTransaction")] == [0]
    assert [t.closed is None for t in world.database.transactions.values()] == [False]


@TWO
def test_42_what_billing_missed_comes_in_order_and_says_so(version: str) -> None:
    """Given Billing was away for seqNo 3 to 6, then they come in order, offline, with their own times."""
    world = World(version=version)
    world.boot()
    for seq_no in range(3):
        world.call("TransactionEvent", event("Updated" if seq_no else "Started", seq_no))
    world.auto_open = False
    world["billing"].lose()
    for seq_no in range(3, 7):
        at = f"2026-01-01T00:0{seq_no}:00Z"
        world.call("TransactionEvent", {**event("Updated", seq_no), "timestamp": at})
    world.forget()
    world["billing"].open()
    world.wait(5)
    missed = [p for p in world["billing"].payloads("TransactionEvent") if p["seqNo"] >= 3]
    assert [(p["seqNo"], p["offline"], p["timestamp"]) for p in missed] == [
        (n, True, f"2026-01-01T00:0{n}:00Z") for n in range(3, 7)
    ]


@TWO
def test_43_thinning_keeps_beginnings_and_ends(version: str) -> None:
    """Given a queue over its limit, then starts and ends survive and seqNo is as it was."""
    billing = route(1, "billing", Role.BILLING, queue_limit=200)
    world = World(billing, version=version, options=ChargerOptions(auth_offline="accept"))
    world.boot()
    world.auto_open = False
    world["billing"].lose()
    sent = []
    for number in range(3):
        for seq_no in range(150):
            kind = {0: "Started", 149: "Ended"}.get(seq_no, "Updated")
            payload = event(kind, seq_no, f"T-{number}")
            payload["triggerReason"] = "MeterValuePeriodic" if kind == "Updated" else "CablePluggedIn"
            assert world.call("TransactionEvent", payload)[0] == 3
            sent.append((f"T-{number}", seq_no))
    assert any(alarm.cleared is None for alarm in world.database.alarms.values())
    world["billing"].open()
    world.wait(60)
    got = [
        (p["transactionInfo"]["transactionId"], p["seqNo"])
        for p in world["billing"].payloads("TransactionEvent")
    ]
    assert got == [one for one in sent if one in got], "in the charger's order"
    assert 200 < len(got) < len(sent)
    for number in range(3):
        assert {(f"T-{number}", 0), (f"T-{number}", 1), (f"T-{number}", 148), (f"T-{number}", 149)} <= set(
            got
        )
    assert world.database.deliveries == {}
    assert all(alarm.cleared for alarm in world.database.alarms.values())
