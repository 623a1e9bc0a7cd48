"""A command as people read it, on every page alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from routing.commands.verbs import VERBS
from routing.models import Command

TONES: Mapping[str, str] = MappingProxyType(
    {
        Command.State.QUEUED: "",
        Command.State.SENT: "is-warn",
        Command.State.ACCEPTED: "is-good",
        Command.State.REJECTED: "is-bad",
        Command.State.NOT_SUPPORTED: "is-bad",
        Command.State.TIMED_OUT: "is-warn",
        Command.State.OFFLINE: "",
        Command.State.FAILED: "is-bad",
    }
)
"""The class of a state's badge."""

BADGES: Mapping[str, Any] = MappingProxyType(
    {
        Command.State.QUEUED: gettext_lazy("waiting"),
        Command.State.SENT: gettext_lazy("sent"),
        Command.State.ACCEPTED: gettext_lazy("accepted"),
        Command.State.REJECTED: gettext_lazy("rejected"),
        Command.State.NOT_SUPPORTED: gettext_lazy("not supported"),
        Command.State.TIMED_OUT: gettext_lazy("unknown"),
        Command.State.OFFLINE: gettext_lazy("offline"),
        Command.State.FAILED: gettext_lazy("failed"),
    }
)
"""States in a word or two; one without an answer in time is unknown, never failed."""


def name_of(command: Command) -> str:
    """What it is called: its friendly name, or the action of OCPP."""
    verb = VERBS.get(command.verb)
    return str(verb.label) if verb is not None else command.action


def who(command: Command) -> str:
    """Who asked, and by which way."""
    return f"{command.actor_name or _('the proxy')}, {command.get_via_display()}"


def took(command: Command) -> str:
    """How long the charger needed for its answer, as people say it; "" while there is none."""
    if command.sent_at is None or command.finished_at is None:
        return ""
    seconds = max(0.0, (command.finished_at - command.sent_at).total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else ngettext("%d minute", "%d minutes", 2) % (seconds / 60)
