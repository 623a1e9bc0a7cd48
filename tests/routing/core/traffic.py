"""What chargers and backoffices under test do again and again."""

from __future__ import annotations

import json
from typing import Any

from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BOOT, BOOT_2, World, meter, start, stop

VERSIONS = ("1.6", "2.0.1", "2.1")
SESSION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")


def booting(world: World) -> Any:
    """The charger sends its boot; the answer, if it is there."""
    return world.call("BootNotification", json.loads(BOOT if world.version == "1.6" else BOOT_2))


def status(world: World, connector: int, state: str, *, evse: int = 1) -> None:
    """The charger reports a connector."""
    if world.version == "1.6":
        payload: dict[str, Any] = {"connectorId": connector, "errorCode": "NoError", "status": state}
    else:
        payload = {"evseId": evse, "connectorId": connector, "connectorStatus": state, "timestamp": "t"}
    world.call("StatusNotification", payload)


def statuses(backoffice: Backoffice) -> list[tuple[int, str]]:
    """What it was told of connectors, in order."""
    return [
        (p["connectorId"], p.get("status") or p["connectorStatus"])
        for p in backoffice.payloads("StatusNotification")
    ]


def session(world: World, values: int = 3, connector: int = 1, at: str = "2026-01-01T00:00:00Z") -> None:
    """The charger goes through a session of 1.6."""
    number = world.call("StartTransaction", start(connector, at=at))[2]["transactionId"]
    for value in range(values):
        world.call("MeterValues", meter(number, connector, value=str(value)))
    world.call("StopTransaction", stop(number, at=at.replace("T00", "T01")))


def values(backoffice: Backoffice) -> list[int]:
    """The meter values it got, in order."""
    return [int(p["meterValue"][0]["sampledValue"][0]["value"]) for p in backoffice.payloads("MeterValues")]


def fails_with(code: str, *actions: str) -> Any:
    """A behaviour: these actions are refused, the others answered."""

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        if action in actions:
            return backoffice.say(f'[4,"{message_id}","{code}","",{{}}]')
        backoffice.answer(message_id, action, payload)

    return behave
