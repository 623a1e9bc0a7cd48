"""What of chargers is compared to see whether a badge has changed: few columns, found by their indexes.

States are stored by whichever process serves a charger. Looking at them costs the path of a frame nothing, is
right for any number of processes, and compares no clocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from chargers.models import Charger, Connector, RefusedAttempt
from routing.loading import RUNTIME_ALIVE
from routing.models import Alarm, Route, RuntimeProcess

AT_ONCE = 500
"""Chargers in one query."""

_CHARGER = (
    *("pk", "session__runtime", "identity", "enabled", "label", "session__online", "session__connected_at"),
    *("session__disconnected_at", "session__waits_for"),
)
_ROUTE = (
    *("charger_id", "pk", "enabled", "role", "backoffice__enabled", "backoffice__name", "state__state"),
    *("state__since", "state__last_error", "state__waiting"),
)

Mark = tuple[Any, ...]
"""Differs where what a page says of a charger differs."""


def marks(chargers: Collection[int]) -> dict[int, Mark]:
    """The marks of these chargers, those that there are. Six queries for each 500."""
    keys = sorted(chargers)
    found: dict[int, Mark] = {}
    for start in range(0, len(keys), AT_ONCE):
        found |= _marks(keys[start : start + AT_ONCE])
    return found


def _marks(keys: list[int]) -> dict[int, Mark]:
    rows = list(Charger.objects.filter(pk__in=keys).values_list(*_CHARGER))
    alive = set(
        RuntimeProcess.objects.filter(beat_at__gte=Now() - RUNTIME_ALIVE).values_list("pk", flat=True)
    )
    routes = _by_first(Route.objects.filter(charger__in=keys).order_by("pk"), _ROUTE)
    connectors = _by_first(
        Connector.objects.filter(charger__in=keys).order_by("pk"),
        ("charger_id", "pk", "status", "error_code"),
    )
    alarms = _by_first(
        Alarm.objects.filter(charger__in=keys, cleared=None).order_by("pk"), ("charger_id", "kind", "text")
    )
    refused = _by_first(
        RefusedAttempt.objects.filter(identity__in=[row[2] for row in rows]).order_by("pk"),
        ("identity", "pk", "count"),
    )
    return {
        row[0]: (
            *row[2:],
            row[1] in alive,
            routes[row[0]],
            connectors[row[0]],
            alarms[row[0]],
            refused[row[2]],
        )
        for row in rows
    }


def _by_first(rows: QuerySet[Any], columns: Iterable[str]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for first, *rest in rows.values_list(*columns):
        found[first].append(tuple(rest))
    return found
