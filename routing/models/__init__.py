"""What joins chargers and backoffices: routes, sessions of charging, the audit log, the outbox."""

from __future__ import annotations

from routing.models.cards import Card
from routing.models.commands import Command, CommandQuerySet
from routing.models.querysets import ChargerRowQuerySet
from routing.models.routes import (
    ROLES,
    DefaultRoute,
    GuardOverride,
    PermissionPreset,
    Route,
    rule_errors,
)
from routing.models.state import (
    Alarm,
    ChargerSession,
    ConfigChange,
    Identifier,
    LatestValue,
    RouteState,
    RuntimeProcess,
    Upkeep,
)
from routing.models.traffic import Delivery, Message, RouteTransaction, Transaction

__all__ = [
    "ROLES",
    "Alarm",
    "Card",
    "ChargerRowQuerySet",
    "ChargerSession",
    "Command",
    "CommandQuerySet",
    "ConfigChange",
    "DefaultRoute",
    "Delivery",
    "GuardOverride",
    "Identifier",
    "LatestValue",
    "Message",
    "PermissionPreset",
    "Route",
    "RouteState",
    "RouteTransaction",
    "RuntimeProcess",
    "Transaction",
    "Upkeep",
    "rule_errors",
]
