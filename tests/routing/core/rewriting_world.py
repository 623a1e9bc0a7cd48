"""What the tests of identifiers share: a world that asks, and a charger that answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

ALLOWED = dict.fromkeys(
    (
        "CancelReservation",
        "ClearDERControl",
        "ClearDisplayMessage",
        "GetDERControl",
        "GetDisplayMessages",
        "GetLog",
        "GetReport",
        "RequestStartTransaction",
        "ReserveNow",
        "SetDERControl",
        "SetDisplayMessage",
    ),
    Verdict.ALLOW,
)
"""A tenant that lets everybody do everything: it is the identifiers that keep them apart."""

TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def world_with(version: str = "2.1") -> World:
    world = World(
        BILLING,
        route(2, "control", Role.CONTROL, ALLOWED),
        route(3, "service", Role.SERVICE, ALLOWED),
        version=version,
    )
    world.boot()
    return world


def answering(status: str, **more: Any) -> Callable[[World, Any], None]:
    def obey(world: World, frame: Any) -> None:
        world.frame(json.dumps([3, frame[1], {"status": status, **more}]))

    return obey


def asked(world: World) -> Any:
    """What the charger was asked last."""
    return world.commands[-1][3]


def denied(world: World, name: str) -> bool:
    """Whether the last CALL of a backoffice was refused in the action's own words."""
    answer = world[name].answers[-1]
    return answer[0] == 3 and answer[2]["status"] in ("Rejected", "Unknown", "NotFound")


def message(number: Any, priority: str = "NormalCycle") -> dict[str, Any]:
    text = {"format": "UTF8", "content": "hello"}
    return {"message": {"id": number, "priority": priority, "message": text}}


def control(name: str, kind: str = "VoltVar", *, default: bool = False) -> dict[str, Any]:
    return {"isDefault": default, "controlId": name, "controlType": kind}


def reserve(number: Any, version: str = "2.1") -> dict[str, Any]:
    if version == "1.6":
        return {
            "connectorId": 1,
            "expiryDate": "2026-01-01T01:00:00Z",
            "idTag": "CARD",
            "reservationId": number,
        }
    token = {"idToken": "CARD", "type": "ISO14443"}
    return {"id": number, "expiryDateTime": "2026-01-01T01:00:00Z", "idToken": token}


def remote_start(number: int) -> dict[str, Any]:
    return {"remoteStartId": number, "idToken": {"idToken": "CARD", "type": "Central"}}
