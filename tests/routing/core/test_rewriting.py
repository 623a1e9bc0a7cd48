"""Identifiers are the asker's on its own socket and the charger's on the charger's (ocpp-semantics 3)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, World, event, route, start
from tests.routing.core.rewriting_world import (
    ALL,
    TWO,
    answering,
    asked,
    control,
    denied,
    message,
    remote_start,
    reserve,
    world_with,
)

# -- reservations --------------------------------------------------------------------------------------


def reserved(world: World, name: str, number: int) -> int:
    """What the charger calls the reservation that a backoffice makes."""
    world[name].call("ReserveNow", reserve(number, world.version))
    return int(asked(world)["reservationId" if world.version == "1.6" else "id"])


@ALL
def test_a_reservation_is_cancelled_by_who_made_it(version: str) -> None:
    world = world_with(version)
    assert reserved(world, "billing", 1) == 1
    assert reserved(world, "control", 1) == 1_000_000
    world.forget()
    world["service"].call("CancelReservation", {"reservationId": 1})
    assert denied(world, "service")
    assert world.commands == []
    world["control"].call("CancelReservation", {"reservationId": 1})
    assert asked(world) == {"reservationId": 1_000_000}


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_what_was_cancelled_or_never_there_is_over(status: str) -> None:
    world = world_with()
    reserved(world, "control", 1)
    world.obey = answering(status)
    world["control"].call("CancelReservation", {"reservationId": 1})
    assert all(r.closed is not None for r in world.database.identifiers.values())


@ALL
def test_a_reservation_of_which_nothing_is_heard_is_over_in_the_end(version: str) -> None:
    world = world_with(version)
    reserved(world, "control", 1)
    world._advance(timedelta(days=31).total_seconds())
    reserved(world, "control", 2)
    closed = {r.route_identifier: r.closed for r in world.database.identifiers.values()}
    assert closed == {"1": world.utc, "2": None}


@ALL
def test_a_reservation_older_than_the_proxy_is_billings(version: str) -> None:
    world = world_with(version)
    world["control"].call("CancelReservation", {"reservationId": 5})
    assert denied(world, "control")
    assert world.commands == []
    world["billing"].call("CancelReservation", {"reservationId": 5})
    assert asked(world) == {"reservationId": 5}


def test_billing_does_not_name_what_another_has() -> None:
    world = world_with()
    number = reserved(world, "control", 1)
    world.forget()
    world["billing"].call("CancelReservation", {"reservationId": number})
    assert denied(world, "billing")
    assert world.commands == []


@pytest.mark.parametrize("odd", ['"1"', "1.0", "1e0"])
def test_a_number_written_otherwise_does_not_get_past_the_map(odd: str) -> None:
    world = world_with()
    reserved(world, "billing", 1)
    world.forget()
    world["control"].say(f'[2,"x","CancelReservation",{{"reservationId":{odd}}}]')
    assert denied(world, "control")
    assert world.commands == []


@pytest.mark.parametrize("odd", ["null", "[1]", "{}", '"x"', "true", "99999999999999999999999999999999999"])
def test_what_is_no_number_is_refused(odd: str) -> None:
    world = world_with()
    world["control"].say(f'[2,"x","CancelReservation",{{"reservationId":{odd}}}]')
    assert denied(world, "control")
    assert world.commands == []


def test_a_number_written_twice_does_not_get_past_the_map() -> None:
    world = world_with()
    reserved(world, "billing", 1)
    number = reserved(world, "control", 1)
    world.forget()
    world["control"].say('[2,"x","CancelReservation",{"reservationId":2,"reservationId":1}]')
    assert denied(world, "control")
    world["control"].say('[2,"x","CancelReservation",{"reservation\\u0049d":1}]')
    assert asked(world) == {"reservationId": number}


def test_a_known_reservation_is_replaced_and_stays() -> None:
    world = world_with()
    number = reserved(world, "control", 1)
    world.obey = answering("Occupied")
    assert reserved(world, "control", 1) == number
    world.obey = World.accept
    world["control"].call("CancelReservation", {"reservationId": 1})
    assert asked(world) == {"reservationId": number}


def test_a_reservation_whose_answer_was_lost_can_still_be_cancelled() -> None:
    world = world_with()
    world.obey = None
    number = reserved(world, "control", 1)
    world.wait(50)
    world.obey = World.accept
    world["control"].call("CancelReservation", {"reservationId": 1})
    assert asked(world) == {"reservationId": number}


def test_a_reservation_of_before_is_not_forgotten_with_a_refusal() -> None:
    world = world_with()
    number = reserved(world, "control", 1)
    world["control"].call("CancelReservation", {"reservationId": 1})
    world.obey = answering("Occupied")
    assert reserved(world, "control", 1) == number
    world.call("TransactionEvent", event("Started", 0, reservationId=number))
    assert seen(world, "TransactionEvent") == {"billing": None, "control": 1, "service": None}


def seen(world: World, action: str) -> dict[str, Any]:
    """The reservation in the last message of an action, by backoffice."""
    return {n: world[n].payloads(action)[-1].get("reservationId") for n in ("billing", "control", "service")}


@pytest.mark.parametrize("version", ["1.6", "2.1"])
def test_who_made_a_reservation_sees_it_in_the_session(version: str) -> None:
    world = world_with(version)
    number = reserved(world, "control", 7)
    if version == "1.6":
        world.call("StartTransaction", {**start(), "reservationId": number})
        assert seen(world, "StartTransaction") == {"billing": None, "control": 7, "service": None}
    else:
        world.call("TransactionEvent", event("Started", 0, reservationId=number))
        assert seen(world, "TransactionEvent") == {"billing": None, "control": 7, "service": None}
    closed = [r for r in world.database.identifiers.values() if r.closed is not None]
    assert [r.route_identifier for r in closed] == ["7"]  # it is used up


@pytest.mark.parametrize(("number", "billings"), [(0, None), (-1, None), (5, 5), ("5", "5"), ({}, None)])
def test_a_reservation_that_nobody_made(number: Any, billings: Any) -> None:
    world = world_with("1.6")
    world.call("StartTransaction", {**start(), "reservationId": number})
    assert seen(world, "StartTransaction") == {"billing": billings, "control": None, "service": None}


def test_a_reservation_written_twice_betrays_nobody() -> None:
    world = world_with("1.6")
    theirs, mine = reserved(world, "control", 7), reserved(world, "billing", 5)
    text = json.dumps(start())[1:-1]
    world.frame(f'[2,"m","StartTransaction",{{"reservationId":{theirs},{text},"reservationId":{mine}}}]')
    assert str(theirs) not in world["billing"].frames[-1]
    assert seen(world, "StartTransaction") == {"billing": 5, "control": None, "service": None}


def test_a_session_that_waits_for_its_reader_names_the_reservation_as_ever() -> None:
    world = world_with("1.6")
    number = reserved(world, "control", 7)
    world["control"].lose()
    world.call("StartTransaction", {**start(), "reservationId": number})
    world.wait(3600)
    world.restart()
    world.connect()
    world.wait(3)
    assert [p["reservationId"] for p in world["control"].payloads("StartTransaction")] == [7]


@TWO
@pytest.mark.parametrize("status", ["Expired", "Removed", "NoTransaction"])
def test_only_who_made_a_reservation_hears_what_becomes_of_it(version: str, status: str) -> None:
    world = world_with(version)
    number = reserved(world, "control", 7)
    world.call("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": status})
    assert world["control"].payloads("ReservationStatusUpdate") == [
        {"reservationId": 7, "reservationUpdateStatus": status}
    ]
    assert world["billing"].payloads("ReservationStatusUpdate") == []
    assert all(r.closed is not None for r in world.database.identifiers.values())


@pytest.mark.parametrize(("number", "hears"), [(3, 1), (0, 0), (-1, 0)])
def test_an_update_on_a_reservation_older_than_the_proxy_is_billings(number: int, hears: int) -> None:
    world = world_with()
    world.call("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": "Expired"})
    assert len(world["billing"].payloads("ReservationStatusUpdate")) == hears
    assert world["control"].payloads("ReservationStatusUpdate") == []


def test_a_flood_leaves_nothing_behind() -> None:
    world = world_with()
    world.obey = None
    for number in range(1000):
        world["control"].call("GetReport", {"requestId": number})
    rows = [r for r in world.database.identifiers.values() if r.route == 2]
    assert len(rows) == 22  # one at the charger, twenty that wait, and the number that is the next
    assert sum(r.closed is None for r in rows) == 21


# -- remote starts -------------------------------------------------------------------------------------


def in_info(world: World, name: str) -> list[Any]:
    return [p["transactionInfo"].get("remoteStartId") for p in world[name].payloads("TransactionEvent")]


@TWO
def test_who_has_started_remotely_sees_its_own_number(version: str) -> None:
    world = world_with(version)
    world.obey = answering("Accepted", transactionId="T-1")
    world["control"].call("RequestStartTransaction", remote_start(3))
    assert world["control"].answers[-1][2] == {"status": "Accepted", "transactionId": "T-1"}
    number = asked(world)["remoteStartId"]
    info = {"transactionId": "T-1", "remoteStartId": number}
    world.call("TransactionEvent", event("Started", 0, card="CARD", transactionInfo=info))
    world.call("TransactionEvent", event("Ended", 1, transactionInfo={**info, "stoppedReason": "Remote"}))
    assert in_info(world, "control") == [3, 3]
    assert in_info(world, "billing") == in_info(world, "service") == [None, None]
    assert all(r.closed is not None for r in world.database.identifiers.values())


def test_a_remote_start_that_was_refused_is_taken_back() -> None:
    world = world_with()
    world.obey = answering("Rejected")
    world["control"].call("RequestStartTransaction", remote_start(3))
    assert all(r.closed is not None for r in world.database.identifiers.values())


# -- who answers for a thing ---------------------------------------------------------------------------


def profile(number: int) -> dict[str, Any]:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
    return {
        "evseId": 0,
        "chargingProfile": {
            "id": number,
            "stackLevel": 0,
            "chargingProfilePurpose": "ChargingStationMaxProfile",
            "chargingProfileKind": "Dynamic",
            "chargingSchedule": [schedule],
        },
    }


def with_a_profile() -> tuple[World, int]:
    """A charger with a profile of the energy manager's, and what it calls that."""
    world = World(BILLING, route(2, "energy", Role.ENERGY), version="2.1")
    world.boot()
    world["energy"].call("SetChargingProfile", profile(4))
    number = int(asked(world)["chargingProfile"]["id"])
    world.forget()
    return world, number


