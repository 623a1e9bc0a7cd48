"""A charger repeats what is not answered while the database is away: what grows, and what does not."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from routing.core.rows import DeliveryRow, TransactionRow
from routing.writer import Writer
from tests.routing.core.backoffice import NOON
from tests.routing.core.harness import World, event

REPEATS = 300

START = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": NOON}
METER = {
    "connectorId": 1,
    "transactionId": 100,
    "meterValue": [{"timestamp": NOON, "sampledValue": [{"value": "7"}]}],
}
STOP = {"transactionId": 100, "meterStop": 9, "timestamp": NOON}

CASES = {
    "StartTransaction": ("1.6", "StartTransaction", START),
    "MeterValues": ("1.6", "MeterValues", METER),
    "StopTransaction": ("1.6", "StopTransaction", STOP),
    "TransactionEvent Started": ("2.0.1", "TransactionEvent", event("Started", 0)),
    "TransactionEvent Updated": ("2.0.1", "TransactionEvent", event("Updated", 1)),
    "TransactionEvent Ended": ("2.0.1", "TransactionEvent", event("Ended", 1)),
}


def charging(version: str, action: str, payload: Any) -> World:
    """A charger in mid session, unless ``payload`` begins it; from now on nothing is committed."""
    world = World(version=version)
    world.boot()
    if version == "1.6" and action != "StartTransaction":
        world.call("StartTransaction", START)
    if version != "1.6" and payload["eventType"] != "Started":
        world.call("TransactionEvent", event("Started", 0))
    world.commit_at_once = world.loads_at_once = False
    return world


@pytest.mark.parametrize("same_id", [True, False], ids=["same id", "new id"])
@pytest.mark.parametrize("reconnects", [False, True], ids=["same connection", "new connection"])
@pytest.mark.parametrize("case", CASES)
async def test_a_charger_that_repeats_adds_no_rows_for_ever(case: str, reconnects: bool, same_id: bool):
    version, action, payload = CASES[case]
    world = charging(version, action, payload)
    gates: list[int] = []
    writer = Writer(asyncio.get_running_loop(), crowded_rows=0)  # never started: the database is away
    rows: list[Any] = []
    for number in range(REPEATS):
        message_id = "the same" if same_id else f"said {number}"
        assert world.call(action, payload, message_id) is None
        for store in world.stored:
            writer.put(1, 1, store.rows, None if store.gate is None else partial(gates.append, store.gate))
            rows += store.rows
        world.stored.clear()
        if number + 1 < REPEATS:
            world.wait(30)
            if reconnects:
                world.disconnect()
                world.wait(1)
                world.connect()
    said = [(row.route, row.seq) for row in rows if isinstance(row, DeliveryRow) and row.action == action]
    assert len(said) <= len(world.routes), "each backoffice is to hear it once"
    assert len({row.id for row in rows if isinstance(row, TransactionRow)}) <= 1
    assert writer.counts()["waiting"] < 100, "merged rows are coalesced from 64 on"
    assert sum(len(put.dones or ()) for put in (*writer._in_flight, *writer._puts)) < 10
    for put in (*writer._in_flight, *writer._puts):  # the database is back
        for done in put.dones or ():
            done()
    for gate in gates:
        world.do(world.machine.committed(gate, *world.time))
    assert world.answer_to(message_id)
