"""Rows of the audit log: when, how large, about which card."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from routing.core.rows import MessageRow
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, event, meter, start, stop

TOKEN = {"idToken": {"idToken": "CARD", "type": "ISO14443"}}


def rows(world: World) -> list[MessageRow]:
    return list(world.database.messages)


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        ("1.6", "Authorize", {"idTag": "CARD"}),
        ("1.6", "StartTransaction", start()),
        ("1.6", "StopTransaction", {**stop(77), "idTag": "CARD"}),
        ("2.0.1", "Authorize", TOKEN),
        ("2.1", "TransactionEvent", event("Started", 0, card="CARD")),
    ],
    ids=["Authorize", "StartTransaction", "StopTransaction", "Authorize 2.0.1", "TransactionEvent"],
)
def test_the_first_row_of_an_exchange_names_the_card(version: str, action: str, payload: Any) -> None:
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    world.database.messages.clear()
    world.call(action, payload)
    assert {row.id_tag for row in rows(world) if row.route is None and row.action == action} == {"CARD"}
    assert {row.id_tag for row in rows(world) if row.route is not None and row.action == action} == {""}


@pytest.mark.parametrize("card", [7, True, None, {}, "", "x" * 300])
def test_an_odd_card_does_no_harm(card: Any) -> None:
    world = World(BILLING)
    world.boot()
    world.call("Authorize", {"idTag": card})
    assert [row.id_tag for row in rows(world) if row.action == "Authorize" and row.route is None] == [
        str(card)[:255] if isinstance(card, str | int) and card is not True else ""
    ]


def test_a_remote_start_names_the_card_that_the_backoffice_has_named() -> None:
    world = World(BILLING)
    world.boot()
    world["billing"].call("RemoteStartTransaction", {"idTag": "CARD", "connectorId": 1})
    asked = [row for row in rows(world) if row.action == "RemoteStartTransaction"]
    assert [row.id_tag for row in asked if row.route is not None] == ["CARD"]


def test_a_copy_stands_at_the_time_at_which_it_was_sent() -> None:
    world = World(BILLING, ENERGY)
    world.boot()
    world["energy"].behave = Backoffice.hold
    began = world.utc
    world.call("MeterValues", meter(None))
    world.wait(5)
    world["energy"].release()
    (copy,) = [row for row in rows(world) if row.action == "MeterValues" and row.route == ENERGY.key]
    assert abs(copy.at - began) < timedelta(milliseconds=1)
    assert copy.latency_ms == pytest.approx(5000, abs=1)


def test_the_size_is_that_of_call_and_answer_as_they_were_sent() -> None:
    world = World(BILLING, ENERGY)
    world.boot()
    world.forget()
    world.database.messages.clear()
    world.call("MeterValues", meter(None), "m")
    sizes = {row.route: row.size for row in rows(world)}
    assert sizes[None] == len(
        '[2,"m","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":'
        '"2026-01-01T00:30:00Z","sampledValue":[{"value":"1.10"}]}]}]'
    ) + len('[3,"m",{}]')
    for key in (BILLING.key, ENERGY.key):
        (frame,) = world.backoffices[key].frames
        assert sizes[key] == len(frame) + len(f'[3,"{world.last_id(world.backoffices[key])}",{{}}]')
