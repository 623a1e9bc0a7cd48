"""What people did, in the admin: read, never edited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import RecordAdmin, may_change
from accounts.deeds import Deed

_TABLE = (
    '<table><thead><tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th></tr>'
    "</thead><tbody>{}</tbody></table>"
)


class SinceFilter(admin.SimpleListFilter):
    """How far back."""

    title = _("time")
    parameter_name = "since"
    HOURS = {"hour": 1, "day": 24, "week": 168, "month": 720}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("hour", _("Last hour")),
            ("day", _("Last 24 hours")),
            ("week", _("Last 7 days")),
            ("month", _("Last 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        hours = self.HOURS.get(self.value() or "")
        return queryset if hours is None else queryset.filter(at__gte=timezone.now() - timedelta(hours=hours))


class ActorFilter(admin.SimpleListFilter):
    """Who has done something lately, as far as the user may know of it."""

    title = _("who")
    parameter_name = "actor_name"
    REACH = 1000

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        seen = Deed.objects.visible_to(request.user).values_list("actor_name", flat=True)[: self.REACH]
        return [(name, name) for name in sorted(set(seen)) if name]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(actor_name=self.value()) if self.value() else queryset


@admin.register(Deed)
class DeedAdmin(RecordAdmin[Deed]):
    """Newest first. Values and addresses are for those who may change what a deed is about."""

    list_display = ["at", "who", "via", "words", "organisation_name"]
    list_display_links = ["at", "words"]
    list_filter = [SinceFilter, "via", "verb", ActorFilter]
    sortable_by = ()
    search_fields = ["subject_name"]
    search_help_text = _(
        "All of a charger's identity, of the name of a user or of a row, or a correlation id"
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("-id")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """By index only, and whole: what may not be seen is not found piece by piece."""
        if not search_term:
            return queryset, False
        names = ("subject_name", "charger_name", "actor_name", "correlation_id")
        found = Q()
        for name in names:
            found |= Q(**{name: search_term})
        return queryset.filter(found), False

    def get_fields(self, request: HttpRequest, obj: Deed | None = None) -> Any:
        fields = ["at", "who", "via", "words", "subject_name", "charger_name", "organisation_name"]
        if obj is not None and may_change(request, obj):
            fields += ["address", "differences"]
        return [*fields, "correlation_id"]

    @admin.display(description=_("who"))
    def who(self, deed: Deed) -> str:
        return deed.actor_name or deed.get_via_display()

    @admin.display(description=_("changes"))
    def differences(self, deed: Deed) -> SafeString | str:
        rows = deed.changes()
        if not rows:
            return ""
        lines = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        return format_html(_TABLE, _("Field"), _("Before"), _("After"), lines)
