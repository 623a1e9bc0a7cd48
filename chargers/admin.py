"""Chargers, their connectors, and who was refused, in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from django import forms
from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.forms.widgets import Script
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin, OwnedInline, ReadOnlyAdmin, VisibleFilter
from chargers import cells
from chargers.causes import Cause
from chargers.commands.bulk import BulkMixin
from chargers.credentials import hash_password
from chargers.events.admin import EventsMixin
from chargers.filters import StateFilter
from chargers.models import Charger, Connector, RefusedAttempt
from chargers.onboarding.files import FilesMixin
from chargers.pages import TabsMixin
from chargers.standing import Standing, standings
from chargers.tabs.tab import tab_address
from chargers.transfer_pages import TransferMixin
from routing import password_fields
from routing.core.options import ChargerOptions
from routing.core.snapshot import Role
from routing.health import health_of
from routing.health_admin import HealthList, known_of, note, sentence
from routing.live.admin import LiveMixin
from routing.models import Route

if TYPE_CHECKING:
    _ChargerModelForm = forms.ModelForm[Charger]
    _RouteFormSet = BaseInlineFormSet[Route, Charger, forms.ModelForm[Route]]
else:
    _ChargerModelForm = forms.ModelForm
    _RouteFormSet = BaseInlineFormSet


_DEFAULTS = sorted(msgspec.structs.asdict(ChargerOptions()).items())


class ChargerList(HealthList):
    """The list of chargers; a line leads to the overview."""

    def url_for_result(self, result: Any) -> str:
        return tab_address(result.pk, "overview")


class ChargerForm(_ChargerModelForm):
    """A charger, with a password that can be set and removed but never read."""

    new_password = password_fields.new_password(
        _(
            "Leave empty to keep what is set. 16 to 40 characters for OCPP 2.x; "
            "32 to 40 hexadecimal digits for the AuthorizationKey of 1.6."
        )
    )
    password_is_hex = password_fields.password_is_hex(
        _("The new password is the AuthorizationKey of OCPP 1.6 in hexadecimal.")
    )
    remove_password = forms.BooleanField(
        required=False,
        label=_("Remove the password"),
        help_text=_("Ask for no password. Anybody who knows the URL can then pose as this charger."),
    )

    class Meta:
        model = Charger
        fields = ["identity", "organisation", "location", "label", "enabled", "options"]
        help_texts = {
            "identity": _(
                "The end of the address that the charger connects to, as it is set there: upper and lower "
                "case differ."
            ),
            "label": _("What people call it, for example where it stands."),
            "organisation": _("Whose charger it is: its members see it, and may change it where they may."),
            "enabled": _("Switched off, the charger may not connect; what it has said so far is kept."),
            "options": _(
                'How the proxy treats it, as JSON: {"offline_grace": 30, "max_current": 16}. Nothing has to '
                "be here; what is left out is as below."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A place is one of the charger's organisation, where that is known."""
        super().__init__(*args, **kwargs)
        place: Any = self.fields.get("location")
        if place is not None and self.instance.organisation_id and not self.is_bound:
            place.queryset = place.queryset.filter(organisation=self.instance.organisation_id)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        identity, password = cleaned.get("identity"), cleaned.get("new_password")
        if password and identity:
            self._hash(identity, password, is_hex=bool(cleaned.get("password_is_hex")))
        elif cleaned.get("remove_password"):
            self.instance.password_hashes = []
        elif self.instance.password_hashes and "identity" in self.changed_data:
            self.add_error(
                "new_password", _("The password holds for the old identity; set it again or remove it.")
            )
        return cleaned

    def _hash(self, identity: str, password: str, *, is_hex: bool) -> None:
        try:
            self.instance.password_hashes = hash_password(identity, password, is_hex=is_hex)
        except ValueError as error:
            self.add_error("new_password", str(error))


class RouteFormSet(_RouteFormSet):
    """The routes of a charger on its own page, with how they are."""

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if any(known_of(route) is None for route in rows):
            note(rows, health_of(rows))
        return rows

    def clean(self) -> None:
        super().clean()
        live = [f.cleaned_data for f in self.forms if f.is_valid() and not f.cleaned_data.get("DELETE")]
        billing = [row for row in live if row.get("role") == Role.BILLING.value and row.get("enabled")]
        if len(billing) > 1:
            raise forms.ValidationError(_("At most one enabled route can be the billing route."))


