"""One backoffice at a time has a charger's log or firmware in hand (ocpp-semantics 3.11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

SERVICE = route(2, "service", Role.SERVICE)
WATCHER = route(3, "watcher", Role.OBSERVE)

DIAGNOSTICS: dict[str, Any] = {"location": "ftp://files.example.com/"}
UPDATE: dict[str, Any] = {"location": "https://files.example.com/f", "retrieveDate": "2026-01-01T00:00:00Z"}
LOG: dict[str, Any] = {
    "logType": "DiagnosticsLog",
    "requestId": 1,
    "log": {"remoteLocation": "https://files.example.com/"},
}
SIGNED: dict[str, Any] = {
    "requestId": 1,
    "firmware": {"location": "https://files.example.com/f", "retrieveDateTime": "2026-01-01T00:00:00Z"},
}
PUBLISH: dict[str, Any] = {"requestId": 1, "location": "https://files.example.com/f", "checksum": "0" * 32}

REQUESTS = {
    "GetDiagnostics": DIAGNOSTICS,
    "UpdateFirmware": UPDATE,
    "GetLog": LOG,
    "SignedUpdateFirmware": SIGNED,
    "PublishFirmware": PUBLISH,
}


def obeying(world: World, frame: Any) -> None:
    """The charger does what it is asked, in the words of the action."""
    answers = {"GetDiagnostics": {"fileName": "log.zip"}, "UpdateFirmware": {}}
    plain = answers if world.version == "1.6" else {}
    world.frame(json.dumps([3, frame[1], plain.get(frame[2], {"status": "Accepted"})]))


def world(version: str = "1.6") -> World:
    made = World(BILLING, SERVICE, WATCHER, version=version)
    made.obey = obeying
    made.boot()
    return made


def is_denied(world: World, backoffice: str, action: str, payload: Any) -> bool:
    """Whether a CALL stays with the proxy because of a lease; else the charger has got it."""
    before = len(world.commands)
    world[backoffice].call(action, payload, "asked")
    row = next(row for row in reversed(world.database.messages) if row.message_id == "asked")
    assert (row.rule.startswith("lease: ")) is (len(world.commands) == before)
    return len(world.commands) == before


FIRST_AND_SECOND = [
    ("1.6", "GetDiagnostics", "GetDiagnostics"),
    ("1.6", "GetDiagnostics", "GetLog"),
    ("1.6", "GetLog", "GetDiagnostics"),
    ("1.6", "UpdateFirmware", "SignedUpdateFirmware"),
    ("2.0.1", "GetLog", "GetLog"),
    ("2.0.1", "UpdateFirmware", "PublishFirmware"),
    ("2.1", "PublishFirmware", "UpdateFirmware"),
]


def request(version: str, action: str) -> Any:
    return SIGNED if action == "UpdateFirmware" and version != "1.6" else REQUESTS[action]


@pytest.mark.parametrize(("version", "first", "second"), FIRST_AND_SECOND)
def test_a_second_backoffice_is_denied_and_the_first_is_not(version: str, first: str, second: str) -> None:
    made = world(version)
    assert not is_denied(made, "service", first, request(version, first))
    assert is_denied(made, "billing", second, request(version, second))
    assert not is_denied(made, "service", second, request(version, second))


def test_a_denial_is_in_the_words_of_the_action() -> None:
    made = world()
    made["service"].call("GetDiagnostics", DIAGNOSTICS)
    made["service"].call("UpdateFirmware", UPDATE)
    made["billing"].call("GetDiagnostics", DIAGNOSTICS, "1")
    made["billing"].call("GetLog", LOG, "2")
    made["billing"].call("UpdateFirmware", UPDATE, "3")
    answers = {answer[1]: answer for answer in made["billing"].answers}
    assert answers["1"] == [3, "1", {}]
    assert answers["2"] == [3, "2", {"status": "Rejected"}]
    assert answers["3"][:3] == [4, "3", "NotSupported"]


def test_logs_and_firmware_are_two_things() -> None:
    made = world()
    assert not is_denied(made, "service", "GetDiagnostics", DIAGNOSTICS)
    assert not is_denied(made, "billing", "UpdateFirmware", UPDATE)


@pytest.mark.parametrize(
    ("version", "first", "action", "status", "is_over"),
    [
        ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification", "Uploading", False),
        ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification", "Uploaded", True),
        ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification", "UploadFailed", True),
        ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification", "Idle", True),
        ("1.6", "GetLog", "LogStatusNotification", "Uploading", False),
        ("1.6", "GetLog", "LogStatusNotification", "AcceptedCanceled", False),
        ("2.1", "GetLog", "LogStatusNotification", "PermissionDenied", True),
        ("1.6", "UpdateFirmware", "FirmwareStatusNotification", "Installing", False),
        ("1.6", "UpdateFirmware", "FirmwareStatusNotification", "Installed", True),
        ("1.6", "SignedUpdateFirmware", "SignedFirmwareStatusNotification", "InvalidSignature", True),
        ("2.0.1", "UpdateFirmware", "FirmwareStatusNotification", "InstallVerificationFailed", True),
        ("2.0.1", "PublishFirmware", "PublishFirmwareStatusNotification", "Published", True),
        ("2.0.1", "PublishFirmware", "PublishFirmwareStatusNotification", "Downloaded", False),
        ("1.6", "GetDiagnostics", "FirmwareStatusNotification", "Installed", False),
        ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification", 7, False),
        ("1.6", "GetDiagnostics", "DiagnosticsStatusNotification", ["Uploaded"], False),
    ],
)
def test_some_statuses_end_a_lease(
    version: str, first: str, action: str, status: object, is_over: bool
) -> None:
    made = world(version)
    made["service"].call(first, request(version, first))
    made.call(action, {"status": status, "requestId": 1})
    assert is_denied(made, "billing", first, request(version, first)) is not is_over


@pytest.mark.parametrize(("action", "hours"), [("GetDiagnostics", 2), ("UpdateFirmware", 24)])
def test_a_lease_ends_by_itself_also_over_a_restart(action: str, hours: int) -> None:
    made = world()
    made["service"].call(action, REQUESTS[action])
    made.wait(hours * 3600 - 10)
    made.restart()
    made.boot()
    assert is_denied(made, "billing", action, REQUESTS[action])
    made.wait(10)
    assert not is_denied(made, "billing", action, REQUESTS[action])


@pytest.mark.parametrize("answer", [{}, {"fileName": ""}, {"status": "Rejected"}])
def test_without_diagnostics_there_is_no_lease(answer: Any) -> None:
    made = world()
    made.obey = lambda world, frame: world.frame(json.dumps([3, frame[1], answer]))
    made["service"].call("GetDiagnostics", DIAGNOSTICS)
    assert not is_denied(made, "billing", "GetDiagnostics", DIAGNOSTICS)


def test_what_the_charger_refuses_is_in_nobodys_hand() -> None:
    made = world()
    made.obey = lambda world, frame: world.frame(json.dumps([4, frame[1], "NotSupported", "", {}]))
    made["service"].call("UpdateFirmware", UPDATE)
    assert made["service"].answers[-1][2] == "NotSupported"
    assert not is_denied(made, "billing", "UpdateFirmware", UPDATE)


def test_a_call_that_is_not_answered_yet_comes_first() -> None:
    made = world()
    made.obey = None
    made["service"].call("GetDiagnostics", DIAGNOSTICS)
    assert is_denied(made, "billing", "GetDiagnostics", DIAGNOSTICS)
    made.wait(60)  # the charger never answers
    assert made["service"].answers[-1][0] == 4
    made.obey = obeying
    assert not is_denied(made, "billing", "GetDiagnostics", DIAGNOSTICS)


def test_a_route_that_is_gone_holds_nothing() -> None:
    made = world()
    made["service"].call("GetDiagnostics", DIAGNOSTICS)
    made.configure(BILLING, WATCHER)
    assert not is_denied(made, "billing", "GetDiagnostics", DIAGNOSTICS)


def test_the_status_of_diagnostics_is_for_who_has_asked() -> None:
    made = world()
    made["service"].call("GetDiagnostics", DIAGNOSTICS)
    for status in ("Uploading", "Uploaded", "Idle"):
        assert made.call("DiagnosticsStatusNotification", {"status": status})[2] == {}
    assert made["service"].payloads("DiagnosticsStatusNotification") == [
        {"status": "Uploading"},
        {"status": "Uploaded"},
    ]
    assert made["billing"].payloads("DiagnosticsStatusNotification") == [{"status": "Idle"}]
    assert made["watcher"].payloads("DiagnosticsStatusNotification") == []


def test_a_lease_that_nobody_can_read() -> None:
    made = World(BILLING, route(2, "service", Role.SERVICE, {"GetLog": Verdict.DENY}))
    made.boot()
    made["service"].call("GetLog", LOG)
    assert made.commands == []
    assert not is_denied(made, "billing", "GetLog", LOG)
