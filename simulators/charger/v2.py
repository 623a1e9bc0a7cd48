"""The 2.0.1 and 2.1 chargers: EVSEs with one connector each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ocpp.v21 import call as call_21
from ocpp.v201 import call as call_201

from simulators.charger.base import Answering, SimulatedCharger
from simulators.charger.car import PHASES, VOLTAGE_V, Reading
from simulators.charger.configuration import Setting, variables_of_2x
from simulators.charger.profiles import Profile, profile
from simulators.charger.state import Connector, Habits, Transaction
from simulators.charger.uplink import Dialling
from simulators.times import to_text, utc_now

CONNECTOR_OF_EVSE = 1
REPORT_PART = 8

_TRIGGERS = {"Remote": "RemoteStop", "DeAuthorized": "Deauthorized", "ImmediateReset": "ResetCommand"}
_CONNECTOR_STATUSES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")


class SimulatedCharger2(SimulatedCharger):
    """What 2.0.1 and 2.1 share; ``calls`` is the package's module of CALLs."""

    calls: Any

    def __init__(self, dialling: Dialling, habits: Habits) -> None:
        super().__init__(dialling, habits, variables_of_2x(habits.connectors))

    def answers(self) -> Mapping[str, Answering]:
        """How each CALL from the backoffice is answered, by action."""
        return {
            "CancelReservation": self._cancel_reservation,
            "ChangeAvailability": self._change_availability,
            "ClearCache": self._clear_cache,
            "ClearChargingProfile": self._clear_charging_profile,
            "DataTransfer": lambda _: {"status": "UnknownVendorId"},
            "GetBaseReport": self._get_base_report,
            "GetChargingProfiles": self._get_charging_profiles,
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetLocalListVersion": lambda _: {"versionNumber": self.local_list_version},
            "GetLog": self._get_log,
            "GetTransactionStatus": self._get_transaction_status,
            "GetVariables": self._get_variables,
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "ReserveNow": self._reserve_now,
            "Reset": self._reset,
            "SendLocalList": self._send_local_list,
            "SetChargingProfile": self._set_charging_profile,
            "SetVariables": self._set_variables,
            "TriggerMessage": self._trigger,
            "UnlockConnector": self._unlock,
            "UpdateFirmware": self._update_firmware,
        }

    # --- what it says ----------------------------------------------------------------------

    def boot_call(self, reason: str) -> Any:
        """A BootNotification."""
        habits = self.habits
        return self.calls.BootNotification(
            reason=reason,
            charging_station={
                "vendor_name": habits.vendor,
                "model": habits.model,
                "serial_number": habits.serial_number,
                "firmware_version": self.firmware_version,
            },
        )

    def status_call(self, connector: Connector) -> Any:
        """A StatusNotification; what 1.6 calls Preparing, Charging and so on is Occupied here."""
        status = connector.status if connector.status in _CONNECTOR_STATUSES else "Occupied"
        return self.calls.StatusNotification(
            timestamp=utc_now(),
            connector_status=status,
            evse_id=connector.number,
            connector_id=CONNECTOR_OF_EVSE,
        )

    def authorize_call(self, id_tag: str) -> Any:
        """An Authorize."""
        return self.calls.Authorize(id_token=_token(id_tag))

    def verdict(self, answer: Any) -> str:
        """``idTokenInfo.status`` of an answer."""
        return str((answer.id_token_info or {}).get("status", "Accepted"))

    def start_call(self, transaction: Transaction, reading: Reading, offline: bool) -> Callable[[], Any]:
        """A TransactionEvent that begins a transaction, whose id is the charger's."""
        transaction.transaction_id = str(uuid.uuid4())
        info: dict[str, Any] = {"charging_state": "Charging"}
        if transaction.remote_start_id is not None:
            info["remote_start_id"] = transaction.remote_start_id
        return self._event(
            transaction,
            "Started",
            "Authorized" if transaction.remote_start_id is None else "RemoteStart",
            info,
            offline,
            id_token=_token(transaction.id_tag),
            meter_value=[_sampled(reading, "Transaction.Begin")],
        )

    def meter_call(self, connector: Connector, reading: Reading, offline: bool) -> Callable[[], Any]:
        """A TransactionEvent of the running transaction, MeterValues where none runs."""
        values = [_sampled(reading, "Sample.Periodic")]
        if connector.transaction is None:
            idle = self.calls.MeterValues(evse_id=connector.number, meter_value=values)
            return lambda: idle
        info = {"charging_state": "Charging" if reading.power_w else "SuspendedEVSE"}
        transaction = connector.transaction
        return self._event(transaction, "Updated", "MeterValuePeriodic", info, offline, meter_value=values)

    def stop_call(
        self, transaction: Transaction, reading: Reading, reason: str, offline: bool
    ) -> Callable[[], Any]:
        """A TransactionEvent that ends a transaction."""
        return self._event(
            transaction,
            "Ended",
            _TRIGGERS.get(reason, "StopAuthorized"),
            {"charging_state": "Idle", "stopped_reason": reason},
            offline,
            meter_value=[_sampled(reading, "Transaction.End")],
        )

    def _event(
        self,
        transaction: Transaction,
        event_type: str,
        trigger: str,
        info: dict[str, Any],
        offline: bool,
        **more: Any,
    ) -> Callable[[], Any]:
        payload = self.calls.TransactionEvent(
            event_type=event_type,
            timestamp=utc_now(),
            trigger_reason=trigger,
            seq_no=transaction.seq_no,
            offline=offline,
            transaction_info={"transaction_id": transaction.transaction_id, **info},
            evse={"id": transaction.connector_id, "connector_id": CONNECTOR_OF_EVSE},
            **more,
        )
        transaction.seq_no += 1
        return lambda: payload

    # --- sessions --------------------------------------------------------------------------

    def _request_start(self, payload: dict[str, Any]) -> dict[str, Any]:
        id_tag = payload["idToken"]["idToken"]
        connector = self.free(payload.get("evseId"), id_tag)
        if connector is None:
            return {"status": "Rejected"}
        if "chargingProfile" in payload:
            self.profiles.install(profile(payload["chargingProfile"], connector.number))
        self.later(self._begin_remotely(connector.number, id_tag, payload["remoteStartId"]))
        return {"status": "Accepted"}

    async def _begin_remotely(self, evse_id: int, id_tag: str, remote_start_id: int) -> None:
        if self.configuration.is_true("AuthCtrlr.AuthorizeRemoteStart") and not await self.authorize(id_tag):
            return
        await self.begin(evse_id, id_tag, remote_start_id=remote_start_id)

    def _request_stop(self, payload: dict[str, Any]) -> dict[str, Any]:
        connector = self.running(payload["transactionId"])
        if connector is None:
            return {"status": "Rejected"}
        self.later(self.finish(connector.number, "Remote"))
        return {"status": "Accepted"}

    def _get_transaction_status(self, payload: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {"messagesInQueue": len(self.outbox) > 0}
        if "transactionId" in payload:
            answer["ongoingIndicator"] = self.running(payload["transactionId"]) is not None
        return answer

    # --- charging limits -------------------------------------------------------------------

    def _set_charging_profile(self, payload: dict[str, Any]) -> dict[str, Any]:
        place = payload["evseId"]
        new = profile(payload["chargingProfile"], place)
        if place and place not in self.connectors:
            return {"status": "Rejected"}
        if new.purpose == "TxProfile":
            transaction = self.connectors[place].transaction if place else None
            if transaction is None or new.transaction_id != transaction.transaction_id:
                return {"status": "Rejected"}
        self.profiles.install(new)
        return {"status": "Accepted"}

    def _clear_charging_profile(self, payload: dict[str, Any]) -> dict[str, Any]:
        criteria = payload.get("chargingProfileCriteria", {})

        def matches(old: Profile) -> bool:
            return (
                payload.get("chargingProfileId") in (None, old.key)
                and criteria.get("evseId") in (None, old.place)
                and criteria.get("chargingProfilePurpose") in (None, old.purpose)
                and criteria.get("stackLevel") in (None, old.stack_level)
            )

        return {"status": "Accepted" if self.profiles.clear(matches) else "Unknown"}

    def _get_charging_profiles(self, payload: dict[str, Any]) -> dict[str, Any]:
        criteria = payload["chargingProfile"]
        found = [
            old
            for old in self.profiles.installed
            if payload.get("evseId") in (None, old.place)
            and old.key in criteria.get("chargingProfileId", [old.key])
            and criteria.get("chargingProfilePurpose") in (None, old.purpose)
            and criteria.get("stackLevel") in (None, old.stack_level)
        ]
        if not found:
            return {"status": "NoProfiles"}
        self.later(self._report_profiles(payload["requestId"], found))
        return {"status": "Accepted"}

    async def _report_profiles(self, request_id: int, found: list[Profile]) -> None:
        for number, old in enumerate(found, 1):
            await self.call_exact(  # a profile goes back as it came; the package would rename limit_L2
                "ReportChargingProfiles",
                {
                    "requestId": request_id,
                    "chargingLimitSource": "CSO",
                    "evseId": old.place,
                    "chargingProfile": [old.raw],
                    "tbc": number < len(found),
                },
            )

    def _get_composite_schedule(self, payload: dict[str, Any]) -> dict[str, Any]:
        place, duration_s = payload["evseId"], payload["duration"]
        if place and place not in self.connectors:
            return {"status": "Rejected"}
        transaction = self.connectors[place].transaction if place else None
        now, began = datetime.now(UTC), transaction.started_at if transaction else None
        unit = payload.get("chargingRateUnit", "W")
        per_unit = VOLTAGE_V * PHASES if unit == "A" else 1.0
        periods = self.profiles.composite(place, now, began, duration_s, 22_000)
        return {
            "status": "Accepted",
            "schedule": {
                "evseId": place,
                "duration": duration_s,
                "scheduleStart": to_text(now),
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [
                    {"startPeriod": p.start_s, "limit": round(p.limit_w / per_unit, 1)} for p in periods
                ],
            },
        }

    # --- configuration and control ---------------------------------------------------------

    def _set_variables(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"setVariableResult": [self._set_variable(item) for item in payload["setVariableData"]]}

    def _set_variable(self, item: dict[str, Any]) -> dict[str, Any]:
        name = _name(item)
        status = self.configuration.change(name, item["attributeValue"])
        if name == "OCPPCommCtrlr.HeartbeatInterval" and status == "Accepted":
            self.interval_changed(int(item["attributeValue"]))
        return {
            "attributeStatus": self._unknown(item) if status == "Unknown" else status,
            "component": item["component"],
            "variable": item["variable"],
        }

    def _get_variables(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"getVariableResult": [self._get_variable(item) for item in payload["getVariableData"]]}

    def _get_variable(self, item: dict[str, Any]) -> dict[str, Any]:
        setting = self.configuration.get(_name(item))
        result = {"component": item["component"], "variable": item["variable"]}
        if setting is None:
            return {"attributeStatus": self._unknown(item), **result}
        if setting.write_only:
            return {"attributeStatus": "Rejected", **result}
        return {"attributeStatus": "Accepted", "attributeValue": setting.value, **result}

    def _unknown(self, item: dict[str, Any]) -> str:
        prefix = item["component"]["name"] + "."
        is_known = any(name.startswith(prefix) for name, _ in self.configuration)
        return "UnknownVariable" if is_known else "UnknownComponent"

    def _get_base_report(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.later(self._report_settings(payload["requestId"]))
        return {"status": "Accepted"}

    async def _report_settings(self, request_id: int) -> None:
        data = [_report(name, setting) for name, setting in self.configuration]
        parts = [data[i : i + REPORT_PART] for i in range(0, len(data), REPORT_PART)]
        for seq_no, part in enumerate(parts):
            await self.call(
                self.calls.NotifyReport(
                    request_id=request_id,
                    generated_at=utc_now(),
                    seq_no=seq_no,
                    tbc=seq_no < len(parts) - 1,
                    report_data=part,
                )
            )

    def _reset(self, payload: dict[str, Any]) -> dict[str, Any]:
        if payload["type"] == "OnIdle" and self.is_busy:
            self.when_idle.append(lambda: self.reset("Other", "ScheduledReset", at_once=False))
            return {"status": "Scheduled"}
        self.later(self.reset("ImmediateReset", "RemoteReset", at_once=True))
        return {"status": "Accepted"}

    def _change_availability(self, payload: dict[str, Any]) -> dict[str, Any]:
        place, operative = payload.get("evse", {}).get("id", 0), payload["operationalStatus"] == "Operative"
        if place and place not in self.connectors:
            return {"status": "Rejected"}
        scheduled = False
        for connector in [self.connectors[place]] if place else self.connectors.values():
            connector.operative = operative
            if connector.transaction:
                scheduled = True
            else:
                self.later(self.status(connector.number, "Available" if operative else "Unavailable"))
        return {"status": "Scheduled" if scheduled else "Accepted"}

    def _unlock(self, payload: dict[str, Any]) -> dict[str, Any]:
        connector = self.connectors.get(payload["evseId"])
        if connector is None or payload["connectorId"] != CONNECTOR_OF_EVSE:
            return {"status": "UnknownConnector"}
        return {"status": "OngoingAuthorizedTransaction" if connector.transaction else "Unlocked"}

    def _trigger(self, payload: dict[str, Any]) -> dict[str, Any]:
        message, evse = payload["requestedMessage"], payload.get("evse", {}).get("id")
        places = [evse] if evse else list(self.connectors)
        if any(place not in self.connectors for place in places):
            return {"status": "Rejected"}
        if message == "BootNotification":
            self.later(self.boot("Triggered", persistent=False))
        elif message == "Heartbeat":
            self.later(self.heartbeat())
        elif message == "StatusNotification":
            for place in places:
                self.later(self.call(self.status_call(self.connectors[place])))
        elif message in ("MeterValues", "TransactionEvent"):
            for place in places:
                if message == "MeterValues" or self.connectors[place].transaction:
                    self.later(self.meter(place))
        elif message == "LogStatusNotification":
            self.later(self.call(self.calls.LogStatusNotification(status="Idle")))
        elif message == "FirmwareStatusNotification":
            self.later(self.call(self.calls.FirmwareStatusNotification(status="Idle")))
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    # --- reservations and local list -------------------------------------------------------

    def _reserve_now(self, payload: dict[str, Any]) -> dict[str, Any]:
        id_tag = payload["idToken"]["idToken"]
        connector = self.free(payload.get("evseId"), id_tag)
        if connector is None:
            return {"status": "Occupied"}
        connector.reservation = (payload["id"], id_tag)
        self.later(self.status(connector.number, "Reserved"))
        return {"status": "Accepted"}

    def _cancel_reservation(self, payload: dict[str, Any]) -> dict[str, Any]:
        for connector in self.connectors.values():
            if connector.reservation and connector.reservation[0] == payload["reservationId"]:
                connector.reservation = None
                self.later(self.status(connector.number, "Available"))
                return {"status": "Accepted"}
        return {"status": "Rejected"}

    def _send_local_list(self, payload: dict[str, Any]) -> dict[str, Any]:
        if payload["updateType"] == "Full":
            self.local_list.clear()
        for entry in payload.get("localAuthorizationList", []):
            id_tag = entry["idToken"]["idToken"]
            if "idTokenInfo" in entry:
                self.local_list[id_tag] = entry["idTokenInfo"]["status"]
            else:
                self.local_list.pop(id_tag, None)
        self.local_list_version = payload["versionNumber"]
        return {"status": "Accepted"}

    def _clear_cache(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.authorization_cache.clear()
        return {"status": "Accepted"}

    # --- logs and firmware -----------------------------------------------------------------

    def _get_log(self, payload: dict[str, Any]) -> dict[str, Any]:
        message, steps = self.calls.LogStatusNotification, ("Uploading", "Uploaded")
        self.later(self._report_steps(message, steps, payload["requestId"]))
        return {"status": "Accepted", "filename": f"{self.habits.serial_number}.log"}

    def _update_firmware(self, payload: dict[str, Any]) -> dict[str, Any]:
        message = self.calls.FirmwareStatusNotification
        steps = ("Downloading", "Downloaded", "Installing", "Installed")
        self.later(self._report_steps(message, steps, payload["requestId"]))
        return {"status": "Accepted"}

    async def _report_steps(self, message: Any, steps: tuple[str, ...], request_id: int) -> None:
        for number, status in enumerate(steps):
            if number:
                await self.pause(self.habits.step_s)
            await self.call(message(status=status, request_id=request_id))


class SimulatedCharger201(SimulatedCharger2):
    """A charger that speaks OCPP 2.0.1."""

    calls = call_201
    heartbeat_action = call_201.Heartbeat


class SimulatedCharger21(SimulatedCharger2):
    """A charger that speaks OCPP 2.1."""

    calls = call_21
    heartbeat_action = call_21.Heartbeat


def _token(id_tag: str) -> dict[str, str]:
    return {"id_token": id_tag, "type": "ISO14443"}


def _name(item: dict[str, Any]) -> str:
    return f"{item['component']['name']}.{item['variable']['name']}"


def _report(name: str, setting: Setting) -> dict[str, Any]:
    component, variable = name.split(".")
    mutability = "WriteOnly" if setting.write_only else "ReadOnly" if setting.read_only else "ReadWrite"
    attribute: dict[str, Any] = {"type": "Actual", "mutability": mutability}
    if not setting.write_only:
        attribute["value"] = setting.value
    return {
        "component": {"name": component},
        "variable": {"name": variable},
        "variable_attribute": [attribute],
    }


def _sampled(reading: Reading, context: str) -> dict[str, Any]:
    values: tuple[tuple[float, str, str, str], ...] = (
        (reading.energy_wh, "Energy.Active.Import.Register", "Wh", "Outlet"),
        (reading.power_w, "Power.Active.Import", "W", "Outlet"),
        (reading.current_a, "Current.Import", "A", "Outlet"),
        (reading.voltage_v, "Voltage", "V", "Outlet"),
        (reading.soc_percent, "SoC", "Percent", "EV"),
    )
    return {
        "timestamp": utc_now(),
        "sampled_value": [
            {
                "value": value,
                "context": context,
                "measurand": measurand,
                "location": place,
                "unit_of_measure": {"unit": unit},
            }
            for value, measurand, unit, place in values
        ],
    }
