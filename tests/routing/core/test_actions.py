"""The action tables as a whole: which actions there are, who sends them, what each role gets of them."""

import operator
from pathlib import Path
from typing import cast

import pytest

from routing.core import actions
from routing.core.actions import Answer, Both, Down, Queue, Up
from routing.core.actions.columns import access
from routing.core.actions.types import by_name
from routing.core.snapshot import OCPP_VERSIONS, Role

P, C, M, E, S = Role.BILLING, Role.CONTROL, Role.OBSERVE, Role.ENERGY, Role.SERVICE

SENT_BY_CHARGERS_1_6 = """
Authorize BootNotification DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
LogStatusNotification MeterValues SecurityEventNotification SignCertificate
SignedFirmwareStatusNotification StartTransaction StatusNotification StopTransaction
"""
SENT_BY_CHARGERS_2_0_1 = """
Authorize BootNotification ClearedChargingLimit DataTransfer FirmwareStatusNotification
Get15118EVCertificate GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit
NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent
NotifyMonitoringReport NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles
ReservationStatusUpdate SecurityEventNotification SignCertificate StatusNotification TransactionEvent
"""
ADDED_BY_2_1 = """
BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream
PullDynamicScheduleUpdate ReportDERControl VatNumberValidation
"""
SENT_BY_CHARGERS = {
    "1.6": SENT_BY_CHARGERS_1_6.split(),
    "2.0.1": SENT_BY_CHARGERS_2_0_1.split(),
    "2.1": (SENT_BY_CHARGERS_2_0_1 + ADDED_BY_2_1).split(),
}

ALL_ROWS = [(version, action) for version in OCPP_VERSIONS for action in sorted(actions.names(version))]


def column(version: str, action: str, direction: str, roles: tuple[Role, ...] = (P, C, M)) -> str:
    """The codes of an action for these roles, as they stand in a row of the design."""
    if direction == "up":
        upward = actions.up(version, action)
        assert upward is not None
        return " ".join(upward.receives[role] for role in roles)
    downward = actions.down(version, action)
    assert downward is not None
    return " ".join(downward.access[role] for role in roles)


@pytest.mark.parametrize(("version", "count"), [("1.6", 39), ("2.0.1", 64), ("2.1", 91)])
def test_a_version_has_this_many_actions(version, count):
    assert len(actions.names(version)) == count


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_chargers_send_these_and_no_others(version):
    sent = {action for action in actions.names(version) if actions.up(version, action)}
    assert sent == set(SENT_BY_CHARGERS[version])


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_only_data_transfer_goes_both_ways(version):
    table = actions.table(version)
    assert [name for name, row in table.items() if isinstance(row, Both)] == ["DataTransfer"]
    assert actions.up(version, "DataTransfer") is not None
    assert actions.down(version, "DataTransfer") is not None


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_a_row_stands_under_its_own_name(version):
    for action in actions.names(version):
        rows = (actions.up(version, action), actions.down(version, action))
        assert {row.action for row in rows if row is not None} == {action}


def test_the_wrong_direction_has_no_row():
    assert actions.down("1.6", "Heartbeat") is None
    assert actions.up("1.6", "Reset") is None


def test_an_action_of_another_version_has_no_row():
    assert actions.up("2.0.1", "StartTransaction") is None
    assert actions.down("2.0.1", "SetDERControl") is None
    assert actions.down("1.6", "RequestStopTransaction") is None


def test_names_of_any_version_are_known():
    assert actions.any_version("StartTransaction")
    assert actions.any_version("UsePriorityCharging")
    assert not actions.any_version("startTransaction")
    assert not actions.any_version("Reboot")


def test_an_unknown_version_is_an_error():
    with pytest.raises(KeyError):
        actions.table("1.5")


def test_a_table_refuses_an_action_that_stands_twice():
    row = Down("Reset", "control", access("A D D D D"))
    with pytest.raises(ValueError, match="2 rows name only 1 actions"):
        by_name(row, row)


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_a_table_cannot_be_changed(version):
    with pytest.raises(TypeError):
        operator.setitem(cast(dict[str, object], actions.table(version)), "Reset", None)