PULL = "PullDynamicScheduleUpdate"


def test_who_has_set_a_profile_is_asked_about_it() -> None:
    world, number = with_a_profile()
    world["energy"].behave = lambda b, m, a, p: b.result(m, {"status": "Accepted"})
    assert world.call(PULL, {"chargingProfileId": number}, "m") == [3, "m", {"status": "Accepted"}]
    assert world["energy"].payloads(PULL) == [{"chargingProfileId": 4}]
    assert world["billing"].payloads(PULL) == []


def test_nobody_answers_for_who_is_away() -> None:
    world, number = with_a_profile()
    world["energy"].lose()
    assert world.call(PULL, {"chargingProfileId": number}, "m") == [3, "m", {"status": "Rejected"}]
    assert world["billing"].payloads(PULL) == []


def test_nobody_answers_for_a_route_that_is_switched_off() -> None:
    world, number = with_a_profile()
    world.configure(world.routes[0])
    assert world.call(PULL, {"chargingProfileId": number}, "m") == [3, "m", {"status": "Rejected"}]
    assert world["billing"].payloads(PULL) == []


def test_billing_is_asked_about_what_nobody_has_set() -> None:
    world, _ = with_a_profile()
    world["billing"].behave = lambda b, m, a, p: b.result(m, {"status": "Accepted"})
    assert world.call(PULL, {"chargingProfileId": 77}, "m") == [3, "m", {"status": "Accepted"}]
    assert world["billing"].payloads(PULL) == [{"chargingProfileId": 77}]
    assert world["energy"].payloads(PULL) == []


