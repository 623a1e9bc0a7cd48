"""Permissions that change while something waits for the charger."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, RouteSnapshot, Verdict
from tests.routing.core.harness import BILLING, EPOCH, World, route

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


# -- overrides -----------------------------------------------------------------------------------------

PROFILE = {"configurationSlot": 1, "connectionData": {}}
WIFI = {"component": {"name": "WiFi"}, "variable": {"name": "Ssid"}, "attributeValue": "x"}
PLAIN = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}, "attributeValue": "true"}
MOVES = [("SetNetworkProfile", PROFILE), ("SetVariables", {"setVariableData": [WIFI]})]


def overridden(action: str, payload: Any, minutes: float = 60) -> tuple[World, RouteSnapshot]:
    """Something that the guard objects to waits for the charger under an override."""
    given = msgspec.structs.replace(BILLING, override_until=EPOCH + timedelta(minutes=minutes))
    world = World(given, version="2.1")
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "first")
    world["billing"].call(action, payload, "second")
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
    return world, given


@pytest.mark.parametrize(("action", "payload"), MOVES)
def test_what_waits_under_an_override_goes_while_that_lasts(action: str, payload: Any) -> None:
    world, given = overridden(action, payload)
    world.configure(msgspec.structs.replace(given, permissions={"Reset": Verdict.DENY}))
    finish(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache", action]


@pytest.mark.parametrize(("action", "payload"), MOVES)
@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_it_does_not_outlive_the_override(action: str, payload: Any, how: str) -> None:
    world, given = overridden(action, payload, 60 if how == "revoked" else 0.1)
    if how == "revoked":
        world.configure(msgspec.structs.replace(given, override_until=None))
    else:
        world.wait(10)
    finish(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
    assert "Rejected" in json.dumps(world["billing"].answers)
    denied = next(row for row in world.database.messages if row.message_id == "second")
    assert denied.outcome == "denied"


def test_an_item_that_is_not_permitted_any_more_does_not_go() -> None:
    control = route(2, "control", Role.CONTROL, {"SetVariables": Verdict.ALLOW})
    world = World(BILLING, control, version="2.1")
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "first")
    other = {**PLAIN, "variable": {"name": "OfflineTxForUnknownIdEnabled"}}
    world["control"].call("SetVariables", {"setVariableData": [PLAIN, other]}, "second")
    rights = {**control.permissions, "SetVariables:AuthCtrlr.Enabled": Verdict.DENY}
    world.configure(BILLING, msgspec.structs.replace(control, permissions=rights))
    finish(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
    assert "Rejected" in json.dumps(world["control"].answers[-1])


def test_a_host_that_is_not_listed_any_more_is_not_fetched_from() -> None:
    world = World(BILLING, version="2.1", options=ChargerOptions(file_hosts=("good.example", "x.example")))
    world.boot()
    world.obey = None
    world["billing"].call("ClearCache", {}, "first")
    firmware = {"location": "https://x.example/f", "retrieveDateTime": "2026-01-01T00:00:00Z"}
    world["billing"].call("UpdateFirmware", {"requestId": 1, "firmware": firmware}, "second")
    world.options = ChargerOptions(file_hosts=("good.example",))
    world.configure(BILLING)
    finish(world)
    assert [frame[2] for frame in world.commands] == ["ClearCache"]
