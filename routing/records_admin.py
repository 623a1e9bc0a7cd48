"""Records of chargers and routes in the admin, either of which may be gone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import RecordAdmin


class RecordedAdmin(RecordAdmin[Any]):
    """Records of chargers and routes, either of which may be gone."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("charger", "route__backoffice")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without ``charger`` and ``route`` as such: they can't be shown where the row is gone."""
        names = {"charger": "of_charger", "route": "of_route"}
        return [names.get(field.name, field.name) for field in self.model._meta.fields]

    @admin.display(description=_("charger"))
    def of_charger(self, row: Any) -> str:
        charger = _there(row, "charger")
        return str(charger) if charger else f"removed ({row.charger_id})"

    @admin.display(description=_("route"))
    def of_route(self, row: Any) -> str:
        if row.route_id is None:
            return "charger"
        route = _there(row, "route")
        return route.backoffice.name if route else f"removed ({row.route_id})"


def _there(row: Any, name: str) -> Any:
    """The related row, None where it has been deleted; never a query, it was fetched with the list."""
    return row._state.fields_cache.get(name)
