"""OCPP 2.0.1, what the charger sends (ocpp-semantics 2.3).

Transaction ids are the charger's own in 2.x and cross unchanged.
"""

from __future__ import annotations

from routing.core.actions import columns as to
from routing.core.actions.denials import status
from routing.core.actions.types import Answer, Kind, Queue, Rewrite, Up

REJECTED = status("Rejected")

ID_TOKEN = (
    Rewrite("$.idToken.idToken", Kind.ID_TAG),
    Rewrite("$.idToken.type", Kind.ID_TOKEN_TYPE),
    Rewrite("$.idToken.additionalInfo[].additionalIdToken", Kind.ID_TAG),
)
REQUEST_ID = Rewrite("$.requestId", Kind.REQUEST, "deny")
MORE_TO_COME = Rewrite("$.tbc", Kind.SEQUENCE)
SEQUENCE_NUMBER = Rewrite("$.seqNo", Kind.SEQUENCE)

# Durable as a whole; the machine thins Updated events alone.
TRANSACTION_EVENT = Up(
    "TransactionEvent", "transaction", to.ALL_RECEIVE, Answer.OWNER, Queue.DURABLE,
    to_route=(Rewrite("$.transactionInfo.remoteStartId", Kind.REMOTE_START, "delete"),
              Rewrite("$.reservationId", Kind.RESERVATION, "delete"),
              Rewrite("$.offline", Kind.OFFLINE), *ID_TOKEN),
)  # fmt: skip

UP = (
    Up("Authorize", "authorization", to.BILLING_RECEIVES, Answer.OWNER, Queue.NEVER,
       to_route=(*ID_TOKEN, Rewrite("$.iso15118CertificateHashData[].responderURL", Kind.URL)),
       from_owner=(Rewrite("$.idTokenInfo.groupIdToken.idToken", Kind.ID_TAG),)),
    Up("BootNotification", "core", to.ALL_RECEIVE, Answer.BILLING, Queue.REGENERATED,
       to_route=(Rewrite("$.reason", Kind.BOOT_REASON),),
       from_owner=(Rewrite("$.interval", Kind.INTERVAL), Rewrite("$.currentTime", Kind.CLOCK))),
    Up("ClearedChargingLimit", "smart-charging", to.ALL_RECEIVE, Answer.ACK, Queue.SMALL, fallback="{}"),
    Up("FirmwareStatusNotification", "firmware", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID,)),
    Up("Get15118EVCertificate", "security", to.BILLING_OWN, Answer.BILLING, Queue.NEVER,
       fallback='{"status":"Failed","exiResponse":""}'),
    Up("GetCertificateStatus", "security", to.BILLING_OWN, Answer.BILLING, Queue.NEVER,
       fallback=status("Failed"), to_route=(Rewrite("$.ocspRequestData.responderURL", Kind.URL),)),
    Up("Heartbeat", "core", to.ALL_GENERATED, Answer.LOCAL, Queue.NEVER),
    Up("LogStatusNotification", "diagnostics", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID,)),
    # No transaction id in 2.x: meter values outside of transactions, told apart by their EVSE.
    Up("MeterValues", "metering", to.ALL_RECEIVE, Answer.ACK, Queue.THIN, fallback="{}"),
    Up("NotifyChargingLimit", "smart-charging", to.ALL_RECEIVE, Answer.ACK, Queue.SMALL, fallback="{}"),
    Up("NotifyCustomerInformation", "diagnostics", to.BILLING_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID,)),
    Up("NotifyDisplayMessages", "display", to.CONTROL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID, Rewrite("$.messageInfo[].id", Kind.DISPLAY_MESSAGE, "filter"), MORE_TO_COME)),
    Up("NotifyEVChargingNeeds", "smart-charging", to.ENERGY_RECEIVES, Answer.ENERGY_OWNER, Queue.NEVER,
       fallback=status("Processing")),
    Up("NotifyEVChargingSchedule", "smart-charging", to.ENERGY_RECEIVES, Answer.ENERGY_OWNER, Queue.NEVER,
       fallback=status("Accepted")),
    Up("NotifyEvent", "monitoring", to.EVENTS, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(Rewrite("$.eventData[].variableMonitoringId", Kind.MONITOR, "filter"), SEQUENCE_NUMBER,
                 MORE_TO_COME)),
    Up("NotifyMonitoringReport", "monitoring", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID, Rewrite("$.monitor[].variableMonitoring[].id", Kind.MONITOR, "filter"))),
    Up("NotifyReport", "configuration", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID, Rewrite("$.reportData[].variableAttribute[].value", Kind.SETTING))),
    Up("PublishFirmwareStatusNotification", "firmware", to.PUBLISHED_FIRMWARE, Answer.ACK, Queue.SMALL,
       fallback="{}", to_route=(REQUEST_ID, Rewrite("$.location[]", Kind.URL))),
    Up("ReportChargingProfiles", "smart-charging", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REQUEST_ID, Rewrite("$.chargingProfile[].id", Kind.PROFILE, "filter"),
                 Rewrite("$.chargingProfile[].stackLevel", Kind.STACK_LEVEL), MORE_TO_COME)),
    Up("ReservationStatusUpdate", "reservation", to.CONTROL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(Rewrite("$.reservationId", Kind.RESERVATION, "deny"),)),
    Up("SecurityEventNotification", "security", to.SECURITY_EVENTS, Answer.ACK, Queue.SMALL, fallback="{}"),
    Up("SignCertificate", "security", to.BILLING_OWN, Answer.BILLING, Queue.NEVER, fallback=REJECTED),
    Up("StatusNotification", "core", to.ALL_RECEIVE, Answer.ACK, Queue.LATEST,
       latest_key=("$.evseId", "$.connectorId"), fallback="{}"),
    TRANSACTION_EVENT,
)  # fmt: skip