# -- messages in queue ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("asks_for", "waiting"), [(None, True), ("T-1", True), ("T-2", False)])
def test_messages_that_wait_here_are_in_the_queue(asks_for: str | None, waiting: bool) -> None:
    world = world_with()
    world.obey = lambda w, f: w.frame(json.dumps([3, f[1], {"messagesInQueue": False}]))
    world.call("TransactionEvent", event("Started", 0, transaction_id="T-2"))
    world["control"].behave = lambda b, m, a, p: None
    world.call("TransactionEvent", event("Started", 0))
    request = {} if asks_for is None else {"transactionId": asks_for}
    for name, expected in (("control", waiting), ("billing", False)):
        world[name].call("GetTransactionStatus", request)
        assert world[name].answers[-1][2] == {"messagesInQueue": expected}


# -- nobody learns or names what is another's ----------------------------------------------------------

IDS = st.integers(min_value=0, max_value=5)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["billing", "control", "service"]),
        st.sampled_from(
            [
                ("ReserveNow", reserve),
                ("CancelReservation", lambda n: {"reservationId": n}),
                ("SetDisplayMessage", message),
                ("ClearDisplayMessage", lambda n: {"id": n}),
                ("GetDisplayMessages", lambda n: {"requestId": n, "id": [n, n + 1]}),
                ("GetReport", lambda n: {"requestId": n}),
                ("RequestStartTransaction", remote_start),
                ("SetDERControl", lambda n: control(f"c{n}")),
                ("ClearDERControl", lambda n: {"isDefault": False, "controlId": f"c{n}"}),
                ("ClearDERControl", lambda n: {"isDefault": False}),
            ]
        ),
        st.sampled_from([0, 1, 2, 3, 1_000_000, 1_000_001]),
        st.sampled_from(["Accepted", "Rejected", None]),
    ),
    max_size=25,
)

