"""The side menu: what a person works with, and only what they may open."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


class Entry(NamedTuple):
    """A list of the admin: ``model`` as app.model, ``icon`` a Material symbol.

    ``page``: the name of a page for members in place of the list.
    """

    title: Any
    model: str
    icon: str
    page: str = ""


MENU: list[tuple[Any, list[Entry]]] = [
    (
        None,
        [
            Entry(_("Chargers"), "chargers.charger", "ev_station"),
            Entry(_("Backoffices"), "backoffices.backoffice", "cloud"),
            Entry(_("Routes"), "routing.route", "alt_route"),
            Entry(_("Messages"), "routing.message", "forum"),
            Entry(_("Sessions"), "routing.transaction", "bolt"),
        ],
    ),
    (
        _("Needs attention"),
        [
            Entry(_("Alarms"), "routing.alarm", "notifications"),
            Entry(_("Refused attempts"), "chargers.refusedattempt", "block"),
            Entry(_("Waiting messages"), "routing.delivery", "outbox"),
        ],
    ),
    (
        _("Rights"),
        [
            Entry(_("Cards"), "routing.card", "contactless"),
            Entry(_("Presets"), "routing.permissionpreset", "tune"),
            Entry(_("Default routes"), "routing.defaultroute", "add_road"),
        ],
    ),
    (
        _("People"),
        [
            Entry(_("Members"), "accounts.membership", "groups", "accounts_people"),
            Entry(_("Places"), "accounts.location", "location_on"),
            Entry(_("Organisations"), "accounts.organisation", "apartment"),
            Entry(_("Users"), "accounts.user", "person"),
            Entry(_("Memberships"), "accounts.membership", "group"),
            Entry(_("What people did"), "accounts.deed", "history"),
        ],
    ),
    (_("Operation"), [Entry(_("Processes"), "routing.runtimeprocess", "memory")]),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as unfold draws it, for this person."""
    groups: list[dict[str, Any]] = [{"items": [_dashboard()]}]
    for title, entries in MENU:
        items = [_item(entry) for entry in entries if _may_open(request, entry)]
        if items:
            groups.append({"title": title, "separator": title is not None, "items": items})
    return groups


def _dashboard() -> dict[str, Any]:
    return {"title": _("Dashboard"), "icon": "dashboard", "link": reverse_lazy("admin:index")}


def _item(entry: Entry) -> dict[str, Any]:
    page = entry.page or f"{entry.model.replace('.', '_')}_changelist"
    return {"title": entry.title, "icon": entry.icon, "link": reverse_lazy(f"admin:{page}")}


def _may_open(request: HttpRequest, entry: Entry) -> bool:
    if entry.page:
        return bool(request.user.is_superuser or getattr(request.user, "roles", ()))
    page = admin.site._registry.get(apps.get_model(entry.model))
    return page is not None and (page.has_view_permission(request) or page.has_change_permission(request))


def icon(request: HttpRequest) -> str:
    """The address of the product's sign."""
    return static("accounts/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    """The address of what our own pages look like."""
    return static("accounts/proxy.css")
