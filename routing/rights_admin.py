"""Permissions in the admin: presets of organisations, and what a route may do as a table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.admin_base import OwnedAdmin, VisibleFilter
from accounts.models import Organisation
from routing import presets, rights
from routing.models import PermissionPreset, Route
from routing.rights_form import WORDS, title_of
from routing.route_form import PresetForm, versions_of

_LEGEND = _(
    "What this backoffice may send to the charger ({versions}). Its own only: on sessions, profiles, "
    "reservations and other things that it has made itself. Within limits: the proxy looks at what is in it, "
    "and refuses what would harm others."
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
        '<p>{}</p><table><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
        '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
        _LEGEND.format(versions=f"OCPP {', '.join(versions)}"),
        *(_("Action"), _("Allowed"), _("Rule")),
        format_html_join("", "{}", ((_group(category, of),) for category, of in groups)),
    )


def _group(category: str, of: Iterable[rights.Right]) -> SafeString:
    rows = ((_CELL, right.action, _CELL, WORDS[right.verdict], _CELL, right.rule) for right in of)
    return format_html(
        '<tr><th colspan="3" scope="rowgroup">{}</th></tr>{}',
        title_of(category),
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
    readonly_fields = ["created_at", "chosen"]

    change_form_template = "admin/routing/permissionpreset/change_form.html"

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(require_POST(self.copy_view))
        ours = [path("<int:pk>/copy/", view, name="routing_permissionpreset_copy")]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with where the preset can be copied to and how many routes use it."""
        preset = self.get_object(request, object_id)
        extra = {
            "preset": preset,
            "organisations": _targets(request) if self.has_add_permission(request) else [],
            "used_by": preset.routes.count(),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, extra)

    def get_fieldsets(self, request: HttpRequest, obj: PermissionPreset | None = None) -> Any:
        """Who only reads gets what is stored, in words."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [(None, {"fields": ["name", "organisation", "role", "chosen", "created_at"]})]

    @admin.display(description=_("rights"))
    def chosen(self, preset: PermissionPreset) -> SafeString | str:
        """What differs from the role, one line each."""
        rows = ((key, WORDS.get(verdict, verdict)) for key, verdict in sorted(preset.permissions.items()))
        return format_html_join(mark_safe("<br>"), "{}: {}", rows) or str(_("those of its role"))

    def copy_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The same preset for another organisation of the user's; one with mistakes is told, not copied."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        preset = self.get_object(request, str(pk))
        wanted = request.POST.get("copy_to", "")
        organisation = _targets(request).filter(pk=wanted if wanted.isdecimal() else 0).first()
        if organisation is None:
            raise Http404("there is no such organisation to copy to")
        try:
            made = presets.copy_preset(preset, organisation)
        except ValidationError as error:  # stored by a version that knew other actions, or by hand
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:routing_permissionpreset_change", args=[pk]))
        words = _("Copied to {organisation} as {name}.")
        self.message_user(request, words.format(organisation=organisation, name=made), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:routing_permissionpreset_change", args=[made.pk]))


def _targets(request: HttpRequest) -> Any:
    """Organisations that the user may give a preset to."""
    return Organisation.objects.selectable_by(request.user).order_by("name")