PLACES = {
    "ReserveNow": "id",
    "CancelReservation": "reservationId",
    "ClearDisplayMessage": "id",
    "GetReport": "requestId",
    "RequestStartTransaction": "remoteStartId",
    "SetDERControl": "controlId",
    "ClearDERControl": "controlId",
}
"""Where the charger's id of a thing stands in a CALL."""

KINDS = {"CancelReservation": "ReserveNow", "ClearDisplayMessage": "SetDisplayMessage",
         "ClearDERControl": "SetDERControl", "GetDisplayMessages": "SetDisplayMessage"}  # fmt: skip


def ids_in(action: str, payload: Any) -> list[Any]:
    if action == "SetDisplayMessage":
        return [payload["message"]["id"]]
    if action == "GetDisplayMessages":
        return list(payload["id"])
    return [payload[PLACES[action]]] if PLACES[action] in payload else []


@settings(max_examples=150, deadline=None)
@given(CALLS)
def test_no_route_ever_names_what_is_anothers(sent: list[Any]) -> None:
    world = world_with()
    used: dict[tuple[str, Any], str] = {}
    for name, (action, payload), number, status in sent:
        world.forget()
        world.obey = None if status is None else answering(status)
        world[name].call(action, payload(number))
        world.wait(60)
        for frame in world.commands:
            for value in ids_in(frame[2], frame[3]):
                key = (KINDS.get(frame[2], frame[2]), value)
                # What nobody has made yet is older than the proxy, and Billing's to name.
                owner = used.get(key, name)
                assert owner == name, f"{name} names {value} of {owner} in {frame}"
                if frame[2] not in KINDS and status != "Rejected":
                    used[key] = name  # what the charger has refused is nobody's
        assert len(world[name].answers) == 1


@settings(max_examples=60, deadline=None)
@given(CALLS, st.lists(st.sampled_from([0, 1, 2, 1_000_000, 1_000_001, 1_000_002]), max_size=8))
def test_no_route_ever_learns_what_is_anothers(sent: list[Any], reported: list[int]) -> None:
    world = world_with()
    made: dict[str, set[Any]] = {"billing": set(), "control": set(), "service": set()}
    for name, (action, payload), number, _ in sent:
        world[name].call(action, payload(number))
        made[name] |= {number, number + 1}
    world.forget()
    for number in reported:
        world.call("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": "Removed"})
        world.call("NotifyReport", {"requestId": number, "seqNo": 0, "generatedAt": "x"})
        world.call("TransactionEvent", event("Updated", number, reservationId=number))
        world.call(
            "NotifyDisplayMessages", {"requestId": number, "messageInfo": [message(number)["message"]]}
        )
    for name in ("control", "service"):
        for action, payload in world[name].got:
            for key in ("reservationId", "requestId"):
                assert payload.get(key) in (None, *made[name]), (name, action, payload)
            for item in payload.get("messageInfo", []):
                assert item["id"] in made[name]
