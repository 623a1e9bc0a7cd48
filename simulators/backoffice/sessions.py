"""What a backoffice has understood of a charger's sessions, and what does not fit together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.times import from_text

UNKNOWN_TRANSACTION = -1
_ENERGY = "Energy.Active.Import.Register"


@dataclass(slots=True)
class Session:
    """One transaction as its messages told it. Payloads as they came.

    ``meter_values``: payloads of MeterValues (1.6) or TransactionEvent Updated (2.x) with values, in order.
    ``last_seq_no``: the highest of its events (2.x).
    """

    transaction_id: int | str
    start: dict[str, Any]
    meter_values: list[dict[str, Any]] = field(default_factory=list)
    stop: dict[str, Any] | None = None
    repeated: bool = False
    last_seq_no: int = -1

    @property
    def is_open(self) -> bool:
        """Whether no stop has come yet, and the start has not come again under another id (1.6)."""
        return self.stop is None and not self.repeated

    @property
    def events(self) -> list[dict[str, Any]]:
        """All payloads, in order."""
        return [self.start, *self.meter_values, *([self.stop] if self.stop else [])]

    @property
    def energies_wh(self) -> list[float]:
        """The meter register in each of the meter values that hold it."""
        readings = [_energy_wh(value) for payload in self.meter_values for value in payload["meterValue"]]
        return [reading for reading in readings if reading is not None]


@dataclass(slots=True)
class Sessions:
    """The sessions of one charger, in the order of their starts.

    Only what the backoffice answered properly is in here: what it dropped it has not understood,
    and must get again. ``problems`` are sentences on what did not fit when it came.
    """

    ocpp_version: str = "1.6"
    sessions: list[Session] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        """Take a message that was answered with ``answer`` into account."""
        if action == "StartTransaction":
            self._start(int(answer["transactionId"]), payload)
        elif action == "MeterValues" and "transactionId" in payload:
            self._meter_values(payload["transactionId"], payload)
        elif action == "StopTransaction":
            self._stop(payload["transactionId"], payload)
        elif action == "TransactionEvent":
            self._event(payload)

    def find(self, transaction_id: int | str) -> Session | None:
        """The newest session with this id."""
        found = [session for session in self.sessions if session.transaction_id == transaction_id]
        return found[-1] if found else None

    def _start(self, transaction_id: int | str, payload: dict[str, Any]) -> None:
        for other in self.sessions:
            if other.start == payload:
                other.repeated = True
                self._problem(f"start of transaction {transaction_id} came twice", payload)
        for other in self.sessions:
            if other.is_open and _place(other.start) == _place(payload):
                self._problem(f"{transaction_id} starts where {other.transaction_id} still runs", payload)
        self.sessions.append(Session(transaction_id, payload))

    def _meter_values(self, transaction_id: int | str, payload: dict[str, Any]) -> None:
        session = self.find(transaction_id)
        if session is None:
            self._problem(f"meter values of unknown transaction {transaction_id}", payload)
            return
        if session.stop:
            self._problem(f"meter values of transaction {transaction_id} after its stop", payload)
        if payload in session.meter_values:
            self._problem(f"meter values of transaction {transaction_id} came twice", payload)
        before = session.energies_wh
        session.meter_values.append(payload)
        if before and session.energies_wh[-1] < before[-1]:
            self._problem(f"meter of transaction {transaction_id} runs backwards", payload)
        self._check_time(session, payload)

    def _stop(self, transaction_id: int | str, payload: dict[str, Any]) -> None:
        session = self.find(transaction_id)
        if session is None:
            self._problem(f"stop of unknown transaction {transaction_id}", payload)
        elif session.stop:
            self._problem(f"stop of transaction {transaction_id} came twice", payload)
        else:
            session.stop = payload
            start_wh, stop_wh = session.start.get("meterStart"), payload.get("meterStop")
            if start_wh is not None and stop_wh is not None and stop_wh < start_wh:
                self._problem(f"transaction {transaction_id} stops below its start", payload)

    def _event(self, payload: dict[str, Any]) -> None:
        transaction_id, kind = payload["transactionInfo"]["transactionId"], payload["eventType"]
        session = self.find(transaction_id)
        if session and payload in session.events:
            self._problem(f"event {payload['seqNo']} of transaction {transaction_id} came twice", payload)
            return
        self._check_sequence(session, payload)
        if kind == "Started":
            self._start(transaction_id, payload)
        elif kind == "Ended":
            self._stop(transaction_id, payload)
        elif "meterValue" in payload:
            self._meter_values(transaction_id, payload)
        elif session is None:
            self._problem(f"event of unknown transaction {transaction_id}", payload)
        if session := self.find(transaction_id):
            session.last_seq_no = max(session.last_seq_no, payload["seqNo"])

    def _check_sequence(self, session: Session | None, payload: dict[str, Any]) -> None:
        if session is None:
            return
        last = session.last_seq_no
        if payload["seqNo"] != last + 1 and session.is_open:
            self._problem(
                f"seqNo {payload['seqNo']} of transaction {session.transaction_id} follows {last}", payload
            )

    def _check_time(self, session: Session, payload: dict[str, Any]) -> None:
        moments = [
            moment
            for values in session.meter_values
            for value in values["meterValue"]
            if (moment := from_text(value["timestamp"]))
        ]
        if moments != sorted(moments):
            self._problem(f"meter values of transaction {session.transaction_id} out of order", payload)

    def _problem(self, sentence: str, payload: dict[str, Any]) -> None:
        self.problems.append(f"{sentence}: {str(payload)[:200]}")


def _place(start: dict[str, Any]) -> Any:
    return start["evse"] if "evse" in start else start.get("connectorId")


def _energy_wh(value: dict[str, Any]) -> float | None:
    for sample in value["sampledValue"]:
        if sample.get("measurand", _ENERGY) == _ENERGY and "phase" not in sample:
            unit = sample.get("unit") or sample.get("unitOfMeasure", {}).get("unit", "Wh")
            return float(sample["value"]) * (1000 if unit == "kWh" else 1)
    return None
