"""What is left out when too much waits, and what never is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from routing.core.thinning import ALARM, Thinner, is_periodic
from tests.routing.core.harness import World, event, meter, route, start, stop


def values(**sampled: Any) -> str:
    """1.6 MeterValues with one sampled value."""
    one = {"timestamp": "t", "sampledValue": [{"value": "1", **sampled}]}
    return json.dumps({"connectorId": 1, "transactionId": 1, "meterValue": [one]})


def update(reason: str = "MeterValuePeriodic", kind: str = "Updated", **more: Any) -> str:
    """A TransactionEvent."""
    return json.dumps({**event(kind, 3), "triggerReason": reason, **more})


@pytest.mark.parametrize(
    ("action", "payload", "periodic"),
    [
        ("MeterValues", values(), True),
        ("MeterValues", values(context="Sample.Periodic"), True),
        ("MeterValues", values(context="Sample.Clock"), False),
        ("MeterValues", values(context="Transaction.Begin"), False),
        ("MeterValues", values(context="Transaction.End"), False),
        ("MeterValues", values(context="Trigger"), False),
        ("MeterValues", values(format="SignedData"), False),
        ("MeterValues", values(signedMeterValue={"signedMeterData": "x"}), False),
        ("MeterValues", "not json", True),
        ("TransactionEvent", update(), True),
        ("TransactionEvent", update("MeterValueClock"), False),
        ("TransactionEvent", update("ChargingStateChanged"), False),
        ("TransactionEvent", update(kind="Started"), False),
        ("TransactionEvent", update(kind="Ended"), False),
        ("TransactionEvent", update(idToken={"idToken": "A", "type": "Central"}), False),
        ("StartTransaction", json.dumps(start()), False),
        ("StopTransaction", json.dumps(stop(1)), False),
        ("SecurityEventNotification", "{}", False),
    ],
)
def test_what_is_periodic(action: str, payload: str, periodic: bool) -> None:
    assert is_periodic(action, payload) is periodic


@given(st.lists(st.tuples(st.sampled_from("AB"), st.booleans()), max_size=40))
def test_every_second_goes_but_never_the_first_or_last(messages: list[tuple[str, bool]]) -> None:
    thinner = Thinner()
    gone = set()
    for seq, (session, periodic) in enumerate(messages):
        action = "MeterValues" if periodic else "StopTransaction"
        dropped = thinner.take(seq, session, action, values())
        if dropped is not None:
            assert dropped not in gone
            gone.add(dropped)
    for session in "AB":
        mine = [n for n, (of, periodic) in enumerate(messages) if of == session and periodic]
        assert gone & set(mine) == set(mine[1:-1:2])
    assert all(messages[seq][1] for seq in gone)


def away(**options: Any) -> World:
    """Billing is away for good."""
    world = World(route(1, "billing", Role.BILLING, **options), options=ChargerOptions(auth_offline="accept"))
    world.boot()
    world.auto_open = False
    world["billing"].lose()
    return world


@pytest.mark.parametrize("options", [{"queue_limit": 150}, {"queue_bytes": 20_000}], ids=str)
def test_a_backlog_is_thinned_by_number_and_by_size(options: dict[str, int]) -> None:
    world = away(**options)
    number = world.call("StartTransaction", start())[2]["transactionId"]
    for value in range(400):
        world.call("MeterValues", meter(number, value=str(value)))
    world.call("StopTransaction", stop(number))
    assert ("dead", world.database.dead) == ("dead", [])
    world["billing"].open()
    world.wait(100)
    got = [p["meterValue"][0]["sampledValue"][0]["value"] for p in world["billing"].payloads("MeterValues")]
    assert got == sorted(got, key=int)
    assert len(got) < 400
    assert got[0] == "0"
    assert got[-1] == "399"
    assert len(world["billing"].payloads("StartTransaction")) == 1
    assert len(world["billing"].payloads("StopTransaction")) == 1
    assert world.database.alarms[ALARM, "1"].cleared is not None


def test_what_may_not_go_stays_however_much_it_is() -> None:
    world = away(queue_limit=100)
    number = world.call("StartTransaction", start())[2]["transactionId"]
    for value in range(300):
        payload = meter(number, value=str(value))
        payload["meterValue"][0]["sampledValue"][0]["context"] = "Sample.Clock"
        world.call("MeterValues", payload)
    assert len(world.database.deliveries) == 301
    assert world.database.alarms == {}


def test_how_much_waits_is_known_after_a_restart() -> None:
    world = away(queue_limit=300)
    number = world.call("StartTransaction", start())[2]["transactionId"]
    for value in range(290):
        world.call("MeterValues", meter(number, value=str(value)))
    world.restart()
    world.connect()
    for value in range(290, 330):
        world.call("MeterValues", meter(number, value=str(value)))
    assert len(world.database.deliveries) < 300
