"""What backoffices make on a charger, all with the same few numbers: none sees or breaks another's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from routing.core.decisions import CommandEnded
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import event, route
from tests.routing.core.schemas import judge
from tests.stateful.model import MARK, Model, mark
from tests.stateful.peer import Peer
from tests.stateful.traffic import NAMES, NUMBERS, PATIENT, Traffic, Traffic16, Traffic201, names

ids = st.integers(1, 3)

Question = Callable[[str, int], tuple[str, Any]]


def _schedule(version: str) -> Any:
    periods = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]}
    return periods if version == "1.6" else [{"id": 1, **periods}]


def profile_16(name: str, number: int) -> tuple[str, Any]:
    purpose = "ChargePointMaxProfile" if name == "energy" else "TxDefaultProfile"
    profile = {
        "chargingProfileId": number,
        "stackLevel": number,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Recurring",
        "validFrom": f"2026-01-01T00:00:00Z{mark(name)}",
        "chargingSchedule": _schedule("1.6"),
    }
    connector = 0 if name == "energy" else 1
    return "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile}


def profile_2(name: str, number: int) -> tuple[str, Any]:
    purpose = "ChargingStationMaxProfile" if name == "energy" else "TxDefaultProfile"
    profile = {
        "id": number,
        "stackLevel": number,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Recurring",
        "chargingSchedule": _schedule("2.0.1"),
        "customData": {"vendorId": mark(name)},
    }
    return "SetChargingProfile", {"evseId": 0 if name == "energy" else 1, "chargingProfile": profile}


def log_16(name: str, number: int) -> tuple[str, Any]:
    log = {"remoteLocation": f"https://example.org/{number}"}
    return "GetLog", {"requestId": number, "logType": "DiagnosticsLog", "log": log}


def monitor(name: str, number: int) -> tuple[str, Any]:
    item = {
        "value": float(number),
        "type": "UpperThreshold",
        "severity": number,
        "component": {"name": mark(name)},
        "variable": {"name": f"V{number}"},
    }
    return "SetVariableMonitoring", {"setMonitoringData": [item]}


def display(name: str, number: int) -> tuple[str, Any]:
    content = {"format": "ASCII", "content": mark(name)}
    return "SetDisplayMessage", {"message": {"id": number, "priority": "NormalCycle", "message": content}}


def token(value: str) -> Any:
    return {"idToken": value, "type": "Central"}


QUESTIONS_16: list[Question] = [
    profile_16,
    log_16,
    lambda name, number: ("ClearChargingProfile", {"id": number}),
    lambda name, number: ("ClearChargingProfile", {}),
    lambda name, number: ("ReserveNow", {
        "connectorId": 1, "expiryDate": "t", "idTag": mark(name), "reservationId": number}),
    lambda name, number: ("CancelReservation", {"reservationId": number}),
    lambda name, number: ("GetLocalListVersion", {}),
    lambda name, number: ("SendLocalList", {
        "listVersion": number, "updateType": "Full",
        "localAuthorizationList": [{"idTag": mark(name), "idTagInfo": {"status": "Accepted"}}]}),
    lambda name, number: ("ChangeConfiguration", {
        "key": "MeterValueSampleInterval", "value": str(10 * number)}),
    lambda name, number: ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": str(100 * number)}),
    lambda name, number: ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    lambda name, number: ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    lambda name, number: ("RemoteStartTransaction", {"idTag": f"card-{name}", "connectorId": number}),
]  # fmt: skip

QUESTIONS_2: list[Question] = [
    profile_2,
    log_16,
    monitor,
    display,
    lambda name, number: ("ClearChargingProfile", {"chargingProfileId": number}),
    lambda name, number: ("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 1}}),
    lambda name, number: ("GetChargingProfiles", {"requestId": number, "chargingProfile": {}}),
    lambda name, number: ("GetChargingProfiles", {
        "requestId": number, "chargingProfile": {"chargingProfileId": [number, 1_000_000]}}),
    lambda name, number: ("ClearVariableMonitoring", {"id": [number, number + 1]}),
    lambda name, number: ("ClearDisplayMessage", {"id": number}),
    lambda name, number: ("GetDisplayMessages", {"requestId": number}),
    lambda name, number: ("GetDisplayMessages", {"requestId": number, "id": [number]}),
    lambda name, number: ("GetReport", {
        "requestId": number, "componentVariable": [{"component": {"name": mark(name)}}]}),
    lambda name, number: ("ReserveNow", {
        "id": number, "expiryDateTime": "t", "idToken": token(mark(name))}),
    lambda name, number: ("CancelReservation", {"reservationId": number}),
    lambda name, number: ("RequestStartTransaction", {
        "remoteStartId": number, "idToken": token(f"card-{name}")}),
    lambda name, number: ("GetLocalListVersion", {}),
    lambda name, number: ("SetVariables", {"setVariableData": [{
        "attributeValue": str(10 * number), "component": {"name": "SampledDataCtrlr"},
        "variable": {"name": "TxUpdatedInterval"}}]}),
    lambda name, number: ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
]  # fmt: skip


class Owner(Peer):
    """A backoffice that must never see another's mark, nor a requestId that it has not used."""

    name = ""

    def take(self, text: str) -> None:
        others = set(MARK.findall(text)) - {self.name}
        assert not others, f"{self.name} sees what is of {others}: {text}"
        super().take(text)


