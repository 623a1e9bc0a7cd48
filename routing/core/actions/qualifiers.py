"""What permissions tell apart within an action: ``Reset:Hard``, ``UnlockConnector:2``.

The values are those of the schemas (tests/routing/core/test_actions_qualifiers.py); the rows of 2.0.1
are those of 2.1 too, so theirs are the values of both.
"""

from __future__ import annotations

from routing.core.actions.types import Qualifier

KEY = Qualifier("configuration key", ("$.key",))
SET_VARIABLE = Qualifier(
    "component.variable", ("$.component.name", "$.variable.name"), items="$.setVariableData[]"
)
GET_VARIABLE = Qualifier(
    "component.variable", ("$.component.name", "$.variable.name"), items="$.getVariableData[]"
)
VENDOR = Qualifier("vendor id", ("$.vendorId",))

CONNECTOR = Qualifier("connector", ("$.connectorId",), is_number=True)
EVSE = Qualifier("EVSE", ("$.evseId",), is_number=True)
# 2.x: without an EVSE the station as a whole is meant, which 1.6 calls connector 0.
EVSE_OR_ALL = Qualifier("EVSE (0: the whole station)", ("$.evse.id",), is_number=True, absent="0")

RESET_16 = Qualifier("kind of reset", ("$.type",), ("Hard", "Soft"))
RESET_2 = Qualifier("kind of reset", ("$.type",), ("Immediate", "OnIdle", "ImmediateAndResume"))

PURPOSES_16 = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
PURPOSES_2 = (
    "ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile",
    "PriorityCharging", "LocalGeneration",
)  # fmt: skip
PURPOSE = "purpose of the profile"
PROFILE_16 = Qualifier(PURPOSE, ("$.csChargingProfiles.chargingProfilePurpose",), PURPOSES_16)
START_PROFILE_16 = Qualifier(PURPOSE, ("$.chargingProfile.chargingProfilePurpose",), PURPOSES_16)
PROFILE_2 = Qualifier(PURPOSE, ("$.chargingProfile.chargingProfilePurpose",), PURPOSES_2)

TRIGGER = "message asked for"
TRIGGER_16 = Qualifier(
    TRIGGER, ("$.requestedMessage",),
    ("BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
     "MeterValues", "StatusNotification"),
)  # fmt: skip
EXTENDED_TRIGGER_16 = Qualifier(
    TRIGGER, ("$.requestedMessage",),
    ("BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues",
     "SignChargePointCertificate", "StatusNotification"),
)  # fmt: skip
TRIGGER_2 = Qualifier(
    TRIGGER, ("$.requestedMessage",),
    ("BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues",
     "SignChargingStationCertificate", "SignV2GCertificate", "SignV2G20Certificate", "StatusNotification",
     "TransactionEvent", "SignCombinedCertificate", "PublishFirmwareStatusNotification", "CustomTrigger"),
)  # fmt: skip

LOG_16 = Qualifier("kind of log", ("$.logType",), ("DiagnosticsLog", "SecurityLog"))
LOG_2 = Qualifier("kind of log", ("$.logType",), ("DiagnosticsLog", "SecurityLog", "DataCollectorLog"))
ROOT_16 = Qualifier(
    "kind of certificate", ("$.certificateType",),
    ("CentralSystemRootCertificate", "ManufacturerRootCertificate"),
)  # fmt: skip
ROOT_2 = Qualifier(
    "kind of certificate", ("$.certificateType",),
    ("V2GRootCertificate", "MORootCertificate", "ManufacturerRootCertificate", "CSMSRootCertificate",
     "OEMRootCertificate"),
)  # fmt: skip
