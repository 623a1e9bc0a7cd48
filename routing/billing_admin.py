"""Handing over billing in the admin: from the page of a charger's route, with what it means before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.admin_base import OwnedAdmin, owned
from routing import billing
from routing.core.snapshot import Role
from routing.models import Route

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Route]
else:
    _Admin = object

BECOMES = [
    ("control", gettext_lazy("Data & control: it still sees everything and may start its own sessions")),
    ("observe", gettext_lazy("Observe only: it sees what happens and may do nothing")),
    ("off", gettext_lazy("Off: it is not connected for this charger any more")),
]


class HandOverForm(forms.Form):
    """To whom billing goes, and what becomes of who has it."""

    to = forms.ModelChoiceField(
        Route.objects.none(),
        label=gettext_lazy("Billing goes to"),
        widget=forms.RadioSelect,
        empty_label=None,
    )
    becomes = forms.ChoiceField(
        choices=BECOMES,
        label=gettext_lazy("The one that has it now becomes"),
        widget=forms.RadioSelect,
        initial="control",
    )

    def __init__(self, *args: Any, routes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["to"]
        field.queryset = routes
        field.label_from_instance = _named


def _named(route: Route) -> str:
    role = route.get_role_display() if route.enabled else _("switched off")
    return f"{route.backoffice} ({role})"


class BillingMixin(_Admin):
    """Adds ``billing/<charger>/``: GET shows what would happen, POST does it once that was seen."""

    def get_urls(self) -> Any:
        view = require_http_methods(["GET", "POST"])(self.billing_view)
        ours = [
            path("billing/<int:charger>/", self.admin_site.admin_view(view), name="routing_route_billing")
        ]
        return [*ours, *super().get_urls()]

    @admin.display(description=gettext_lazy("billing"))
    def billing(self, route: Route) -> str:
        """Where to hand it over, on the page of a route."""
        if route.pk is None:
            return ""
        address = reverse("admin:routing_route_billing", args=[route.charger_id])
        if route.role == Role.BILLING.value:
            words = _("hand billing over to another backoffice")
            return format_html('<a href="{}">{}</a>', address, words)
        return format_html('<a href="{}?to={}">{}</a>', address, route.pk, _("let this backoffice bill"))

    def billing_view(self, request: HttpRequest, charger: int) -> HttpResponse:
        """Two steps: choose and see what it means (GET), do it (POST)."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        chargers = owned(Route._meta.get_field("charger").related_model)
        found = get_object_or_404(chargers.visible_to(request.user), pk=charger)
        may_change = (
            self.has_change_permission(request)
            and chargers.filter(pk=charger).changeable_by(request.user).exists()
        )
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        old = billing.billing_of(found)
        form = self._form(request, found, old)
        chosen = form.is_bound and form.is_valid()
        if request.method == "POST" and chosen and (answer := self._done(request, found, form)) is not None:
            return answer
        context = {
            **self.admin_site.each_context(request),
            "title": _("Hand over billing"),
            "opts": self.opts,
            "charger": found,
            "old": old,
            "form": form,
            "may_change": may_change,
            "foreseen": billing.foresee(form.cleaned_data["to"], form.cleaned_data["becomes"])
            if chosen
            else None,
        }
        return TemplateResponse(request, "admin/routing/route/billing.html", context)

    def _form(self, request: HttpRequest, charger: Any, old: Route | None) -> HandOverForm:
        routes = Route.objects.visible_to(request.user).filter(charger=charger)
        routes = routes.select_related("charger", "backoffice", "preset", "state").order_by("pk")
        if old is not None:
            routes = routes.exclude(pk=old.pk)
        data = request.POST if request.method == "POST" else request.GET
        is_asked = "becomes" in data
        return HandOverForm(
            data if is_asked else None, routes=routes, initial={"to": data.get("to"), "becomes": "control"}
        )

    def _done(self, request: HttpRequest, charger: Any, form: HandOverForm) -> HttpResponse | None:
        try:
            done = billing.hand_over(form.cleaned_data["to"], form.cleaned_data["becomes"])
        except ValidationError as error:
            form.add_error(None, error)
            return None
        words = " ".join(done.words)
        self.message_user(
            request, _("Billing was handed over. {words}").format(words=words), messages.SUCCESS
        )
        return HttpResponseRedirect(reverse("admin:routing_route_change", args=[done.new.pk]))
