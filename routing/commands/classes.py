"""Who may give which commands: one table of classes and roles, and which class an action is of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from routing.core import guard


class CommandClass(StrEnum):
    """Kinds of commands, from what is seldom harmful to what may be."""

    ENERGY = "energy"
    MAINTENANCE = "maintenance"
    DANGEROUS = "dangerous"


RIGHTS: Mapping[CommandClass, frozenset[str]] = MappingProxyType(
    {
        CommandClass.ENERGY: frozenset({"operator", "owner", "installer"}),
        CommandClass.MAINTENANCE: frozenset({"operator", "owner", "installer"}),
        CommandClass.DANGEROUS: frozenset({"operator", "owner"}),
    }
)
"""The roles of members whose commands of a class are carried out; superusers may give all."""

ENERGY = frozenset(
    {
        "CancelReservation",
        "ClearChargingProfile",
        "CostUpdated",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetTransactionStatus",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
        "ReserveNow",
        "SetChargingProfile",
        "UpdateDynamicSchedule",
        "UsePriorityCharging",
    }
)

DANGEROUS = frozenset(
    {
        "CertificateSigned",
        "DataTransfer",
        "DeleteCertificate",
        "InstallCertificate",
        "SetNetworkProfile",
    }
)
"""What may change how the charger connects, whom it trusts, or nobody knows what."""


def class_of(action: str, payload: Mapping[str, Any]) -> CommandClass:
    """The class of a raw action with this payload, which fits its schema."""
    if action in DANGEROUS or _moves_charger(action, payload):
        return CommandClass.DANGEROUS
    return CommandClass.ENERGY if action in ENERGY else CommandClass.MAINTENANCE


def _moves_charger(action: str, payload: Mapping[str, Any]) -> bool:
    """Whether a setting is written that the guard keeps from every backoffice (ocpp-semantics 3.10)."""
    if action == "ChangeConfiguration":
        return bool(guard.key_objection(str(payload.get("key", "")), str(payload.get("value", ""))))
    if action != "SetVariables":
        return False
    return any(
        guard.variable_objection(
            str(item["component"]["name"]), str(item["variable"]["name"]), str(item["attributeValue"])
        )
        for item in payload.get("setVariableData", ())
    )