class RouteInline(OwnedInline[Route]):
    model = Route
    formset = RouteFormSet
    fields = ["backoffice", "role", "alias", "enabled", "link"]
    readonly_fields = ["link"]
    autocomplete_fields = ["backoffice"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("state", "backoffice", "charger")

    @admin.display(description=_("state"))
    def link(self, route: Route) -> str:
        known = known_of(route)
        return sentence(known.words) if known else str(_("Save it, and it is dialled."))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An alias is short; the words about the route need the room."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "alias" and field is not None:
            field.widget.attrs["style"] = "width: 9em"
        return field


@admin.register(Charger)
class ChargerAdmin(
    BulkMixin, EventsMixin, TransferMixin, TabsMixin, FilesMixin, LiveMixin, OwnedAdmin[Charger]
):
    live_kind = "charger"
    form = ChargerForm
    inlines = [RouteInline]
    list_display = ["name", "state", "connector_words", "route_signs", "problems", "hardware", "organisation"]
    list_filter = [
        StateFilter,
        "enabled",
        "adopted",
        ("organisation", VisibleFilter),
        ("location", VisibleFilter),
    ]
    search_fields = ["identity", "label"]
    autocomplete_fields = ["organisation"]
    actions = ["send_command"]
    readonly_fields = ["password", "all_options", "adopted", "created_at"]
    fieldsets = [
        (None, {"fields": ["identity", "label", "organisation", "location", "enabled"]}),
        (_("Password"), {"fields": ["password", "new_password", "password_is_hex", "remove_password"]}),
        (_("Options"), {"fields": ["options", "all_options"]}),
        (_("Where it comes from"), {"fields": ["adopted", "created_at"]}),
    ]

    class Media:
        css = {"all": ["chargers/chargers.css"]}
        js = [Script("chargers/list.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organisation", "location", "session")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return ChargerList

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        """Organisations have a page for superusers only; everybody else gets a plain list of theirs."""
        return self.autocomplete_fields if request.user.is_superuser else []

    def know(self, request: HttpRequest, rows: list[Charger]) -> None:
        """How the rows of the list stand, asked for once; pages of one charger ask for what they show."""
        known = standings(rows)
        for row in rows:
            row.standing = known[row.pk]  # type: ignore[attr-defined]  # kept with the row for its cells

    @admin.display(description=_("charger"), ordering="identity")
    def name(self, charger: Charger) -> str:
        return cells.name(charger)

    @admin.display(description=_("state"), ordering="session__online")
    def state(self, charger: Charger) -> str:
        return _cell("state", charger)

    @admin.display(description=_("connectors"))
    def connector_words(self, charger: Charger) -> str:
        return _cell("connectors", charger)

    @admin.display(description=_("backoffices"))
    def route_signs(self, charger: Charger) -> str:
        return _cell("routes", charger)

    @admin.display(description=_("what is wrong now"))
    def problems(self, charger: Charger) -> str:
        return _cell("problems", charger)

    @admin.display(description=_("hardware"))
    def hardware(self, charger: Charger) -> str:
        return cells.hardware(_standing_of(charger))

    @admin.display(description=_("password"))
    def password(self, charger: Charger) -> str:
        return (
            str(_("A password is set."))
            if charger.password_hashes
            else str(_("No password is set; none is asked for."))
        )

    @admin.display(description=_("options there are"))
    def all_options(self, charger: Charger) -> SafeString:
        """Their names with what holds where nothing is said; docs/configuration.md explains each."""
        rows = ((name, msgspec.json.encode(value).decode()) for name, value in _DEFAULTS)
        listed = format_html_join("", '<li><code>"{}": {}</code></li>', rows)
        words = _("All options, with what holds where nothing is said")
        return format_html("<details><summary>{}</summary><ul>{}</ul></details>", words, listed)


def _standing_of(charger: Charger) -> Standing:
    found: Standing = charger.standing  # type: ignore[attr-defined]  # the list has asked, see ``know``
    return found


def _cell(name: str, charger: Charger) -> str:
    return cells.cell(name, charger, _standing_of(charger))


@admin.register(Connector)
class ConnectorAdmin(ReadOnlyAdmin[Connector]):
    list_display = ["charger", "evse_id", "connector_id", "status", "error_code", "updated_at"]
    list_select_related = ["charger"]
    search_fields = ["charger__identity", "status"]


@admin.register(RefusedAttempt)
class RefusedAttemptAdmin(ReadOnlyAdmin[RefusedAttempt]):
    list_display = ["identity", "why", "remedy", "last_at", "count", "remote_address", "helps"]
    list_filter = ["cause"]
    search_fields = ["identity", "remote_address"]
    readonly_fields = ["remedy"]
    list_display_links = ["identity"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The chargers of these attempts, in one query for the page."""
        response = super().changelist_view(request, extra_context)
        changelist = getattr(response, "context_data", {}).get("cl")
        if changelist is not None:
            rows = list(changelist.result_list)
            names = {row.identity for row in rows}
            known = Charger.objects.visible_to(request.user).filter(identity__in=names)
            keys = dict(known.order_by().values_list("identity", "pk"))
            for row in rows:
                row.charger_key, row.may_add = keys.get(row.identity), request.user.is_superuser
            changelist.result_list = rows
        return response

    @admin.display(description=_("why"))
    def why(self, attempt: RefusedAttempt) -> SafeString:
        words = "<div><strong>{}</strong><br>{}</div>"
        return format_html(words, attempt.get_cause_display(), attempt.detail)

    @admin.display(description=_("what helps"))
    def remedy(self, attempt: RefusedAttempt) -> str:
        return attempt.remedy

    @admin.display(description="")
    def helps(self, attempt: RefusedAttempt) -> SafeString | str:
        """Where one goes from here."""
        key = getattr(attempt, "charger_key", None)
        if key is not None:
            where, words = tab_address(key, "setup"), _("To the charger")
        elif attempt.cause == Cause.UNKNOWN_IDENTITY.value and getattr(attempt, "may_add", False):
            named = urlencode({"identity": attempt.identity})
            where, words = f"{reverse('admin:chargers_charger_new')}?{named}", _("Add this charger")
        else:
            return ""
        return format_html('<a class="p-button" href="{}">{}</a>', where, words)
