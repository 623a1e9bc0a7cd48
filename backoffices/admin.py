"""Backoffices in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin_base import OwnedAdmin, VisibleFilter, may_change
from backoffices.catalogue_admin import ChooseMixin, versions_field
from backoffices.models import Backoffice
from backoffices.pages import PagesMixin, tabs_of
from backoffices.trial_admin import TrialMixin, trial_address
from routing import password_fields
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

    new_password = password_fields.new_password(gettext_lazy("Leave empty to keep what is set."))
    password_is_hex = password_fields.password_is_hex(
        gettext_lazy("The new password is given in hexadecimal; its bytes are sent.")
    )
    remove_password = forms.BooleanField(
        required=False,
        label=gettext_lazy("Remove the password"),
        help_text=gettext_lazy("Send no credentials."),
    )

    ocpp_versions = versions_field()

    class Meta:
        model = Backoffice
        fields = ["name", "organisation", "url", "username", "ocpp_versions", "catch_up", "enabled"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if password := password_fields.typed_password(self):
            self.instance.password = password
        elif cleaned.get("remove_password"):
            self.instance.password = None
        return cleaned


@admin.register(Backoffice)
class BackofficeAdmin(TrialMixin, PagesMixin, ChooseMixin, LiveMixin, HealthMixin, OwnedAdmin[Backoffice]):
    live_kind = "backoffice"
    form = BackofficeForm
    list_display = ["state", "named", "queue", "answers_in", "organisation", "url"]
    list_display_links = None
    list_filter = ["enabled", ("organisation", VisibleFilter)]
    search_fields = ["name", "url"]
    readonly_fields = ["password_state", "created_at", "now", "watch"]
    fieldsets = [
        (None, {"fields": ["name", "organisation", "url", "ocpp_versions", "enabled"]}),
        (
            gettext_lazy("Credentials"),
            {"fields": ["username", "password_state", "new_password", "password_is_hex", "remove_password"]},
        ),
        (gettext_lazy("More"), {"fields": ["catch_up", "created_at"]}),
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who only reads has no organisation to add one to."""
        user: Any = request.user
        if not super().has_add_permission(request):
            return False
        return bool(user.is_superuser or user.organisations(changing=True).exists())

    def has_delete_permission(self, request: HttpRequest, obj: Backoffice | None = None) -> bool:
        """Its routes go with it, so all of them must be the user's."""
        user: Any = request.user
        if obj is not None and obj.is_used_beside(user):
            return False
        return super().has_delete_permission(request, obj)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, as one tab of many, with the test."""
        backoffice = self.get_object(request, object_id)
        is_mine = self.has_change_permission(request, backoffice)
        context = {
            "tabs": tabs_of(backoffice, "change"),
            "may_change": is_mine,
            "trial_address": trial_address(backoffice) if is_mine else "",
            "off_words": off_words(backoffice) if is_mine and backoffice.enabled else "",
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return super().add_view(
            request, form_url, {"trial_address": trial_address(None), **(extra_context or {})}
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The question, with what becomes of routes and waiting messages."""
        words = delete_words(self.get_object(request, object_id))
        return super().delete_view(request, object_id, {"delete_words": words, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Backoffice, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "enabled" in form.changed_data and not obj.enabled:
            self.message_user(request, off_words(obj, is_done=True), messages.WARNING)

    @admin.display(description=gettext_lazy("links"))
    def state(self, backoffice: Backoffice) -> SafeString | str:
        """How many of its links are up: the first thing that somebody looks for."""
        known = known_of(backoffice)
        if not backoffice.enabled:
            return _badge("", _("switched off"))
        if known is None or not known.routes:
            return _badge("", _("no link"))
        words = _("%(up)s of %(routes)s up") % {"up": f"{known.up:,}", "routes": f"{known.routes:,}"}
        return _badge("is-good" if known.up == known.routes else "is-warn" if known.up else "is-bad", words)

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def named(self, backoffice: Backoffice) -> SafeString:
        """Leads to its page; the form is one of that page's tabs."""
        address = reverse("admin:backoffices_backoffice_overview", args=[backoffice.pk])
        return format_html('<a href="{}"><strong>{}</strong></a>', address, backoffice.name)

    @admin.display(description=gettext_lazy("queue"))
    def queue(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return sentence(known.queue) if known else ""

    @admin.display(description=gettext_lazy("answers in"))
    def answers_in(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return known.took if known else ""

    @admin.display(description=gettext_lazy("now"))
    def now(self, backoffice: Backoffice) -> str:
        known = known_of(backoffice)
        return known.words if known else _("no route")

    @admin.display(description=gettext_lazy("password"))
    def password_state(self, backoffice: Backoffice) -> str:
        return _("A password is set.") if backoffice.has_password else _("No password is set.")


def _badge(look: str, words: str) -> SafeString:
    return format_html('<span class="p-badge {}">{}</span>', look, words)


def _what_hangs_on(backoffice: Backoffice) -> dict[str, Any]:
    """How many routes and waiting messages it has, as words need them."""
    sums = Route.objects.filter(backoffice=backoffice).aggregate(
        routes=Count("pk"), on=Count("pk", filter=Q(enabled=True)), waiting=Sum("state__waiting", default=0)
    )
    return {name: f"{number:,}" for name, number in sums.items()}


def off_words(backoffice: Backoffice, *, is_done: bool = False) -> str:
    """What switching it off does, or has done."""
    hangs = _what_hangs_on(backoffice)
    if is_done:
        words = _(
            "Switched off: its links (%(on)s) are closed within seconds and not dialled again. "
            "What waits for it (messages: %(waiting)s) is kept for as long as each route says (keep_for, "
            "30 days unless it says otherwise) and delivered when it is switched on again."
        )
        return words % hangs
    words = _(
        "Switching it off closes its links (%(on)s). Its routes with their rights stay, and what waits "
        "(messages: %(waiting)s) is delivered when it is switched on again. Chargers for which it is the "
        "billing backoffice are answered by the proxy meanwhile, by their offline rules."
    )
    return words % hangs


def delete_words(backoffice: Backoffice) -> str:
    """What goes with it."""
    words = _(
        "Deleting it deletes its routes (%(routes)s) with their rights, identities and transaction "
        "numbers, and what still waits for it (messages: %(waiting)s): it never gets "
        "those. What has passed stays in the message log. This can't be undone."
    )
    return words % _what_hangs_on(backoffice)
