"""Backoffices in the admin."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_base import OwnedAdmin, VisibleFilter, may_change
from backoffices.models import Backoffice
from routing.health import backoffice_health
from routing.health_admin import HealthMixin, known_of, sentence
from routing.live.admin import LiveMixin
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
        fields = ["name", "organisation", "url", "username", "ocpp_versions", "catch_up", "enabled"]

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
class BackofficeAdmin(LiveMixin, HealthMixin, OwnedAdmin[Backoffice]):
    live_kind = "backoffice"
    form = BackofficeForm
    list_display = ["name", "all_up", "connected", "queue", "answers_in", "organisation", "enabled", "url"]
    list_filter = ["enabled", ("organisation", VisibleFilter)]
    search_fields = ["name", "url"]
    readonly_fields = ["password_state", "created_at", "now", "watch"]
    fieldsets = [
        (None, {"fields": ["name", "organisation", "url", "enabled", "ocpp_versions", "catch_up"]}),
        ("Now", {"fields": ["now", "watch"]}),
        (
            "Credentials",
            {"fields": ["username", "password_state", "new_password", "password_is_hex", "remove_password"]},
        ),
        ("More", {"fields": ["created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organisation")

    def health_of(self, request: HttpRequest, rows: list[Backoffice]) -> Any:
        """Over routes of the user's own chargers only, whoever else uses the backoffice."""
        return backoffice_health(Route.objects.visible_to(request.user).filter(backoffice__in=rows))

    def get_fieldsets(self, request: HttpRequest, obj: Backoffice | None = None) -> Any:
        """A shared backoffice is somebody else's: its name, not its address and credentials."""
        if obj is not None and not may_change(request, obj):
            return [(None, {"fields": ["name", "enabled", "ocpp_versions", "now", "watch"]})]
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

    @admin.display(description="links up")
    def connected(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return f"{known.up:,} of {known.routes:,}" if known else "0 of 0"

    @admin.display(description="all up", boolean=True)
    def all_up(self, backoffice: Backoffice) -> bool | None:
        known = known_of(backoffice)
        return known.up == known.routes if known and known.routes else None

    @admin.display(description="queue")
    def queue(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return sentence(known.queue) if known else ""

    @admin.display(description="answers in")
    def answers_in(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return known.took if known else ""

    @admin.display(description="now")
    def now(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return known.words if known else "no route"

    @admin.display(description="password")
    def password_state(self, backoffice: Backoffice) -> str:
        return "A password is set." if backoffice.has_password else "No password is set."
