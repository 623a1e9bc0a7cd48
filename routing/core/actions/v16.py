"""OCPP 1.6 with the security extension (ocpp-semantics 2.2)."""

from __future__ import annotations

from routing.core.actions import columns as to
from routing.core.actions import qualifiers as by
from routing.core.actions.denials import status
from routing.core.actions.types import Answer, Both, Down, Kind, Queue, Rewrite, Up, by_name
from routing.core.errors import Condition

REJECTED = status("Rejected")
NOT_SUPPORTED = status("NotSupported")

ID_TAG = Rewrite("$.idTag", Kind.ID_TAG)
REQUEST_ID = Rewrite("$.requestId", Kind.REQUEST, "new")
REPORTED_REQUEST_ID = Rewrite("$.requestId", Kind.REQUEST, "deny")
LOCATION = Rewrite("$.location", Kind.URL)
FIRMWARE_LOCATION = Rewrite("$.firmware.location", Kind.URL)

UP = (
    Up("Authorize", "authorization", to.BILLING_RECEIVES, Answer.OWNER, Queue.NEVER,
       to_route=(ID_TAG,), from_owner=(Rewrite("$.idTagInfo.parentIdTag", Kind.ID_TAG),)),
    Up("BootNotification", "core", to.ALL_RECEIVE, Answer.BILLING, Queue.REGENERATED,
       from_owner=(Rewrite("$.interval", Kind.INTERVAL), Rewrite("$.currentTime", Kind.CLOCK))),
    Up("DiagnosticsStatusNotification", "diagnostics", to.DIAGNOSTICS, Answer.ACK, Queue.LATEST,
       fallback="{}"),
    # Broadcast: everybody should understand the reboot to come, and some chargers send it unasked.
    Up("FirmwareStatusNotification", "firmware", to.ALL_RECEIVE, Answer.ACK, Queue.LATEST, fallback="{}"),
    Up("Heartbeat", "core", to.ALL_GENERATED, Answer.LOCAL, Queue.NEVER),
    Up("LogStatusNotification", "diagnostics", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REPORTED_REQUEST_ID,)),
    Up("MeterValues", "metering", to.ALL_RECEIVE, Answer.ACK, Queue.THIN, fallback="{}",
       to_route=(Rewrite("$.transactionId", Kind.TRANSACTION, "delete"),)),
    Up("SecurityEventNotification", "security", to.SECURITY_EVENTS, Answer.ACK, Queue.SMALL, fallback="{}"),
    Up("SignCertificate", "security", to.BILLING_OWN, Answer.BILLING, Queue.NEVER, fallback=REJECTED),
    Up("SignedFirmwareStatusNotification", "firmware", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(REPORTED_REQUEST_ID,)),
    Up("StartTransaction", "transaction", to.ALL_RECEIVE, Answer.OWNER, Queue.DURABLE,
       to_route=(Rewrite("$.reservationId", Kind.RESERVATION, "delete"), ID_TAG),
       from_owner=(Rewrite("$.transactionId", Kind.TRANSACTION, "new"),)),
    Up("StatusNotification", "core", to.ALL_RECEIVE, Answer.ACK, Queue.LATEST, latest_key=("$.connectorId",),
       fallback="{}"),
    Up("StopTransaction", "transaction", to.ALL_RECEIVE, Answer.OWNER, Queue.DURABLE, fallback="{}",
       to_route=(Rewrite("$.transactionId", Kind.TRANSACTION), ID_TAG)),
)  # fmt: skip

DATA_TRANSFER = Both(
    Up("DataTransfer", "data-transfer", to.VENDOR_DATA, Answer.BILLING, Queue.NEVER, fallback=REJECTED),
    Down("DataTransfer", "data-transfer", to.BILLING_ONLY, status("UnknownVendorId"), qualifier=by.VENDOR),
)

