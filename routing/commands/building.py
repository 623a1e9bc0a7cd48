"""Which CALL a friendly command comes to in each version of OCPP. Pure.

Profiles of people have ids of their own per connector, so that the same verb replaces or clears what it set.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from routing.commands.arguments import Arguments, BadArguments
from routing.core.charging_profiles.purposes import HIGHEST
from routing.core.payloads import wire_time


class Running(NamedTuple):
    """A transaction that runs: the proxy's key, the charger's own id, and where."""

    id: str
    charger_id: str
    evse_id: int | None
    connector_id: int | None


class Facts(NamedTuple):
    """What a verb needs to know of the charger. ``number``: one that no other command has (31 bits)."""

    version: str
    now: datetime
    number: int
    running: tuple[Running, ...] = ()

    @property
    def is_16(self) -> bool:
        return self.version == "1.6"


class Call(NamedTuple):
    """The CALL that a verb comes to."""

    action: str
    payload: dict[str, Any]


Build = Callable[[Facts, Arguments], Call]


# -- in common ------------------------------------------------------------------------------------------


def without_none(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def place_in(facts: Facts, arguments: Arguments) -> int | None:
    """The connector (1.6) or EVSE (2.x) that is meant."""
    place = arguments.get("connector")
    if place is not None and not 0 <= place <= 9999:
        raise BadArguments(f"connector is 0 or more, not {place}")
    return place


# -- sessions ------------------------------------------------------------------------------------------


def start(facts: Facts, arguments: Arguments) -> Call:
    card, place = arguments["id_tag"], place_in(facts, arguments)
    if facts.is_16:
        return Call("RemoteStartTransaction", without_none(idTag=card, connectorId=place))
    token = {"idToken": card, "type": arguments["card_type"]}
    return Call(
        "RequestStartTransaction", without_none(idToken=token, remoteStartId=facts.number, evseId=place)
    )


def stop(facts: Facts, arguments: Arguments) -> Call:
    running = one_running(facts, arguments)
    if facts.is_16:
        return Call("RemoteStopTransaction", {"transactionId": int(running.charger_id)})
    return Call("RequestStopTransaction", {"transactionId": running.charger_id})


def one_running(facts: Facts, arguments: Arguments) -> Running:
    """The transaction that is meant: by the proxy's key or the charger's id, or the only one there."""
    named, place = arguments.get("transaction"), arguments.get("connector")
    if named is not None:
        found = [one for one in facts.running if named in (one.id, one.charger_id)]
    else:
        found = [one for one in facts.running if place in (None, place_of(facts, one))]
    if not found:
        raise BadArguments("no such transaction runs on this charger")
    if len(found) > 1:
        raise BadArguments(f"{len(found)} transactions run on this charger; say which, or on which connector")
    return found[0]


def place_of(facts: Facts, running: Running) -> int | None:
    return running.connector_id if facts.is_16 else running.evse_id


# -- limits --------------------------------------------------------------------------------------------

LIMIT, PAUSE = 1, 2
"""What the last digit of a profile's id says that it is for."""


def limit(facts: Facts, arguments: Arguments) -> Call:
    unit = arguments["unit"]
    value = float(arguments["limit"])
    if not 0 <= value <= (1000 if unit == "A" else 1_000_000):
        raise BadArguments(f"a limit of {value:g} {unit} is none")
    return limiting(facts, arguments, LIMIT, value, unit, HIGHEST - 1)


def pause(facts: Facts, arguments: Arguments) -> Call:
    if arguments["how"] == "availability":
        return availability(facts, {**arguments, "operative": False})
    return limiting(facts, arguments, PAUSE, 0.0, "A", HIGHEST)


def resume(facts: Facts, arguments: Arguments) -> Call:
    if arguments["how"] == "availability":
        return availability(facts, {**arguments, "operative": True})
    return clear_own(facts, arguments, PAUSE)


def unlimit(facts: Facts, arguments: Arguments) -> Call:
    return clear_own(facts, arguments, LIMIT)


