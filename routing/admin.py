"""Routes and what passed over them, in the admin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import OwnedAdmin, ReadOnlyAdmin, RecordAdmin, SuperuserMixin
from routing import (  # noqa: F401  # each registers its pages
    commands_admin,
    explorer_admin,
    files_admin,
    guard_admin,
    processes_admin,
    readings_admin,
    rights_admin,
    webhooks_admin,
)
from routing.billing_admin import BillingMixin
from routing.cards_admin import sees_cards
from routing.core.masking import masked
from routing.deliveries_admin import ReplayMixin, letters_of
from routing.explorer.why import why
from routing.health import UP, health_of, in_use, is_up
from routing.health_admin import HealthMixin, known_of, sentence
from routing.models import (
    ChargerSession,
    DefaultRoute,
    Identifier,
    LatestValue,
    Route,
    RouteState,
    RouteTransaction,
    Transaction,
)
from routing.route_editor import EditorMixin
from routing.route_form import RouteForm
from routing.switching import switch


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("wrong", _("Away, with the charger there")),
            ("connected", _("Connected")),
            ("down", _("Enabled, not connected")),
            ("error", _("With an error")),
            ("waiting", _("With messages that wait")),
            ("off", _("Switched off")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "wrong":
                return queryset.filter(in_use() & ~is_up())
            case "off":
                return queryset.filter(enabled=False)
            case "connected":
                return queryset.filter(state__state="connected")
            case "down":
                return queryset.filter(enabled=True).exclude(state__state="connected")
            case "error":
                return queryset.filter(enabled=True).exclude(state=None).exclude(state__last_error="")
            case "waiting":
                return queryset.filter(state__waiting__gt=0)
        return queryset


def _back(request: HttpRequest) -> HttpResponseRedirect | None:
    """To ``next`` of the address, if that is one of ours."""
    target, here = request.GET.get("next", ""), {request.get_host()}
    if url_has_allowed_host_and_scheme(target, here, require_https=request.is_secure()):
        return HttpResponseRedirect(target)
    return None


@admin.register(Route)
class RouteAdmin(EditorMixin, BillingMixin, ReplayMixin, HealthMixin, OwnedAdmin[Route]):
    form = RouteForm
    radio_fields = {"role": admin.VERTICAL}
    list_display = ["charger", "backoffice", "up", "link_state", "queue", "answers_in", "role", "enabled"]
    list_select_related = ["charger", "backoffice", "state"]
    list_filter = [StateFilter, "role", "enabled"]
    search_fields = ["charger__identity", "charger__label", "backoffice__name", "alias"]
    autocomplete_fields = ["charger", "backoffice"]
    readonly_fields = [
        "link_state",
        "queue",
        "answers_in",
        "link_password",
        "override",
        "outbox",
        "rights",
        "billing",
        "created_at",
    ]
    actions = ["switch_on", "switch_off", "forget_password"]
    fieldsets = [
        (None, {"fields": ["charger", "backoffice", "enabled", "alias"]}),
        (_("Now"), {"fields": ["link_state", "queue", "answers_in", "outbox", "override"]}),
        (_("Role"), {"fields": ["role", "billing"]}),
        (
            _("Rights"),
            {"fields": ["preset", "permissions"], "description": rights_admin.HOW_TO_CHOOSE},
        ),
        (
            _("Credentials"),
            {
                "fields": ["username", "link_password", "new_password", "password_is_hex", "forget_password"],
                "description": rights_admin.CREDENTIALS,
            },
        ),
        (_("More"), {"fields": ["options", "created_at"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Route | None = None) -> Any:
        """Rights to choose for those who may, a table for the others; a new route gets its own later."""
        if obj is None:
            names = ["charger", "backoffice", "role", "alias", "enabled", "preset", "options"]
            return [(None, {"fields": names})]
        if self.has_change_permission(request, obj):
            return self.fieldsets
        now = ["link_state", "queue", "answers_in", "outbox", "override", "link_password"]
        return [
            (None, {"fields": ["charger", "backoffice", "enabled", "alias", "role"]}),
            (_("Now"), {"fields": now}),
            (_("What it may send"), {"fields": ["preset", "rights"]}),
            (_("More"), {"fields": ["options", "created_at"]}),
        ]

    def response_post_save_add(self, request: HttpRequest, obj: Route) -> HttpResponseRedirect:
        """Back to the page that led here, e.g. a charger's; else to the list."""
        return _back(request) or super().response_post_save_add(request, obj)

    def response_post_save_change(self, request: HttpRequest, obj: Route) -> HttpResponseRedirect:
        """As for a new one."""
        return _back(request) or super().response_post_save_change(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Route | None = None) -> Any:
        """A route keeps its charger and its backoffice."""
        return [*self.readonly_fields, *(["charger", "backoffice"] if obj is not None else [])]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "preset":
            rights_admin.presets_for(request, field)
        return field

    @admin.display(description=_("rights"))
    def rights(self, route: Route) -> str:
        return "" if route.pk is None else rights_admin.table(route)

    def health_of(self, request: HttpRequest, rows: list[Route]) -> Any:
        return health_of(rows)

    @admin.display(boolean=True, description=_("up"), ordering="state__state")
    def up(self, route: Route) -> bool | None:
        known = known_of(route)
        return None if known is None or known.state == "off" else bool(known.state == UP)

    @admin.display(description=_("state"), ordering="state__since")
    def link_state(self, route: Route) -> str:
        known = known_of(route)
        return sentence(known.is_like) if known else str(_("Save the route, and it is dialled."))

    @admin.display(description=_("queue"), ordering="state__waiting")
    def queue(self, route: Route) -> str:
        known = known_of(route)
        return sentence(known.queue) if known else ""

    @admin.display(description=_("answers in"), ordering="state__round_trip_ms")
    def answers_in(self, route: Route) -> str:
        known = known_of(route)
        return known.took if known else ""

    @admin.display(description=_("password"))
    def link_password(self, route: Route) -> str:
        if not route.has_password:
            return str(_("That of the backoffice."))
        if route.password_entered:
            return str(_("One of its own, entered by a person."))
        return str(_("This backoffice has set its own."))

    @admin.display(description=_("messages"))
    def outbox(self, route: Route) -> str:
        return letters_of(route)

    @admin.display(description=_("override of the guard"))
    def override(self, route: Route) -> str:
        return guard_admin.override_of(route)

    @admin.action(description=_("Forget the password that this backoffice has set"), permissions=["change"])
    def forget_password(self, request: HttpRequest, queryset: Any) -> None:
        forgotten = guard_admin.forget_passwords(queryset.changeable_by(request.user))
        self.message_user(
            request,
            _("%(done)s of %(all)s routes had such a password.")
            % {"done": len(forgotten), "all": queryset.count()},
        )

    @admin.action(description=_("Switch selected routes on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: Any) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description=_("Switch selected routes off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: Any) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: Any, *, enabled: bool) -> None:
        done = 0
        for route in queryset.changeable_by(request.user).exclude(enabled=enabled):
            switched = switch(route, enabled=enabled)
            done += switched.done
            if not switched.done:
                self.message_user(request, f"{route}: {switched.words}", messages.ERROR)
            elif switched.warning:
                self.message_user(request, f"{route}: {switched.warning}", messages.WARNING)
        words = (
            _("%(done)s of %(all)s routes switched on.")
            if enabled
            else _("%(done)s of %(all)s routes switched off.")
        )
        self.message_user(request, words % {"done": done, "all": queryset.count()})


