"""The same thing said in each version of OCPP: action names and payloads."""

from __future__ import annotations

from typing import Any

Command = tuple[str, dict[str, Any]]

STARTS = {"1.6": "StartTransaction", "2.0.1": "TransactionEvent", "2.1": "TransactionEvent"}


def token(id_tag: str) -> dict[str, str]:
    return {"idToken": id_tag, "type": "ISO14443"}


def remote_start(version: str, id_tag: str, place: int = 1) -> Command:
    if version == "1.6":
        return "RemoteStartTransaction", {"idTag": id_tag, "connectorId": place}
    return "RequestStartTransaction", {"remoteStartId": 7, "idToken": token(id_tag), "evseId": place}


def remote_stop(version: str, transaction_id: int | str) -> Command:
    action = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
    return action, {"transactionId": transaction_id}


def set_limit(version: str, limit: float, place: int = 1, unit: str = "W") -> Command:
    """A default limit for sessions at one place."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    profile: dict[str, Any] = {
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
    }
    if version == "1.6":
        profile |= {"chargingProfileId": 5, "chargingSchedule": schedule}
        return "SetChargingProfile", {"connectorId": place, "csChargingProfiles": profile}
    profile |= {"id": 5, "chargingSchedule": [{"id": 1, **schedule}]}
    return "SetChargingProfile", {"evseId": place, "chargingProfile": profile}


def clear_limit(version: str, key: int = 5) -> Command:
    return "ClearChargingProfile", {"id" if version == "1.6" else "chargingProfileId": key}


def composite(version: str, unit: str, place: int = 1) -> Command:
    where = "connectorId" if version == "1.6" else "evseId"
    return "GetCompositeSchedule", {where: place, "duration": 600, "chargingRateUnit": unit}


def reset(version: str, at_once: bool) -> Command:
    words = ("Hard", "Soft") if version == "1.6" else ("Immediate", "OnIdle")
    return "Reset", {"type": words[0 if at_once else 1]}


def trigger(message: str) -> Command:
    return "TriggerMessage", {"requestedMessage": message}


def change_availability(version: str, operative: bool, place: int = 1) -> Command:
    word = "Operative" if operative else "Inoperative"
    if version == "1.6":
        return "ChangeAvailability", {"connectorId": place, "type": word}
    return "ChangeAvailability", {"evse": {"id": place}, "operationalStatus": word}


def reserve(version: str, reservation_id: int, id_tag: str, place: int = 1) -> Command:
    expiry = "2099-01-01T00:00:00Z"
    if version == "1.6":
        return "ReserveNow", {
            "connectorId": place,
            "expiryDate": expiry,
            "idTag": id_tag,
            "reservationId": reservation_id,
        }
    return "ReserveNow", {
        "id": reservation_id,
        "expiryDateTime": expiry,
        "idToken": token(id_tag),
        "evseId": place,
    }


def local_list(version: str, number: int, id_tag: str) -> Command:
    if version == "1.6":
        entry: dict[str, Any] = {"idTag": id_tag, "idTagInfo": {"status": "Accepted"}}
        return "SendLocalList", {
            "listVersion": number,
            "updateType": "Full",
            "localAuthorizationList": [entry],
        }
    entry = {"idToken": token(id_tag), "idTokenInfo": {"status": "Accepted"}}
    return "SendLocalList", {
        "versionNumber": number,
        "updateType": "Full",
        "localAuthorizationList": [entry],
    }


def status_of(version: str, payload: dict[str, Any]) -> str:
    """The status in a StatusNotification."""
    return str(payload["status" if version == "1.6" else "connectorStatus"])
