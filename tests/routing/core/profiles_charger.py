"""A charger that keeps charging profiles by the rules of its version, and payloads to give it."""

from __future__ import annotations

import json
from typing import Any

from tests.routing.core.harness import World
from tests.routing.core.test_actions_schemas import problems, request_schema

MAX = {
    "1.6": "ChargePointMaxProfile",
    "2.0.1": "ChargingStationMaxProfile",
    "2.1": "ChargingStationMaxProfile",
}


def profile(
    version: str,
    number: int = 1,
    purpose: str = "TxDefaultProfile",
    level: int = 0,
    limit: float | None = 16.0,
    *,
    scope: int = 0,
    unit: str = "A",
    periods: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A SetChargingProfile. ``more`` are further members of the profile."""
    if purpose == "Max":
        purpose = MAX[version]
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": limit}],
    }
    made: dict[str, Any] = {
        "chargingProfileId" if version == "1.6" else "id": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule if version == "1.6" else [{"id": 1, **schedule}],
        **more,
    }
    if version == "1.6":
        return {"connectorId": scope, "csChargingProfiles": made}
    return {"evseId": scope, "chargingProfile": made}


def clear(
    version: str,
    number: int | None = None,
    *,
    purpose: str | None = None,
    level: int | None = None,
    scope: int | None = None,
) -> dict[str, Any]:
    """A ClearChargingProfile, by id or by criteria."""
    if purpose == "Max":
        purpose = MAX[version]
    place = "connectorId" if version == "1.6" else "evseId"
    criteria = {place: scope, "chargingProfilePurpose": purpose, "stackLevel": level}
    criteria = {name: value for name, value in criteria.items() if value is not None}
    if number is not None:
        return {"id" if version == "1.6" else "chargingProfileId": number}
    return criteria if version == "1.6" or not criteria else {"chargingProfileCriteria": criteria}


class Charger:
    """Takes, replaces, refuses and clears profiles as the standard says; ``obey`` is its place in a World.

    ``profiles``: what it has, by id, with ``scope`` beside the members of the profile. Every CALL that
    it gets is held against its schema.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.profiles: dict[int, dict[str, Any]] = {}
        self.refuses = False
        self.silent = False
        world.obey = self.obey

    def obey(self, world: World, frame: Any) -> None:
        """Answer a CALL."""
        _, message_id, action, payload = frame
        assert problems(request_schema(world.version, action), json.dumps(payload)) == []
        if self.silent:
            return
        match action:
            case "SetChargingProfile":
                status = self._set(payload)
            case "ClearChargingProfile":
                status = self._clear(payload)
            case _:
                status = "Accepted"
        world.frame(json.dumps([3, message_id, {"status": status}], separators=(",", ":")))

    def _set(self, payload: dict[str, Any]) -> str:
        if self.refuses:
            return "Rejected"
        is_16 = self.world.version == "1.6"
        new = dict(payload["csChargingProfiles" if is_16 else "chargingProfile"])
        number = new.pop("chargingProfileId" if is_16 else "id")
        new["scope"] = payload["connectorId" if is_16 else "evseId"]
        rivals = [n for n, old in self.profiles.items() if n != number and self._is_rival(old, new)]
        if rivals and not is_16:
            return "Rejected"  # DuplicateProfile
        for rival in rivals:
            del self.profiles[rival]
        self.profiles[number] = new
        return "Accepted"

    def _is_rival(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        same = [("chargingProfilePurpose"), "stackLevel", "scope"]
        if self.world.version != "1.6" and new["chargingProfilePurpose"] == "TxProfile":
            same = ["chargingProfilePurpose", "stackLevel", "transactionId"]
        return all(old.get(name) == new.get(name) for name in same)

    def _clear(self, payload: dict[str, Any]) -> str:
        number = payload.get("id", payload.get("chargingProfileId"))
        criteria = payload.get("chargingProfileCriteria", payload)
        if number is not None:
            return "Unknown" if self.profiles.pop(number, None) is None else "Accepted"
        scope = criteria.get("connectorId", criteria.get("evseId"))
        gone = [
            n
            for n, one in self.profiles.items()
            if criteria.get("chargingProfilePurpose") in (None, one["chargingProfilePurpose"])
            and criteria.get("stackLevel") in (None, one["stackLevel"])
            and scope in (None, one["scope"])
        ]
        for n in gone:
            del self.profiles[n]
        return "Accepted" if gone else "Unknown"

    def limits(self, purpose: str) -> dict[int, float]:
        """The first limit of each profile of a purpose, by stackLevel."""
        found = {}
        for one in self.profiles.values():
            schedule = one["chargingSchedule"]
            schedule = schedule if isinstance(schedule, dict) else schedule[0]
            if one["chargingProfilePurpose"] == purpose:
                found[one["stackLevel"]] = schedule["chargingSchedulePeriod"][0]["limit"]
        return found


def said(world: World, name: str) -> str:
    """The status that a backoffice was last answered, or the code of its CALLERROR."""
    frame = world[name].answers[-1]
    return str(frame[2]["status"] if frame[0] == 3 else frame[2])


def asks(world: World, name: str, action: str, payload: Any) -> str:
    """The status that a backoffice's CALL is answered."""
    world[name].call(action, payload, f"m{next(world.message_ids)}")
    return said(world, name)


def sets(world: World, name: str, *args: Any, **kwargs: Any) -> str:
    """The status that a backoffice's SetChargingProfile is answered."""
    return asks(world, name, "SetChargingProfile", profile(world.version, *args, **kwargs))


def clears(world: World, name: str, *args: Any, **kwargs: Any) -> str:
    """The status that a backoffice's ClearChargingProfile is answered."""
    return asks(world, name, "ClearChargingProfile", clear(world.version, *args, **kwargs))
