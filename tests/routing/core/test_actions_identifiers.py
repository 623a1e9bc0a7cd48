"""Which identifiers are rewritten where: Annex A of the design as literal lists, kind by kind."""

import pytest

from routing.core import actions
from routing.core.actions import Kind

# "response" marks the answer; the rest is the CALL.
IDENTIFIERS_1_6 = {
    Kind.TRANSACTION: """
        MeterValues $.transactionId
        RemoteStopTransaction $.transactionId
        SetChargingProfile $.csChargingProfiles.transactionId
        StartTransaction response $.transactionId
        StopTransaction $.transactionId
    """,
    Kind.RESERVATION: """
        CancelReservation $.reservationId
        ReserveNow $.reservationId
        StartTransaction $.reservationId
    """,
    Kind.PROFILE: """
        ClearChargingProfile $.id
        RemoteStartTransaction $.chargingProfile.chargingProfileId
        SetChargingProfile $.csChargingProfiles.chargingProfileId
    """,
    Kind.STACK_LEVEL: """
        ClearChargingProfile $.stackLevel
        RemoteStartTransaction $.chargingProfile.stackLevel
        SetChargingProfile $.csChargingProfiles.stackLevel
    """,
    Kind.REQUEST: """
        GetLog $.requestId
        LogStatusNotification $.requestId
        SignedFirmwareStatusNotification $.requestId
        SignedUpdateFirmware $.requestId
    """,
    Kind.LIST_VERSION: """
        GetLocalListVersion response $.listVersion
        SendLocalList $.listVersion
    """,
    Kind.ABSENT: """
        RemoteStartTransaction $.chargingProfile.transactionId
    """,
    Kind.URL: """
        GetDiagnostics $.location
        GetLog $.log.remoteLocation
        SignedUpdateFirmware $.firmware.location
        UpdateFirmware $.location
    """,
}

IDENTIFIERS_2_0_1 = {
    Kind.TRANSACTION: "",  # the charger's own in 2.x
    Kind.RESERVATION: """
        CancelReservation $.reservationId
        ReservationStatusUpdate $.reservationId
        ReserveNow $.id
        TransactionEvent $.reservationId
    """,
    Kind.PROFILE: """
        ClearChargingProfile $.chargingProfileId
        GetChargingProfiles $.chargingProfile.chargingProfileId[]
        ReportChargingProfiles $.chargingProfile[].id
        RequestStartTransaction $.chargingProfile.id
        SetChargingProfile $.chargingProfile.id
    """,
    Kind.STACK_LEVEL: """
        ClearChargingProfile $.chargingProfileCriteria.stackLevel
        GetChargingProfiles $.chargingProfile.stackLevel
        ReportChargingProfiles $.chargingProfile[].stackLevel
        RequestStartTransaction $.chargingProfile.stackLevel
        SetChargingProfile $.chargingProfile.stackLevel
    """,
    Kind.REQUEST: """
        CustomerInformation $.requestId
        FirmwareStatusNotification $.requestId
        GetBaseReport $.requestId
        GetChargingProfiles $.requestId
        GetDisplayMessages $.requestId
        GetLog $.requestId
        GetMonitoringReport $.requestId
        GetReport $.requestId
        LogStatusNotification $.requestId
        NotifyCustomerInformation $.requestId
        NotifyDisplayMessages $.requestId
        NotifyMonitoringReport $.requestId
        NotifyReport $.requestId
        PublishFirmware $.requestId
        PublishFirmwareStatusNotification $.requestId
        ReportChargingProfiles $.requestId
        UpdateFirmware $.requestId
    """,
    Kind.REMOTE_START: """
        RequestStartTransaction $.remoteStartId
        TransactionEvent $.transactionInfo.remoteStartId
    """,
    Kind.LIST_VERSION: """
        GetLocalListVersion response $.versionNumber
        SendLocalList $.versionNumber
    """,
    Kind.MONITOR: """
        ClearVariableMonitoring $.id[]
        ClearVariableMonitoring response $.clearMonitoringResult[].id
        NotifyEvent $.eventData[].variableMonitoringId
        NotifyMonitoringReport $.monitor[].variableMonitoring[].id
        SetVariableMonitoring $.setMonitoringData[].id
        SetVariableMonitoring response $.setMonitoringResult[].id
    """,
    Kind.DISPLAY_MESSAGE: """
        ClearDisplayMessage $.id
        GetDisplayMessages $.id[]
        NotifyDisplayMessages $.messageInfo[].id
        SetDisplayMessage $.message.id
    """,
    Kind.ABSENT: """
        RequestStartTransaction $.chargingProfile.transactionId
    """,
    Kind.URL: """
        Authorize $.iso15118CertificateHashData[].responderURL
        GetCertificateStatus $.ocspRequestData.responderURL
        GetLog $.log.remoteLocation
        PublishFirmware $.location
        PublishFirmwareStatusNotification $.location[]
        SetNetworkProfile $.connectionData.ocppCsmsUrl
        UpdateFirmware $.firmware.location
    """,
}