def own_id(arguments: Arguments, kind: int) -> int:
    return (arguments.get("connector") or 0) * 10 + kind


def limiting(facts: Facts, arguments: Arguments, kind: int, limit: float, unit: str, level: int) -> Call:
    """A limit for the whole charger, or for a connector: there the default for every session."""
    place = place_in(facts, arguments) or 0
    whole = "ChargePointMaxProfile" if facts.is_16 else "ChargingStationMaxProfile"
    purpose = "TxDefaultProfile" if place or kind == PAUSE else whole
    until = end_of(facts, arguments)
    schedule: dict[str, Any] = {
        "startSchedule": wire_time(facts.now),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": round(limit, 1)}],
    }
    profile: dict[str, Any] = {
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
    }
    if until is not None:
        profile["validTo"] = wire_time(until)
        schedule["duration"] = max(1, int((until - facts.now).total_seconds()))
    number = own_id(arguments, kind)
    if facts.is_16:
        profile |= {"chargingProfileId": number, "chargingSchedule": schedule}
        return Call("SetChargingProfile", {"connectorId": place, "csChargingProfiles": profile})
    profile |= {"id": number, "chargingSchedule": [{"id": number, **schedule}]}
    return Call("SetChargingProfile", {"evseId": place, "chargingProfile": profile})


def end_of(facts: Facts, arguments: Arguments) -> datetime | None:
    until: datetime | None = arguments.get("until")
    if (minutes := arguments.get("minutes")) is not None:
        until = facts.now + timedelta(minutes=minutes)
    if until is not None and until <= facts.now:
        raise BadArguments("a limit ends in the future")
    return until


def clear_own(facts: Facts, arguments: Arguments, kind: int) -> Call:
    number = own_id(arguments, kind)
    return Call("ClearChargingProfile", {"id" if facts.is_16 else "chargingProfileId": number})


def set_profile(facts: Facts, arguments: Arguments) -> Call:
    place, profile = place_in(facts, arguments) or 0, arguments["profile"]
    if facts.is_16:
        return Call("SetChargingProfile", {"connectorId": place, "csChargingProfiles": profile})
    return Call("SetChargingProfile", {"evseId": place, "chargingProfile": profile})


def clear_profile(facts: Facts, arguments: Arguments) -> Call:
    number = arguments.get("profile_id")
    members = {} if number is None else {"id" if facts.is_16 else "chargingProfileId": number}
    return Call("ClearChargingProfile", members)


def get_profiles(facts: Facts, arguments: Arguments) -> Call:
    place = place_in(facts, arguments)
    return Call("GetChargingProfiles", without_none(requestId=facts.number, evseId=place, chargingProfile={}))


def composite(facts: Facts, arguments: Arguments) -> Call:
    place, unit = place_in(facts, arguments) or 0, arguments.get("unit")
    where = {"connectorId" if facts.is_16 else "evseId": place}
    return Call(
        "GetCompositeSchedule",
        {**where, **without_none(duration=arguments["seconds"], chargingRateUnit=unit)},
    )


# -- the charger ---------------------------------------------------------------------------------------


def unlock(facts: Facts, arguments: Arguments) -> Call:
    place = place_in(facts, arguments)
    if facts.is_16:
        return Call("UnlockConnector", {"connectorId": place})
    return Call("UnlockConnector", {"evseId": place, "connectorId": arguments["socket"]})


def reset(facts: Facts, arguments: Arguments) -> Call:
    hard = arguments["how"] == "hard"
    if facts.is_16:
        return Call("Reset", {"type": "Hard" if hard else "Soft"})
    return Call("Reset", {"type": "Immediate" if hard else "OnIdle"})


def restart(facts: Facts, arguments: Arguments) -> Call:
    return reset(facts, {"how": "soft"})


