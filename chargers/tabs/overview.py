"""The first tab: how the charger is, in one look."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chargers.models import Charger
from chargers.tabs.tab import Tab
from routing.health import charger_health_of
from routing.models import Route


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """How the charger and its routes are."""
    routes = Route.objects.filter(charger=charger).select_related("charger", "backoffice", "state")
    known = charger_health_of([charger], list(routes.order_by("id")))
    return {"health": known.get(charger.pk)}


TAB = Tab(
    slug="overview", title=_("Overview"), template="admin/chargers/charger/overview.html", context=context
)
