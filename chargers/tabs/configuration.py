"""What is known of the charger's own configuration, out of what it has answered so far.

Reading it from the charger, and changing it, are commands: they become ``actions`` of this tab.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chargers.models import Charger
from chargers.tabs.tab import Tab
from routing import readings
from routing.core.secrecy import is_secret
from routing.core.settings.learning import KIND as LEARNED
from routing.core.settings.wishes import WISH
from routing.models import LatestValue, Route


class Setting(NamedTuple):
    """A setting as it was last seen. ``readonly``: None where nobody has said."""

    name: str
    value: str
    readonly: bool | None
    seen: Any


class Wish(NamedTuple):
    """What one backoffice has set for itself: it reads that, the charger has one value for all."""

    name: str
    backoffice: str
    value: str
    at: Any


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """What the charger has said of its settings, and what each backoffice has set."""
    latest = list(LatestValue.objects.filter(charger=charger, kind__in=(LEARNED, WISH)).exclude(payload=""))
    return {"settings": _settings(charger, latest), "wishes": list(_wishes(charger, latest))}


def _settings(charger: Charger, latest: list[LatestValue]) -> list[Setting]:
    found: dict[str, Setting] = {}
    for row in latest:
        if row.kind == LEARNED and not is_secret(row.key):
            found[row.key.lower()] = Setting(row.key, _text(row.payload), None, row.at)
    for key in readings.configuration(charger.pk):
        if not is_secret(key.component, key.variable, key.instance):
            found[key.name.lower()] = Setting(key.name, key.value, key.readonly, key.seen_at)
    return sorted(found.values(), key=lambda one: one.name.lower())


def _wishes(charger: Charger, latest: list[LatestValue]) -> Iterator[Wish]:
    names: Mapping[str, str] = {
        str(key): name
        for key, name in Route.objects.filter(charger=charger).values_list("pk", "backoffice__name")
    }
    for row in latest:
        route, _slash, name = row.key.partition("/")
        if row.kind == WISH and route in names and not is_secret(name):
            yield Wish(name, names[route], _text(row.payload), row.at)


def _text(payload: str) -> str:
    try:
        return msgspec.json.decode(payload, type=str)
    except msgspec.DecodeError:
        return payload


TAB = Tab(
    slug="configuration",
    title=_("Configuration"),
    template="admin/chargers/charger/configuration.html",
    context=context,
)
