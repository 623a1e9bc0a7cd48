"""The pages of a backoffice: how it is, its links, what was refused it, and the way to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.admin_base import OwnedAdmin, may_change
from backoffices import overview, samples
from backoffices.models import Backoffice
from routing.models import Route

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Backoffice]
else:
    _Admin = object

LAST_PAGE = 1000


class PagesMixin(_Admin):
    """Adds ``<pk>/overview/``, ``<pk>/links/`` and ``<pk>/blocked/``, and a bar of tabs to the form."""

    def get_urls(self) -> Any:
        pages = (("overview", self.overview_view), ("links", self.links_view), ("blocked", self.blocked_view))
        return [
            *(
                path(
                    f"<int:pk>/{slug}/",
                    self.admin_site.admin_view(require_GET(view)),
                    name=f"backoffices_backoffice_{slug}",
                )
                for slug, view in pages
            ),
            *super().get_urls(),
        ]

    def overview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How it is, in one look."""
        backoffice = self._seen(request, pk)
        routes = overview.routes_of(request.user, backoffice)
        found = overview.failures(routes)
        moments = samples.last_hour(request.user, pk)
        median, most = overview.round_trips(routes)
        return self._page(
            request,
            backoffice,
            "overview",
            health=getattr(backoffice, "health", None),
            failures=found,
            advice=overview.advice(backoffice, found),
            median=median,
            most=most,
            chart=overview.chart(moments, timezone.now()),
            width=overview.WIDTH,
            height=overview.HEIGHT,
        )

    def links_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Its routes, those that are down first."""
        backoffice = self._seen(request, pk)
        given = request.GET.get("p", "1")
        is_number = given.isdecimal() and given.isascii() and len(given) < 9
        page = min(int(given), LAST_PAGE) if is_number else 1
        only_down = request.GET.get("show") == "down"
        routes = overview.routes_of(request.user, backoffice)
        lines, more = overview.lines(routes, max(page, 1), only_down=only_down)
        changeable = Route.objects.changeable_by(request.user).filter(
            pk__in=[line.route.pk for line in lines]
        )
        can_try = request.user.has_perm("routing.change_route")
        return self._page(
            request,
            backoffice,
            "links",
            lines=lines,
            only_down=only_down,
            older=page + 1 if more else None,
            newer=page - 1 if page > 1 else None,
            testable=set(changeable.values_list("pk", flat=True)) if can_try else set(),
            trial=reverse("admin:backoffices_backoffice_trial"),
        )

    def blocked_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What it asked for and was refused."""
        backoffice = self._seen(request, pk)
        calls = overview.blocked_calls(request.user, backoffice)
        return self._page(request, backoffice, "blocked", calls=calls, most=overview.MOST_BLOCKED)

    def _seen(self, request: HttpRequest, pk: int) -> Backoffice:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        found: Backoffice = self.get_object(request, str(pk))  # 404 for what is not visible
        return found

    def bar(self, request: HttpRequest, row: Backoffice, slug: str) -> dict[str, Any]:
        return {"bar": "admin/backoffices/backoffice/tabs.html", "tabs": tabs_of(row, slug)}

    def _page(self, request: HttpRequest, backoffice: Backoffice, slug: str, **context: Any) -> HttpResponse:
        told = {
            **self.admin_site.each_context(request),
            "title": backoffice.name,
            "opts": self.opts,
            "backoffice": backoffice,
            "object": backoffice,
            "may_change": self.has_change_permission(request, backoffice),
            "may_know_address": may_change(request, backoffice),
            "tabs": tabs_of(backoffice, slug),
        }
        return TemplateResponse(request, f"admin/backoffices/backoffice/{slug}.html", {**told, **context})


TABS = (
    ("overview", _("Overview")),
    ("links", _("Chargers")),
    ("blocked", _("Blocked calls")),
    ("live", _("Live")),
    ("messages", _("Messages")),
    ("change", _("Settings")),
    ("history", _("Audit")),
)


def tabs_of(backoffice: Backoffice, open_slug: str) -> list[dict[str, Any]]:
    """The bar of tabs."""
    return [
        {"title": title, "address": address_of(backoffice, slug), "is_open": slug == open_slug}
        for slug, title in TABS
    ]


def address_of(backoffice: Backoffice, slug: str) -> str:
    """Where a page of a backoffice is."""
    if slug == "messages":
        return f"{reverse('admin:routing_message_changelist')}?{urlencode({'backoffice': backoffice.pk})}"
    return reverse(f"admin:backoffices_backoffice_{slug}", args=[backoffice.pk])