# Written from the design document, not from the tables: billing, control, observe.
@pytest.mark.parametrize(
    ("version", "direction", "action", "codes"),
    [
        ("1.6", "up", "Authorize", "R - -"),
        ("1.6", "up", "BootNotification", "R R R"),
        ("1.6", "up", "DataTransfer", "R F -"),
        ("1.6", "up", "DiagnosticsStatusNotification", "F F -"),
        ("1.6", "up", "FirmwareStatusNotification", "R R R"),
        ("1.6", "up", "Heartbeat", "G G G"),
        ("1.6", "up", "LogStatusNotification", "F F F"),
        ("1.6", "up", "MeterValues", "R R R"),
        ("1.6", "up", "SecurityEventNotification", "R - F"),
        ("1.6", "up", "SignCertificate", "F - -"),
        ("1.6", "up", "SignedFirmwareStatusNotification", "F F F"),
        ("1.6", "up", "StartTransaction", "R R R"),
        ("1.6", "up", "StatusNotification", "R R R"),
        ("1.6", "up", "StopTransaction", "R R R"),
        ("1.6", "down", "CancelReservation", "A O D"),
        ("1.6", "down", "CertificateSigned", "G D D"),
        ("1.6", "down", "ChangeAvailability", "A D D"),
        ("1.6", "down", "ChangeConfiguration", "G G D"),
        ("1.6", "down", "ClearCache", "A D D"),
        ("1.6", "down", "ClearChargingProfile", "O O D"),
        ("1.6", "down", "DataTransfer", "A D D"),
        ("1.6", "down", "ExtendedTriggerMessage", "A G G"),
        ("1.6", "down", "GetCompositeSchedule", "A A G"),
        ("1.6", "down", "GetConfiguration", "A A A"),
        ("1.6", "down", "GetDiagnostics", "A D D"),
        ("1.6", "down", "GetLocalListVersion", "A V V"),
        ("1.6", "down", "InstallCertificate", "G D D"),
        ("1.6", "down", "RemoteStartTransaction", "A G D"),
        ("1.6", "down", "RemoteStopTransaction", "A O D"),
        ("1.6", "down", "ReserveNow", "A D D"),
        ("1.6", "down", "Reset", "A D D"),
        ("1.6", "down", "SendLocalList", "A D D"),
        ("1.6", "down", "SetChargingProfile", "A G D"),
        ("1.6", "down", "TriggerMessage", "A G G"),
        ("1.6", "down", "UnlockConnector", "A D D"),
        ("1.6", "down", "UpdateFirmware", "G D D"),
        ("2.0.1", "up", "Authorize", "R - -"),
        ("2.0.1", "up", "FirmwareStatusNotification", "F F F"),
        ("2.0.1", "up", "Get15118EVCertificate", "F - -"),
        ("2.0.1", "up", "NotifyCustomerInformation", "F - -"),
        ("2.0.1", "up", "NotifyDisplayMessages", "F F -"),
        ("2.0.1", "up", "NotifyEVChargingNeeds", "R R -"),
        ("2.0.1", "up", "NotifyEvent", "R F F"),
        ("2.0.1", "up", "PublishFirmwareStatusNotification", "F - -"),
        ("2.0.1", "up", "ReportChargingProfiles", "F F F"),
        ("2.0.1", "up", "TransactionEvent", "R R R"),
        ("2.0.1", "down", "ClearDisplayMessage", "O O D"),
        ("2.0.1", "down", "ClearVariableMonitoring", "O O O"),
        ("2.0.1", "down", "CostUpdated", "A D D"),
        ("2.0.1", "down", "CustomerInformation", "A D D"),
        ("2.0.1", "down", "GetBaseReport", "A A A"),
        ("2.0.1", "down", "GetDisplayMessages", "A O D"),
        ("2.0.1", "down", "GetTransactionStatus", "A A A"),
        ("2.0.1", "down", "GetVariables", "A A A"),
        ("2.0.1", "down", "RequestStartTransaction", "A G D"),
        ("2.0.1", "down", "RequestStopTransaction", "A O D"),
        ("2.0.1", "down", "SetNetworkProfile", "D D D"),
        ("2.0.1", "down", "SetVariableMonitoring", "A G D"),
        ("2.0.1", "down", "SetVariables", "G G D"),
        ("2.0.1", "down", "UnpublishFirmware", "G D D"),
        ("2.1", "up", "BatterySwap", "R F F"),
        ("2.1", "up", "NotifyPeriodicEventStream", "F F F"),
        ("2.1", "up", "NotifySettlement", "R - -"),
        ("2.1", "up", "PullDynamicScheduleUpdate", "F F -"),
        ("2.1", "down", "AFRRSignal", "A G D"),
        ("2.1", "down", "AdjustPeriodicEventStream", "O O D"),
        ("2.1", "down", "ClearTariffs", "A D D"),
        ("2.1", "down", "GetDERControl", "A A D"),
        ("2.1", "down", "GetPeriodicEventStream", "A A D"),
        ("2.1", "down", "Reset", "A D D"),
        ("2.1", "down", "SetNetworkProfile", "D D D"),
        ("2.1", "down", "UpdateDynamicSchedule", "O O D"),
        ("2.1", "down", "UsePriorityCharging", "A D D"),
    ],
)
def test_billing_control_and_observe_get_this(version, direction, action, codes):
    assert column(version, action, direction) == codes


