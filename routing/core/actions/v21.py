"""OCPP 2.1: the table of 2.0.1 with its changes and 27 additions (ocpp-semantics 2.3 and 2.4).

Most of what 2.1 adds to known actions crosses unchanged: the request id of SignCertificate and
CertificateSigned is the charger's own, tariffs reach only Billing, ``periodicEventStream`` has no id.
"""

from __future__ import annotations

from msgspec.structs import replace

from routing.core.actions import columns as to
from routing.core.actions import v201
from routing.core.actions.denials import refusal, status
from routing.core.actions.types import Answer, Compose, Down, Kind, PerItem, Queue, Rewrite, Up, by_name
from routing.core.actions.v201_down import CLEAR_DISPLAY_MESSAGE
from routing.core.actions.v201_up import ID_TOKEN, TRANSACTION_EVENT

REJECTED = refusal("Rejected")

STREAM_ID = Rewrite("$.id", Kind.STREAM, "deny")
CONTROL_ID = Rewrite("$.controlId", Kind.DER, "deny")
DYNAMIC_PROFILE_ID = Rewrite("$.chargingProfileId", Kind.PROFILE, "deny")
SUPERSEDED_IDS = Rewrite("$.supersededIds[]", Kind.DER, "filter")

REPORTED_CONTROLS = (
    "curve", "enterService", "fixedPFAbsorb", "fixedPFInject", "fixedVar", "freqDroop", "gradient",
    "limitMaxDischarge",
)  # fmt: skip

UP = (
    # The table names the transaction's owner; the rule above it (2.1: what is empty in the schema is
    # acknowledged by the proxy) decides, since there is nothing that the owner could say.
    Up("BatterySwap", "transaction", to.EVENTS, Answer.ACK, Queue.DURABLE, fallback="{}",
       to_route=(Rewrite("$.requestId", Kind.REQUEST), *ID_TOKEN)),
    Up("ClosePeriodicEventStream", "monitoring", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(STREAM_ID,)),
    # The answer has no way to say "not now": a CALLERROR does.
    Up("GetCertificateChainStatus", "security", to.BILLING_OWN, Answer.BILLING, Queue.NEVER),
    Up("NotifyDERAlarm", "smart-charging", to.ALL_RECEIVE, Answer.ACK, Queue.SMALL, fallback="{}"),
    Up("NotifyDERStartStop", "smart-charging", to.ALL_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(CONTROL_ID, SUPERSEDED_IDS)),
    Up("NotifyPeriodicEventStream", "monitoring", to.ALL_OWN, Answer.NONE, Queue.NEVER, is_send=True,
       to_route=(STREAM_ID,)),
    Up("NotifyPriorityCharging", "smart-charging", to.ALL_RECEIVE, Answer.ACK, Queue.SMALL, fallback="{}"),
    Up("NotifySettlement", "billing", to.BILLING_RECEIVES, Answer.BILLING, Queue.DURABLE, fallback="{}",
       to_route=(Rewrite("$.receiptUrl", Kind.URL),), from_owner=(Rewrite("$.receiptUrl", Kind.URL),)),
    Up("OpenPeriodicEventStream", "monitoring", to.ALL_OWN, Answer.OWNER, Queue.NEVER,
       fallback=status("Rejected"),
       to_route=(Rewrite("$.constantStreamData.variableMonitoringId", Kind.MONITOR, "deny"),
                 Rewrite("$.constantStreamData.id", Kind.STREAM, "new"))),
    Up("PullDynamicScheduleUpdate", "smart-charging", to.ENERGY_OWN, Answer.OWNER, Queue.NEVER,
       fallback=status("Rejected"), to_route=(DYNAMIC_PROFILE_ID,)),
    Up("ReportDERControl", "smart-charging", to.ENERGY_OWN, Answer.ACK, Queue.SMALL, fallback="{}",
       to_route=(Rewrite("$.requestId", Kind.REQUEST, "deny"),
                 *(Rewrite(f"$.{name}[].id", Kind.DER, "filter") for name in REPORTED_CONTROLS),
                 Rewrite("$.tbc", Kind.SEQUENCE))),
    Up("VatNumberValidation", "billing", to.BILLING_RECEIVES, Answer.BILLING, Queue.NEVER,
       fallback_composed=Compose(status("Rejected"), required=("vatNumber",), optional=("evseId",))),
)  # fmt: skip

DOWN = (
    Down("AFRRSignal", "smart-charging", to.PROFILES, REJECTED),
    Down("AdjustPeriodicEventStream", "monitoring", to.OWN_STREAMS, REJECTED, to_charger=(STREAM_ID,)),
    Down("ChangeTransactionTariff", "billing", to.BILLING_ONLY, REJECTED),
    Down("ClearDERControl", "smart-charging", to.OWN_PROFILES, refusal("NotFound"), to_charger=(CONTROL_ID,)),
    Down("ClearTariffs", "billing", to.BILLING_ONLY,
         denial_items=PerItem("tariffIds", "clearTariffsResult", Compose(REJECTED, required=("tariffId",)),
                              plain=True, absent_is_all=True)),
    Down("GetDERControl", "smart-charging", to.READ_CONTROLS, REJECTED, unknown=refusal("NotFound"),
         to_charger=(Rewrite("$.requestId", Kind.REQUEST, "new"), CONTROL_ID)),
    Down("GetPeriodicEventStream", "monitoring", to.STREAMS, "{}",
         to_asker=(Rewrite("$.constantStreamData[].id", Kind.STREAM, "filter"),
                   Rewrite("$.constantStreamData[].variableMonitoringId", Kind.MONITOR, "filter"))),
    Down("GetTariffs", "billing", to.BILLING_ONLY, REJECTED),
    Down("NotifyAllowedEnergyTransfer", "smart-charging", to.BILLING_ONLY, REJECTED),
    Down("NotifyWebPaymentStarted", "billing", to.BILLING_ONLY),
    Down("RequestBatterySwap", "control", to.BILLING_ONLY, REJECTED,
         to_charger=(Rewrite("$.requestId", Kind.REQUEST, "new"),)),
    Down("SetDERControl", "smart-charging", to.PROFILES, REJECTED,
         to_charger=(Rewrite("$.controlId", Kind.DER, "new"),), to_asker=(SUPERSEDED_IDS,)),
    Down("SetDefaultTariff", "billing", to.BILLING_ONLY, REJECTED),
    Down("UpdateDynamicSchedule", "smart-charging", to.OWN_PROFILES, REJECTED,
         to_charger=(DYNAMIC_PROFILE_ID,)),
    Down("UsePriorityCharging", "smart-charging", to.BILLING_ONLY, REJECTED),
)  # fmt: skip

CHANGED = (
    # Prices are between Billing and the driver: with the option hide_cost others do not see them.
    replace(TRANSACTION_EVENT, to_route=(*TRANSACTION_EVENT.to_route, Rewrite("$.costDetails", Kind.COST),
                                         Rewrite("$.transactionInfo.tariffId", Kind.COST))),
    # 2.0.1 has no other word than Unknown; 2.1 added Rejected, which is what is meant.
    replace(CLEAR_DISPLAY_MESSAGE, denial=REJECTED),
)  # fmt: skip

TABLE = by_name(*{**v201.TABLE, **by_name(*CHANGED)}.values(), *UP, *DOWN)
