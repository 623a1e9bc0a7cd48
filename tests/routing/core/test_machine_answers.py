"""Every CALL of the charger is answered once, by the right authority, in time: ocpp-semantics 1.7, 1.8, 2."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core import actions
from routing.core.actions import Answer, Queue, Up
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, event, meter, route, start, stop

VERSIONS = ("1.6", "2.0.1", "2.1")
UP = [(v, row) for v in VERSIONS for name in sorted(actions.names(v)) if (row := actions.up(v, name))]
ACKED = [(v, r) for v, r in UP if r.answer is Answer.ACK]
ASKED = [(v, r) for v, r in UP if r.answer in (Answer.OWNER, Answer.BILLING, Answer.ENERGY_OWNER)]

PAYLOADS: dict[str, Any] = {
    "StartTransaction": start(),
    "StopTransaction": stop(100),
    "Authorize": {"idTag": "CARD", "idToken": {"idToken": "CARD", "type": "ISO14443"}},
    "TransactionEvent": event("Started", 0, card="CARD"),
    "VatNumberValidation": {"vatNumber": "NL1", "evseId": 1},
    "BootNotification": {"reason": "PowerUp"},
    "OpenPeriodicEventStream": {"constantStreamData": {"id": 1, "variableMonitoringId": 5}},
}

PATIENCE = {"BootNotification": 15}

AWAY = {
    ("1.6", "Authorize"): {"idTagInfo": {"status": "Invalid"}},
    ("2.0.1", "Authorize"): {"idTokenInfo": {"status": "Invalid"}},
    ("2.1", "Authorize"): {"idTokenInfo": {"status": "Invalid"}},
    ("2.0.1", "TransactionEvent"): {"idTokenInfo": {"status": "Invalid"}},
    ("2.1", "TransactionEvent"): {"idTokenInfo": {"status": "Invalid"}},
    ("1.6", "StartTransaction"): {"transactionId": 1_000_000_000, "idTagInfo": {"status": "Invalid"}},
    ("2.1", "VatNumberValidation"): {"status": "Rejected", "vatNumber": "NL1", "evseId": 1},
}


def named(cases: list[tuple[str, Up]]) -> Any:
    return pytest.mark.parametrize(("version", "row"), cases, ids=[f"{v}-{r.action}" for v, r in cases])


def booted(version: str, action: str = "", /, **options: Any) -> World:
    """A charger with three backoffices; in a session where ``action`` ends one."""
    world = World(BILLING, ENERGY, WATCHER, version=version, options=ChargerOptions(**options))
    world.boot()
    if action == "StopTransaction":
        world.call("StartTransaction", start())
        world.forget()
    return world


def expected_fallback(version: str, row: Up) -> Any:
    if (version, row.action) in AWAY:
        return AWAY[version, row.action]
    return json.loads(row.fallback) if row.fallback is not None else None


@named(ACKED)
def test_an_empty_answer_is_the_proxys_own_and_at_once(version: str, row: Up) -> None:
    world = booted(version)
    for name in ("billing", "energy", "watcher"):
        world[name].behave = Backoffice.ignore
    assert world.call(row.action, {}, "m") == [3, "m", {}]


@named([(v, r) for v, r in UP if r.queue in (Queue.DURABLE, Queue.THIN, Queue.SMALL)])
def test_what_must_not_be_lost_is_stored_before_it_is_answered(version: str, row: Up) -> None:
    world = booted(version)
    world.commit_at_once = False
    payload = PAYLOADS.get(row.action, {})
    assert world.call(row.action, payload, "m") is None
    assert not world["billing"].payloads(row.action)
    world.commit()
    stored = {d.payload for d in world.database.deliveries.values()}
    world.commit_all()  # what the backoffice has answered as well, where it is asked
    assert world.answer_to("m")[0] == 3
    assert stored <= {json.dumps(payload, separators=(",", ":"))}


@named([(v, r) for v, r in ACKED if r.queue is Queue.LATEST])
def test_what_may_be_replaced_is_answered_without_waiting_for_the_store(version: str, row: Up) -> None:
    world = booted(version)
    world.commit_at_once = False
    assert world.call(row.action, {}, "m") == [3, "m", {}]


@named(ASKED)
def test_the_owners_answer_reaches_the_charger_and_only_the_owners(version: str, row: Up) -> None:
    world = booted(version, row.action)
    mine = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}, "idTokenInfo": {"status": "Accepted"}}
    mine |= {"status": "Accepted", "interval": 300, "vendor": 1}

    def other(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        backoffice.result(message_id, {**mine, "idTagInfo": {"status": "Blocked"}, "vendor": 2})

    for backoffice in world.backoffices.values():
        backoffice.behave = other
    world["billing"].behave = lambda b, m, a, p: b.result(m, mine)
    assert world.call(row.action, PAYLOADS.get(row.action, {}), "m") == [3, "m", mine]
    assert len(world.to_charger) == 1


@named(ASKED)
@pytest.mark.parametrize("trouble", ["silent", "away", "rude", "lost"])
def test_the_fallback_of_every_action_that_is_asked(version: str, row: Up, trouble: str) -> None:
    world = booted(version, row.action)
    owner = world["billing"]
    if trouble == "away":
        owner.lose()
    elif trouble == "rude":
        owner.behave = lambda b, m, a, p: b.say(f'[4,"{m}","InternalError","no",{{}}]')
    else:
        owner.behave = Backoffice.ignore
    answer = world.call(row.action, PAYLOADS.get(row.action, {}), "m")
    if trouble in ("silent", "lost"):
        assert answer is None
    if trouble == "lost":
        owner.lose()
    elif trouble == "silent":
        world.wait(PATIENCE.get(row.action, 8))
    answer = world.answer_to("m")
    fallback = expected_fallback(version, row)
    if row.action == "BootNotification":
        assert (answer[2]["status"], answer[2]["interval"]) == ("Accepted", 300)
    elif fallback is None:
        assert answer[:3] == [4, "m", "InternalError"]
        assert "no backoffice can answer now" in answer[3]
    else:
        assert answer == [3, "m", fallback]
    assert len(world.to_charger) == 1


@named(ASKED)
def test_the_fallback_without_any_billing(version: str, row: Up) -> None:
    world = World(WATCHER, version=version)
    world.boot()
    answer = world.call(row.action, PAYLOADS.get(row.action, {}), "m")
    fallback = expected_fallback(version, row)
    if row.action == "BootNotification":
        assert answer[2]["status"] == "Accepted"
    elif fallback is None:
        assert answer[:3] == [4, "m", "InternalError"]
    else:
        assert answer == [3, "m", fallback]


@pytest.mark.parametrize(
    ("option", "version", "action"),
    [
        ("T_auth", "1.6", "Authorize"),
        ("T_auth", "2.1", "Authorize"),
        ("T_start", "1.6", "StartTransaction"),
        ("T_start", "2.0.1", "TransactionEvent"),
        ("T_stop", "1.6", "DataTransfer"),
        ("T_boot", "1.6", "BootNotification"),
    ],
)
@pytest.mark.parametrize("seconds", [0.5, 3, 60])
def test_how_long_an_owner_is_waited_for_is_an_option(
    option: str, version: str, action: str, seconds: float
) -> None:
    world = booted(version, **{option: seconds})
    world["billing"].behave = Backoffice.ignore
    world.call(action, PAYLOADS.get(action, {}), "m")
    world.wait(seconds - 0.01)
    assert world.answer_to("m") is None
    world.wait(0.02)
    assert world.answer_to("m") is not None


def test_a_late_answer_of_the_owner_does_not_reach_the_charger() -> None:
    world = booted("1.6")
    world["billing"].behave = Backoffice.hold
    world.call("DataTransfer", {"vendorId": "v"}, "m")
    world.wait(8)
    assert world.answer_to("m") == [3, "m", {"status": "Rejected"}]
    world["billing"].release()
    assert len(world.answered["m"]) == 1


def test_an_answer_for_an_old_socket_is_not_written_to_the_new_one() -> None:
    world = booted("1.6")
    world["billing"].behave = Backoffice.hold
    world.call("StartTransaction", start(), "m")
    world.connect()
    world["billing"].release()
    assert world.to_charger == []
    assert world.call("StartTransaction", start(), "n")[2]["transactionId"] == 100


@pytest.mark.parametrize("back", [True, False])
def test_an_answer_that_waited_for_the_store_is_not_written_to_another_socket(back: bool) -> None:
    world = booted("1.6")
    world.commit_at_once = False
    world.call("MeterValues", meter(None), "m")
    world.disconnect()
    world.wait(10)
    assert not world.machine.idle  # it is not stored yet
    if back:
        world.connect()
    world.commit()
    assert world.to_charger == []
    assert world.machine.idle is not back


def test_an_answer_that_came_after_all_is_kept_for_the_repeat() -> None:
    world = booted("1.6")
    world["billing"].behave = Backoffice.hold
    world.call("StartTransaction", start(), "m")
    world.disconnect()
    world.wait(4)
    world.connect()
    world.wait(6)  # nobody waits any more
    world["billing"].behave = Backoffice.answer
    world["billing"].release()
    answer = world.call("StartTransaction", start(), "n")
    assert answer[2] == {"transactionId": 100, "idTagInfo": {"status": "Accepted"}}
    assert len(world["billing"].payloads("StartTransaction")) == 1


def test_an_energy_route_answers_what_is_about_energy() -> None:
    world = World(BILLING, route(2, "ems", Role.ENERGY), version="2.0.1")
    world.boot()
    world["ems"].behave = lambda b, m, a, p: b.result(m, {"status": "Accepted", "by": b.key})
    assert world.call("NotifyEVChargingNeeds", {"evseId": 1})[2] == {"status": "Accepted", "by": 2}
    assert world["billing"].payloads("NotifyEVChargingNeeds") == [{"evseId": 1}]


def test_a_null_answer_is_an_empty_one() -> None:
    world = booted("1.6")
    world["billing"].behave = lambda b, m, a, p: b.say(f'[3,"{m}",null]')
    world.call("StartTransaction", start())
    assert world.call("StopTransaction", {"transactionId": 1, "meterStop": 2, "timestamp": "t"})[2] == {}


@pytest.mark.parametrize("answer", [{}, {"idTagInfo": {}}, {"idTagInfo": {"status": None}}, {"idTagInfo": 7}])
def test_an_answer_without_a_verdict_is_no_answer_to_a_card(answer: Any) -> None:
    world = booted("1.6")
    world["billing"].behave = lambda b, m, a, p: b.result(m, answer)
    assert world.call("Authorize", {"idTag": "X"})[2] == {"idTagInfo": {"status": "Invalid"}}


def test_a_verdict_given_with_the_start_is_remembered_for_when_billing_is_away() -> None:
    world = booted("1.6")
    world.call("StartTransaction", start(tag="KNOWN"))
    world["billing"].lose()
    assert world.call("Authorize", {"idTag": "KNOWN"})[2]["idTagInfo"]["status"] == "Accepted"


# -- repeats -----------------------------------------------------------------------------------------


@named(UP)
def test_a_repeat_on_the_same_socket_gets_the_same_answer_and_does_nothing(version: str, row: Up) -> None:
    if row.is_send:
        return
    world = booted(version)
    text = json.dumps([2, "m", row.action, PAYLOADS.get(row.action, {})])
    world.frame(text)
    got = [list(b.got) for b in world.backoffices.values()]
    world.wait(1)
    world.frame(text)
    first, second = world.answered["m"]
    assert first == second
    assert [list(b.got) for b in world.backoffices.values()] == got


@pytest.mark.parametrize("action", ["Authorize", "StartTransaction", "BootNotification", "DataTransfer"])
def test_a_repeat_while_the_owner_is_asked_is_answered_with_it(action: str) -> None:
    world = booted("1.6")
    world["billing"].behave = Backoffice.hold
    for _ in range(3):
        world.call(action, PAYLOADS.get(action, {}), "m")
    world["billing"].release()
    assert len(world.answered["m"]) == 1
    assert len(world["billing"].payloads(action)) == 1


def test_a_repeat_while_the_store_is_busy_is_answered_with_it() -> None:
    world = booted("1.6")
    world.commit_at_once = False
    for _ in range(3):
        world.call("MeterValues", meter(None), "m")
    world.commit()
    assert len(world.answered["m"]) == 1
    assert len(world["billing"].payloads("MeterValues")) == 1


def test_the_same_id_with_another_payload_is_a_new_call() -> None:
    world = booted("1.6")
    world.call("MeterValues", meter(None, value="1"), "m")
    world.frame(json.dumps([2, "m", "MeterValues", meter(None, value="2")]))
    assert len(world.answered["m"]) == 2
    assert len(world["billing"].payloads("MeterValues")) == 2


def test_the_same_call_after_ten_minutes_is_a_new_one() -> None:
    world = booted("1.6")
    world.call("DataTransfer", {"vendorId": "v"}, "m")
    world.wait(601)
    world.frame('[2,"m","DataTransfer",{"vendorId":"v"}]')
    assert len(world["billing"].payloads("DataTransfer")) == 2


def test_ids_that_restart_on_each_connection_are_new_calls() -> None:
    world = booted("1.6")
    world.call("DataTransfer", {"vendorId": "v"}, "1")
    world.connect()
    world.frame('[2,"1","DataTransfer",{"vendorId":"v"}]')
    assert len(world["billing"].payloads("DataTransfer")) == 2


@pytest.mark.parametrize("raw", ["7", '"7"', "12345678901234567890", '"0007"', '"a:b"'])
def test_an_id_comes_back_as_it_was_written(raw: str) -> None:
    world = booted("1.6")
    world.frame(f'[2,{raw},"Heartbeat",{{}}]')
    assert world.to_charger[-1].startswith(f"[3,{raw},")


def test_an_answer_to_an_earlier_try_leaves_the_last_one_outstanding() -> None:
    """OCPP-J 1.6 section 4.1.1: no CALL before the one before it is answered or has timed out."""
    world = World()
    world.boot()
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("MeterValues", meter(None))
    world.wait(61)  # twice T_up: it was sent again
    world.wait(61)
    assert len(energy.payloads("MeterValues")) == 2
    world.call("MeterValues", meter(None, value="2"))
    first, second = energy.held
    energy.result(first[0], {})
    assert len(energy.payloads("MeterValues")) == 2, "the repeat is still outstanding"
    energy.result(second[0], {})
    assert len(energy.payloads("MeterValues")) == 3
    energy.behave = Backoffice.answer
    energy.release()
    assert world.database.deliveries == {}
