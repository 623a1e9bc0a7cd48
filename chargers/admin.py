"""Chargers, their connectors, and who was refused, in the admin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin, OwnedInline, ReadOnlyAdmin, VisibleFilter
from chargers.causes import Cause
from chargers.credentials import hash_password
from chargers.models import Charger, Connector, RefusedAttempt
from chargers.onboarding.files import FilesMixin
from chargers.pages import TabsMixin
from routing.core.quirks import QUIRKS
from routing.core.snapshot import Role
from routing.health import charger_health_of, health_of
from routing.health_admin import HealthMixin, brief, in_detail, known_of, note, sentence
from routing.live.admin import LiveMixin
from routing.models import LatestValue, Route

if TYPE_CHECKING:
    _ChargerModelForm = forms.ModelForm[Charger]
    _RouteFormSet = BaseInlineFormSet[Route, Charger, forms.ModelForm[Route]]
else:
    _ChargerModelForm = forms.ModelForm
    _RouteFormSet = BaseInlineFormSet


class ChargerForm(_ChargerModelForm):
    """A charger, with a password that can be set and removed but never read."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep what is set. 16 to 40 characters for OCPP 2.x; "
        "32 to 40 hexadecimal digits for the AuthorizationKey of 1.6.",
    )
    password_is_hex = forms.BooleanField(
        required=False, help_text="The new password is the AuthorizationKey of OCPP 1.6 in hexadecimal."
    )
    remove_password = forms.BooleanField(
        required=False,
        help_text="Ask for no password. Anybody who knows the URL can then pose as this charger.",
    )

    class Meta:
        model = Charger
        fields = ["identity", "organisation", "label", "enabled", "options"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        identity, password = cleaned.get("identity"), cleaned.get("new_password")
        if password and identity:
            self._hash(identity, password, is_hex=bool(cleaned.get("password_is_hex")))
        elif cleaned.get("remove_password"):
            self.instance.password_hashes = []
        elif self.instance.password_hashes and "identity" in self.changed_data:
            self.add_error(
                "new_password", "The password holds for the old identity; set it again or remove it."
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
            raise forms.ValidationError("At most one enabled route can be the billing route.")


class RouteInline(OwnedInline[Route]):
    model = Route
    formset = RouteFormSet
    fields = ["backoffice", "role", "alias", "enabled", "link"]
    readonly_fields = ["link"]
    autocomplete_fields = ["backoffice"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("state", "backoffice", "charger")

    @admin.display(description="state")
    def link(self, route: Route) -> str:
        known = known_of(route)
        return sentence(known.words) if known else "Save it, and it is dialled."

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An alias is short; the words about the route need the room."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "alias" and field is not None:
            field.widget.attrs["style"] = "width: 9em"
        return field


class OnlineFilter(admin.SimpleListFilter):
    title = "online"
    parameter_name = "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Online"), ("no", "Offline"), ("never", "Never connected")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(session__online=True)
            case "no":
                return queryset.exclude(session__online=True)
            case "never":
                return queryset.filter(session__connected_at=None)
        return queryset


@admin.register(Charger)
class ChargerAdmin(TabsMixin, FilesMixin, LiveMixin, HealthMixin, OwnedAdmin[Charger]):
    live_kind = "charger"
    form = ChargerForm
    inlines = [RouteInline]
    list_display = [
        "identity",
        "online",
        "now",
        "trouble",
        "route_states",
        "connector_states",
        "label",
        "organisation",
    ]
    list_filter = [OnlineFilter, "enabled", "adopted", ("organisation", VisibleFilter)]
    search_fields = ["identity", "label"]
    autocomplete_fields = ["organisation"]
    readonly_fields = [
        "password",
        "now",
        "connection",
        "connector_states",
        "adopted",
        "created_at",
        "watch",
        "records",
        "quirks",
        "alarms",
    ]
    fieldsets = [
        (None, {"fields": ["identity", "label", "organisation", "enabled"]}),
        (
            "Now",
            {"fields": ["alarms", "now", "connection", "connector_states", "watch", "records", "quirks"]},
        ),
        ("Password", {"fields": ["password", "new_password", "password_is_hex", "remove_password"]}),
        ("More", {"fields": ["options", "adopted", "created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        routes = Route.objects.select_related("backoffice", "state").order_by("id")
        rows = super().get_queryset(request).select_related("organisation", "session")
        return rows.prefetch_related(Prefetch("routes", routes), "connectors")

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        """Organisations have a page for superusers only; everybody else gets a plain list of theirs."""
        return self.autocomplete_fields if request.user.is_superuser else []

    def health_of(self, request: HttpRequest, rows: list[Charger]) -> Any:
        return charger_health_of(rows, [route for charger in rows for route in charger.routes.all()])

    @admin.display(description="now", ordering="session__connected_at")
    def now(self, charger: Charger) -> str:
        known = known_of(charger)
        return sentence(known.words) if known else ""

    @admin.display(description="alarms")
    def trouble(self, charger: Charger) -> str:
        known = known_of(charger)
        return ", ".join(alarm.kind for alarm in known.alarms) if known else ""

    @admin.display(boolean=True, ordering="session__online")
    def online(self, charger: Charger) -> bool:
        return hasattr(charger, "session") and charger.session.online

    @admin.display(description="connectors")
    def connector_states(self, charger: Charger) -> str:
        connectors: Iterable[Connector] = charger.connectors.all() if charger.pk else []
        return ", ".join(_connector(connector) for connector in connectors) or "none reported"

    @admin.display(description="routes")
    def route_states(self, charger: Charger) -> SafeString | str:
        known = known_of(charger)
        routes = [(sentence(brief(route)),) for route in known.routes] if known else []
        return format_html_join("", "{}", routes) or "no route"

    @admin.display(description="connection")
    def connection(self, charger: Charger) -> str:
        if not hasattr(charger, "session") or not charger.session.connected_at:
            return "never connected"
        session = charger.session
        since = session.connected_at if session.online else session.disconnected_at
        when = f"since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        return f"OCPP {session.ocpp_version} from {session.remote_address} {when}".strip()

    @admin.display(description="password")
    def password(self, charger: Charger) -> str:
        return "A password is set." if charger.password_hashes else "No password is set; none is asked for."

    @admin.display(description="records")
    def records(self, charger: Charger) -> SafeString | str:
        if not charger.pk:
            return ""
        mine = urlencode({"charger": charger.identity})
        pages = [(reverse("admin:routing_message_changelist"), mine, "messages")]
        for name, label in (("transaction", "transactions"), ("delivery", "deliveries")):
            pages.append(
                (reverse(f"admin:routing_{name}_changelist"), f"charger__id__exact={charger.pk}", label)
            )
        return format_html_join(" · ", '<a href="{}?{}">{}</a>', pages)

    @admin.display(description="alarms")
    def alarms(self, charger: Charger) -> SafeString | str:
        """What a person has to look at now, and what helps."""
        known = known_of(charger)
        return in_detail(known.alarms) if known else ""

    @admin.display(description="quirks")
    def quirks(self, charger: Charger) -> SafeString | str:
        """How it departs from the standard, with what that means and what helps."""
        found = LatestValue.objects.filter(charger_id=charger.pk, kind="quirk").exclude(payload="")
        rows = [(*_quirk(row.key), f"{row.at:%Y-%m-%d}: {row.payload}") for row in found.order_by("key")]
        return (
            format_html_join(mark_safe("<br>"), "<strong>{}</strong>: {} {} <em>({})</em>", rows)
            or "none seen"
        )


def _quirk(name: str) -> tuple[str, str, str]:
    known = QUIRKS.get(name)
    return (name, known.meaning, known.remedy) if known else (name, "", "")


def _connector(connector: Connector) -> str:
    place = (
        f"{connector.evse_id}/{connector.connector_id}" if connector.evse_id else str(connector.connector_id)
    )
    error = "" if connector.error_code in ("", "NoError") else f" ({connector.error_code})"
    return f"{place} {connector.status}{error}"


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

    class Media:
        css = {"all": ["chargers/refused.css"]}

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
            where, words = reverse("admin:chargers_charger_tab", args=[key, "setup"]), _("To the charger")
        elif attempt.cause == Cause.UNKNOWN_IDENTITY.value and getattr(attempt, "may_add", False):
            named = urlencode({"identity": attempt.identity})
            where, words = f"{reverse('admin:chargers_charger_new')}?{named}", _("Add this charger")
        else:
            return ""
        return format_html('<a class="p-button" href="{}">{}</a>', where, words)
