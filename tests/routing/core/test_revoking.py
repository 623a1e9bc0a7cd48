"""Permissions that change while something waits for the charger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

STOP = {"evseId": 1, "connectorId": 1}


def busy(version: str = "2.0.1", **options: Any) -> World:
    """A charger that is asked something by Billing, and by service to unlock after that."""
    world = World(
        BILLING, route(2, "service", Role.SERVICE, **options), version=version, options=ChargerOptions()
    )
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "first")
    world["service"].call("UnlockConnector", STOP, "second")
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
    return world


def finish(world: World) -> None:
    world.frame(json.dumps([3, world.commands[-1][1], {"status": "Accepted"}]))


def edit(world: World, permissions: dict[str, Verdict], **options: Any) -> None:
    world.configure(BILLING, route(2, "service", Role.SERVICE, permissions, **options))


def test_what_waits_is_refused_when_it_is_not_permitted_any_more() -> None:
    world = busy()
    edit(world, {"UnlockConnector": Verdict.DENY})
    (answer,) = world["service"].answers
    assert (answer[:2], answer[2]["status"]) == ([3, "second"], "UnlockFailed")
    denied = world.database.messages[-1]
    assert (denied.outcome, denied.rule) == (
        "denied",
        "permission of route service: UnlockConnector is deny",
    )
    finish(world)
    world.wait(60)
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
    assert len(world["service"].answers) == 1
    assert len(world["billing"].answers) == 1


@pytest.mark.parametrize(
    "permissions",
    [{}, {"Reset": Verdict.DENY}, {"UnlockConnector:2": Verdict.DENY}, {"UnlockConnector": Verdict.ALLOW}],
    ids=str,
)
def test_what_is_still_permitted_goes_on_waiting(permissions: dict[str, Verdict]) -> None:
    world = busy()
    edit(world, permissions)
    finish(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache", "UnlockConnector"]
    finish(world)
    assert world["service"].answers == [[3, "second", {"status": "Accepted"}]]


def test_it_is_refused_in_the_way_that_the_backoffice_wants() -> None:
    world = busy(deny_style="callerror")
    edit(world, {"UnlockConnector:1": Verdict.DENY}, deny_style="callerror")
    assert world["service"].answers[0][:3] == [4, "second", "SecurityError"]


def test_what_the_charger_has_been_asked_is_not_taken_back() -> None:
    world = World(BILLING, route(2, "service", Role.SERVICE), version="2.0.1")
    world.boot()
    world.obey = None
    world["service"].call("UnlockConnector", STOP, "x")
    edit(world, {"UnlockConnector": Verdict.DENY})
    assert world["service"].answers == []
    finish(world)
    assert world["service"].answers == [[3, "x", {"status": "Accepted"}]]


def test_identifiers_that_were_taken_for_it_are_given_back() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, {"ReserveNow": Verdict.ALLOW}), version="2.0.1")
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "first")
    card = {"idToken": "CARD", "type": "ISO14443"}
    world["energy"].call(
        "ReserveNow", {"id": 1, "expiryDateTime": "2026-01-02T00:00:00Z", "idToken": card}, "r"
    )
    world.configure(BILLING, route(2, "energy", Role.CONTROL))
    assert world["energy"].answers[0][2]["status"] == "Rejected"
    world["energy"].call("CancelReservation", {"reservationId": 1}, "c")
    assert world["energy"].answers[1][2]["status"] == "Rejected"
    finish(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
