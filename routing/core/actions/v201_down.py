"""OCPP 2.0.1, what a backoffice sends (ocpp-semantics 2.3)."""

from __future__ import annotations

from routing.core.actions import columns as to
from routing.core.actions import qualifiers as by
from routing.core.actions.denials import refusal, status
from routing.core.actions.types import Compose, Down, Kind, PerItem, Rewrite

REJECTED = refusal("Rejected")
UNKNOWN = refusal("Unknown")

VARIABLE_REJECTED = refusal("Rejected", member="attributeStatus", info="attributeStatusInfo")
OF_VARIABLE = Compose(VARIABLE_REJECTED, required=("component", "variable"), optional=("attributeType",))
OF_MONITOR = Compose(REJECTED, required=("type", "severity", "component", "variable"))

REQUEST_ID = Rewrite("$.requestId", Kind.REQUEST, "new")
LOCATION = Rewrite("$.location", Kind.URL)
FIRMWARE_LOCATION = Rewrite("$.firmware.location", Kind.URL)
STACK_LEVEL = Rewrite("$.chargingProfile.stackLevel", Kind.STACK_LEVEL)
NEW_PROFILE = Rewrite("$.chargingProfile.id", Kind.PROFILE, "new")

CLEAR_DISPLAY_MESSAGE = Down(
    "ClearDisplayMessage", "display", to.DISPLAY, UNKNOWN, unknown=UNKNOWN,
    to_charger=(Rewrite("$.id", Kind.DISPLAY_MESSAGE, "deny"),),
)  # fmt: skip