DOWN = (
    Down("CancelReservation", "reservation", to.OWN_OF_CONTROL, REJECTED,
         to_charger=(Rewrite("$.reservationId", Kind.RESERVATION, "deny"),)),
    Down("CertificateSigned", "security", to.BILLING_GUARDED, REJECTED),
    Down("ChangeAvailability", "control", to.BILLING_OR_SERVICE, REJECTED, qualifier=by.CONNECTOR),
    Down("ChangeConfiguration", "configuration", to.CONFIGURATION, REJECTED, qualifier=by.KEY,
         to_charger=(Rewrite("$.key", Kind.SETTING), Rewrite("$.value", Kind.SETTING))),
    Down("ClearCache", "authorization", to.BILLING_ONLY, REJECTED),
    Down("ClearChargingProfile", "smart-charging", to.OWN_PROFILES, status("Unknown"),
         to_charger=(Rewrite("$.id", Kind.PROFILE, "deny"), Rewrite("$.stackLevel", Kind.STACK_LEVEL))),
    Down("DeleteCertificate", "security", to.BILLING_GUARDED, status("Failed")),
    Down("ExtendedTriggerMessage", "trigger", to.TRIGGERS, REJECTED, qualifier=by.EXTENDED_TRIGGER_16),
    Down("GetCompositeSchedule", "smart-charging", to.READ_SCHEDULE, REJECTED),
    # Never denied by a preset; where a route's own permission does, no empty list pretends to be one.
    Down("GetConfiguration", "configuration", to.ALL_ALLOWED,
         to_asker=(Rewrite("$.configurationKey[]", Kind.SETTING), Rewrite("$.unknownKey[]", Kind.SETTING))),
    Down("GetDiagnostics", "diagnostics", to.BILLING_OR_SERVICE, "{}", to_charger=(LOCATION,)),
    Down("GetInstalledCertificateIds", "security", to.BILLING_ONLY, status("NotFound")),
    Down("GetLocalListVersion", "local-list", to.OWN_LIST_VERSION, '{"listVersion":-1}',
         to_asker=(Rewrite("$.listVersion", Kind.LIST_VERSION),)),
    Down("GetLog", "diagnostics", to.BILLING_OR_SERVICE, REJECTED, qualifier=by.LOG_16,
         to_charger=(REQUEST_ID, Rewrite("$.log.remoteLocation", Kind.URL))),
    Down("InstallCertificate", "security", to.BILLING_GUARDED, REJECTED, qualifier=by.ROOT_16),
    Down("RemoteStartTransaction", "control", to.START, REJECTED, qualifier=by.START_PROFILE_16,
         to_charger=(Rewrite("$.chargingProfile.chargingProfileId", Kind.PROFILE, "new"),
                     Rewrite("$.chargingProfile.stackLevel", Kind.STACK_LEVEL),
                     # 1.6 errata 3.41: it must not be there, since the transaction is yet to come.
                     Rewrite("$.chargingProfile.transactionId", Kind.ABSENT, "delete"))),
    Down("RemoteStopTransaction", "control", to.STOP, REJECTED, priority_class="safety",
         to_charger=(Rewrite("$.transactionId", Kind.TRANSACTION, "deny"),)),
    Down("ReserveNow", "reservation", to.BILLING_ONLY, REJECTED, qualifier=by.CONNECTOR,
         to_charger=(Rewrite("$.reservationId", Kind.RESERVATION, "new"),)),
    Down("Reset", "control", to.BILLING_OR_SERVICE, REJECTED, qualifier=by.RESET_16),
    Down("SendLocalList", "local-list", to.BILLING_ONLY, NOT_SUPPORTED,
         to_charger=(Rewrite("$.listVersion", Kind.LIST_VERSION), Rewrite("$.updateType", Kind.LOCAL_LIST),
                     Rewrite("$.localAuthorizationList[]", Kind.LOCAL_LIST))),
    Down("SetChargingProfile", "smart-charging", to.PROFILES, REJECTED, qualifier=by.PROFILE_16,
         to_charger=(Rewrite("$.csChargingProfiles.chargingProfileId", Kind.PROFILE, "new"),
                     Rewrite("$.csChargingProfiles.stackLevel", Kind.STACK_LEVEL),
                     Rewrite("$.csChargingProfiles.transactionId", Kind.TRANSACTION, "deny"))),
    Down("SignedUpdateFirmware", "firmware", to.FIRMWARE, REJECTED,
         to_charger=(REQUEST_ID, FIRMWARE_LOCATION)),
    Down("TriggerMessage", "trigger", to.TRIGGERS, REJECTED, qualifier=by.TRIGGER_16),
    Down("UnlockConnector", "control", to.BILLING_OR_SERVICE, NOT_SUPPORTED, priority_class="safety",
         qualifier=by.CONNECTOR),
    # The response has no status: this is what a charger with secure updates says (whitepaper L01.FR.20).
    Down("UpdateFirmware", "firmware", to.FIRMWARE, denial_error=Condition.NOT_SUPPORTED,
         to_charger=(LOCATION,)),
)  # fmt: skip

TABLE = by_name(*UP, DATA_TRANSFER, *DOWN)