ADDED_BY_2_1 = {
    Kind.PROFILE: """
        PullDynamicScheduleUpdate $.chargingProfileId
        UpdateDynamicSchedule $.chargingProfileId
    """,
    Kind.REQUEST: """
        BatterySwap $.requestId
        GetDERControl $.requestId
        ReportDERControl $.requestId
        RequestBatterySwap $.requestId
    """,
    Kind.MONITOR: """
        GetPeriodicEventStream response $.constantStreamData[].variableMonitoringId
        OpenPeriodicEventStream $.constantStreamData.variableMonitoringId
    """,
    Kind.STREAM: """
        AdjustPeriodicEventStream $.id
        ClosePeriodicEventStream $.id
        GetPeriodicEventStream response $.constantStreamData[].id
        NotifyPeriodicEventStream $.id
        OpenPeriodicEventStream $.constantStreamData.id
    """,
    Kind.DER: """
        ClearDERControl $.controlId
        GetDERControl $.controlId
        NotifyDERStartStop $.controlId
        NotifyDERStartStop $.supersededIds[]
        ReportDERControl $.curve[].id
        ReportDERControl $.enterService[].id
        ReportDERControl $.fixedPFAbsorb[].id
        ReportDERControl $.fixedPFInject[].id
        ReportDERControl $.fixedVar[].id
        ReportDERControl $.freqDroop[].id
        ReportDERControl $.gradient[].id
        ReportDERControl $.limitMaxDischarge[].id
        SetDERControl $.controlId
        SetDERControl response $.supersededIds[]
    """,
    Kind.URL: """
        NotifySettlement $.receiptUrl
        NotifySettlement response $.receiptUrl
    """,
}


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}


EXPECTED = [
    *(("1.6", kind, lines(IDENTIFIERS_1_6.get(kind, ""))) for kind in Kind if kind in IDENTIFIERS_1_6),
    *(("2.0.1", kind, lines(text)) for kind, text in IDENTIFIERS_2_0_1.items()),
    *(
        ("2.1", kind, lines(IDENTIFIERS_2_0_1.get(kind, "")) | lines(ADDED_BY_2_1.get(kind, "")))
        for kind in {**IDENTIFIERS_2_0_1, **ADDED_BY_2_1}
    ),
]


def rewritten(version: str, kind: Kind) -> set[str]:
    """Where the tables rewrite this kind: ``Action $.path`` or ``Action response $.path``."""
    found: set[str] = set()
    for action in actions.names(version):
        upward, downward = actions.up(version, action), actions.down(version, action)
        if upward is not None:
            found |= {f"{action} {r.path}" for r in upward.to_route if r.kind is kind}
            found |= {f"{action} response {r.path}" for r in upward.from_owner if r.kind is kind}
        if downward is not None:
            found |= {f"{action} {r.path}" for r in downward.to_charger if r.kind is kind}
            found |= {f"{action} response {r.path}" for r in downward.to_asker if r.kind is kind}
    return found


@pytest.mark.parametrize(
    ("version", "kind", "expected"), EXPECTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_identifier_is_rewritten_exactly_here(version, kind, expected):
    assert rewritten(version, kind) == expected


@pytest.mark.parametrize(
    ("version", "action", "path", "unknown"),
    [
        ("1.6", "RemoteStopTransaction", "$.transactionId", "deny"),
        ("1.6", "ReserveNow", "$.reservationId", "new"),
        ("1.6", "CancelReservation", "$.reservationId", "deny"),
        ("1.6", "RemoteStartTransaction", "$.chargingProfile.transactionId", "delete"),
        ("2.0.1", "ClearChargingProfile", "$.chargingProfileId", "deny"),
        ("2.0.1", "SetChargingProfile", "$.chargingProfile.id", "new"),
        ("2.0.1", "GetReport", "$.requestId", "new"),
        ("2.0.1", "SetDisplayMessage", "$.message.id", "new"),
    ],
)
def test_what_an_unknown_identifier_of_a_backoffice_does(version, action, path, unknown):
    row = actions.down(version, action)
    assert row is not None
    assert {r.path: r.unknown for r in row.to_charger}[path] == unknown


@pytest.mark.parametrize(
    ("version", "action", "path", "unknown"),
    [
        ("1.6", "StartTransaction", "$.reservationId", "delete"),
        ("1.6", "LogStatusNotification", "$.requestId", "deny"),
        ("2.0.1", "TransactionEvent", "$.transactionInfo.remoteStartId", "delete"),
        ("2.0.1", "TransactionEvent", "$.reservationId", "delete"),
        ("2.0.1", "ReservationStatusUpdate", "$.reservationId", "deny"),
        ("2.0.1", "ReportChargingProfiles", "$.chargingProfile[].id", "filter"),
        ("2.1", "BatterySwap", "$.requestId", "keep"),
    ],
)
def test_what_others_see_of_an_identifier_that_is_not_theirs(version, action, path, unknown):
    row = actions.up(version, action)
    assert row is not None
    assert {r.path: r.unknown for r in row.to_route}[path] == unknown


def test_card_numbers_are_replaced_wherever_a_route_that_may_not_know_them_gets_them():
    assert rewritten("1.6", Kind.ID_TAG) == {
        "Authorize $.idTag",
        "Authorize response $.idTagInfo.parentIdTag",
        "StartTransaction $.idTag",
        "StopTransaction $.idTag",
    }
    assert rewritten("2.1", Kind.ID_TAG) == {
        "Authorize $.idToken.idToken",
        "Authorize $.idToken.additionalInfo[].additionalIdToken",
        "Authorize response $.idTokenInfo.groupIdToken.idToken",
        "BatterySwap $.idToken.idToken",
        "BatterySwap $.idToken.additionalInfo[].additionalIdToken",
        "TransactionEvent $.idToken.idToken",
        "TransactionEvent $.idToken.additionalInfo[].additionalIdToken",
    }
