"""How often backoffices were kept from doing something: counted without reading the whole log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from routing.models import Message
from routing.models.traffic import number_at

LOOKED_BACK = timedelta(hours=24)

REACH = 2000
"""Rows of one charger's log that are looked at, the newest: read by index, however long the log is."""

MANY = 99
"""More than that is told as "99+": nobody wants to know exactly."""


class Blocked(NamedTuple):
    """Commands that a rule of the proxy refused, by route. ``since``: as far back as was looked."""

    counts: Mapping[int, int]
    since: datetime

    def words(self, route: int) -> str:
        """``0``, ``7``, ``99+``."""
        count = self.counts.get(route, 0)
        return f"{MANY}+" if count > MANY else str(count)


def blocked(charger_id: int) -> Blocked:
    """What its backoffices were refused within a day, or the last ``REACH`` rows of it. One query."""
    since = timezone.now() - LOOKED_BACK
    rows = Message.objects.filter(charger=charger_id, exchange__gte=number_at(since))
    columns = ("exchange", "route_id", "direction", "outcome", "error_code", "rule")
    found = list(rows.order_by("-exchange").values_list(*columns)[:REACH])
    if len(found) == REACH:
        since = datetime.fromtimestamp(found[-1][0] / 1_000_000, tz=since.tzinfo)
    refused = [route for _, route, direction, *what in found if direction == "down" and _is_blocked(*what)]
    return Blocked(Counter(route for route in refused if route is not None), since)


def _is_blocked(outcome: str, error_code: str, rule: str) -> bool:
    """As the explorer finds what was blocked."""
    return outcome == "denied" or (outcome == "error" and not error_code and rule.startswith("proxy: "))