def availability(facts: Facts, arguments: Arguments) -> Call:
    place = place_in(facts, arguments) or 0
    word = "Operative" if arguments["operative"] else "Inoperative"
    if facts.is_16:
        return Call("ChangeAvailability", {"connectorId": place, "type": word})
    where = {"evse": {"id": place}} if place else {}
    return Call("ChangeAvailability", {"operationalStatus": word, **where})


def read_configuration(facts: Facts, arguments: Arguments) -> Call:
    names = [str(name) for name in arguments.get("keys", ())]
    if facts.is_16:
        return Call("GetConfiguration", {"key": names} if names else {})
    if not names:
        return Call("GetBaseReport", {"requestId": facts.number, "reportBase": "FullInventory"})
    return Call("GetVariables", {"getVariableData": [variable(name) for name in names]})


def write_configuration(facts: Facts, arguments: Arguments) -> Call:
    name, value = arguments["key"], arguments["value"]
    if facts.is_16:
        return Call("ChangeConfiguration", {"key": name, "value": value})
    return Call("SetVariables", {"setVariableData": [{"attributeValue": value, **variable(name)}]})


def variable(name: str) -> dict[str, Any]:
    """``Component.Variable`` as 2.x writes it. Raises BadArguments."""
    component, dot, rest = name.partition(".")
    if not (component and dot and rest):
        raise BadArguments(f"{name[:60]!r}: settings of OCPP 2 are Component.Variable")
    return {"component": {"name": component}, "variable": {"name": rest}}


def trigger(facts: Facts, arguments: Arguments) -> Call:
    place, message = place_in(facts, arguments), arguments["message"]
    if facts.is_16:
        return Call("TriggerMessage", without_none(requestedMessage=message, connectorId=place))
    evse = None if not place else {"id": place}
    if evse is not None and message == "StatusNotification":
        evse["connectorId"] = 1
    return Call("TriggerMessage", without_none(requestedMessage=message, evse=evse))


def read_values(facts: Facts, arguments: Arguments) -> Call:
    return trigger(facts, {**arguments, "message": "MeterValues"})


def diagnostics(facts: Facts, arguments: Arguments) -> Call:
    location, kind = arguments["location"], arguments["kind"]
    since = arguments.get("since")
    start = None if since is None else wire_time(since)
    if facts.is_16 and kind == "diagnostics":
        return Call("GetDiagnostics", without_none(location=location, startTime=start))
    kinds = {"diagnostics": "DiagnosticsLog", "security": "SecurityLog"}
    log = without_none(remoteLocation=location, oldestTimestamp=start)
    return Call("GetLog", {"logType": kinds[kind], "requestId": facts.number, "log": log})


def firmware(facts: Facts, arguments: Arguments) -> Call:
    at = wire_time(arguments.get("retrieve_at") or facts.now)
    location = arguments["location"]
    if facts.is_16:
        return Call("UpdateFirmware", {"location": location, "retrieveDate": at})
    signed = without_none(
        signingCertificate=arguments.get("certificate"), signature=arguments.get("signature")
    )
    firmware = {"location": location, "retrieveDateTime": at, **signed}
    return Call("UpdateFirmware", {"requestId": facts.number, "firmware": firmware})


def local_list(facts: Facts, arguments: Arguments) -> Call:
    version, kind = arguments["version"], "Full" if arguments["full"] else "Differential"
    cards = [str(card) for card in arguments.get("cards", ())]
    if facts.is_16:
        entries = [{"idTag": card, "idTagInfo": {"status": "Accepted"}} for card in cards]
        return Call(
            "SendLocalList",
            {"listVersion": version, "updateType": kind, "localAuthorizationList": entries},
        )
    tokens = [
        {
            "idToken": {"idToken": card, "type": arguments["card_type"]},
            "idTokenInfo": {"status": "Accepted"},
        }
        for card in cards
    ]
    entries_2 = {"localAuthorizationList": tokens} if tokens else {}
    return Call("SendLocalList", {"versionNumber": version, "updateType": kind, **entries_2})


def plain(action: str) -> Build:
    def build(facts: Facts, arguments: Arguments) -> Call:
        return Call(action, {})

    return build
