"""Which commands a person is offered for a charger, and in which form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from chargers.commands.boxes import Box, Choices, Given, boxes_of
from chargers.models import Charger
from routing.commands.classes import DANGEROUS, CommandClass, class_of
from routing.commands.schemas import actions_of
from routing.commands.verbs import VERBS, Verb
from routing.models import FirmwareFile

QUICK = (
    *("start", "stop", "pause", "resume", "limit", "unlimit", "read_values"),
    *("unlock", "reset", "trigger", "read_configuration", "diagnostics", "firmware"),
)
"""What comes first, in this order; the other verbs are behind it."""

CONFIRMED = frozenset({"reset", "restart", "firmware"})
"""What is asked twice: it ends what the charger does now."""

HERE, OWN = "here", "own"
"""Where diagnostics go: to us, or to an address that the person gives."""

_HINTS: Mapping[str, Any] = {
    "start": gettext_lazy("As if the card had been shown: Billing authorises it, and the session is theirs."),
    "pause": gettext_lazy("A limit of 0; the car stays plugged in, and the session open."),
    "limit": gettext_lazy(
        "While it holds, it stands in place of limits of the same kind that backoffices have set."
    ),
    "reset": gettext_lazy("Soft lets sessions end first; hard ends them."),
    "diagnostics": gettext_lazy(
        "Sent here it is under Files of chargers. Many chargers of 1.6 know FTP only: then give an "
        "ftp:// address of your own."
    ),
    "firmware": gettext_lazy("The charger fetches it, installs it and starts anew."),
}


class Offered(NamedTuple):
    """A verb with its form. ``once``: makes a form that is sent twice one command."""

    name: str
    label: str
    boxes: list[Box]
    once: str
    hint: str = ""
    confirm: bool = False
    is_open: bool = False
    problems: tuple[str, ...] = ()


def classes_of(user: Any, charger: Charger) -> frozenset[CommandClass]:
    """The classes of commands that this user may give this charger."""
    rows = Charger.objects.filter(pk=charger.pk)
    return frozenset(one for one in CommandClass if rows.commandable_by(user, one).exists())


def verbs_for(version: str, classes: Iterable[CommandClass]) -> list[Verb]:
    """The verbs of an OCPP version that somebody may use, the quick ones first."""
    may = frozenset(classes)
    names = [*QUICK, *(name for name in VERBS if name not in QUICK)]
    verbs = (VERBS[name] for name in names)
    return [verb for verb in verbs if verb.command_class in may and (not version or version in verb.versions)]


def offered(
    verb: Verb,
    user: User,
    charger: Charger | None,
    given: Given | None = None,
    problems: Iterable[str] = (),
) -> Offered:
    """A verb as a form. ``given``: what was filled in, ``problems`` what is wrong with it.

    ``charger`` None: for several, which get no file of their own.
    """
    boxes = boxes_of(verb.arguments, given or {})
    return Offered(
        name=verb.name,
        label=str(verb.label),
        boxes=[one for box in boxes for one in _with_files(verb.name, box, user, charger, given or {})],
        once=uuid4().hex,
        hint=str(_HINTS.get(verb.name, "")),
        confirm=verb.name in CONFIRMED,
        is_open=given is not None,
        problems=tuple(problems),
    )


def _with_files(verb: str, box: Box, user: User, charger: Charger | None, given: Given) -> list[Box]:
    """An address is chosen among what we can offer, or typed."""
    if box.name != "a.location":
        return [box]
    address = box._replace(required=False, label=_("Address of your own"))
    choices: Choices
    if verb == "diagnostics" and charger is not None:
        choices = ((HERE, _("here, to this proxy (HTTP)")), (OWN, _("to the address below")))
        return [
            Box("f.where", _("Where it is sent"), "select", True, given.get("f.where", HERE), "", choices),
            address,
        ]
    files = firmware_for(user, charger) if verb == "firmware" else []
    if not files:
        return [box]
    choices = (("", _("from the address below")), *((str(file.uuid), str(file)) for file in files))
    return [Box("f.file", _("Firmware"), "select", False, given.get("f.file", ""), "", choices), address]


def firmware_for(user: User, charger: Charger | None) -> list[FirmwareFile]:
    """Firmware of the charger's organisation that this user may see."""
    found = FirmwareFile.objects.visible_to(user)
    if charger is not None:
        found = found.filter(organisation=charger.organisation_id)
    return list(found.order_by("-created_at")[:100])


def actions_for(version: str, classes: Iterable[CommandClass]) -> list[str]:
    """All actions of an OCPP version, without those that this user may not use whatever is in them."""
    may = frozenset(classes)
    if not version:
        return []
    named = (name for name in actions_of(version) if name not in DANGEROUS or CommandClass.DANGEROUS in may)
    return [name for name in named if name in DANGEROUS or class_of(name, {}) in may]
