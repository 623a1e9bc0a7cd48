"""API tokens in the admin: made for oneself, shown once, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin
from accounts.models import Organisation
from accounts.tokens import SCOPES, ApiToken, issue, revoke, validate_networks

if TYPE_CHECKING:
    _TokenForm = forms.ModelForm[ApiToken]
else:
    _TokenForm = forms.ModelForm

LASTS = [(0, _("until it is revoked")), (1, _("a day")), (30, _("30 days")), (365, _("a year"))]


class TokenForm(_TokenForm):
    """What a new token may, where, and for how long."""

    scopes = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {words}") for name, words in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        label=_("It may"),
        help_text=_("Never more than you may yourself."),
    )
    lasts = forms.TypedChoiceField(choices=LASTS, coerce=int, initial=365, label=_("It lasts"))
    networks = forms.CharField(
        required=False,
        label=_("Accepted from"),
        help_text=_("Networks such as 192.0.2.0/24, separated by commas. Empty: from anywhere."),
    )

    class Meta:
        model = ApiToken
        fields = ["name", "organisation"]
        help_texts = {"organisation": _("Sees this one's rows only. Empty: all that you see.")}

    def clean_networks(self) -> list[str]:
        found = [part.strip() for part in self.cleaned_data["networks"].split(",") if part.strip()]
        validate_networks(found)
        return found


@admin.register(ApiToken)
class ApiTokenAdmin(OwnedAdmin[ApiToken]):
    """Never changed: another one is made, and the old one revoked."""

    form = TokenForm
    list_display = ["name", "token_key", "user", "organisation", "may", "created", "expiry", "last_used_at"]
    list_select_related = ["user", "organisation"]
    search_fields = ["name"]
    fields = ["name", "organisation", "scopes", "lasts", "networks"]

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        if obj is None:
            return self.fields
        return [
            *("name", "token_key", "user", "organisation", "may", "allowed_networks"),
            *("created", "expiry", "last_used_at"),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return [] if obj is None else self.get_fields(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = forms.ModelForm
        return super().get_form(request, obj, change, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """It only narrows: every organisation that one sees will do."""
        if db_field.name == "organisation":
            kwargs["queryset"] = Organisation.objects.visible_to(request.user)
            return super(OwnedAdmin, self).formfield_for_foreignkey(db_field, request, **kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """The row is made in ``save_model``, with its text."""
        return form.instance

    def save_model(self, request: Any, obj: ApiToken, form: Any, change: bool) -> None:
        said = form.cleaned_data
        token, text = issue(
            request.user,
            said["name"],
            said["scopes"],
            organisation=said["organisation"],
            expiry=timedelta(days=said["lasts"]) if said["lasts"] else None,
            allowed_networks=said["networks"],
        )
        obj.__dict__.update(token.__dict__)
        request.token_made = text

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing that hangs on it."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """``issue`` has recorded it."""

    def response_add(self, request: Any, obj: ApiToken, post_url_continue: Any = None) -> HttpResponse:
        """The one page that ever shows it; it is not kept anywhere."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Your new token"),
            "opts": self.opts,
            "token": obj,
            "secret": request.token_made,
        }
        response = TemplateResponse(request, "admin/accounts/token_made.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    def delete_model(self, request: Any, obj: ApiToken) -> None:
        revoke(obj, by=request.user)

    def delete_queryset(self, request: Any, queryset: Any) -> None:
        for token in queryset:
            revoke(token, by=request.user)

    @admin.display(description=_("it may"))
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)
