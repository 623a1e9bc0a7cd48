"""What each backoffice asks of the charger in the course of a day, by OCPP version and name."""

from __future__ import annotations

import random
from typing import Any

Command = tuple[str, dict[str, Any]]

TAGS = ("SIM-TAG-1", "SIM-TAG-2", "SIM-TAG-3")
CONNECTORS = (1, 2)


class Asker:
    """Makes commands for one backoffice. ``numbers``: the transaction numbers that it gave (1.6)."""

    def __init__(self, name: str, version: str, chance: random.Random, numbers: list[int]) -> None:
        self.name = name
        self.chance = chance
        self.numbers = numbers
        self.count = 0
        self._make = _MAKERS[version]

    def next(self) -> Command:
        """Another command."""
        self.count += 1
        return self.chance.choice(self._make(self, self.chance.choice(CONNECTORS))[self.name])


def _profile(asker: Asker, id_name: str, **more: Any) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": asker.chance.randint(6, 32)},
            {"startPeriod": 1800, "limit": 16},
        ],
    }
    return {
        id_name: asker.chance.randint(1, 4),
        "stackLevel": asker.chance.randint(0, 3),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule if id_name == "chargingProfileId" else [{"id": 1, **schedule}],
        **more,
    }


def _reads_v16(asker: Asker, here: dict[str, Any]) -> list[Command]:
    keys = asker.chance.sample(["HeartbeatInterval", "MeterValueSampleInterval", "NoSuchKey"], 2)
    return [
        ("GetConfiguration", {}),
        ("GetConfiguration", {"key": keys}),
        ("TriggerMessage", {"requestedMessage": "MeterValues", **here}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", **here}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ]


def _v16(asker: Asker, connector: int) -> dict[str, list[Command]]:
    chance = asker.chance
    tag, here = chance.choice(TAGS), {"connectorId": connector}
    number = asker.numbers[-1] if asker.numbers else 0
    everybody = _reads_v16(asker, here)
    profile = _profile(asker, "chargingProfileId")
    whole = _profile(
        asker,
        "chargingProfileId",
        chargingProfilePurpose="ChargePointMaxProfile",
        chargingProfileKind="Absolute",
    )
    own = _profile(asker, "chargingProfileId", chargingProfilePurpose="TxProfile", transactionId=number)
    cards = [{"idTag": one, "idTagInfo": {"status": "Accepted"}} for one in TAGS]
    version = {"listVersion": asker.count}
    return {
        "billing": [
            *everybody,
            ("RemoteStartTransaction", {"idTag": tag, **here}),
            ("RemoteStopTransaction", {"transactionId": number}),
            ("SendLocalList", {**version, "updateType": "Full", "localAuthorizationList": cards}),
            ("SendLocalList", {**version, "updateType": "Differential", "localAuthorizationList": cards[:1]}),
            ("GetLocalListVersion", {}),
            ("ClearCache", {}),
            ("ChangeAvailability", {**here, "type": chance.choice(["Operative"] * 4 + ["Inoperative"])}),
            ("ChangeAvailability", {**here, "type": "Operative"}),
            ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": str(chance.randint(200, 900))}),
            ("ReserveNow", {**here, "idTag": tag, "reservationId": chance.randint(1, 5),
                            "expiryDate": "2999-01-01T00:00:00Z"}),
            ("CancelReservation", {"reservationId": chance.randint(1, 5)}),
            ("UnlockConnector", here),
            ("SetChargingProfile", {**here, "csChargingProfiles": profile}),
            ("SetChargingProfile", {**here, "csChargingProfiles": own}),
            ("ClearChargingProfile", {"id": chance.randint(1, 4)}),
            ("DataTransfer", {"vendorId": "org.example", "data": "x" * chance.randint(1, 500)}),
        ],
        "energy": [
            *everybody,
            ("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": whole}),
            ("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": whole}),
            ("SetChargingProfile", {**here, "csChargingProfiles": own}),
            ("ClearChargingProfile", {"id": chance.randint(1, 4)}),
            ("ClearChargingProfile", {}),
            ("GetCompositeSchedule", {**here, "duration": 3600}),
            ("RemoteStartTransaction", {"idTag": tag, **here}),
        ],
        "service": [
            *everybody,
            ("GetDiagnostics", {"location": "ftp://192.0.2.1/logs"}),
            ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"}),
            ("UnlockConnector", here),
            ("Reset", {"type": chance.choice(["Soft", "Hard"])}),
        ],
    }  # fmt: skip


def _v201(asker: Asker, connector: int) -> dict[str, list[Command]]:
    chance = asker.chance
    evse, request = {"evse": {"id": connector}}, {"requestId": asker.count}
    token = {"idToken": chance.choice(TAGS), "type": "ISO14443"}
    variable = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    everybody: list[Command] = [
        ("GetVariables", {"getVariableData": [variable]}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
        ("GetBaseReport", {**request, "reportBase": "ConfigurationInventory"}),
    ]
    default = _profile(asker, "id", chargingProfileKind="Recurring", recurrencyKind="Daily")
    profile = _profile(
        asker, "id", chargingProfileKind="Absolute", chargingProfilePurpose="ChargingStationMaxProfile"
    )
    start = {"remoteStartId": asker.count, "idToken": token, "evseId": connector}
    cards = [{"idToken": {"idToken": one, "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
             for one in TAGS]  # fmt: skip
    interval = {**variable, "attributeValue": str(chance.randint(200, 900))}
    return {
        "billing": [
            *everybody,
            ("RequestStartTransaction", start),
            ("SendLocalList", {"versionNumber": asker.count, "updateType": "Full",
                               "localAuthorizationList": cards}),
            ("GetLocalListVersion", {}),
            ("ClearCache", {}),
            ("ChangeAvailability", {**evse, "operationalStatus": "Operative"}),
            ("SetVariables", {"setVariableData": [interval]}),
            ("ReserveNow", {"id": chance.randint(1, 5), "expiryDateTime": "2999-01-01T00:00:00Z",
                            "idToken": token, "evseId": connector}),
            ("CancelReservation", {"reservationId": chance.randint(1, 5)}),
            ("SetChargingProfile", {"evseId": connector, "chargingProfile": default}),
            ("DataTransfer", {"vendorId": "org.example", "data": "x" * chance.randint(1, 500)}),
        ],
        "energy": [
            *everybody,
            ("SetChargingProfile", {"evseId": 0, "chargingProfile": profile}),
            ("ClearChargingProfile", {"chargingProfileId": chance.randint(1, 4)}),
            ("GetChargingProfiles", {**request, "evseId": connector, "chargingProfile": {"stackLevel": 1}}),
            ("GetCompositeSchedule", {"duration": 3600, "evseId": connector}),
        ],
        "service": [
            *everybody,
            ("GetLog", {**request, "logType": "DiagnosticsLog",
                        "log": {"remoteLocation": "ftp://192.0.2.1/logs"}}),
            ("Reset", {"type": chance.choice(["Immediate", "OnIdle"])}),
            ("UnlockConnector", {"evseId": connector, "connectorId": 1}),
        ],
    }  # fmt: skip


_MAKERS = {"1.6": _v16, "2.0.1": _v201}