class Objects(Traffic):
    """Three backoffices that use the whole protocol. The third only watches; its wishes are refused."""

    questions: list[Question] = []

    @initialize()
    def begin(self) -> None:
        actions = {ask("energy", 1)[0] for ask in self.questions}
        free = dict.fromkeys(actions, Verdict.ALLOW)
        self.model = Model()
        options: dict[str, Any] = {**PATIENT, "trigger_limit": None, "reset_limit": None}
        routes = (
            route(1, "billing", Role.BILLING, **options),
            route(2, "energy", Role.CONTROL, free, **options),
            route(3, "watcher", Role.OBSERVE, **options),
        )
        self.start_world(routes, ChargerOptions(auth_offline="accept"))

    def make_peer(self, key: int, name: str) -> Peer:
        peer = Owner(self.world, key, NUMBERS[name].start)
        peer.name = name
        return peer

    def result(self, action: str, payload: Any) -> Any:
        match action:
            case "GetConfiguration" | "GetVariables":
                return super().result(action, payload)
            case "SetVariables":
                items = payload["setVariableData"]
                kept = ({k: v for k, v in item.items() if k != "attributeValue"} for item in items)
                return {"setVariableResult": [{"attributeStatus": "Accepted", **one} for one in kept]}
            case "GetLocalListVersion":
                return {"listVersion": 1} if self.version == "1.6" else {"versionNumber": 1}
        return self.model.answer(action, payload)

    # What is stored a moment after it was done may be lost in a kill: Traffic tries that with sessions.

    @rule(boots=st.booleans())
    def kill(self, boots: bool) -> None:
        self.world.restart(committed=True)
        self.reconnect(boots=boots)

    @rule(name=names, data=st.data(), number=ids)
    def ask_for(self, name: str, data: st.DataObject, number: int) -> None:
        peer = self.peer(name)
        if peer.up:
            action, payload = data.draw(st.sampled_from(self.questions))(name, number)
            peer.ask(f"b{next(self.marks)}", action, payload)
            self.hear()

    @rule(data=st.data(), number=ids)
    def a_person_asks(self, data: st.DataObject, number: int) -> None:
        """By way of the proxy, with the same numbers; no backoffice may see a mark of it."""
        action, payload = data.draw(st.sampled_from(self.questions))("person", number)
        self.world.ask(action, payload, f"p{next(self.marks)}")
        self.hear()

    @invariant()
    def a_command_ends_once(self) -> None:
        told = self.world.told if hasattr(self, "world") else []
        ends = Counter(one.id for one in told if isinstance(one, CommandEnded) and not one.late)
        assert not ends or max(ends.values()) == 1, ends

    @precondition(lambda self: self.free and self.model.reports)
    @rule()
    def report(self) -> None:
        self.say(*self.model.reports.pop(0))

    @precondition(lambda self: self.free and self.model.reports)
    @rule()
    def report_all(self) -> None:
        while self.model.reports and self.free:
            self.report()


