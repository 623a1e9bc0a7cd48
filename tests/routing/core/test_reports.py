"""Reports go to who has asked for them, under its own number (ocpp-semantics 3.5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])

PART = {"seqNo": 0, "generatedAt": "2026-01-01T00:00:00Z"}

ASKED: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "base": ("GetBaseReport", {"reportBase": "FullInventory"}, "NotifyReport", PART),
    "report": ("GetReport", {}, "NotifyReport", PART),
    "monitors": ("GetMonitoringReport", {}, "NotifyMonitoringReport", PART),
    "customer": ("CustomerInformation", {"report": True, "clear": False}, "NotifyCustomerInformation",
                 {**PART, "data": "x"}),
}  # fmt: skip
"""What is asked and what reports about it, in parts."""

RUNNING: dict[str, tuple[str, dict[str, Any], str, str, str]] = {
    "log": ("GetLog", {"logType": "DiagnosticsLog", "log": {"remoteLocation": "https://files.example"}},
            "LogStatusNotification", "Uploading", "Uploaded"),
    "firmware": ("UpdateFirmware", {"firmware": {"location": "https://files.example",
                                                 "retrieveDateTime": "2026-01-01T00:00:00Z"}},
                 "FirmwareStatusNotification", "Downloading", "InstallationFailed"),
    "publish": ("PublishFirmware", {"location": "https://files.example", "checksum": "a" * 32},
                "PublishFirmwareStatusNotification", "Downloading", "PublishFailed"),
}  # fmt: skip
"""What is asked, what tells how far it is, a status on the way and the last one."""


def world_with(version: str = "2.0.1", **permissions: Verdict) -> World:
    """Billing, a control and a service backoffice; the others may send these actions."""
    world = World(
        BILLING,
        route(2, "control", Role.CONTROL, permissions),
        route(3, "service", Role.SERVICE, permissions),
        version=version,
    )
    world.boot()
    return world


def allowing(action: str, version: str = "2.0.1") -> World:
    return world_with(version, **{action: Verdict.ALLOW})


def asked_number(world: World) -> int:
    """The number of the request that the charger got last."""
    return int(world.commands[-1][3]["requestId"])


def answering(status: str | None) -> Callable[[World, Any], None]:
    """A charger that gives this status; None: never answers."""

    def obey(world: World, frame: Any) -> None:
        if status is not None:
            world.frame(json.dumps([3, frame[1], {"status": status}]))

    return obey


@TWO
@pytest.mark.parametrize("what", ASKED)
def test_each_requester_gets_its_own_report_under_its_own_number(version: str, what: str) -> None:
    action, request, report, payload = ASKED[what]
    world = allowing(action, version)
    world["billing"].call(action, {**request, "requestId": 1})
    first = asked_number(world)
    world["control"].call(action, {**request, "requestId": 1})
    second = asked_number(world)
    assert first != second
    world.call(report, {**payload, "requestId": second, "tbc": True})
    world.call(report, {**payload, "requestId": first})
    world.call(report, {**payload, "requestId": second, "seqNo": 1})
    assert world["billing"].payloads(report) == [{**payload, "requestId": 1}]
    assert world["control"].payloads(report) == [
        {**payload, "requestId": 1, "tbc": True},
        {**payload, "requestId": 1, "seqNo": 1},
    ]
    assert world["service"].payloads(report) == []


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize(("tbc", "ends"), [({}, True), ({"tbc": False}, True), ({"tbc": True}, False)])
def test_the_last_part_closes_the_number(what: str, tbc: dict[str, bool], ends: bool) -> None:
    action, request, report, payload = ASKED[what]
    world = allowing(action)
    world["control"].call(action, {**request, "requestId": 7})
    world.call(report, {**payload, "requestId": asked_number(world), **tbc})
    rows = [r for r in world.database.identifiers.values() if r.kind == "request"]
    assert [r.closed is not None for r in rows] == [ends]


def test_a_late_part_still_finds_its_requester() -> None:
    world = world_with()
    world["control"].call("GetReport", {"requestId": 7})
    number = asked_number(world)
    world.call("NotifyReport", {**PART, "requestId": number})
    world["billing"].call("GetReport", {"requestId": 8})
    world.call("NotifyReport", {**PART, "requestId": number, "seqNo": 1})
    assert [p["requestId"] for p in world["control"].payloads("NotifyReport")] == [7, 7]
    assert world["billing"].payloads("NotifyReport") == []


@pytest.mark.parametrize("status", ["Rejected", "EmptyResultSet", "NotSupported"])
def test_a_refused_request_is_taken_back(status: str) -> None:
    world = world_with()
    world.obey = answering(status)
    world["control"].call("GetReport", {"requestId": 7})
    assert world["control"].answers[-1][2] == {"status": status}
    assert all(r.closed is not None for r in world.database.identifiers.values())


def test_what_the_charger_does_without_having_said_so_is_still_the_requesters() -> None:
    world = world_with()
    world.obey = answering(None)
    world["control"].call("GetReport", {"requestId": 7})
    number = asked_number(world)
    world.wait(50)
    assert world["control"].answers[-1][0] == 4
    world.call("NotifyReport", {**PART, "requestId": number})
    assert [p["requestId"] for p in world["control"].payloads("NotifyReport")] == [7]


@pytest.mark.parametrize("request_id", [99, "99", -1, 2**40])
def test_a_report_that_nobody_asked_for_is_billings_alone(request_id: Any) -> None:
    world = world_with()
    payload = {**PART, "requestId": request_id}
    assert world.call("NotifyReport", payload)[2] == {}
    assert world["billing"].payloads("NotifyReport") == [payload]
    assert world["control"].payloads("NotifyReport") == []
    assert world.database.messages[-1].action == "NotifyReport"


def test_a_report_that_nobody_asked_for_is_not_taken_for_one_of_billings() -> None:
    world = world_with()
    world["billing"].call("GetReport", {"requestId": 50})
    assert asked_number(world) != 50
    world.call("NotifyReport", {**PART, "requestId": 50})
    assert world["billing"].payloads("NotifyReport") == []


@pytest.mark.parametrize("odd", ['{"requestId":null}', '{"requestId":{}}', '{"requestId":[1]}', "{}", "[]"])
def test_an_odd_report_harms_nobody(odd: str) -> None:
    world = world_with()
    world["control"].call("GetReport", {"requestId": 7})
    world.frame(f'[2,"m","NotifyReport",{odd}]')
    assert world.answer_to("m") is not None
    assert world["control"].payloads("NotifyReport") == []


def test_a_report_passes_byte_for_byte_but_for_its_number() -> None:
    world = world_with()
    world["billing"].call("GetReport", {"requestId": 1})
    text = '{ "requestId": 1, "x": 1.10, "reportData":[{"a":1e3}],"requestId":1 }'
    world.frame(f'[2,"m","NotifyReport",{text}]')
    world["control"].call("GetReport", {"requestId": 77})
    world.frame(f'[2,"n","NotifyReport",{text.replace("1,", "2,").replace(":1 ", ":2 ")}]')
    assert text in world["billing"].frames[-1]
    assert (
        '{ "requestId": 77, "x": 1.10, "reportData":[{"a":1e3}],"requestId":77 }'
        in (world["control"].frames[-1])
    )


# -- logs and firmware ---------------------------------------------------------------------------------


@TWO
@pytest.mark.parametrize("what", RUNNING)
def test_a_status_goes_to_who_has_asked_and_the_last_one_closes(version: str, what: str) -> None:
    action, request, status, running, last = RUNNING[what]
    world = allowing(action, version)
    world["billing"].call(action, {**request, "requestId": 4})
    number = asked_number(world)
    for name in (running, last):
        world.call(status, {"status": name, "requestId": number})
    assert world["billing"].payloads(status) == [
        {"status": running, "requestId": 4},
        {"status": last, "requestId": 4},
    ]
    assert world["control"].payloads(status) == world["service"].payloads(status) == []
    assert all(r.closed is not None for r in world.database.identifiers.values())


@pytest.mark.parametrize(
    ("action", "request_", "status"),
    [
        ("GetLog", RUNNING["log"][1], "LogStatusNotification"),
        (
            "SignedUpdateFirmware",
            {"firmware": {"location": "https://files.example"}},
            "SignedFirmwareStatusNotification",
        ),
    ],
)
def test_numbers_of_1_6_are_mapped_too(action: str, request_: dict[str, Any], status: str) -> None:
    world = world_with("1.6")
    world["billing"].call("GetLog", {**RUNNING["log"][1], "requestId": 30})
    world["billing"].call(action, {**request_, "requestId": 4})
    world.call(status, {"status": "Idle", "requestId": asked_number(world)})
    assert world["billing"].payloads(status) == [{"status": "Idle", "requestId": 4}]
    assert world["control"].payloads(status) == []


def test_a_cancelled_log_keeps_its_number() -> None:
    world = world_with()
    world.obey = answering("AcceptedCanceled")
    world["billing"].call("GetLog", {**RUNNING["log"][1], "requestId": 4})
    world.call("LogStatusNotification", {"status": "Uploading", "requestId": asked_number(world)})
    assert world["billing"].payloads("LogStatusNotification") == [{"status": "Uploading", "requestId": 4}]


def test_a_firmware_update_outlives_the_charger_and_the_proxy() -> None:
    world = world_with()
    action, request, status, running, _ = RUNNING["firmware"]
    world["billing"].call(action, {**request, "requestId": 4})
    number = asked_number(world)
    world.restart()
    world.boot()
    world.call(status, {"status": running, "requestId": number})
    world.call(status, {"status": "Installed", "requestId": number})
    assert [p["requestId"] for p in world["billing"].payloads(status)] == [4, 4]


def test_a_status_without_a_number_goes_to_billing() -> None:
    world = world_with()
    world.call("FirmwareStatusNotification", {"status": "Idle"})
    assert world["billing"].payloads("FirmwareStatusNotification") == [{"status": "Idle"}]
    assert world["control"].payloads("FirmwareStatusNotification") == []


# -- what waits and what is away -----------------------------------------------------------------------


def test_a_report_waits_for_a_requester_that_is_away() -> None:
    world = world_with()
    world["control"].call("GetReport", {"requestId": 7})
    number = asked_number(world)
    world["control"].lose()
    world.call("NotifyReport", {**PART, "requestId": number})
    world.restart()
    world.connect()
    world.wait(3)
    assert [p["requestId"] for p in world["control"].payloads("NotifyReport")] == [7]


def test_the_report_of_a_route_that_was_switched_off_is_nobodys() -> None:
    world = world_with()
    world["control"].call("GetReport", {"requestId": 7})
    number = asked_number(world)
    world.configure(world.routes[0], world.routes[2])
    assert world.call("NotifyReport", {**PART, "requestId": number})[2] == {}
    assert world["billing"].payloads("NotifyReport") == []


def test_a_requester_gets_its_report_whatever_its_role() -> None:
    world = allowing("CustomerInformation")
    world["service"].call("CustomerInformation", {"requestId": 7, "report": True, "clear": False})
    report = {**PART, "requestId": asked_number(world), "data": "x"}
    world.call("NotifyCustomerInformation", report)
    assert [p["requestId"] for p in world["service"].payloads("NotifyCustomerInformation")] == [7]
    assert world["billing"].payloads("NotifyCustomerInformation") == []


# -- battery swaps -------------------------------------------------------------------------------------

SWAPPED = {"idToken": {"idToken": "CARD", "type": "ISO14443"}, "batteryData": []}
ASK_SWAP = {"idToken": {"idToken": "CARD", "type": "ISO14443"}, "requestId": 5}


def swap(world: World, event: str, number: int) -> None:
    world.call("BatterySwap", {"eventType": event, "requestId": number, **SWAPPED})


def numbers_of(world: World, name: str) -> list[int]:
    return [p["requestId"] for p in world[name].payloads("BatterySwap")]


def test_a_swap_is_its_askers_under_its_own_number() -> None:
    world = allowing("RequestBatterySwap", "2.1")
    world["control"].call("RequestBatterySwap", ASK_SWAP)
    number = asked_number(world)
    swap(world, "BatteryIn", number)
    swap(world, "BatteryOut", number)
    assert numbers_of(world, "control") == [5, 5]
    assert numbers_of(world, "billing") == [number, number]  # Billing gets to know of every swap
    assert numbers_of(world, "service") == []
    assert all(r.closed is not None for r in world.database.identifiers.values())


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_swap_that_comes_before_its_answer_or_without_is_its_askers(is_answered: bool) -> None:
    world = allowing("RequestBatterySwap", "2.1")
    world.obey = None
    world["control"].call("RequestBatterySwap", ASK_SWAP)
    number = asked_number(world)
    if not is_answered:
        world.wait(60)
        world.restart()
        world.boot()
    swap(world, "BatteryIn", number)
    assert numbers_of(world, "control") == [5]


def test_a_number_that_the_charger_has_made_is_not_taken_for_a_request() -> None:
    world = world_with("2.1")
    world["control"].call("GetReport", {"requestId": 9})
    swap(world, "BatteryIn", asked_number(world))
    assert numbers_of(world, "billing") == [asked_number(world)]
    assert numbers_of(world, "control") == []


def test_a_swap_that_never_ends_is_forgotten() -> None:
    world = allowing("RequestBatterySwap", "2.1")
    for months in range(4):
        world["control"].call("RequestBatterySwap", {**ASK_SWAP, "requestId": months})
        world._advance(timedelta(days=31).total_seconds())
    remembered = [
        row.key for row in world.database.latest.values() if row.kind == "battery_swap" and row.payload
    ]
    assert remembered == ["3", "4"]


def test_a_refused_swap_is_not_remembered() -> None:
    world = world_with("2.1")
    world.obey = answering("Rejected")
    world["billing"].call("RequestBatterySwap", ASK_SWAP)
    swap(world, "BatteryIn", asked_number(world))
    assert numbers_of(world, "billing") == [asked_number(world)]
