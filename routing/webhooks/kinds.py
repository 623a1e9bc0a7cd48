"""What programs are told of, as a table, and how often a delivery is tried."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

TEST = "webhook.test"

KINDS: Mapping[str, Any] = {
    "charger.connected": _("A charger has connected"),
    "charger.disconnected": _("A charger's connection has ended"),
    "charger.booted": _("A charger has started and said what it is"),
    "charger.auth_failed": _("Somebody was refused with a charger's identity; once in five minutes"),
    "connector.status_changed": _("A connector has another state or error than before"),
    "transaction.started": _("A session of charging has begun"),
    "transaction.updated": _("A session goes on, with its last readings; once in five minutes"),
    "transaction.ended": _("A session has ended"),
    "command.finished": _("It is known what became of a command"),
    "route.connected": _("A charger is connected to a backoffice"),
    "route.disconnected": _("A charger is no longer connected to a backoffice"),
    "route.call_blocked": _("A rule refused what a backoffice asked; once in five minutes for an action"),
    "backoffice.unhealthy": _("For two minutes none of a backoffice's links was up"),
    "backoffice.recovered": _("Links to a backoffice are up again"),
    "firmware.status_changed": _("An update of firmware goes on, or there is another version"),
    TEST: _("Somebody tries the webhook"),
}
"""The types of events, and when there is one."""

KEPT = timedelta(days=7)
"""How long events and what became of their deliveries are kept."""

SELDOM_S = 300
"""What may come often is told once in so many seconds."""

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=24),
)
"""After a try that failed the next one comes so much later, or up to a fifth more; after the last none."""

PATIENCE = timedelta(days=5)
"""A webhook of which nothing arrives for so long is switched off."""

BOTH_HOLD = timedelta(hours=24)
"""After a rotation, so long the old secret signs, too."""

MOST_BYTES = 64 * 1024
"""Of a body."""
