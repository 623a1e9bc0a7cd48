"""The second tab: each route of the charger, how it is, and a switch that acts at once."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import may_change
from accounts.keys import key_in
from chargers.models import Charger
from chargers.standing import OFF, SWITCHED_OFF, in_order, link_of, since_of
from chargers.tabs.tab import Tab, tab_address
from routing.blocked import Blocked, blocked
from routing.health import RouteHealth, health_of
from routing.models import ChargerSession, Route
from routing.switching import switch, warning


class Line(NamedTuple):
    """A route as the page tells of it. ``warning``: what who switches it off should know."""

    pk: int
    backoffice: str
    role: str
    alias: str
    enabled: bool
    level: str
    words: str
    since: str
    health: RouteHealth
    blocked: str
    warning: str
    log: str
    trial: str


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """The routes, and what the user may do with them."""
    routes = Route.objects.filter(charger=charger).select_related("charger", "backoffice", "state")
    rows = in_order(routes.order_by("pk"))
    known, refused = health_of(rows), blocked(charger.pk)
    back = {"next": tab_address(charger.pk, "backoffices")}
    may = may_switch(request, charger)
    online = ChargerSession.objects.filter(charger=charger, online=True).exists()
    return {
        "charger": charger,
        "lines": [_line(route, known[route.pk], refused, online=online) for route in rows],
        "blocked_since": refused.since,
        "may_switch": may,
        "may_add": may and request.user.has_perm("routing.add_route"),
        "add": f"{reverse('admin:routing_route_add')}?{urlencode({'charger': charger.pk, **back})}",
        "back": urlencode(back),
    }


def may_switch(request: HttpRequest, charger: Charger) -> bool:
    """Whether the user may change routes of this charger."""
    return request.user.has_perm("routing.change_route") and may_change(request, charger)


def _line(route: Route, health: RouteHealth, refused: Blocked, *, online: bool) -> Line:
    level, words = link_of(health, online=online)
    if not route.enabled:
        level, words = OFF, str(SWITCHED_OFF)
    log = {"charger": route.charger.identity, "route": route.pk}
    return Line(
        pk=route.pk,
        backoffice=route.backoffice.name,
        role=route.get_role_display(),
        alias=route.alias,
        enabled=route.enabled,
        level=level,
        words=words,
        since=since_of(health.since) if health.state not in ("off", "new") else "",
        health=health,
        blocked=refused.words(route.pk),
        warning=warning(route) if route.enabled else "",
        log=f"{reverse('admin:routing_message_changelist')}?{urlencode(log)}",
        trial=_trial(route),
    )


def _trial(route: Route) -> str:
    """Where a connection to the backoffice is tried."""
    return f"{reverse('admin:backoffices_backoffice_trial')}?{urlencode({'route': route.pk})}"


def do_switch(request: HttpRequest, charger: Charger) -> HttpResponse:
    """Switch the posted ``route`` on or off (``enabled``: 1 or 0)."""
    if not request.user.has_perm("routing.change_route"):
        raise PermissionDenied
    key, wanted = key_in(request.POST.get("route", "")), request.POST.get("enabled", "")
    mine = Route.objects.changeable_by(request.user).filter(charger=charger).select_related("backoffice")
    route = None if key is None else mine.filter(pk=key).first()
    if route is None or wanted not in ("0", "1"):
        raise Http404("this charger has no such route")
    switched = switch(route, enabled=wanted == "1")
    level = messages.SUCCESS if switched.done else messages.ERROR
    messages.add_message(request, level, switched.words)
    if switched.warning:
        messages.warning(request, switched.warning)
    return redirect(f"{tab_address(charger.pk, 'backoffices')}#route-{route.pk}")


def piece(request: HttpRequest, charger: Charger) -> HttpResponse:
    """What has changed, for the page that is open."""
    return render(request, "admin/chargers/charger/backoffices_now.html", context(request, charger))


TAB = Tab(
    slug="backoffices",
    title=_("Backoffices"),
    template="admin/chargers/charger/backoffices.html",
    context=context,
    pieces={"now": piece},
    actions={"switch": do_switch},
)
