"""What chargers were asked, by whom and with what result, as a list: nothing here is edited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import RecordAdmin
from routing.cards_admin import sees_cards
from routing.commands.presenting import BADGES, TONES, name_of, took, who
from routing.commands.telling import answer_text, payload_text
from routing.commands.verbs import VERBS
from routing.models import Command


class WindowFilter(admin.SimpleListFilter):
    """The last day, unless somebody wants more: the table grows without end."""

    title = _("time")
    parameter_name = "window"
    DAYS = {"7": 7, "30": 30}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("7", _("7 days")), ("30", _("30 days")), ("any", _("All"))]

    def choices(self, changelist: Any) -> Any:
        found = list(super().choices(changelist))
        found[0] = {**found[0], "display": _("24 hours")}
        return found

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "any":
            return queryset
        days = self.DAYS.get(self.value() or "", 1)
        return queryset.filter(created_at__gte=timezone.now() - timedelta(days=days))


class VerbFilter(admin.SimpleListFilter):
    title = _("what")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*((verb.name, verb.label) for verb in VERBS.values()), ("raw", _("An action of OCPP"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(verb="" if chosen == "raw" else chosen)


class EndFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Not ended yet")), *((state.value, state.label) for state in Command.State)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        if chosen == "open":
            return queryset.unfinished()
        return queryset if chosen is None else queryset.filter(state=chosen)


@admin.register(Command)
class CommandAdmin(RecordAdmin[Command]):
    list_display = ["moment", "charger", "what", "how", "by_whom", "duration"]
    list_filter = [EndFilter, VerbFilter, WindowFilter]
    list_select_related = ["charger"]
    search_fields = ["charger__identity", "charger__label", "actor_name", "action"]
    sortable_by = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        first = ["charger", "what", "how", "by_whom", "created_at", "sent_at", "finished_at", "duration"]
        shown = (
            ["sent_text", "reply"] if obj is None or sees_cards(request, obj) else ["masked", "masked_reply"]
        )
        return [*first, "ocpp_version", "command_class", *shown, "in_log"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description=_("time"))
    def moment(self, command: Command) -> str:
        return f"{localtime(command.created_at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description=_("what"))
    def what(self, command: Command) -> str:
        return name_of(command)

    @admin.display(description=_("state"))
    def how(self, command: Command) -> SafeString:
        badge = '<span class="p-badge {}">{}</span> {}'
        return format_html(badge, TONES[command.state], BADGES[command.state], command.words)

    @admin.display(description=_("asked by"))
    def by_whom(self, command: Command) -> str:
        return who(command)

    @admin.display(description=_("time taken"))
    def duration(self, command: Command) -> str:
        return took(command)

    @admin.display(description=_("request"))
    def sent_text(self, command: Command) -> SafeString:
        return _shown(command.action, payload_text(command, sees_cards=True))

    @admin.display(description=_("answer"))
    def reply(self, command: Command) -> SafeString:
        return _shown("", answer_text(command, sees_cards=True))

    @admin.display(description=_("request"))
    def masked(self, command: Command) -> SafeString:
        return _shown(command.action, payload_text(command, sees_cards=False))

    @admin.display(description=_("answer"))
    def masked_reply(self, command: Command) -> SafeString:
        return _shown("", answer_text(command, sees_cards=False))

    @admin.display(description=_("in the log"))
    def in_log(self, command: Command) -> SafeString | str:
        if command.exchange is None:
            return "-"
        try:
            page = reverse("admin:routing_message_exchange", args=[command.charger_id, command.exchange])
        except NoReverseMatch:
            return str(command.exchange)
        return format_html('<a href="{}">{}</a>', page, command.exchange)


def _shown(action: str, text: str) -> SafeString:
    return format_html('<pre class="p-mono">{}</pre>', f"{action} {text or '-'}".strip())