DOWN = (
    Down("CancelReservation", "reservation", to.OWN_OF_CONTROL, REJECTED,
         to_charger=(Rewrite("$.reservationId", Kind.RESERVATION, "deny"),)),
    Down("CertificateSigned", "security", to.BILLING_GUARDED, REJECTED),
    Down("ChangeAvailability", "control", to.BILLING_OR_SERVICE, REJECTED, qualifier=by.EVSE_OR_ALL),
    Down("ClearCache", "authorization", to.BILLING_ONLY, REJECTED),
    Down("ClearChargingProfile", "smart-charging", to.OWN_PROFILES, UNKNOWN,
         to_charger=(Rewrite("$.chargingProfileId", Kind.PROFILE, "deny"),
                     Rewrite("$.chargingProfileCriteria.stackLevel", Kind.STACK_LEVEL))),
    CLEAR_DISPLAY_MESSAGE,
    Down("ClearVariableMonitoring", "monitoring", to.OWN_MONITORS,
         denial_items=PerItem("id", "clearMonitoringResult", Compose(refusal("NotFound"), required=("id",)),
                              plain=True),
         to_charger=(Rewrite("$.id[]", Kind.MONITOR, "deny"),),
         to_asker=(Rewrite("$.clearMonitoringResult[].id", Kind.MONITOR),)),
    Down("CostUpdated", "billing", to.BILLING_ONLY),
    Down("CustomerInformation", "privacy", to.BILLING_ONLY, REJECTED, to_charger=(REQUEST_ID,)),
    Down("DeleteCertificate", "security", to.BILLING_GUARDED, refusal("Failed")),
    Down("GetBaseReport", "configuration", to.REPORTS, REJECTED, to_charger=(REQUEST_ID,)),
    Down("GetChargingProfiles", "smart-charging", to.READ_PROFILES, refusal("NoProfiles"),
         to_charger=(REQUEST_ID, Rewrite("$.chargingProfile.chargingProfileId[]", Kind.PROFILE, "filter"),
                     STACK_LEVEL)),
    Down("GetCompositeSchedule", "smart-charging", to.READ_SCHEDULE, REJECTED),
    Down("GetDisplayMessages", "display", to.OWN_OF_CONTROL, UNKNOWN,
         to_charger=(REQUEST_ID, Rewrite("$.id[]", Kind.DISPLAY_MESSAGE, "filter"))),
    Down("GetInstalledCertificateIds", "security", to.BILLING_ONLY, refusal("NotFound")),
    Down("GetLocalListVersion", "local-list", to.OWN_LIST_VERSION, '{"versionNumber":0}',
         to_asker=(Rewrite("$.versionNumber", Kind.LIST_VERSION),)),
    Down("GetLog", "diagnostics", to.BILLING_OR_SERVICE, REJECTED, qualifier=by.LOG_2,
         to_charger=(REQUEST_ID, Rewrite("$.log.remoteLocation", Kind.URL))),
    Down("GetMonitoringReport", "monitoring", to.REPORTS, REJECTED, to_charger=(REQUEST_ID,)),
    Down("GetReport", "configuration", to.REPORTS, REJECTED, to_charger=(REQUEST_ID,)),
    # Never denied by a preset, and the answer has no place for a refusal.
    Down("GetTransactionStatus", "transaction", to.ALL_ALLOWED,
         to_asker=(Rewrite("$.messagesInQueue", Kind.QUEUE_STATE),)),
    Down("GetVariables", "configuration", to.ALL_ALLOWED, qualifier=by.GET_VARIABLE,
         denial_items=PerItem("getVariableData", "getVariableResult", OF_VARIABLE),
         to_asker=(Rewrite("$.getVariableResult[]", Kind.SETTING),)),
    Down("InstallCertificate", "security", to.BILLING_GUARDED, REJECTED, qualifier=by.ROOT_2),
    Down("PublishFirmware", "firmware", to.FIRMWARE, REJECTED, to_charger=(REQUEST_ID, LOCATION)),
    Down("RequestStartTransaction", "control", to.START, REJECTED, qualifier=by.PROFILE_2,
         to_charger=(Rewrite("$.remoteStartId", Kind.REMOTE_START, "new"), NEW_PROFILE, STACK_LEVEL,
                     Rewrite("$.chargingProfile.transactionId", Kind.ABSENT, "delete"))),
    Down("RequestStopTransaction", "control", to.STOP, REJECTED, priority_class="safety"),
    Down("ReserveNow", "reservation", to.BILLING_ONLY, REJECTED, qualifier=by.EVSE,
         to_charger=(Rewrite("$.id", Kind.RESERVATION, "new"),)),
    Down("Reset", "control", to.BILLING_OR_SERVICE, REJECTED, qualifier=by.RESET_2),
    Down("SendLocalList", "local-list", to.BILLING_ONLY, refusal("Failed"),
         to_charger=(Rewrite("$.versionNumber", Kind.LIST_VERSION), Rewrite("$.updateType", Kind.LOCAL_LIST),
                     Rewrite("$.localAuthorizationList[]", Kind.LOCAL_LIST))),
    Down("SetChargingProfile", "smart-charging", to.PROFILES, REJECTED, qualifier=by.PROFILE_2,
         to_charger=(NEW_PROFILE, STACK_LEVEL)),
    Down("SetDisplayMessage", "display", to.BILLING_ONLY, REJECTED,
         to_charger=(Rewrite("$.message.id", Kind.DISPLAY_MESSAGE, "new"),)),
    # Base and level are the charger's, not a route's: they would clear or hide what others monitor.
    Down("SetMonitoringBase", "monitoring", to.BILLING_ONLY, REJECTED),
    Down("SetMonitoringLevel", "monitoring", to.BILLING_ONLY, REJECTED),
    # Moves the charger to another backoffice: denied to Billing too (ocpp-semantics 3.10).
    Down("SetNetworkProfile", "configuration", to.NOBODY, REJECTED,
         to_charger=(Rewrite("$.connectionData.ocppCsmsUrl", Kind.URL),)),
    Down("SetVariableMonitoring", "monitoring", to.MONITORS,
         denial_items=PerItem("setMonitoringData", "setMonitoringResult", OF_MONITOR),
         to_charger=(Rewrite("$.setMonitoringData[].id", Kind.MONITOR, "deny"),),
         to_asker=(Rewrite("$.setMonitoringResult[].id", Kind.MONITOR, "new"),)),
    Down("SetVariables", "configuration", to.CONFIGURATION, qualifier=by.SET_VARIABLE,
         denial_items=PerItem("setVariableData", "setVariableResult", OF_VARIABLE),
         to_charger=(Rewrite("$.setVariableData[]", Kind.SETTING),),
         to_asker=(Rewrite("$.setVariableResult[]", Kind.SETTING),)),
    Down("TriggerMessage", "trigger", to.TRIGGERS, REJECTED, qualifier=by.TRIGGER_2),
    Down("UnlockConnector", "control", to.BILLING_OR_SERVICE, refusal("UnlockFailed"),
         priority_class="safety", qualifier=by.EVSE),
    # The one 2.x answer with a status and no room for a reason.
    Down("UnpublishFirmware", "firmware", to.FIRMWARE, status("NoFirmware")),
    Down("UpdateFirmware", "firmware", to.FIRMWARE, REJECTED, to_charger=(REQUEST_ID, FIRMWARE_LOCATION)),
)  # fmt: skip
