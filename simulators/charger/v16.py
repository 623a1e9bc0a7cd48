"""The 1.6 charger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ocpp.v16 import call

from simulators.charger.base import Answering, SimulatedCharger
from simulators.charger.car import PHASES, VOLTAGE_V, Reading
from simulators.charger.configuration import keys_of_16
from simulators.charger.profiles import Profile, profile
from simulators.charger.state import Connector, Habits, Transaction
from simulators.charger.uplink import Dialling
from simulators.times import to_text, utc_now

UNKNOWN_TRANSACTION = -1
"""Written by a charger that never got an id for its transaction (1.6 errata 3.18)."""


class SimulatedCharger16(SimulatedCharger):
    """A charger that speaks OCPP 1.6."""

    heartbeat_action = call.Heartbeat

    def __init__(self, dialling: Dialling, habits: Habits) -> None:
        super().__init__(dialling, habits, keys_of_16(habits.connectors))

    def answers(self) -> Mapping[str, Answering]:
        """How each CALL from the backoffice is answered, by action."""
        return {
            "CancelReservation": self._cancel_reservation,
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": self._clear_cache,
            "ClearChargingProfile": self._clear_charging_profile,
            "DataTransfer": lambda _: {"status": "UnknownVendorId"},
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetConfiguration": self._get_configuration,
            "GetDiagnostics": self._get_diagnostics,
            "GetLocalListVersion": lambda _: {"listVersion": self.local_list_version},
            "GetLog": self._get_log,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "ReserveNow": self._reserve_now,
            "Reset": self._reset,
            "SendLocalList": self._send_local_list,
            "SetChargingProfile": self._set_charging_profile,
            "TriggerMessage": self._trigger,
            "UnlockConnector": self._unlock,
            "UpdateFirmware": self._update_firmware,
        }

    # --- what it says ----------------------------------------------------------------------

    def boot_call(self, reason: str) -> Any:
        """A BootNotification; 1.6 has no reason in it."""
        return call.BootNotification(
            charge_point_vendor=self.habits.vendor,
            charge_point_model=self.habits.model,
            charge_point_serial_number=self.habits.serial_number,
            firmware_version=self.firmware_version,
        )

    def status_call(self, connector: Connector) -> Any:
        """A StatusNotification of one connector."""
        return call.StatusNotification(
            connector_id=connector.number,
            error_code=connector.error_code,
            status=connector.status,
            timestamp=utc_now(),
        )

    def authorize_call(self, id_tag: str) -> Any:
        """An Authorize."""
        return call.Authorize(id_tag=id_tag)

    def verdict(self, answer: Any) -> str:
        """``idTagInfo.status`` of an answer."""
        return str((answer.id_tag_info or {}).get("status", "Accepted"))

    def start_call(self, transaction: Transaction, reading: Reading, offline: bool) -> Callable[[], Any]:
        """A StartTransaction."""
        payload = call.StartTransaction(
            connector_id=transaction.connector_id,
            id_tag=transaction.id_tag,
            meter_start=reading.energy_wh,
            timestamp=to_text(transaction.started_at),
        )
        return lambda: payload

    def begun(self, transaction: Transaction, answer: Any) -> None:
        """The transaction id comes with the answer."""
        super().begun(transaction, answer)
        transaction.transaction_id = int(answer.transaction_id)

    def meter_call(self, connector: Connector, reading: Reading, offline: bool) -> Callable[[], Any]:
        """MeterValues, of the transaction where one runs; its id is written when the message is sent."""
        transaction = connector.transaction
        meter_value = [{"timestamp": utc_now(), "sampled_value": _sampled(reading)}]

        def build() -> Any:
            return call.MeterValues(
                connector_id=connector.number,
                transaction_id=_number(transaction) if transaction else None,
                meter_value=meter_value,
            )

        return build

    def stop_call(
        self, transaction: Transaction, reading: Reading, reason: str, offline: bool
    ) -> Callable[[], Any]:
        """A StopTransaction; the transaction's id is written when the message is sent."""
        timestamp = utc_now()
        return lambda: call.StopTransaction(
            transaction_id=_number(transaction),
            meter_stop=reading.energy_wh,
            timestamp=timestamp,
            reason=reason,
            id_tag=transaction.id_tag,
        )

    # --- sessions --------------------------------------------------------------------------

    def _remote_start(self, payload: dict[str, Any]) -> dict[str, Any]:
        id_tag = payload["idTag"]
        connector = self.free(payload.get("connectorId"), id_tag)
        if connector is None:
            return {"status": "Rejected"}
        if "chargingProfile" in payload:
            self.profiles.install(profile(payload["chargingProfile"], connector.number))
        self.later(self._begin_remotely(connector.number, id_tag))
        return {"status": "Accepted"}

    async def _begin_remotely(self, connector_id: int, id_tag: str) -> None:
        if self.configuration.is_true("AuthorizeRemoteTxRequests") and not await self.authorize(id_tag):
            return
        await self.begin(connector_id, id_tag)

    def _remote_stop(self, payload: dict[str, Any]) -> dict[str, Any]:
        connector = self.running(payload["transactionId"])
        if connector is None:
            return {"status": "Rejected"}
        self.later(self.finish(connector.number, "Remote"))
        return {"status": "Accepted"}

    # --- charging limits -------------------------------------------------------------------

    def _set_charging_profile(self, payload: dict[str, Any]) -> dict[str, Any]:
        place, new = payload["connectorId"], profile(payload["csChargingProfiles"], payload["connectorId"])
        if place and place not in self.connectors:
            return {"status": "Rejected"}
        if new.purpose == "TxProfile":
            transaction = self.connectors[place].transaction if place else None
            if transaction is None or new.transaction_id not in (None, str(transaction.transaction_id)):
                return {"status": "Rejected"}
        self.profiles.install(new)
        return {"status": "Accepted"}

    def _clear_charging_profile(self, payload: dict[str, Any]) -> dict[str, Any]:
        def matches(old: Profile) -> bool:
            return (
                payload.get("id") in (None, old.key)
                and payload.get("connectorId") in (None, old.place)
                and payload.get("chargingProfilePurpose") in (None, old.purpose)
                and payload.get("stackLevel") in (None, old.stack_level)
            )

        return {"status": "Accepted" if self.profiles.clear(matches) else "Unknown"}

    def _get_composite_schedule(self, payload: dict[str, Any]) -> dict[str, Any]:
        place, duration_s = payload["connectorId"], payload["duration"]
        if place and place not in self.connectors:
            return {"status": "Rejected"}
        transaction = self.connectors[place].transaction if place else None
        now, began = datetime.now(UTC), transaction.started_at if transaction else None
        unit = payload.get("chargingRateUnit", "W")
        per_unit = VOLTAGE_V * PHASES if unit == "A" else 1.0
        periods = self.profiles.composite(place, now, began, duration_s, 22_000)
        return {
            "status": "Accepted",
            "connectorId": place,
            "scheduleStart": to_text(now),
            "chargingSchedule": {
                "duration": duration_s,
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [
                    {"startPeriod": p.start_s, "limit": round(p.limit_w / per_unit, 1)} for p in periods
                ],
            },
        }

    # --- configuration and control ---------------------------------------------------------

    def _change_configuration(self, payload: dict[str, Any]) -> dict[str, Any]:
        key, value = payload["key"], payload["value"]
        status = self.configuration.change(key, value)
        if key == "HeartbeatInterval" and status == "Accepted":
            self.interval_changed(int(value))
        return {"status": "NotSupported" if status == "Unknown" else status}

    def _get_configuration(self, payload: dict[str, Any]) -> dict[str, Any]:
        wanted = payload.get("key")
        known = [
            {"key": name, "readonly": setting.read_only}
            | ({} if setting.write_only else {"value": setting.value})
            for name, setting in self.configuration
            if not wanted or name in wanted
        ]
        unknown = [name for name in wanted or () if name not in self.configuration]
        return {"configurationKey": known} | ({"unknownKey": unknown} if unknown else {})

    def _reset(self, payload: dict[str, Any]) -> dict[str, Any]:
        hard = payload["type"] == "Hard"
        self.later(self.reset("HardReset" if hard else "SoftReset", "RemoteReset", at_once=hard))
        return {"status": "Accepted"}

    def _change_availability(self, payload: dict[str, Any]) -> dict[str, Any]:
        place, operative = payload["connectorId"], payload["type"] == "Operative"
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
        connector = self.connectors.get(payload["connectorId"])
        if connector is None:
            return {"status": "NotSupported"}
        if connector.transaction:
            self.later(self.finish(connector.number, "UnlockCommand"))
        return {"status": "Unlocked"}

    def _trigger(self, payload: dict[str, Any]) -> dict[str, Any]:
        message = payload["requestedMessage"]
        places = [payload["connectorId"]] if payload.get("connectorId") else list(self.connectors)
        if any(place not in self.connectors for place in places):
            return {"status": "Rejected"}
        if message == "BootNotification":
            self.later(self.boot("Triggered", persistent=False))
        elif message == "Heartbeat":
            self.later(self.heartbeat())
        elif message == "StatusNotification":
            for place in places:
                self.later(self.call(self.status_call(self.connectors[place])))
        elif message == "MeterValues":
            for place in places:
                self.later(self.meter(place))
        elif message == "DiagnosticsStatusNotification":
            self.later(self.call(call.DiagnosticsStatusNotification(status="Idle")))
        elif message == "FirmwareStatusNotification":
            self.later(self.call(call.FirmwareStatusNotification(status="Idle")))
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    # --- reservations and local list -------------------------------------------------------

    def _reserve_now(self, payload: dict[str, Any]) -> dict[str, Any]:
        connector = self.free(payload["connectorId"] or None, payload["idTag"])
        if connector is None:
            return {"status": "Occupied"}
        connector.reservation = (payload["reservationId"], payload["idTag"])
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
            if "idTagInfo" in entry:
                self.local_list[entry["idTag"]] = entry["idTagInfo"]["status"]
            else:
                self.local_list.pop(entry["idTag"], None)
        self.local_list_version = payload["listVersion"]
        return {"status": "Accepted"}

    def _clear_cache(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.authorization_cache.clear()
        return {"status": "Accepted"}

    # --- diagnostics and firmware ----------------------------------------------------------

    def _get_diagnostics(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.later(self._report_steps(call.DiagnosticsStatusNotification, ("Uploading", "Uploaded")))
        return {"fileName": f"{self.habits.serial_number}.log"}

    def _get_log(self, payload: dict[str, Any]) -> dict[str, Any]:
        request_id = payload["requestId"]
        self.later(
            self._report_steps(
                lambda status: call.LogStatusNotification(status=status, request_id=request_id),
                ("Uploading", "Uploaded"),
            )
        )
        return {"status": "Accepted", "filename": f"{self.habits.serial_number}.log"}

    def _update_firmware(self, payload: dict[str, Any]) -> dict[str, Any]:
        steps = ("Downloading", "Downloaded", "Installing", "Installed")
        self.later(self._report_steps(call.FirmwareStatusNotification, steps))
        return {}

    async def _report_steps(self, message: Callable[..., Any], steps: tuple[str, ...]) -> None:
        for number, status in enumerate(steps):
            if number:
                await self.pause(self.habits.step_s)
            await self.call(message(status=status))


def _number(transaction: Transaction) -> int:
    number = transaction.transaction_id
    return number if isinstance(number, int) else UNKNOWN_TRANSACTION


def _sampled(reading: Reading) -> list[dict[str, str]]:
    values = (
        (str(reading.energy_wh), "Energy.Active.Import.Register", "Wh", "Outlet"),
        (str(reading.power_w), "Power.Active.Import", "W", "Outlet"),
        (str(reading.current_a), "Current.Import", "A", "Outlet"),
        (str(reading.voltage_v), "Voltage", "V", "Outlet"),
        (str(reading.soc_percent), "SoC", "Percent", "EV"),
    )
    return [
        {
            "value": value,
            "context": "Sample.Periodic",
            "measurand": measurand,
            "unit": unit,
            "location": place,
        }
        for value, measurand, unit, place in values
    ]
