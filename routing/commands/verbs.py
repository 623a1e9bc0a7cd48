"""What people ask chargers in words of their own: one row each. Pure.

A verb has fields (``Argument``) and a function that makes a ``Call`` of them (``building``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from routing.commands import building
from routing.commands.arguments import Argument, Arguments, BadArguments, checked
from routing.commands.building import Build, Call, Facts
from routing.commands.classes import CommandClass

ENERGY, MAINTENANCE = CommandClass.ENERGY, CommandClass.MAINTENANCE


class Verb(NamedTuple):
    """A friendly command."""

    name: str
    label: Any
    command_class: CommandClass
    build: Build
    arguments: tuple[Argument, ...] = ()
    versions: tuple[str, ...] = ("1.6", "2.0.1", "2.1")

    def call(self, facts: Facts, arguments: Arguments) -> Call:
        """The CALL for these arguments. Raises BadArguments."""
        if facts.version not in self.versions:
            known = ", ".join(self.versions)
            raise BadArguments(f"{self.name} is there in OCPP {known}; this charger speaks {facts.version}")
        return self.build(facts, checked(self.name, self.arguments, arguments))


_CONNECTOR = Argument("connector", "integer", _("Connector (EVSE in OCPP 2); 0 or empty: the whole charger"))
_ONE_CONNECTOR = Argument("connector", "integer", _("Connector (EVSE in OCPP 2)"), required=True)
_CARD = Argument("id_tag", "text", _("Card"), required=True)
_CARD_TYPE = Argument(
    "card_type",
    "choice",
    _("Type of the card (OCPP 2)"),
    choices=("Central", "ISO14443", "ISO15693", "eMAID", "KeyCode", "Local", "MacAddress", "NoAuthorization"),
    default="Central",
)
_UNTIL = Argument("until", "datetime", _("Until"))
_MINUTES = Argument("minutes", "integer", _("For so many minutes"))
_HOW_PAUSED = Argument("how", "choice", _("How"), choices=("profile", "availability"), default="profile")
_LOCATION = Argument("location", "text", _("Address of the file"), required=True)
_SECOND = ("2.0.1", "2.1")

_MESSAGES = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "StatusNotification",
    "TransactionEvent",
)

_ALL = (
    Verb("start", _("Start"), ENERGY, building.start, (_CARD, _CONNECTOR, _CARD_TYPE)),
    Verb("authorise", _("Authorise a card"), ENERGY, building.start, (_CARD, _CONNECTOR, _CARD_TYPE)),
    Verb(
        "stop",
        _("Stop"),
        ENERGY,
        building.stop,
        (Argument("transaction", "text", _("Transaction; empty: the one that runs")), _CONNECTOR),
    ),
    Verb("pause", _("Pause"), ENERGY, building.pause, (_CONNECTOR, _HOW_PAUSED, _UNTIL, _MINUTES)),
    Verb("resume", _("Resume"), ENERGY, building.resume, (_CONNECTOR, _HOW_PAUSED)),
    Verb(
        "limit",
        _("Limit"),
        ENERGY,
        building.limit,
        (
            Argument("limit", "number", _("Limit"), required=True),
            Argument("unit", "choice", _("Unit"), choices=("A", "W"), default="A"),
            _CONNECTOR,
            _UNTIL,
            _MINUTES,
        ),
    ),
    Verb("unlimit", _("Take the limit away"), ENERGY, building.unlimit, (_CONNECTOR,)),
    Verb("read_values", _("Read the meter now"), ENERGY, building.read_values, (_CONNECTOR,)),
    Verb(
        "set_profile",
        _("Set a charging profile"),
        ENERGY,
        building.set_profile,
        (_CONNECTOR, Argument("profile", "object", _("Charging profile"), required=True)),
    ),
    Verb(
        "clear_profile",
        _("Clear charging profiles"),
        ENERGY,
        building.clear_profile,
        (Argument("profile_id", "integer", _("Profile; empty: all that were set here")),),
    ),
    Verb("get_profiles", _("Read charging profiles"), ENERGY, building.get_profiles, (_CONNECTOR,), _SECOND),
    Verb(
        "composite_schedule",
        _("What holds together"),
        ENERGY,
        building.composite,
        (
            _CONNECTOR,
            Argument("seconds", "integer", _("For so many seconds"), default=86400),
            Argument("unit", "choice", _("Unit"), choices=("A", "W")),
        ),
    ),
    Verb(
        "unlock",
        _("Unlock"),
        MAINTENANCE,
        building.unlock,
        (_ONE_CONNECTOR, Argument("socket", "integer", _("Connector of the EVSE (OCPP 2)"), default=1)),
    ),
    Verb(
        "reset",
        _("Reset"),
        MAINTENANCE,
        building.reset,
        (Argument("how", "choice", _("How"), choices=("soft", "hard"), default="soft"),),
    ),
    Verb("restart", _("Restart"), MAINTENANCE, building.restart),
    Verb(
        "availability",
        _("Availability"),
        MAINTENANCE,
        building.availability,
        (Argument("operative", "boolean", _("In service"), required=True), _CONNECTOR),
    ),
    Verb(
        "read_configuration",
        _("Read settings"),
        MAINTENANCE,
        building.read_configuration,
        (Argument("keys", "list", _("Settings; empty: all")),),
    ),
    Verb(
        "write_configuration",
        _("Change a setting"),
        MAINTENANCE,
        building.write_configuration,
        (
            Argument("key", "text", _("Setting"), required=True),
            Argument("value", "text", _("Value"), required=True, blank=True),
        ),
    ),
    Verb(
        "trigger",
        _("Have it say something"),
        MAINTENANCE,
        building.trigger,
        (Argument("message", "choice", _("What"), required=True, choices=_MESSAGES), _CONNECTOR),
    ),
    Verb(
        "diagnostics",
        _("Fetch diagnostics"),
        MAINTENANCE,
        building.diagnostics,
        (
            _LOCATION,
            Argument("kind", "choice", _("What"), choices=("diagnostics", "security"), default="diagnostics"),
            Argument("since", "datetime", _("Since")),
        ),
    ),
    Verb(
        "firmware",
        _("Update the firmware"),
        MAINTENANCE,
        building.firmware,
        (
            _LOCATION,
            Argument("retrieve_at", "datetime", _("Fetched from")),
            Argument("certificate", "text", _("Certificate of the signature (OCPP 2)")),
            Argument("signature", "text", _("Signature (OCPP 2)")),
        ),
    ),
    Verb(
        "send_local_list",
        _("Send the local list"),
        MAINTENANCE,
        building.local_list,
        (
            Argument("version", "integer", _("Version of the list"), required=True),
            Argument("cards", "list", _("Cards")),
            Argument("full", "boolean", _("In place of what is there"), default=True),
            _CARD_TYPE,
        ),
    ),
    Verb(
        "local_list_version",
        _("Version of the local list"),
        MAINTENANCE,
        building.plain("GetLocalListVersion"),
    ),
    Verb("clear_cache", _("Forget cards"), MAINTENANCE, building.plain("ClearCache")),
)

VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in _ALL})
"""All friendly commands, by name."""
