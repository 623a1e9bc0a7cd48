"""Backoffices in the admin."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from accounts.admin_base import OwnedAdmin, VisibleFilter, may_change
from backoffices.models import Backoffice
from routing.models import Route

if TYPE_CHECKING:
    _BackofficeModelForm = forms.ModelForm[Backoffice]
else:
    _BackofficeModelForm = forms.ModelForm


class BackofficeForm(_BackofficeModelForm):
    """A backoffice, with a password that can be set and removed but never read."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep what is set.",
    )
    password_is_hex = forms.BooleanField(
        required=False, help_text="The new password is given in hexadecimal; its bytes are sent."
    )
    remove_password = forms.BooleanField(required=False, help_text="Send no credentials.")

    class Meta:
        model = Backoffice
        fields = ["name", "organisation", "url", "username", "ocpp_versions", "enabled"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if password := cleaned.get("new_password"):
            self._set(password, is_hex=bool(cleaned.get("password_is_hex")))
        elif cleaned.get("remove_password"):
            self.instance.password = None
        return cleaned

    def _set(self, password: str, *, is_hex: bool) -> None:
        try:
            self.instance.password = binascii.unhexlify(password) if is_hex else password.encode()
        except ValueError:
            self.add_error("new_password", "This is not hexadecimal; expected pairs of 0-9 and a-f.")


@admin.register(Backoffice)
class BackofficeAdmin(OwnedAdmin[Backoffice]):
    form = BackofficeForm
    list_display = ["name", "organisation", "url", "enabled", "connected", "waiting_for"]
    list_filter = ["enabled", ("organisation", VisibleFilter)]
    search_fields = ["name", "url"]
    readonly_fields = ["password_state", "created_at"]
    fieldsets = [
        (None, {"fields": ["name", "organisation", "url", "enabled", "ocpp_versions"]}),
        (
            "Credentials",
            {"fields": ["username", "password_state", "new_password", "password_is_hex", "remove_password"]},
        ),
        ("More", {"fields": ["created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        routes = Route.objects.visible_to(request.user).filter(enabled=True)
        counts = {
            "route_count": _count(routes),
            "connected_count": _count(routes.filter(state__state="connected")),
        }
        return super().get_queryset(request).select_related("organisation").annotate(**counts)

    def get_fieldsets(self, request: HttpRequest, obj: Backoffice | None = None) -> Any:
        """A shared backoffice is somebody else's: its name, not its address and credentials."""
        if obj is not None and not may_change(request, obj):
            return [(None, {"fields": ["name", "enabled", "ocpp_versions"]})]
        return super().get_fieldsets(request, obj)

    def get_list_display(self, request: HttpRequest) -> Any:
        hidden = [] if request.user.is_superuser else ["url"]
        return [column for column in self.list_display if column not in hidden]

    def get_search_fields(self, request: HttpRequest) -> Any:
        return self.search_fields if request.user.is_superuser else ["name"]

    def has_delete_permission(self, request: HttpRequest, obj: Backoffice | None = None) -> bool:
        """Its routes go with it, so all of them must be the user's."""
        if obj is not None and not request.user.is_superuser:
            routes = Route.objects.filter(backoffice=obj)
            if routes.exclude(pk__in=routes.changeable_by(request.user)).exists():
                return False
        return super().has_delete_permission(request, obj)

    @admin.display(description="connected")
    def connected(self, backoffice: Any) -> str:
        return f"{backoffice.connected_count} of {backoffice.route_count}"

    @admin.display(description="all up", boolean=True)
    def waiting_for(self, backoffice: Any) -> bool | None:
        if not backoffice.route_count or not backoffice.enabled:
            return None
        return bool(backoffice.connected_count == backoffice.route_count)

    @admin.display(description="password")
    def password_state(self, backoffice: Backoffice) -> str:
        return "A password is set." if backoffice.has_password else "No password is set."


def _count(routes: QuerySet[Route]) -> Any:
    counted = routes.filter(backoffice=OuterRef("pk")).order_by().values("backoffice").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
