"""Known operators in the admin, and the choice among them with which a backoffice is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin, VisibleFilter
from backoffices.models import Backoffice, CatalogueEntry
from routing.core.snapshot import OCPP_VERSIONS

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Backoffice]
    _CatalogueEntryModelForm = forms.ModelForm[CatalogueEntry]
else:
    _Admin = object
    _CatalogueEntryModelForm = forms.ModelForm

OTHER = "other"
"""In place of the number of an entry: a backoffice that nobody has described."""


def versions_field() -> forms.MultipleChoiceField:
    """OCPP versions as boxes to tick."""
    return forms.MultipleChoiceField(
        label=_("OCPP versions"),
        required=False,
        choices=[(version, version) for version in OCPP_VERSIONS],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Those that it is known to take; none where you don't know."),
    )


class CatalogueEntryForm(_CatalogueEntryModelForm):
    ocpp_versions = versions_field()


@admin.register(CatalogueEntry)
class CatalogueEntryAdmin(OwnedAdmin[CatalogueEntry]):
    form = CatalogueEntryForm
    list_display = ["name", "url_template", "login", "versions", "organisation"]
    list_filter = [("organisation", VisibleFilter)]
    list_select_related = ["organisation"]
    search_fields = ["name"]
    fields = ["name", "organisation", "url_template", "login", "ocpp_versions", "notes", "documentation"]

    @admin.display(description="OCPP")
    def versions(self, entry: CatalogueEntry) -> str:
        return ", ".join(entry.ocpp_versions)


class ChooseMixin(_Admin):
    """Adding a backoffice begins with ``?catalogue=`` (a primary key, or OTHER), else with the choice."""

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        wanted = request.GET.get("catalogue")
        if request.method == "GET" and wanted is None and self.has_add_permission(request):
            return self._choice(request)
        return super().add_view(request, form_url, {"entry": chosen(request), **(extra_context or {})})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        entry = chosen(request)
        if entry is not None:
            initial |= {
                "name": entry.name,
                "url": entry.url_template,
                "ocpp_versions": entry.ocpp_versions,
            }
        if request.user.is_authenticated and not request.user.is_superuser:
            mine = list(request.user.organisations(changing=True)[:2])
            if len(mine) == 1:
                initial.setdefault("organisation", mine[0])
        return initial

    def _choice(self, request: HttpRequest) -> HttpResponse:
        kept = {name: value for name, value in request.GET.items() if name.startswith("_")}
        entries = CatalogueEntry.objects.selectable_by(request.user).select_related("organisation")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Add %(what)s") % {"what": self.opts.verbose_name},
            "opts": self.opts,
            "choices": [(entry, f"?{urlencode({**kept, 'catalogue': entry.pk})}") for entry in entries],
            "other": f"?{urlencode({**kept, 'catalogue': OTHER})}",
            "may_extend": request.user.has_perm("backoffices.add_catalogueentry"),
            "is_popup": "_popup" in request.GET,
        }
        return TemplateResponse(request, "admin/backoffices/backoffice/choose.html", context)


def chosen(request: HttpRequest) -> CatalogueEntry | None:
    """The entry that somebody has chosen, None for another backoffice or one that they may not see."""
    key = request.GET.get("catalogue", "")
    if not (key.isdecimal() and key.isascii() and len(key) < 19):
        return None
    return CatalogueEntry.objects.selectable_by(request.user).filter(pk=int(key)).first()
