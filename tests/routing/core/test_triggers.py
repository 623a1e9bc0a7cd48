"""TriggerMessage: what is told from memory, and what the charger is asked (ocpp-semantics 3.11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, BOOT, BOOT_2, ENERGY, World, meter, route
from tests.routing.core.test_actions_schemas import problems, request_schema

SERVICE = route(2, "service", Role.SERVICE)
CONTROL = route(3, "control", Role.CONTROL)
WATCHER = route(4, "watcher", Role.OBSERVE)
VERSIONS = ("1.6", "2.0.1", "2.1")
ASKERS = ("billing", "service", "control", "watcher")


def world(version: str = "1.6", **options: Any) -> World:
    made = World(BILLING, SERVICE, CONTROL, WATCHER, version=version, options=ChargerOptions(**options))
    made.boot()
    for backoffice in made.backoffices.values():
        backoffice.frames.clear()
    return made


def trigger(world: World, asker: str, message: Any, action: str = "TriggerMessage", **more: Any) -> Any:
    """A backoffice triggers a message; the status it is answered, None while there is none."""
    count = len(world[asker].answers)
    world[asker].call(action, {"requestedMessage": message, **more}, f"t{count}")
    answers = [a for a in world[asker].answers if a[1] == f"t{count}"]
    return answers[0][2]["status"] if answers and answers[0][0] == 3 else (answers[0][2] if answers else None)


def others(world: World, asker: str) -> list[Any]:
    return [frame for name in ASKERS if name != asker for frame in world[name].frames]


def status(world: World, connector: int, word: str = "Available", evse: int | None = None) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    if world.version == "1.6":
        return {"connectorId": connector, "errorCode": "NoError", "status": word, "timestamp": at}
    return {"evseId": evse or 1, "connectorId": connector, "connectorStatus": word, "timestamp": at}


# -- boot and heartbeat ---------------------------------------------------------------------------------


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_boot_is_replayed_to_who_has_asked(version: str, asker: str) -> None:
    made = world(version)
    assert trigger(made, asker, "BootNotification") == "Accepted"
    boot = json.loads(BOOT if version == "1.6" else BOOT_2)
    wanted = boot if version == "1.6" else {**boot, "reason": "Triggered"}
    assert made[asker].payloads("BootNotification") == [wanted]
    assert problems(request_schema(version, "BootNotification"), json.dumps(wanted)) == []
    assert json.loads(made[asker].frames[0])[0] == 3, "the answer comes first"
    assert others(made, asker) == []
    assert made.commands == []


def test_a_boot_that_was_never_seen_is_asked_for() -> None:
    made = World(BILLING, ENERGY)
    made.connect()
    made.wait(3)
    made["energy"].call("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert [frame[2] for frame in made.commands] == ["TriggerMessage"]


def test_who_has_not_accepted_the_boot_may_ask_for_it() -> None:
    made = World(BILLING, ENERGY)
    made["energy"].status = "Pending"
    made.boot()
    made["energy"].status = "Accepted"
    made["energy"].call("TriggerMessage", {"requestedMessage": "BootNotification"})
    assert made["energy"].payloads("BootNotification") == [json.loads(BOOT)]
    made.call("StatusNotification", status(made, 1))
    assert made["energy"].payloads("StatusNotification") == [status(made, 1)]


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_heartbeat_is_the_proxys_own(version: str, asker: str) -> None:
    made = world(version)
    assert trigger(made, asker, "Heartbeat") == "Accepted"
    assert [json.loads(frame)[2:] for frame in made[asker].frames] == [
        [{"status": "Accepted"}],
        ["Heartbeat", {}],
    ]
    assert others(made, asker) == made.commands == []


# -- statuses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_all_statuses_are_replayed_lowest_connector_first(version: str, asker: str) -> None:
    made = world(version)
    for connector in (2, 1):
        made.call("StatusNotification", status(made, connector))
    made.forget()
    for backoffice in made.backoffices.values():
        backoffice.frames.clear()
    assert trigger(made, asker, "StatusNotification") == "Accepted"
    assert made[asker].payloads("StatusNotification") == [status(made, 1), status(made, 2)]
    assert others(made, asker) == made.commands == []


@pytest.mark.parametrize(
    ("version", "which", "meant"),
    [
        ("1.6", {"connectorId": 2}, [2]),
        ("1.6", {"connectorId": "2"}, [2]),
        ("1.6", {"connectorId": 0}, []),
        ("1.6", {"connectorId": "x"}, []),
        ("1.6", {"connectorId": None}, [1, 2]),
        ("2.0.1", {"evse": {"id": 1, "connectorId": 2}}, [2]),
        ("2.1", {"evse": {"id": 1}}, [1, 2]),
        ("2.1", {"evse": {"id": 2}}, []),
    ],
)
def test_one_connector_or_the_charger_itself(version: str, which: Any, meant: list[int]) -> None:
    made = world(version)
    for connector in (1, 2):
        made.call("StatusNotification", status(made, connector))
    made.forget()
    assert trigger(made, "service", "StatusNotification", **which) == "Accepted"
    assert made["service"].payloads("StatusNotification") == [status(made, c) for c in meant]
    assert [frame[3] for frame in made.commands] == (
        [] if meant else [{"requestedMessage": "StatusNotification", **which}]
    )


def test_statuses_from_before_the_boot_say_nothing() -> None:
    made = world()
    made.call("StatusNotification", status(made, 1))
    made.wait(10)
    made.boot()
    assert trigger(made, "service", "StatusNotification") == "Accepted"
    assert [frame[2] for frame in made.commands] == ["TriggerMessage"]


# -- firmware and logs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "action", "message", "sent"),
    [
        ("1.6", "TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("1.6", "TriggerMessage", "DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
        ("1.6", "ExtendedTriggerMessage", "LogStatusNotification", "LogStatusNotification"),
        ("1.6", "ExtendedTriggerMessage", "FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
        ("2.0.1", "TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("2.0.1", "TriggerMessage", "LogStatusNotification", "LogStatusNotification"),
        ("2.1", "TriggerMessage", "PublishFirmwareStatusNotification", "PublishFirmwareStatusNotification"),
    ],
)
@pytest.mark.parametrize("asker", ASKERS)
def test_a_charger_that_is_not_busy_is_idle(
    version: str, action: str, message: str, sent: str, asker: str
) -> None:
    made = world(version)
    assert trigger(made, asker, message, action) == "Accepted"
    assert made[asker].got == [(sent, {"status": "Idle"})]
    assert problems(request_schema(version, sent), json.dumps(made[asker].got[0][1])) == []
    assert others(made, asker) == made.commands == []


def test_firmware_of_1_6_is_everybodys() -> None:
    made = world()
    made.call("FirmwareStatusNotification", {"status": "Downloading"})
    made.forget()
    trigger(made, "watcher", "FirmwareStatusNotification")
    assert made["watcher"].got == [("FirmwareStatusNotification", {"status": "Downloading"})]
    made.call("FirmwareStatusNotification", {"status": "Installed"})
    made.forget()
    trigger(made, "watcher", "FirmwareStatusNotification")
    assert made["watcher"].got == [("FirmwareStatusNotification", {"status": "Idle"})]


def test_diagnostics_are_told_to_who_has_asked_for_them() -> None:
    made = world()
    made.obey = lambda world, frame: world.frame(json.dumps([3, frame[1], {"fileName": "x"}]))
    made["service"].call("GetDiagnostics", {"location": "ftp://x/"}, "g")
    made.call("DiagnosticsStatusNotification", {"status": "Uploading"})
    made.restart()
    made.boot()
    for asker, word in (("service", "Uploading"), ("billing", "Idle"), ("control", "Idle")):
        trigger(made, asker, "DiagnosticsStatusNotification")
        assert made[asker].got == [("DiagnosticsStatusNotification", {"status": word})]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_a_log_is_told_with_the_number_of_who_has_asked_for_it(version: str) -> None:
    made = world(version)
    made["service"].call(
        "GetLog", {"requestId": 77, "logType": "SecurityLog", "log": {"remoteLocation": "x"}}
    )
    number = made.commands[-1][3]["requestId"]
    made.call("LogStatusNotification", {"status": "Uploading", "requestId": number})
    made.forget()
    for asker, said in (
        ("service", {"status": "Uploading", "requestId": 77}),
        ("billing", {"status": "Idle"}),
    ):
        trigger(made, asker, "LogStatusNotification")
        assert made[asker].got == [("LogStatusNotification", said)]


@pytest.mark.parametrize(
    ("before", "status", "after"),
    [
        ("1.6", {"status": "Downloading"}, "2.0.1"),
        ("2.0.1", {"status": "Downloading", "requestId": 1}, "1.6"),
    ],
)
def test_what_was_said_in_another_version_is_not_repeated(before: str, status: Any, after: str) -> None:
    made = world(before)
    made.call("FirmwareStatusNotification", status)
    made.version = after
    made.boot()
    trigger(made, "service", "FirmwareStatusNotification")
    assert made["service"].got == [("FirmwareStatusNotification", {"status": "Idle"})]


# -- what only the charger can say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "action", "message"),
    [
        ("1.6", "ExtendedTriggerMessage", "SignChargePointCertificate"),
        ("2.0.1", "TriggerMessage", "SignChargingStationCertificate"),
        ("2.0.1", "TriggerMessage", "SignV2GCertificate"),
        ("2.1", "TriggerMessage", "SignCombinedCertificate"),
        ("2.1", "TriggerMessage", "CustomTrigger"),
        ("1.6", "TriggerMessage", "Something"),
        ("1.6", "TriggerMessage", None),
        ("1.6", "TriggerMessage", ["BootNotification"]),
    ],
)
def test_some_messages_only_billing_asks_for(version: str, action: str, message: object) -> None:
    made = world(version)
    for asker in ASKERS[1:]:
        assert trigger(made, asker, message, action) == "Rejected"
    assert made.commands == []
    assert trigger(made, "billing", message, action) == "Accepted"
    assert [frame[2:] for frame in made.commands] == [[action, {"requestedMessage": message}]]


@pytest.mark.parametrize(
    ("version", "action", "message"),
    [
        ("1.6", "ExtendedTriggerMessage", "SignChargePointCertificate"),
        ("2.0.1", "TriggerMessage", "SignChargingStationCertificate"),
    ],
)
def test_without_a_signer_no_certificate_is_asked_for(version: str, action: str, message: str) -> None:
    made = world(version, pki="none")
    assert trigger(made, "billing", message, action) == "Rejected"
    assert made.commands == []


def test_two_messages_at_once_are_none() -> None:
    made = world()
    made["billing"].say(
        '[2,"x","TriggerMessage",{"requestedMessage":"Heartbeat","requestedMessage":"MeterValues"}]'
    )
    assert made["billing"].answers[-1][2] == {"status": "Rejected"}
    assert made.commands == []


def test_transaction_events_are_the_chargers() -> None:
    made = world("2.0.1")
    assert trigger(made, "control", "TransactionEvent", evse={"id": 1}) == "Accepted"
    assert [frame[3] for frame in made.commands] == [
        {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
    ]


# -- meter values ---------------------------------------------------------------------------------------


def test_meter_values_are_asked_for_once_in_five_seconds() -> None:
    made = world()
    for asker in ASKERS:
        assert trigger(made, asker, "MeterValues", connectorId=1) == "Accepted"
    assert len(made.commands) == 1
    assert trigger(made, "billing", "MeterValues", connectorId=2) == "Accepted"
    assert len(made.commands) == 2
    made.call("MeterValues", meter(None))
    for asker in ASKERS:
        assert made[asker].payloads("MeterValues") == [meter(None)]
    made.wait(4.9)
    trigger(made, "service", "MeterValues", connectorId="1")
    assert len(made.commands) == 2
    made.wait(0.2)
    trigger(made, "service", "MeterValues", connectorId=1)
    assert len(made.commands) == 3


def test_all_connectors_are_each_of_them() -> None:
    made = world("2.0.1")
    trigger(made, "service", "MeterValues")
    assert trigger(made, "control", "MeterValues", evse={"id": 1}) == "Accepted"
    assert len(made.commands) == 1
    made.wait(6)
    trigger(made, "control", "MeterValues", evse={"id": 1})
    trigger(made, "service", "MeterValues")
    assert len(made.commands) == 3


def answer_last(world: World, payload: Any) -> None:
    world.frame(json.dumps([3, world.commands[-1][1], payload]))


@pytest.mark.parametrize("word", ["Accepted", "Rejected", "NotImplemented"])
def test_who_asks_meanwhile_shares_the_answer(word: str) -> None:
    made = world()
    made.obey = None
    assert trigger(made, "service", "MeterValues") is None
    assert trigger(made, "control", "MeterValues") is None
    answer_last(made, {"status": word})
    assert [made[name].answers[-1] for name in ("service", "control")] == [[3, "t0", {"status": word}]] * 2
    trigger(made, "billing", "MeterValues")
    assert len(made.commands) == (1 if word == "Accepted" else 2)


def test_who_asks_meanwhile_shares_the_error() -> None:
    made = world()
    made.obey = None
    trigger(made, "service", "MeterValues")
    trigger(made, "control", "MeterValues")
    made.frame(json.dumps([4, made.commands[-1][1], "NotImplemented", "no", {}]))
    assert [made[name].answers[-1][:3] for name in ("service", "control")] == [
        [4, "t0", "NotImplemented"]
    ] * 2


def test_a_charger_that_says_nothing_is_asked_again() -> None:
    made = world()
    made.obey = None
    trigger(made, "service", "MeterValues")
    trigger(made, "control", "MeterValues")
    made.wait(60)
    assert [made[name].answers[-1][:2] for name in ("service", "control")] == [[4, "t0"]] * 2
    trigger(made, "billing", "MeterValues")
    assert len(made.commands) == 2


def test_who_asked_first_is_gone_before_the_charger_was_asked() -> None:
    made = world()
    made.obey = None
    made["billing"].call("Reset", {"type": "Soft"})
    trigger(made, "service", "MeterValues")
    trigger(made, "service", "MeterValues")
    trigger(made, "control", "MeterValues")
    made["service"].lose()
    answer_last(made, {"status": "Rejected"})
    assert [frame[2] for frame in made.commands] == ["Reset", "TriggerMessage"]
    answer_last(made, {"status": "Accepted"})
    assert made["control"].answers == [[3, "t0", {"status": "Accepted"}]]
    assert made["service"].answers == []


def test_who_asked_first_is_gone_before_the_charger_has_answered() -> None:
    made = world()
    made.obey = None
    trigger(made, "service", "MeterValues")
    trigger(made, "control", "MeterValues")
    trigger(made, "watcher", "MeterValues")
    made["service"].lose()
    made["watcher"].lose()
    made["watcher"].open()
    made["watcher"].behave = Backoffice.ignore
    answer_last(made, {"status": "Accepted"})
    assert made["control"].answers == [[3, "t0", {"status": "Accepted"}]]
    assert made["service"].answers == made["watcher"].answers == []


def test_a_charger_that_is_away() -> None:
    made = world()
    made.disconnect()
    trigger(made, "service", "MeterValues")
    made.wait(10)
    assert made["service"].answers[-1][0] == 4


@pytest.mark.parametrize("name", ["bootNotification", " BootNotification", "signChargePointCertificate "])
def test_a_message_in_another_spelling_is_not_asked_for(name: str) -> None:
    world = World(BILLING)
    world.boot()
    world.commands.clear()
    for number in range(5):
        world["billing"].call("TriggerMessage", {"requestedMessage": name}, f"odd{number}")
    assert {answer[2]["status"] for answer in world["billing"].answers} == {"Rejected"}
    assert world.commands == []
