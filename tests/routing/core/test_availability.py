"""Statuses for a backoffice that joins later: in order, and from events where there is nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft4Validator

from routing.core import availability
from routing.core.lines import MOST_STATUSES
from routing.core.snapshot import Role
from routing.core.state import MOST_PLACES
from tests.graph import sizes
from tests.routing.core.backoffice import NOON, Backoffice
from tests.routing.core.harness import BILLING, ENERGY, World, route
from tests.routing.core.test_actions_schemas import request_schema

LATER = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def entry(
    value: str, evse: int = 1, connector: int | None = 1, variable: str = "AvailabilityState", **more: Any
) -> dict[str, Any]:
    """One EventDataType."""
    place = {"id": evse} if connector is None else {"id": evse, "connectorId": connector}
    return {
        "eventId": 1,
        "timestamp": NOON,
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": place},
        "variable": {"name": variable},
        **more,
    }


def tell(world: World, *entries: Any) -> None:
    """The charger sends a NotifyEvent."""
    world.call("NotifyEvent", {"generatedAt": NOON, "seqNo": 0, "eventData": list(entries)})


def joined(world: World, role: Role = Role.CONTROL) -> list[Any]:
    """The entries that a backoffice gets that joins now."""
    world.configure(*world.routes, route(9, "late", role))
    world.wait(3)
    late = world["late"]
    return [e for payload in late.payloads("NotifyEvent") for e in payload["eventData"]]


@LATER
@pytest.mark.parametrize("role", [Role.CONTROL, Role.OBSERVE])
def test_the_last_value_of_each_component_is_replayed(version: str, role: Role) -> None:
    world = World(BILLING, version=version)
    world.boot()
    tell(world, entry("Available", 2), entry("Available", 1))
    tell(world, entry("Occupied", 1), entry("Warm", 1, variable="Temperature"))
    assert [(e["component"]["evse"]["id"], e["actualValue"]) for e in joined(world, role)] == [
        (1, "Occupied"),
        (2, "Available"),
    ]
    payload = world["late"].payloads("NotifyEvent")[0]
    assert list(Draft4Validator(request_schema(version, "NotifyEvent")).iter_errors(payload)) == []
    assert payload["eventData"][0]["timestamp"] == NOON


@LATER
def test_statuses_make_events_needless(version: str) -> None:
    world = World(BILLING, version=version)
    world.boot()
    tell(world, entry("Occupied"))
    status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": NOON}
    world.call("StatusNotification", status)
    assert joined(world) == []
    assert world["late"].payloads("StatusNotification") == [status]


@LATER
def test_events_of_somebodys_monitor_are_nobody_elses(version: str) -> None:
    world = World(BILLING, version=version)
    world.boot()
    tell(world, entry("Occupied", eventNotificationType="CustomMonitor", variableMonitoringId=5))
    assert joined(world) == []


@LATER
def test_a_boot_ends_what_was_told_before(version: str) -> None:
    world = World(BILLING, version=version)
    world.boot()
    tell(world, entry("Occupied"))
    world.wait(10)
    world.boot()
    assert joined(world) == []


@LATER
def test_it_outlives_the_process_but_no_other_version(version: str) -> None:
    world = World(BILLING, version=version)
    world.boot()
    tell(world, entry("Occupied"))
    world.restart()
    world.connect()
    assert len(joined(world)) == 1
    world.disconnect()
    world.connect("1.6")
    world.wait(3)
    world["late"].got.clear()
    world["late"].lose()
    world["late"].open()
    assert world["late"].payloads("NotifyEvent") == []


@LATER
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        [None],
        [7],
        [{}],
        [{"component": 5, "variable": "AvailabilityState"}],
        [entry("x", component={})],
        [entry("x", 10**40)],
        [entry("x", component={"name": "C", "evse": {"id": "one"}})],
    ],
)
def test_events_of_any_shape_do_no_harm(version: str, data: Any) -> None:
    world = World(BILLING, version=version)
    world.boot()
    payload = {"generatedAt": NOON, "seqNo": 0, "eventData": data, "x": "AvailabilityState"}
    assert world.call("NotifyEvent", payload)[0] == 3
    joined(world)
    assert world.call("Heartbeat", {})[0] == 3


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_statuses_come_lowest_first(version: str) -> None:
    world = World(BILLING, ENERGY, version=version)
    world.boot()
    for number in (10, 2, 0, 1):
        status: dict[str, Any] = {"connectorId": number, "status": "Available", "errorCode": "NoError"}
        if version != "1.6":
            status = {"evseId": number, "connectorId": 1, "connectorStatus": "Available", "timestamp": NOON}
        world.call("StatusNotification", status)
    world["energy"].lose()
    world.forget()
    world["energy"].open()
    member = "connectorId" if version == "1.6" else "evseId"
    told = world["energy"].payloads("StatusNotification")
    assert [payload[member] for payload in told] == [0, 1, 2, 10]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_charger_that_speaks_of_ever_more_connectors_fills_no_memory(version: str) -> None:
    world = World(version=version)
    world.boot()
    world["energy"].behave = Backoffice.ignore
    for number in range(3000):
        if version == "1.6":
            payload = {"connectorId": number, "errorCode": "NoError", "status": "Available"}
        else:
            payload = {"timestamp": NOON, "connectorStatus": "Available", "evseId": number, "connectorId": 1}
        assert world.call("StatusNotification", payload)[2] == {}
    rows = [row for row in world.database.latest.values() if row.kind == "status"]
    assert len(rows) == MOST_PLACES
    assert len(world["billing"].of("StatusNotification")) == 3000
    assert max(sizes(world.machine._state.lines).values()) <= MOST_STATUSES


def test_a_charger_that_tells_the_state_of_ever_more_things_fills_no_memory() -> None:
    world = World(version="2.0.1")
    world.boot()
    for number in range(2 * MOST_PLACES):
        events = {"generatedAt": NOON, "seqNo": 0, "eventData": [entry("Available", evse=number)]}
        assert world.call("NotifyEvent", events)[2] == {}
    rows = [row for row in world.database.latest.values() if row.kind == availability.KIND]
    assert len(rows) == MOST_PLACES
