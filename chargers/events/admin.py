"""What a page asks for where it has no WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET

from accounts.admin_base import OwnedAdmin
from chargers.events import sight
from chargers.models import Charger

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Charger]
else:
    _Admin = object


class EventsMixin(_Admin):
    """Adds ``events/?ids=1,2,3`` to the admin of chargers: how those are, as the socket says it."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(require_GET(self.events_view))
        return [path("events/", view, name="chargers_charger_events"), *super().get_urls()]

    def events_view(self, request: HttpRequest) -> HttpResponse:
        """Those of the chargers that the user may see."""
        keys = sight.asked(request.META.get("QUERY_STRING", ""))
        found = None if keys is None else sight.visible(request.user, keys)
        if found is None:
            raise Http404("there are no such chargers")
        answer = JsonResponse({"chargers": sight.told(sorted(found))})
        answer["Cache-Control"] = "no-store"
        return answer
