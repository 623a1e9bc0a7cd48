"""Permissions in the admin: presets of organisations, and what a route may do as a table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin, VisibleFilter
from routing import rights
from routing.models import PermissionPreset, Route
from routing.rights_form import WORDS
from routing.route_form import PresetForm, versions_of

_LEGEND = (
    "What this backoffice may send to the charger ({}). Its own only: on sessions, profiles, reservations "
    "and other things that it has made itself. Within limits: the proxy checks what is in it, and refuses "
    "what would harm others. What the table shows is stored; save the page to see what a change does."
)

HOW_TO_CHOOSE = _(
    "What is not chosen here is decided by the preset, and then by the role: beside each choice stands what "
    "holds without it, and why. Its own only: on sessions, profiles, reservations and other things that it "
    "has made itself. Within limits: the proxy looks at what is in it, and refuses what would harm others."
)

CREDENTIALS = _(
    "For this charger alone, where the backoffice gives each charger its own. A password is stored "
    "encrypted, and never shown."
)

_ROW = '<tr><td style="{}">{}</td><td style="{}">{}</td><td style="{}">{}</td></tr>'
_CELL = "white-space: normal; overflow-wrap: anywhere"  # three columns that fit on a phone


def table(route: Route) -> SafeString:
    """What this route may send, by category, with the rule that says so."""
    versions = versions_of(route)
    found = rights.matrix(route, versions)
    groups = [(category, list(of)) for category, of in groupby(found, key=attrgetter("category"))]
    return format_html(
        '<p>{}</p><table><thead><tr><th scope="col">Action</th><th scope="col">Allowed</th>'
        '<th scope="col">Rule</th></tr></thead><tbody>{}</tbody></table>',
        _LEGEND.format(f"OCPP {', '.join(versions)}"),
        format_html_join("", "{}", ((_group(category, of),) for category, of in groups)),
    )


def _group(category: str, of: Iterable[rights.Right]) -> SafeString:
    rows = ((_CELL, right.action, _CELL, WORDS[right.verdict], _CELL, right.rule) for right in of)
    return format_html(
        '<tr><th colspan="3" scope="rowgroup">{}</th></tr>{}',
        category.replace("-", " "),
        format_html_join("", _ROW, rows),
    )


def presets_for(request: HttpRequest, field: Any) -> None:
    """Offer the presets of the charger's organisation alone; where there is none yet, say whose each is."""
    chosen = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
    if chosen is not None:
        routes = Route.objects.visible_to(request.user).filter(pk=chosen).values("charger__organisation")
        field.queryset = field.queryset.filter(organisation__in=routes)
    field.queryset = field.queryset.select_related("organisation")
    field.label_from_instance = _described


def _described(preset: PermissionPreset) -> str:
    return f"{preset.name} ({preset.get_role_display()}, {preset.organisation})"


@admin.register(PermissionPreset)
class PermissionPresetAdmin(OwnedAdmin[PermissionPreset]):
    form = PresetForm
    radio_fields = {"role": admin.VERTICAL}
    list_display = ["name", "organisation", "role"]
    list_select_related = ["organisation"]
    list_filter = ["role", ("organisation", VisibleFilter)]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "organisation", "role"]}),
        (_("Rights"), {"fields": ["permissions", "created_at"], "description": HOW_TO_CHOOSE}),
    ]
    readonly_fields = ["created_at"]
