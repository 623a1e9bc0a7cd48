"""The side menu: what a person works with, and only what they may open."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from proxy_site.dashboard.scope import is_fleet
from routing.standing import Standing, newest


class Entry(NamedTuple):
    """A list of the admin: ``model`` as app.model, ``icon`` a Material symbol.

    ``page``: the name of a page for members in place of the list.
    """

    title: Any
    model: str
    icon: str
    page: str = ""


MEMBERS = Entry(_("Members"), "accounts.membership", "groups", "accounts_people")

MENU: list[tuple[Any, list[Entry]]] = [
    (
        None,
        [
            Entry(_("Chargers"), "chargers.charger", "ev_station"),
            Entry(_("Backoffices"), "backoffices.backoffice", "cloud"),
            Entry(_("Routes"), "routing.route", "alt_route"),
            Entry(_("Messages"), "routing.message", "forum"),
            Entry(_("Sessions"), "routing.transaction", "bolt"),
            Entry(_("Commands"), "routing.command", "terminal"),
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
            Entry(_("Known operators"), "backoffices.catalogueentry", "menu_book"),
            Entry(_("Default routes"), "routing.defaultroute", "add_road"),
        ],
    ),
    (
        _("Files and settings"),
        [
            Entry(_("Files of chargers"), "routing.upload", "download"),
            Entry(_("Firmware"), "routing.firmwarefile", "system_update_alt"),
            Entry(_("Presets of settings"), "routing.settingspreset", "fact_check"),
        ],
    ),
    (
        _("People"),
        [
            MEMBERS,
            Entry(_("Places"), "accounts.location", "location_on"),
            Entry(_("Organisations"), "accounts.organisation", "apartment"),
            Entry(_("Users"), "accounts.user", "person"),
            Entry(_("Memberships"), "accounts.membership", "group"),
            Entry(_("What people did"), "accounts.deed", "history"),
        ],
    ),
    (
        _("Integrations"),
        [
            Entry(_("API tokens"), "accounts.apitoken", "key"),
            Entry(_("Webhooks"), "routing.webhook", "webhook"),
            Entry(_("Events"), "routing.event", "campaign"),
        ],
    ),
    (_("Operation"), [Entry(_("Processes"), "routing.runtimeprocess", "memory")]),
]

OWN = (
    *("chargers.charger", "routing.message", "routing.transaction", "routing.command"),
    "backoffices.backoffice",
)
"""What those see who look after their own chargers; the rest is on the pages of these."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as unfold draws it, for this person."""
    person: Any = request.user
    how = newest(person, timezone.now())
    groups: list[dict[str, Any]] = [{"items": [_link(_("Dashboard"), "dashboard", "admin:index")]}]
    for title, entries in MENU if is_fleet(person) else _short():
        items = [_item(entry, how) for entry in entries if _may_open(request, entry)]
        if items:
            groups.append({"title": title, "separator": title is not None, "items": items})
    return [*groups, {"separator": True, "items": [_link(_("Help"), "help", "admin:help")]}]


def _short() -> list[tuple[Any, list[Entry]]]:
    known = {entry.model: entry for _title, entries in MENU for entry in entries}
    integrations = [known["accounts.apitoken"], known["routing.webhook"]]
    return [
        (None, [known[model] for model in OWN]),
        (_("People"), [MEMBERS]),
        (_("Integrations"), integrations),
    ]


def _link(title: Any, icon: str, page: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(page)}


def _item(entry: Entry, how: Standing | None) -> dict[str, Any]:
    page = entry.page or f"{entry.model.replace('.', '_')}_changelist"
    item = _link(entry.title, entry.icon, f"admin:{page}")
    number, tone = _badge(entry.model, how) if how else (0, "")
    return {**item, "badge": number, "badge_variant": tone} if number else item


def _badge(model: str, how: Standing) -> tuple[int, str]:
    """How many want a person, and the colour."""
    match model:
        case "chargers.charger":
            return how.offline, "danger"
        case "backoffices.backoffice":
            return len(how.down), "danger"
        case "routing.alarm":
            return how.alarms, "warning"
    return 0, ""


def _may_open(request: HttpRequest, entry: Entry) -> bool:
    if entry.page:
        return bool(request.user.is_superuser or getattr(request.user, "roles", ()))
    page = admin.site._registry.get(apps.get_model(entry.model))
    return page is not None and (page.has_view_permission(request) or page.has_change_permission(request))


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """What the menu of a person's own account offers beside the password."""
    if not settings.PROXY_SSO_READY:
        return []
    return [{"title": _("Second factor"), "link": reverse_lazy("mfa_index")}]


def icon(request: HttpRequest) -> str:
    """The address of the product's sign."""
    return static("accounts/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    """The address of what our own pages look like."""
    return static("accounts/proxy.css")
