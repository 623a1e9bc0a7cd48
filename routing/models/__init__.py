"""What joins chargers and backoffices: routes, sessions of charging, the audit log, the outbox."""

from __future__ import annotations

from routing.models.cards import Card
from routing.models.commands import Command, CommandQuerySet, Skipped
from routing.models.files import FirmwareFile, FirmwareLink, SettingsPreset, Upload
from routing.models.querysets import ChargerRowQuerySet
from routing.models.readings import ConfigurationKey, FirmwareEvent, LogReader, Reading
from routing.models.routes import (
    ROLES,
    DefaultRoute,
    GuardOverride,
    PermissionPreset,
    Route,
    rule_errors,
)
from routing.models.snapshots import RefusedCharge, Snapshot
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
from routing.models.webhooks import Event, EventMark, Webhook, WebhookDelivery

__all__ = [
    "ROLES",
    "Alarm",
    "Card",
    "ChargerRowQuerySet",
    "ChargerSession",
    "Command",
    "CommandQuerySet",
    "ConfigChange",
    "ConfigurationKey",
    "DefaultRoute",
    "Delivery",
    "Event",
    "EventMark",
    "FirmwareEvent",
    "FirmwareFile",
    "FirmwareLink",
    "GuardOverride",
    "Identifier",
    "LatestValue",
    "LogReader",
    "Message",
    "PermissionPreset",
    "Reading",
    "RefusedCharge",
    "Route",
    "RouteState",
    "RouteTransaction",
    "RuntimeProcess",
    "SettingsPreset",
    "Skipped",
    "Snapshot",
    "Transaction",
    "Upkeep",
    "Upload",
    "Webhook",
    "WebhookDelivery",
    "rule_errors",
]
