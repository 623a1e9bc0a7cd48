"""Webhooks in the admin: made with a secret that is shown once, tried, and what became of their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.admin_base import OwnedAdmin, RecordAdmin, VisibleFilter
from routing.models import Event, Webhook, WebhookDelivery
from routing.webhooks import service
from routing.webhooks.kinds import KINDS, TEST

if TYPE_CHECKING:
    _Form = forms.ModelForm[Webhook]
else:
    _Form = forms.ModelForm

SHOWN = 20
"""Deliveries on the page of a webhook; all are in their list."""

TONES = {"delivered": "is-good", "failed": "is-warn", "given_up": "is-bad", "pending": ""}
"""Colours of the states of a delivery."""


class WebhookForm(_Form):
    """An address, and what it is told of."""

    events = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {words}") for name, words in KINDS.items() if name != TEST],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label=gettext_lazy("Events"),
        help_text=gettext_lazy("None chosen: all of them."),
    )

    class Meta:
        model = Webhook
        fields = ["label", "organisation", "url", "charger", "events", "enabled"]
        help_texts = {
            "url": gettext_lazy("Where events are posted to. Redirects are not followed."),
            "charger": gettext_lazy("Events of this one only. Empty: of all."),
        }


@admin.register(Webhook)
class WebhookAdmin(OwnedAdmin[Webhook]):
    form = WebhookForm
    list_display = ["name", "host", "told_of", "organisation", "enabled", "how"]
    list_select_related = ["organisation"]
    list_filter = ["enabled", ("organisation", VisibleFilter)]
    search_fields = ["label"]
    autocomplete_fields = ["organisation", "charger"]
    change_form_template = "admin/routing/webhook/change_form.html"

    def get_urls(self) -> Any:
        ours = [
            path(
                f"<int:pk>/{end}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"routing_webhook_{name}",
            )
            for end, name, view in (
                ("test", "test", self.test_view),
                ("rotate", "rotate", self.rotate_view),
                ("deliveries/<uuid:delivery>/redeliver", "redeliver", self.redeliver_view),
            )
        ]
        return [*ours, *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        """Who only reads sees the host: paths of some services are secrets."""
        if obj is None:
            return ["label", "organisation", "url", "charger", "events", "enabled"]
        if self.has_change_permission(request, obj):
            return ["label", "organisation", "url", "charger", "events", "enabled", "how", "created_by"]
        return ["label", "organisation", "host", "charger", "told_of", "enabled", "how"]

    def get_readonly_fields(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        return ["how", "created_by", "host", "told_of", *super().get_readonly_fields(request, obj)]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with what became of the last events."""
        webhook = self.get_object(request, object_id)
        rows = webhook.deliveries.select_related("event").order_by("-id")[:SHOWN]
        extra = {
            "webhook": webhook,
            "deliveries": [(row, TONES.get(row.state, "")) for row in rows],
            "may_try": self.has_change_permission(request, webhook),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, extra)

    def save_model(self, request: Any, obj: Webhook, form: Any, change: bool) -> None:
        if not change:
            request.secret_made = service.give_secret(obj)
            obj.created_by = request.user
        elif obj.enabled and "enabled" in form.changed_data:
            for name, value in Webhook.AFRESH.items():
                setattr(obj, name, value)
        super().save_model(request, obj, form, change)

    def response_add(self, request: Any, obj: Webhook, post_url_continue: Any = None) -> HttpResponse:
        return self._show(request, obj, request.secret_made, _("Your new webhook"))

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        webhook = self._changeable(request, pk)
        service.send_test(webhook)
        self.message_user(request, _("A test is on its way; see below what becomes of it."), messages.SUCCESS)
        return self._back(webhook)

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        webhook = self._changeable(request, pk)
        return self._show(request, webhook, service.rotate_secret(webhook), _("The new secret"))

    def redeliver_view(self, request: HttpRequest, pk: int, delivery: Any) -> HttpResponse:
        webhook = self._changeable(request, pk)
        found = webhook.deliveries.filter(uuid=delivery).select_related("event", "webhook").first()
        if found is None:
            raise Http404("there is no such delivery of this webhook")
        service.redeliver(found)
        when = _("It is sent once more.") if webhook.enabled else _("It is sent when this is switched on.")
        self.message_user(request, when, messages.SUCCESS)
        return self._back(webhook)

    def _changeable(self, request: HttpRequest, pk: int) -> Webhook:
        webhook: Webhook = self.get_object(request, str(pk))
        if not self.has_change_permission(request, webhook):
            raise PermissionDenied
        return webhook

    def _back(self, webhook: Webhook) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:routing_webhook_change", args=[webhook.pk]))

    def _show(self, request: HttpRequest, webhook: Webhook, secret: str, title: str) -> HttpResponse:
        """The one page that ever shows a secret."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "webhook": webhook,
            "secret": secret,
        }
        response = TemplateResponse(request, "admin/routing/webhook/secret.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    @admin.display(description=gettext_lazy("name"), ordering="label")
    def name(self, webhook: Webhook) -> str:
        return str(webhook)

    @admin.display(description=gettext_lazy("address"))
    def host(self, webhook: Webhook) -> str:
        return webhook.host

    @admin.display(description=gettext_lazy("told of"))
    def told_of(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events) or _("all events")

    @admin.display(description=gettext_lazy("how it is"))
    def how(self, webhook: Webhook) -> str:
        if webhook.disabled_reason:
            return webhook.disabled_reason
        if webhook.failing_since:
            since = f"{webhook.failing_since:%Y-%m-%d %H:%M} UTC"
            return _("nothing arrives since %(since)s") % {"since": since}
        return _("works") if webhook.tried_at else _("nothing sent yet")


@admin.register(Event)
class EventAdmin(RecordAdmin[Event]):
    """What has happened within a week, as programs are told of it."""

    list_display = ["at", "type", "charger", "organisation"]
    list_display_links = ["at", "type"]
    list_select_related = ["charger", "organisation"]
    list_filter = ["type", ("organisation", VisibleFilter)]
    search_fields = ["charger__identity"]
    fields = ["uuid", "type", "at", "charger", "organisation", "data"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(RecordAdmin[WebhookDelivery]):
    """What became of events; sent again from the page of their webhook."""

    list_display = ["tried_at", "webhook", "kind", "state", "attempts", "status_code", "error"]
    list_display_links = ["tried_at", "kind"]
    list_select_related = ["webhook", "event"]
    list_filter = ["state", ("webhook", VisibleFilter)]
    fields = [
        *("webhook", "event", "state", "attempts", "next_at", "tried_at"),
        *("status_code", "error", "response", "took_ms"),
    ]

    @admin.display(description=gettext_lazy("event"))
    def kind(self, delivery: WebhookDelivery) -> str:
        return delivery.event.type