@admin.register(DefaultRoute)
class DefaultRouteAdmin(SuperuserMixin, OwnedAdmin[DefaultRoute]):
    list_display = ["backoffice", "role"]
    list_select_related = ["backoffice"]
    autocomplete_fields = ["backoffice"]


def _minute(moment: str) -> str:
    """A moment as a charger has written it, for a list: in UTC, to the minute; as it stands if it is none."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{at.astimezone(UTC) if at.tzinfo else at:%Y-%m-%d %H:%M}"


@admin.register(Transaction)
class TransactionAdmin(RecordAdmin[Transaction]):
    list_display = [
        *("started", "charger", "connector", "card", "energy", "stopped", "stop_reason"),
        *("owned_by", "known_by"),
    ]
    list_filter = [("closed", admin.EmptyFieldListFilter)]
    search_fields = ["charger__identity", "charger_transaction_id"]
    readonly_fields = ["why", "known_by", "card", "messages"]

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("charger", "owner__backoffice")
        return rows.prefetch_related("route_transactions__route__backoffice")

    def get_fields(self, request: HttpRequest, obj: Transaction | None = None) -> Any:
        fields = [field.name for field in Transaction._meta.fields if field.name != "owner"]
        fields = ["why", "messages", *fields, "owned_by", "known_by"]
        if obj is not None and not sees_cards(request, obj):
            hidden = ("why", "id_tag", "start_payload", "last_payload")
            return ["why", "card", *(field for field in fields if field not in hidden)]
        return fields

    @admin.display(description=_("connector"))
    def connector(self, transaction: Transaction) -> str:
        places = (transaction.evse_id, transaction.connector_id)
        return "/".join(str(place) for place in places if place is not None)

    @admin.display(description=_("card"))
    def card(self, transaction: Transaction) -> str:
        return masked(transaction.id_tag)

    @admin.display(description=_("started"), ordering="created")
    def started(self, transaction: Transaction) -> str:
        return _minute(transaction.started_at) or f"{transaction.created:%Y-%m-%d %H:%M}"

    @admin.display(description=_("stopped"))
    def stopped(self, transaction: Transaction) -> str:
        return _minute(transaction.stopped_at)

    @admin.display(description=_("billed by"))
    def owned_by(self, transaction: Transaction) -> str:
        return transaction.owner.backoffice.name if transaction.owner else "proxy"

    @admin.display(description=_("known as"))
    def known_by(self, transaction: Transaction) -> str:
        rows = transaction.route_transactions.all()
        return ", ".join(
            f"{row.route.backoffice.name} {row.route_transaction_id or row.state}" for row in rows
        )

    @admin.display(description=_("why"))
    def why(self, transaction: Transaction) -> str:
        """Asked once: templates of the skin ask for a field several times."""
        told: Any = transaction
        if not hasattr(told, "why_told"):
            told.why_told = format_html_join("", "<p>{}</p>", ((sentence,) for sentence in why(transaction)))
        return str(told.why_told)

    @admin.display(description=_("messages"))
    def messages(self, transaction: Transaction) -> str:
        return explorer_admin.ways_to(transaction)

    @admin.display(description=_("energy"))
    def energy(self, transaction: Transaction) -> str:
        if transaction.meter_start is None or transaction.meter_stop is None:
            return ""
        return f"{(transaction.meter_stop - transaction.meter_start) / 1000:.3f} kWh"


@admin.register(RouteTransaction)
class RouteTransactionAdmin(RecordAdmin[RouteTransaction]):
    list_display = ["route", "transaction", "route_transaction_id", "state"]
    list_select_related = ["route__charger", "route__backoffice", "transaction__charger"]
    list_filter = ["state"]
    search_fields = ["route_transaction_id"]


@admin.register(LatestValue)
class LatestValueAdmin(ReadOnlyAdmin[LatestValue]):
    list_display = ["charger", "kind", "at"]
    list_select_related = ["charger"]
    search_fields = ["charger__identity"]

    def get_fields(self, request: HttpRequest, obj: LatestValue | None = None) -> Any:
        """Cards are keys of what is kept about them."""
        hidden = [] if obj is None or sees_cards(request, obj) else ["key", "payload"]
        return [field for field in ("charger", "kind", "key", "payload", "at") if field not in hidden]


@admin.register(Identifier)
class IdentifierAdmin(ReadOnlyAdmin[Identifier]):
    """Which number at the charger stands for which number of a backoffice."""

    list_display = ["charger", "kind", "route", "route_identifier", "charger_identifier", "created", "closed"]
    list_select_related = ["charger", "route__charger", "route__backoffice"]
    list_filter = ["kind"]
    search_fields = ["charger__identity", "route_identifier", "charger_identifier"]


@admin.register(ChargerSession)
class ChargerSessionAdmin(ReadOnlyAdmin[ChargerSession]):
    list_display = [
        "charger",
        "online",
        "ocpp_version",
        "remote_address",
        "connected_at",
        "disconnected_at",
        "runtime",
    ]
    list_select_related = ["charger"]
    list_filter = ["online"]
    search_fields = ["charger__identity", "remote_address"]


@admin.register(RouteState)
class RouteStateAdmin(ReadOnlyAdmin[RouteState]):
    list_display = ["route", "state", "since", "registration", "last_error"]
    list_select_related = ["route__charger", "route__backoffice"]
    search_fields = ["route__charger__identity", "route__backoffice__name"]
