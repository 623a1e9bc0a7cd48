"""What backoffices still have to get, and what they could not be given: the outbox in the admin."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin_base import OwnedAdmin
from routing import letters
from routing.cards_admin import sees_cards
from routing.health import at
from routing.health_admin import sentence
from routing.models import Delivery, Route
from routing.records_admin import RecordedAdmin
from routing.replaying import Replay, TooMuch, replay

if TYPE_CHECKING:
    _RouteAdmin = OwnedAdmin[Route]
else:
    _RouteAdmin = object


LONGEST_KEY = 19
"""Digits that no primary key has: databases take none so long."""


class LettersFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "letters"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("dead", _("Dead letters")), ("waiting", _("Waiting"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(dead=self.value() == "dead") if self.value() else queryset


class BackofficeFilter(admin.SimpleListFilter):
    """Backoffices to which the user has routes."""

    title = _("backoffice")
    parameter_name = "backoffice"
    MOST = 200

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        routes = Route.objects.visible_to(request.user).order_by("backoffice__name")
        named = routes.values_list("backoffice_id", "backoffice__name").distinct()
        return [(str(key), name) for key, name in named[: self.MOST]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        if chosen is None:
            return queryset
        is_key = chosen.isdecimal() and len(chosen) < LONGEST_KEY
        return queryset.filter(route__backoffice=chosen) if is_key else queryset.none()


@admin.register(Delivery)
class DeliveryAdmin(RecordedAdmin):
    list_display = ["said", "of_charger", "of_route", "action", "state", "why"]
    list_filter = [LettersFilter, BackofficeFilter]
    search_fields = ["charger__identity", "route__backoffice__name"]
    sortable_by = ()
    actions = ["send_again", "discard"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("route__charger")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Who may change routes may decide about what did not pass over them."""
        return bool(request.user.has_perm("routing.change_route"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        hidden = [] if obj is None or sees_cards(request, obj) else ["payload"]
        return [field for field in fields if field not in hidden]

    @admin.display(description=_("said"))
    def said(self, letter: Delivery) -> str:
        return at(letter.at, timezone.now()).replace(" ", "\N{NO-BREAK SPACE}")

    @admin.display(description=_("state"))
    def state(self, letter: Delivery) -> str:
        told = _("dead letter, %(age)s old") if letter.dead else _("waits, %(age)s old")
        return told % {"age": timesince(letter.at, depth=1)}

    @admin.display(description=_("why"))
    def why(self, letter: Delivery) -> str:
        return sentence(letters.words_of(letter))

    @admin.action(description=_("Send selected dead letters again"), permissions=["decide"])
    def send_again(self, request: HttpRequest, queryset: Any) -> None:
        done = letters.retry(queryset, request.user)  # type: ignore[arg-type]  # who acts is logged in
        words = ngettext(
            "%(number)s dead letter is sent again, behind what waits.",
            "%(number)s dead letters are sent again, behind what waits.",
            done,
        )
        self.message_user(request, words % {"number": done}, _level(done))

    @admin.action(description=_("Discard selected dead letters"), permissions=["decide"])
    def discard(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        if "confirmed" in request.POST:
            done = letters.discard(queryset, request.user)  # type: ignore[arg-type]  # as above
            words = ngettext("%(number)s dead letter discarded.", "%(number)s dead letters discarded.", done)
            self.message_user(request, words % {"number": done}, _level(done))
            return None
        mine = queryset.changeable_by(request.user).filter(dead=True).order_by()
        routes = mine.values("route__backoffice__name", "charger__identity").annotate(number=Count("pk"))
        found = list(routes.order_by("charger__identity", "route__backoffice__name"))
        if not found:
            self.message_user(request, _("None of these is a dead letter that you may discard."), _level(0))
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Discard dead letters"),
            "opts": self.opts,
            "routes": found,
            "number": sum(route["number"] for route in found),
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "admin/routing/delivery/discard.html", context)


def _level(done: int) -> int:
    return messages.SUCCESS if done else messages.WARNING


def letters_of(route: Route) -> str:
    """What a route's page says of its messages, with the ways to them."""
    if route.pk is None:
        return ""
    listed = reverse("admin:routing_delivery_changelist")
    return format_html(
        '<a href="{}?route__id__exact={}&letters=waiting">{}</a> · '
        '<a href="{}?route__id__exact={}&letters=dead">{}</a> · <a href="{}">{}</a>',
        *(listed, route.pk, _("waiting"), listed, route.pk, _("dead letters")),
        *(reverse("admin:routing_route_replay", args=[route.pk]), _("replay from …")),
    )


class ReplayForm(forms.Form):
    """From when on a backoffice is told again what it was told."""

    since = forms.DateTimeField(
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        label=_("Since"),
        help_text=_("UTC. What this backoffice was sent of sessions since then is sent to it once more."),
    )

    def clean_since(self) -> datetime:
        since: datetime = self.cleaned_data["since"]
        if since > timezone.now():
            raise forms.ValidationError(
                _("%(time)s UTC is in the future; choose an earlier time.")
                % {"time": f"{since:%Y-%m-%d %H:%M}"}
            )
        return since


class ReplayMixin(_RouteAdmin):
    """The page of a route from which its backoffice is told again what it was told since a date."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(self.replay_view)
        return [path("<path:object_id>/replay/", view, name="routing_route_replay"), *super().get_urls()]

    def replay_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        route = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, route):
            raise PermissionDenied
        form = ReplayForm(request.POST or None)
        if form.is_valid():
            try:
                done = replay(route, form.cleaned_data["since"], request.user)  # type: ignore[arg-type]  # as above
            except TooMuch as error:
                form.add_error("since", str(error))
            else:
                self.message_user(request, _told(done), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:routing_route_change", args=[route.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Replay to %(backoffice)s") % {"backoffice": route.backoffice},
            "opts": self.opts,
            "route": route,
            "form": form,
        }
        return TemplateResponse(request, "admin/routing/route/replay.html", context)


def _told(done: Replay) -> str:
    words = [_("%(number)s messages are sent again, behind what waits.") % {"number": done.queued}]
    if done.waiting:
        words.append(_("%(number)s more wait already, or are dead letters.") % {"number": done.waiting})
    if done.missing:
        words.append(_("Of %(number)s the audit log does not hold the text.") % {"number": done.missing})
    return " ".join(words)
