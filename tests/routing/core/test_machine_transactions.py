"""Sessions of 1.6 through the whole machine: ocpp-semantics 3.1 and scenarios 30 to 40."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, meter, route, start, stop

INT64_MAX = 9223372036854775807


def _blocks_the_card(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    if action == "StartTransaction":
        return backoffice.result(message_id, {"transactionId": 5, "idTagInfo": {"status": "Blocked"}})
    backoffice.answer(message_id, action, payload)


def _fails_the_start(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    if action == "StartTransaction":
        return backoffice.say(f'[4,"{message_id}","InternalError","",{{}}]')
    backoffice.answer(message_id, action, payload)


@pytest.fixture
def world() -> World:
    world = World()
    world.boot()
    return world


def test_each_backoffice_sees_its_own_number_throughout(world: World) -> None:
    assert world.call("StartTransaction", start())[2]["transactionId"] == 100
    world.call("MeterValues", meter(100))
    world.call("StopTransaction", stop(100))
    billing = [p.get("transactionId") for _, p in world["billing"].of("MeterValues", "StopTransaction")]
    energy = [p.get("transactionId") for _, p in world["energy"].of("MeterValues", "StopTransaction")]
    assert (billing, energy) == ([100, 100], [900, 900])


def test_a_stop_waits_for_the_number_of_a_slow_backoffice(world: World) -> None:
    energy = world["energy"]
    energy.behave = Backoffice.hold
    world.call("StartTransaction", start())
    world.call("StopTransaction", stop(100))
    assert [a for a, _ in energy.got] == ["StartTransaction"]
    energy.behave = Backoffice.answer
    energy.release()
    assert energy.of("StopTransaction") == [("StopTransaction", stop(900))]


def test_billing_away_at_the_start(world: World) -> None:
    world["billing"].lose()
    answer = world.call("StartTransaction", start())
    number = answer[2]["transactionId"]
    assert number >= 1_000_000_000
    assert answer[2]["idTagInfo"]["status"] == "Invalid"
    world.call("MeterValues", meter(number))
    assert world.call("StopTransaction", stop(number))[2] == {}
    world["billing"].open()
    actions = [(a, p.get("transactionId")) for a, p in world["billing"].got if "Boot" not in a]
    assert actions == [("StartTransaction", None), ("MeterValues", 100), ("StopTransaction", 100)]


@pytest.mark.parametrize(("policy", "status"), [("accept", "Accepted"), ("reject", "Invalid")])
def test_unknown_card_while_billing_is_away(policy: str, status: str) -> None:
    world = World(options=ChargerOptions(auth_offline=policy))  # type: ignore[arg-type]  # parametrised
    world.boot()
    world["billing"].lose()
    assert world.call("StartTransaction", start())[2]["idTagInfo"]["status"] == status
    assert world.call("Authorize", {"idTag": "CARD"})[2]["idTagInfo"]["status"] == status


def test_a_card_accepted_before_is_accepted_while_billing_is_away(world: World) -> None:
    world.call("Authorize", {"idTag": "CARD"})
    world["billing"].lose()
    assert world.call("Authorize", {"idTag": "CARD"})[2]["idTagInfo"]["status"] == "Accepted"
    assert world.call("Authorize", {"idTag": "OTHER"})[2]["idTagInfo"]["status"] == "Invalid"


@pytest.mark.parametrize("number", [-1, 0, INT64_MAX, 4711, "100x", None], ids=str)
def test_meter_values_with_a_wrong_number_belong_to_the_session_on_the_connector(
    world: World, number: object
) -> None:
    world.call("StartTransaction", start())
    world.call("MeterValues", {**meter(None), "transactionId": number})
    assert world["billing"].payloads("MeterValues")[0]["transactionId"] == 100
    assert world["energy"].payloads("MeterValues")[0]["transactionId"] == 900


@pytest.mark.parametrize("number", [-1, 0, INT64_MAX, 4711], ids=str)
def test_a_wrong_number_outside_a_session_never_reaches_a_backoffice(world: World, number: int) -> None:
    world.call("MeterValues", meter(number))
    assert world["billing"].payloads("MeterValues")[0]["transactionId"] == -1


@pytest.mark.parametrize("given", [0, -5, 2**31, 2**40], ids=str)
def test_a_number_that_no_charger_can_hold_is_replaced_for_the_charger_alone(
    world: World, given: int
) -> None:
    billing = world["billing"]
    billing.numbers = iter([given])  # type: ignore[assignment]  # any iterator will do
    answer = world.call("StartTransaction", start())
    number = answer[2]["transactionId"]
    assert number >= 1_000_000_000
    world.call("StopTransaction", stop(number))
    assert billing.payloads("StopTransaction")[0]["transactionId"] == given


def test_billing_gives_a_number_that_another_session_has(world: World) -> None:
    world["billing"].numbers = iter([7, 7])  # type: ignore[assignment]  # any iterator will do
    first = world.call("StartTransaction", start(connector=1))[2]["transactionId"]
    second = world.call("StartTransaction", start(connector=2))[2]["transactionId"]
    assert first == 7
    assert second >= 1_000_000_000
    world.call("StopTransaction", stop(second))
    assert world["billing"].payloads("StopTransaction")[0]["transactionId"] == 7
    assert world["energy"].payloads("StopTransaction")[0]["transactionId"] == 901


def test_the_same_start_under_other_message_ids_is_one_session(world: World) -> None:
    world["billing"].behave = Backoffice.hold
    for message_id in ("a", "b", "c", "d"):
        world.call("StartTransaction", start(), message_id)
    world["billing"].release()
    assert {world.answer_to(m)[2]["transactionId"] for m in "abcd"} == {100}
    assert len(world["billing"].payloads("StartTransaction")) == 1
    assert world.call("StartTransaction", start(), "e")[2]["transactionId"] == 100
    assert len(world["energy"].payloads("StartTransaction")) == 1


@pytest.mark.parametrize(
    ("at", "minutes", "sessions"),
    [
        ("2026-01-01T00:00:00Z", 700, 1),
        ("1970-01-01T00:00:00Z", 11, 2),
        ("0001-01-01T00:00:00Z", 11, 2),
        ("", 11, 2),
        ("now", 11, 2),
        ("1970-01-01T00:00:00Z", 9, 1),
    ],
)
def test_a_start_after_its_own_end_by_a_charger_with_or_without_a_clock(
    world: World, at: str, minutes: int, sessions: int
) -> None:
    for _ in range(2):
        number = world.call("StartTransaction", start(at=at))[2]["transactionId"]
        world.call("StopTransaction", stop(number, at=at))
        world.wait(60 * minutes)
    for name in ("billing", "energy"):
        assert len(world[name].payloads("StartTransaction")) == sessions
        assert len(world[name].payloads("StopTransaction")) == sessions


def test_a_start_without_a_time_is_repeated_while_its_session_runs(world: World) -> None:
    for _ in range(2):
        assert world.call("StartTransaction", start(at=""))[2]["transactionId"] == 100
        world.wait(3600)
    assert len(world["billing"].payloads("StartTransaction")) == 1


def test_the_same_stop_with_minus_one_is_the_same_stop(world: World) -> None:
    world.call("StartTransaction", start())
    world.call("StopTransaction", stop(100))
    assert world.call("StopTransaction", stop(-1))[2] == {}
    assert len(world["billing"].payloads("StopTransaction")) == 1
    assert len(world["energy"].payloads("StopTransaction")) == 1


@pytest.mark.parametrize("number", [-1, 0, INT64_MAX, 55], ids=str)
def test_a_stop_with_a_wrong_number_ends_the_only_session(world: World, number: int) -> None:
    world.call("StartTransaction", start())
    world.call("StopTransaction", stop(number))
    assert world["billing"].payloads("StopTransaction")[0]["transactionId"] == 100
    assert world["energy"].payloads("StopTransaction")[0]["transactionId"] == 900


def test_a_stop_nobody_knows_goes_to_billing_alone(world: World) -> None:
    assert world.call("StopTransaction", stop(55))[2] == {}
    assert len(world["billing"].payloads("StopTransaction")) == 1
    assert world["energy"].payloads("StopTransaction") == []


def test_remote_stop_with_the_own_number(world: World) -> None:
    world.configure(BILLING, route(2, "energy", Role.CONTROL, {"RemoteStopTransaction": "allow"}))  # type: ignore[dict-item]  # text as configured
    world.call("StartTransaction", start())
    world["energy"].call("RemoteStopTransaction", {"transactionId": 900}, "e1")
    assert world.commands[-1][2:] == ["RemoteStopTransaction", {"transactionId": 100}]
    assert world["energy"].answers[-1] == [3, "e1", {"status": "Accepted"}]
    assert world["billing"].answers == []
    world["energy"].call("RemoteStopTransaction", {"transactionId": 100}, "e2")
    assert world["energy"].answers[-1] == [3, "e2", {"status": "Rejected"}]
    assert len(world.commands) == 1


def test_own_means_begun_by_it(world: World) -> None:
    world.call("StartTransaction", start())
    world["energy"].call("RemoteStopTransaction", {"transactionId": 900}, "e1")
    assert world["energy"].answers[-1] == [3, "e1", {"status": "Rejected"}]
    world["energy"].call("RemoteStartTransaction", {"idTag": "EMS", "connectorId": 2}, "e2")
    world.call("StartTransaction", start(connector=2, tag="EMS"))
    world["energy"].call("RemoteStopTransaction", {"transactionId": 901}, "e3")
    assert world["energy"].answers[-1] == [3, "e3", {"status": "Accepted"}]


def test_late_refusal_of_the_owner_stops_the_session() -> None:
    world = World(options=ChargerOptions(auth_offline="accept"))
    world.boot()
    billing = world["billing"]
    billing.lose()
    number = world.call("StartTransaction", start())[2]["transactionId"]
    billing.behave = _blocks_the_card
    billing.open()
    assert [c[2:] for c in world.commands] == [["RemoteStopTransaction", {"transactionId": number}]]


def test_a_start_that_fails_for_good_makes_the_rest_minus_one(world: World) -> None:
    energy = world["energy"]
    energy.behave = _fails_the_start
    world.call("StartTransaction", start())
    world.call("StopTransaction", stop(100))
    world.wait(400)
    assert [a for a, _ in energy.of("StartTransaction", "StopTransaction")] == ["StartTransaction"] * 3 + [
        "StopTransaction"
    ]
    assert energy.payloads("StopTransaction")[0]["transactionId"] == -1
    assert world.database.dead == [(2, "StartTransaction")]


def test_killed_between_storing_and_answering_a_stop(world: World) -> None:
    world.call("StartTransaction", start())
    world.commit_at_once = False
    world["billing"].behave = world["energy"].behave = Backoffice.ignore
    assert world.call("StopTransaction", stop(100)) is None
    world.restart()
    world.commit_at_once = True
    world["billing"].behave = world["energy"].behave = Backoffice.answer
    world.forget()
    world.boot()
    world.call("StopTransaction", stop(100))
    for name, number in (("billing", 100), ("energy", 900)):
        stops = [p for a, p in world.backoffices[1 if name == "billing" else 2].got if a == "StopTransaction"]
        assert stops == [] or stops == [stop(number)]
    assert world.database.deliveries == {}


def test_answer_and_copies_go_out_only_when_stored(world: World) -> None:
    world.call("StartTransaction", start())
    world.commit_at_once = False
    assert world.call("MeterValues", meter(100), "m") is None
    assert not world["energy"].payloads("MeterValues")
    world.commit()
    assert world.answer_to("m") == [3, "m", {}]
    assert len(world["energy"].payloads("MeterValues")) == 1


def test_a_session_goes_to_a_route_that_is_added_while_it_runs(world: World) -> None:
    world.call("StartTransaction", start())
    world.configure(BILLING, ENERGY, route(3, "late", Role.CONTROL))
    world.call("MeterValues", meter(100))
    world.call("StopTransaction", stop(100))
    got = [(a, p.get("transactionId")) for a, p in world["late"].got]
    assert got[:2] == [("BootNotification", None), ("StartTransaction", None)]
    assert got[2:] == [("MeterValues", 30000), ("StopTransaction", 30000)]


def test_a_route_switched_off_in_mid_session_gets_its_end_when_it_is_back(world: World) -> None:
    world.call("StartTransaction", start())
    world.configure(BILLING)
    world.call("MeterValues", meter(100))
    world.call("StopTransaction", stop(100))
    world.configure(BILLING, ENERGY)
    assert world["energy"].payloads("StopTransaction") == [stop(900)]
    assert world["energy"].payloads("MeterValues") == []


def test_only_the_number_differs_in_the_text(world: World) -> None:
    world.call("StartTransaction", start())
    payload = '{ "connectorId":1 ,"transactionId" : 100, "x": 1.10, "y":1e400, "x":2,\t"meterValue":[]}'
    world.frame(f'[2, "q" ,"MeterValues", {payload}]')
    assert world["billing"].frames[-1].endswith(payload + "]")
    assert world["energy"].frames[-1].endswith(payload.replace("100", "900", 1) + "]")
    assert json.loads(world["energy"].frames[-1].replace("1e400", "1"))[3]["transactionId"] == 900