# Written from the description of the roles: energy, service.
@pytest.mark.parametrize(
    ("version", "direction", "action", "codes"),
    [
        ("1.6", "up", "Authorize", "- -"),
        ("1.6", "up", "StatusNotification", "R R"),
        ("1.6", "up", "MeterValues", "R R"),
        ("1.6", "up", "StartTransaction", "R R"),
        ("1.6", "up", "DiagnosticsStatusNotification", "- F"),
        ("1.6", "down", "SetChargingProfile", "G D"),
        ("1.6", "down", "ClearChargingProfile", "O D"),
        ("1.6", "down", "TriggerMessage", "G G"),
        ("1.6", "down", "Reset", "D A"),
        ("1.6", "down", "UnlockConnector", "D A"),
        ("1.6", "down", "ChangeAvailability", "D A"),
        ("1.6", "down", "ChangeConfiguration", "D G"),
        ("1.6", "down", "GetDiagnostics", "D A"),
        ("1.6", "down", "UpdateFirmware", "D G"),
        ("1.6", "down", "RemoteStartTransaction", "D D"),
        ("1.6", "down", "RemoteStopTransaction", "D D"),
        ("1.6", "down", "DataTransfer", "D D"),
        ("2.0.1", "up", "TransactionEvent", "R R"),
        ("2.0.1", "up", "NotifyEVChargingNeeds", "R -"),
        ("2.0.1", "down", "GetLog", "D A"),
        ("2.0.1", "down", "SetVariables", "D G"),
        ("2.0.1", "down", "GetChargingProfiles", "A D"),
        ("2.0.1", "down", "RequestStartTransaction", "D D"),
        ("2.0.1", "down", "SetNetworkProfile", "D D"),
        ("2.1", "down", "UpdateDynamicSchedule", "O D"),
        ("2.1", "down", "SetDefaultTariff", "D D"),
    ],
)
def test_energy_and_service_get_this(version, direction, action, codes):
    assert column(version, action, direction, (E, S)) == codes


def _reviewed() -> dict[tuple[str, str, str], dict[str, str]]:
    text = Path(__file__).with_name("actions.txt").read_text()
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for version, direction, action, role, meaning in lines:
        rows.setdefault((version, direction, role), {})[action] = meaning
    return rows