class Objects16(Objects, Traffic16):
    """On 1.6 with the security extension."""

    questions = QUESTIONS_16


class Objects201(Objects, Traffic201):
    """On 2.0.1."""

    questions = QUESTIONS_2

    @precondition(lambda self: self.free and self.model.monitors)
    @rule()
    def notify(self) -> None:
        """The charger reports all of its monitors in one message."""
        entries = [
            {
                "eventId": number,
                "timestamp": "t",
                "trigger": "Alerting",
                "actualValue": "1",
                "eventNotificationType": "CustomMonitor",
                "variableMonitoringId": number,
                "component": monitor["component"],
                "variable": monitor["variable"],
            }
            for number, monitor in sorted(self.model.monitors.items())
        ]
        self.say("NotifyEvent", {"generatedAt": "t", "seqNo": 0, "eventData": entries})

    @precondition(lambda self: self.free and self.model.reservations)
    @rule()
    def expire(self) -> None:
        """A reservation ends unused."""
        number, _ = self.model.reservations.popitem()
        self.say("ReservationStatusUpdate", {"reservationId": number, "reservationUpdateStatus": "Expired"})

    @precondition(lambda self: self.free and self.model.starts)
    @rule()
    def start_remotely(self) -> None:
        """The session that a backoffice has asked for begins; only that one reads its number of the wish."""
        number, card = self.model.starts.pop(0)
        free = [evse for evse in (1, 2, 3) if evse not in self.running]
        if not free:
            return
        session = f"s{next(self.marks)}"
        self.running[free[0]] = (session, 1)
        payload = {**event("Started", 0, session), "timestamp": session, "evse": {"id": free[0]}}
        payload["idToken"] = token(card)
        payload["transactionInfo"]["remoteStartId"] = number
        before = {name: len(self.peer(name).got) for name in NAMES}
        self.say("TransactionEvent", payload, f"{session}0")
        for name in NAMES:
            for _, got in self.peer(name).got[before[name] :]:
                if "remoteStartId" in got.get("transactionInfo", {}):
                    assert card == f"card-{name}", f"{name} reads the remote start of {card}"


class Objects21(Objects201):
    """On 2.1, with event streams."""

    version = "2.1"

    @precondition(lambda self: self.free and self.model.monitors and len(self.model.streams) < 3)
    @rule()
    def open_stream(self) -> None:
        """The charger opens a stream for its newest monitor."""
        stream, monitor_id = len(self.model.streams) + 1, max(self.model.monitors)
        self.model.streams[stream] = monitor_id
        constant = {"id": stream, "variableMonitoringId": monitor_id, "params": {"interval": 1, "values": 1}}
        self.say("OpenPeriodicEventStream", {"constantStreamData": constant})

    @precondition(lambda self: self.connected and self.model.streams)
    @rule()
    def stream(self) -> None:
        """Values flow, whether or not a CALL is outstanding."""
        for stream, monitor_id in self.model.streams.items():
            if monitor_id in self.model.monitors:
                value = self.model.monitors[monitor_id]["component"]["name"]
                payload = {"id": stream, "pending": 0, "basetime": "t", "data": [{"t": 0, "v": value}]}
                text = json.dumps([6, f"e{next(self.marks)}", "NotifyPeriodicEventStream", payload])
                judge(self.version, text)
                self.world.frame(text)
