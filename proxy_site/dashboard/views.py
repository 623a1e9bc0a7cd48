"""The dashboard's page, the piece of it that is fetched every ten seconds, and the page of help."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from proxy_site.dashboard import attention, cards, charges, chart
from proxy_site.dashboard.scope import Scope
from routing.health import at, in_ms
from routing.standing import FRESH, minutes

LONGEST_SEARCH = 100


def page(request: HttpRequest, frame: dict[str, Any]) -> TemplateResponse:
    """All of it; ``frame`` is what every page of the admin shows."""
    context = {**frame, "title": _("Dashboard"), **_context(request), "piece": _piece_address(request)}
    return TemplateResponse(request, "admin/dashboard/page.html", context)


@never_cache
def piece(request: HttpRequest) -> HttpResponse:
    """What changes, without the frame."""
    return TemplateResponse(request, "admin/dashboard/piece.html", _context(request))


def help_page(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    """What colours and words mean, and the first steps."""
    return TemplateResponse(request, "admin/dashboard/help.html", {**frame, "title": _("Help")})


def _piece_address(request: HttpRequest) -> str:
    kept = request.GET.urlencode()
    return reverse("admin:dashboard_piece") + (f"?{kept}" if kept else "")


def _context(request: HttpRequest) -> dict[str, Any]:
    scope = Scope.of(request)
    if not scope.is_member:
        return {"scope": scope, "search": ""}
    search = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    standing, hour = scope.standing, minutes(scope.user, scope.now, scope.key)
    may_add = _may_add(request, scope)
    shown, is_cut = ([], False) if scope.is_fleet else cards.cards(scope, search)
    return {
        "scope": scope,
        "search": search,
        "may_add": may_add,
        "standing": standing,
        "is_stale": scope.now - standing.at > FRESH / 2,
        "minute": hour[-1],
        "blocked": sum(minute.blocked for minute in hour),
        "oldest": at(standing.oldest, scope.now) if standing.oldest else "",
        "chart": chart.chart(hour),
        "needs": attention.needs(scope),
        "refused": charges.refused_charges(scope),
        "backoffices": _backoffices(scope),
        "cards": shown,
        "is_cut": is_cut,
        "is_new": may_add and not standing.chargers and not search,
        "has_backoffice": Backoffice.objects.visible_to(scope.user).exists()
        if not standing.chargers
        else True,
    }


def _backoffices(scope: Scope) -> list[dict[str, Any]]:
    """Those that chargers have routes to; the way to one is for those who may see it."""
    offices = scope.standing.offices
    visible = Backoffice.objects.visible_to(scope.user).filter(pk__in=offices).order_by("name")
    return [
        {
            "name": row.name,
            "office": offices[row.pk],
            "tone": _tone(row, offices[row.pk]),
            "took": in_ms(offices[row.pk].median_ms),
            "oldest": at(oldest, scope.now) if (oldest := offices[row.pk].oldest) else "",
            "address": reverse("admin:backoffices_backoffice_overview", args=[row.pk]),
        }
        for row in visible
    ]


def _tone(row: Backoffice, office: Any) -> str:
    if not row.enabled or not office.links:
        return ""
    return "bad" if not office.up else "warn" if office.up < office.links else "good"


def _may_add(request: HttpRequest, scope: Scope) -> bool:
    """Whether there is an organisation in which they may have a charger, and they may add one at all."""
    may = admin.site._registry[Charger].has_add_permission(request)
    return scope.user.is_superuser or (may and Organisation.objects.changeable_by(scope.user).exists())