REVIEWED = _reviewed()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_what_a_role_sees_is_as_it_was_reviewed(version, role):
    rows = [row for action in actions.names(version) if (row := actions.up(version, action))]
    assert {row.action: row.receives[role].name.lower() for row in rows} == REVIEWED[version, "up", role]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_what_a_role_may_send_is_as_it_was_reviewed(version, role):
    rows = [row for action in actions.names(version) if (row := actions.down(version, action))]
    assert {row.action: row.access[role].name.lower() for row in rows} == REVIEWED[version, "down", role]


@pytest.mark.parametrize(
    ("version", "action", "answer", "queue"),
    [
        ("1.6", "Authorize", Answer.OWNER, Queue.NEVER),
        ("1.6", "BootNotification", Answer.BILLING, Queue.REGENERATED),
        ("1.6", "DataTransfer", Answer.BILLING, Queue.NEVER),
        ("1.6", "Heartbeat", Answer.LOCAL, Queue.NEVER),
        ("1.6", "MeterValues", Answer.ACK, Queue.THIN),
        ("1.6", "SignCertificate", Answer.BILLING, Queue.NEVER),
        ("1.6", "StartTransaction", Answer.OWNER, Queue.DURABLE),
        ("1.6", "StatusNotification", Answer.ACK, Queue.LATEST),
        ("1.6", "StopTransaction", Answer.OWNER, Queue.DURABLE),
        ("2.0.1", "TransactionEvent", Answer.OWNER, Queue.DURABLE),
        ("2.0.1", "MeterValues", Answer.ACK, Queue.THIN),
        ("2.0.1", "NotifyEVChargingNeeds", Answer.ENERGY_OWNER, Queue.NEVER),
        ("2.0.1", "NotifyReport", Answer.ACK, Queue.SMALL),
        ("2.1", "BatterySwap", Answer.ACK, Queue.DURABLE),
        ("2.1", "NotifyPeriodicEventStream", Answer.NONE, Queue.NEVER),
        ("2.1", "NotifySettlement", Answer.BILLING, Queue.DURABLE),
        ("2.1", "OpenPeriodicEventStream", Answer.OWNER, Queue.NEVER),
    ],
)
def test_who_answers_the_charger_and_what_waits_for_a_backoffice(version, action, answer, queue):
    row = actions.up(version, action)
    assert row is not None
    assert (row.answer, row.queue) == (answer, queue)


def test_statuses_are_told_apart_by_connector():
    assert {v: row.latest_key for v in OCPP_VERSIONS if (row := actions.up(v, "StatusNotification"))} == {
        "1.6": ("$.connectorId",),
        "2.0.1": ("$.evseId", "$.connectorId"),
        "2.1": ("$.evseId", "$.connectorId"),
    }


def test_only_the_periodic_event_stream_is_a_send():
    sends = [(v, a) for v, a in ALL_ROWS if (row := actions.up(v, a)) and row.is_send]
    assert sends == [("2.1", "NotifyPeriodicEventStream")]


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_stopping_and_unlocking_overtake_everything_else(version):
    safety = {
        a for a in actions.names(version) if (r := actions.down(version, a)) and r.priority_class == "safety"
    }
    stop = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
    assert safety == {stop, "UnlockConnector"}


def test_2_1_keeps_the_rows_of_2_0_1_save_two():
    older, newer = actions.table("2.0.1"), actions.table("2.1")
    assert {name for name in older if older[name] != newer[name]} == {
        "TransactionEvent",
        "ClearDisplayMessage",
    }


def test_2_1_hides_prices_and_can_refuse_to_clear_a_message():
    event, clear = actions.up("2.1", "TransactionEvent"), actions.down("2.1", "ClearDisplayMessage")
    assert isinstance(event, Up)
    assert isinstance(clear, Down)
    assert [r.path for r in event.to_route if r.kind == "cost"] == [
        "$.costDetails",
        "$.transactionInfo.tariffId",
    ]
    assert clear.denial is not None
    assert clear.denial.startswith('{"status":"Rejected"')
