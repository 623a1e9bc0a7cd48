"""What a person decides about a charger's safety, and what a person has to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import acting
from accounts.admin_base import OwnedAdmin, ReadOnlyAdmin
from accounts.deeds import did
from routing import overrides
from routing.core.alarms import ALARMS
from routing.health_admin import sentence
from routing.models import Alarm, GuardOverride, Route

if TYPE_CHECKING:
    _Form = forms.ModelForm[GuardOverride]
else:
    _Form = forms.ModelForm


class OverrideForm(_Form):
    """An override that is about to be given: for which route, and why."""

    class Meta:
        model = GuardOverride
        fields = ["route", "reason"]
        help_texts = {
            "route": _("For one hour its backoffice may change how and where this charger connects."),
            "reason": _("Why it may; kept for good."),
        }


@admin.register(GuardOverride)
class GuardOverrideAdmin(OwnedAdmin[GuardOverride]):
    """Given and taken back, never edited."""

    form = OverrideForm
    list_display = ["route", "until", "lasts", "by", "reason"]
    list_select_related = ["route__charger", "route__backoffice"]
    search_fields = ["route__charger__identity", "route__backoffice__name", "by"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: GuardOverride | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: GuardOverride | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may give one may take it back."""
        return self.has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: GuardOverride | None = None) -> Any:
        return (
            ["route", "reason"] if obj is None else ["route", "until", "lasts", "by", "reason", "created_at"]
        )

    def save_model(self, request: HttpRequest, obj: GuardOverride, form: Any, change: bool) -> None:
        given = overrides.give(obj.route, reason=obj.reason, by=request.user)
        obj.__dict__.update(given.__dict__)  # the row that the page goes on with
        words = f"Override of the guard until {obj.until:%H:%M} UTC: {obj.reason}"
        did(obj.route, words)  # in the history of its route, too

    @admin.display(boolean=True, description=_("lasts"))
    def lasts(self, override: GuardOverride) -> bool:
        return override.until > timezone.now()

    @admin.action(description=_("Revoke selected overrides"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        rows = queryset.changeable_by(request.user).select_related("route__charger", "route__backoffice")
        done = 0
        for override in rows:
            with acting(words="Revoked."):
                revoked = overrides.revoke(override)
            if revoked:
                did(override.route, "Override of the guard revoked.")
                done += 1
        self.message_user(
            request, _("%(done)s of %(all)s overrides revoked.") % {"done": done, "all": queryset.count()}
        )


class LastingFilter(admin.SimpleListFilter):
    """Alarms that last; those that are over on demand."""

    title = _("alarms")
    parameter_name = "over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("That last")), ("yes", _("That are over"))]

    def choices(self, changelist: Any) -> Any:
        return list(super().choices(changelist))[1:]  # without "All": those that last are the default

    def value(self) -> str:
        return super().value() or "no"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(cleared__isnull=self.value() != "yes")


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin[Alarm]):
    """What is wrong now, newest first."""

    list_display = ["raised", "charger", "kind", "what", "what_helps", "cleared"]
    list_select_related = ["charger"]
    list_filter = [LastingFilter, "kind"]
    search_fields = ["charger__identity"]
    readonly_fields = ["meaning", "what_helps"]

    @admin.display(description=_("text"))
    def what(self, alarm: Alarm) -> str:
        return sentence(alarm.text)

    @admin.display(description=_("what it means"))
    def meaning(self, alarm: Alarm) -> str:
        known = ALARMS.get(alarm.kind)
        if known is None:
            return ""
        over = _("It is over when %(over)s.") % {"over": gettext(known.over)}
        return f"{gettext(known.meaning)} {over}"

    @admin.display(description=_("what helps"))
    def what_helps(self, alarm: Alarm) -> str:
        known = ALARMS.get(alarm.kind)
        return sentence(gettext(known.remedy)) if known else ""


def override_of(route: Route) -> str:
    """What a route's page says of its override, with the way to give one."""
    if route.pk is None:
        return ""
    lasting = route.overrides.filter(until__gt=timezone.now()).order_by("-until").first()
    if lasting is not None:
        return _("until %(time)s UTC, given by %(who)s: %(reason)s") % {
            "time": f"{lasting.until:%H:%M}",
            "who": lasting.by,
            "reason": lasting.reason,
        }
    address = reverse("admin:routing_guardoverride_add")
    return format_html(
        '{} · <a href="{}?route={}">{}</a>',
        pgettext("override", "none"),
        address,
        route.pk,
        _("give one for an hour"),
    )


def forget_passwords(routes: Any) -> list[Route]:
    """Drop the passwords that backoffices have set for these routes; the routes that had one.

    From then on what was entered for the backoffice counts again.
    """
    known = [route for route in routes if route.has_password]
    for route in known:
        route.enter_password(None)
        with acting(words="Forgot the password that this backoffice has set."):
            route.save(update_fields=["password", "password_entered", "previous_password"])
    return known
