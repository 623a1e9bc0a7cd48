"""A charger that keeps what backoffices make on it, by its own identifiers, with its maker's mark.

A mark is ``~maker~``: whoever receives another's mark has seen what is not his.
"""

from __future__ import annotations

import re
from typing import Any

MARK = re.compile(r"~(\w+)~")


def mark(name: str) -> str:
    """The mark of a maker."""
    return f"~{name}~"


def maker(value: object) -> str:
    """Whose mark is in this."""
    found = MARK.search(str(value))
    assert found, f"no mark in {value}"
    return found[1]


class Model:
    """Displays, monitors, profiles, reservations, reports to come: all by the charger's own numbers."""

    def __init__(self) -> None:
        self.displays: dict[int, Any] = {}
        self.monitors: dict[int, Any] = {}
        self.profiles: dict[int, Any] = {}
        self.reservations: dict[int, str] = {}
        self.streams: dict[int, int] = {}
        self.starts: list[tuple[int, str]] = []
        self.reports: list[tuple[str, Any]] = []
        self.next_monitor = 1

    def answer(self, action: str, payload: Any) -> Any:
        """Do what a command says; the answer to it."""
        act = getattr(self, f"_{action}", None)
        return act(payload) if act else {"status": "Accepted"}

    def _keep(self, things: dict[int, Any], number: int, thing: Any) -> None:
        """What one has made may be replaced by the same one only."""
        if number in things:
            assert maker(things[number]) == maker(thing), f"{thing} replaces {things[number]}"
        things[number] = thing

    # -- OCPP 2.x --------------------------------------------------------------------------------------

    def _GetReport(self, payload: Any) -> Any:
        name = payload["componentVariable"][0]["component"]["name"]
        one = {"component": {"name": name}, "variable": {"name": "V"}, "variableAttribute": [{"value": "1"}]}
        for seq_no, tbc in enumerate((True, False)):
            report = {"requestId": payload["requestId"], "generatedAt": "t", "seqNo": seq_no, "tbc": tbc}
            self.reports.append(("NotifyReport", {**report, "reportData": [one]}))
        return {"status": "Accepted"}

    def _GetLog(self, payload: Any) -> Any:
        for status in ("Uploading", "Uploaded"):
            report = {"status": status, "requestId": payload["requestId"]}
            self.reports.append(("LogStatusNotification", report))
        return {"status": "Accepted", "filename": "log"}

    def _SetDisplayMessage(self, payload: Any) -> Any:
        self._keep(self.displays, payload["message"]["id"], payload["message"])
        return {"status": "Accepted"}

    def _ClearDisplayMessage(self, payload: Any) -> Any:
        found = self.displays.pop(payload["id"], None)
        return {"status": "Unknown" if found is None else "Accepted"}

    def _GetDisplayMessages(self, payload: Any) -> Any:
        asked = payload.get("id")
        found = [m for number, m in sorted(self.displays.items()) if asked is None or number in asked]
        if not found:
            return {"status": "Unknown"}
        report = {"requestId": payload["requestId"], "tbc": False, "messageInfo": found}
        self.reports.append(("NotifyDisplayMessages", report))
        return {"status": "Accepted"}

    def _SetVariableMonitoring(self, payload: Any) -> Any:
        results = []
        for item in payload["setMonitoringData"]:
            number = item.get("id")
            if number is not None and number not in self.monitors:
                results.append(self._result(item, "Rejected"))
                continue
            if number is None:
                number, self.next_monitor = self.next_monitor, self.next_monitor + 1
            self._keep(self.monitors, number, item)
            results.append({**self._result(item, "Accepted"), "id": number})
        return {"setMonitoringResult": results}

    @staticmethod
    def _result(item: Any, status: str) -> Any:
        kept = {name: item[name] for name in ("type", "severity", "component", "variable")}
        return {"status": status, **kept}

    def _ClearVariableMonitoring(self, payload: Any) -> Any:
        results = []
        for number in payload["id"]:
            found = self.monitors.pop(number, None)
            results.append({"id": number, "status": "NotFound" if found is None else "Accepted"})
        return {"clearMonitoringResult": results}

    def _GetChargingProfiles(self, payload: Any) -> Any:
        asked = payload["chargingProfile"].get("chargingProfileId")
        found = [p for number, p in sorted(self.profiles.items()) if asked is None or number in asked]
        if not found:
            return {"status": "NoProfiles"}
        report = {"requestId": payload["requestId"], "chargingLimitSource": "CSO", "evseId": 0, "tbc": False}
        self.reports.append(("ReportChargingProfiles", {**report, "chargingProfile": found}))
        return {"status": "Accepted"}

    def _RequestStartTransaction(self, payload: Any) -> Any:
        self.starts.append((payload["remoteStartId"], payload["idToken"]["idToken"]))
        return {"status": "Accepted"}

    # -- every version ---------------------------------------------------------------------------------

    def _SetChargingProfile(self, payload: Any) -> Any:
        profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
        self._keep(self.profiles, profile.get("chargingProfileId", profile.get("id")), profile)
        return {"status": "Accepted"}

    def _ClearChargingProfile(self, payload: Any) -> Any:
        number = payload.get("id", payload.get("chargingProfileId"))
        gone = [number] if number is not None else list(self.profiles)
        found = [self.profiles.pop(one, None) for one in gone]
        return {"status": "Accepted" if any(found) else "Unknown"}

    def _ReserveNow(self, payload: Any) -> Any:
        tag = payload["idTag"] if "idTag" in payload else payload["idToken"]["idToken"]
        number = payload.get("reservationId", payload.get("id"))
        self._keep(self.reservations, number, tag)
        return {"status": "Accepted"}

    def _CancelReservation(self, payload: Any) -> Any:
        found = self.reservations.pop(payload["reservationId"], None)
        return {"status": "Rejected" if found is None else "Accepted"}
