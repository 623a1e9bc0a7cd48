"""A charger that keeps a configuration, in the harness: for tests of what backoffices make of it."""

from __future__ import annotations

import json
from typing import Any

from routing.core.snapshot import RouteSnapshot
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World
from tests.routing.core.schemas import judge

VERSIONS = ["1.6", "2.0.1", "2.1"]

KEYS = {
    "MeterValueSampleInterval": "0",
    "ClockAlignedDataInterval": "0",
    "MeterValuesSampledData": "Energy.Active.Import.Register",
    "HeartbeatInterval": "1800",
    "ConnectionTimeOut": "60",
    "AuthorizationKey": "30313233343536373839616263646566",
    "VendorThing": "1",
    "ChargeRate": "16",
}
VARIABLES = {
    "SampledDataCtrlr.TxUpdatedInterval": "0",
    "AlignedDataCtrlr.Interval": "0",
    "SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register",
    "OCPPCommCtrlr.HeartbeatInterval": "1800",
    "SecurityCtrlr.BasicAuthPassword": "a-long-password-1",
    "TxCtrlr.EVConnectionTimeOut": "60",
    "Vendor.Thing": "1",
    "SmartChargingCtrlr.LimitChangeSignificance": "1",
}


class Charger:
    """Answers what the proxy asks about the configuration, and notes what it was told.

    ``refuses`` and ``reboots`` hold values that it does not take, or not before a reboot.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.values = dict(KEYS if world.version == "1.6" else VARIABLES)
        self.told: list[tuple[str, str]] = []
        self.asked: list[Any] = []
        self.refuses: set[str] = set()
        self.reboots: set[str] = set()
        self.silent = False
        world.obey = self.obey

    def obey(self, world: World, frame: Any) -> None:
        """Answer a CALL."""
        judge(world.version, json.dumps(frame))
        self.asked.append(frame[3])
        if not self.silent:
            answer = getattr(self, frame[2], lambda payload: {"status": "Accepted"})(frame[3])
            world.frame(json.dumps([3, frame[1], answer], separators=(",", ":")))

    def tell(self, name: str, value: str) -> str:
        """Set one value; returns the status."""
        if value in self.refuses:
            return "Rejected"
        self.told.append((name, value))
        self.values[name] = value
        return "RebootRequired" if value in self.reboots else "Accepted"

    def ChangeConfiguration(self, payload: Any) -> Any:
        """1.6."""
        known = payload["key"] in self.values
        return {"status": self.tell(payload["key"], payload["value"]) if known else "NotSupported"}

    def GetConfiguration(self, payload: Any) -> Any:
        """1.6."""
        wanted = payload.get("key", list(self.values))
        listed = [{"key": k, "readonly": False, "value": self.values[k]} for k in wanted if k in self.values]
        return {"configurationKey": listed, "unknownKey": [k for k in wanted if k not in self.values]}

    def SetVariables(self, payload: Any) -> Any:
        """2.x."""
        results = []
        for item in payload["setVariableData"]:
            name = f"{item['component']['name']}.{item['variable']['name']}"
            status = self.tell(name, item["attributeValue"]) if name in self.values else "UnknownVariable"
            rest = {k: v for k, v in item.items() if k in ("component", "variable", "attributeType")}
            results.append({"attributeStatus": status, **rest})
        return {"setVariableResult": results}

    def GetVariables(self, payload: Any) -> Any:
        """2.x."""
        results = []
        for item in payload["getVariableData"]:
            value = self.values.get(f"{item['component']['name']}.{item['variable']['name']}")
            status = {"attributeStatus": "UnknownVariable" if value is None else "Accepted"}
            more = {} if value is None else {"attributeValue": value}
            results.append({**status, **item, **more})
        return {"getVariableResult": results}


def variable(name: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    """One item of SetVariables, or of GetVariables where no value is given."""
    component, _, rest = name.partition(".")
    item: dict[str, Any] = {"component": {"name": component}, "variable": {"name": rest}, **more}
    return item if value is None else {"attributeValue": value, **item}


def set_one(world: World, who: str, name: str, value: str) -> str:
    """A backoffice sets one key or variable; returns the status that it hears."""
    if world.version == "1.6":
        answer = ask(world, who, "ChangeConfiguration", {"key": name, "value": value})
        return str(answer["status"])
    answer = ask(world, who, "SetVariables", {"setVariableData": [variable(name, value)]})
    return str(answer["setVariableResult"][0]["attributeStatus"])


def get_one(world: World, who: str, name: str) -> str | None:
    """What a backoffice reads of one key or variable, None where it reads nothing."""
    if world.version == "1.6":
        answer = ask(world, who, "GetConfiguration", {"key": [name]})
        return next((k.get("value") for k in answer.get("configurationKey", []) if k["key"] == name), None)
    answer = ask(world, who, "GetVariables", {"getVariableData": [variable(name)]})
    result = answer["getVariableResult"][0]
    return result.get("attributeValue") if result["attributeStatus"] == "Accepted" else None


def ask(world: World, who: str, action: str, payload: Any) -> Any:
    """A backoffice sends a CALL; returns the payload of its answer, which fits the schema."""
    judge(world.version, json.dumps([2, "x", action, payload]))
    world[who].call(action, payload)
    answer = world[who].answers[-1]
    assert answer[0] == 3, answer
    judge(world.version, json.dumps(answer), action)
    return answer[2]


def sampled(version: str) -> str:
    """What the interval of sampled values is called."""
    return "MeterValueSampleInterval" if version == "1.6" else "SampledDataCtrlr.TxUpdatedInterval"


def values(version: str) -> str:
    """What the list of sampled values is called."""
    return "MeterValuesSampledData" if version == "1.6" else "SampledDataCtrlr.TxUpdatedMeasurands"


def heartbeat(version: str) -> str:
    """What the heartbeat interval is called."""
    return "HeartbeatInterval" if version == "1.6" else "OCPPCommCtrlr.HeartbeatInterval"


def a_write(version: str, name: str, value: str) -> tuple[str, Any]:
    """The CALL that sets one key or variable."""
    if version == "1.6":
        return "ChangeConfiguration", {"key": name, "value": value}
    return "SetVariables", {"setVariableData": [variable(name, value)]}


def a_world(version: str, *routes: RouteSnapshot) -> tuple[World, Charger]:
    """A charger that has booted, by default with three backoffices: billing, energy (control), watcher."""
    world = World(*(routes or (BILLING, ENERGY, WATCHER)), version=version)
    charger = Charger(world)
    world.boot()
    return world, charger
