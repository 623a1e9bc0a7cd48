"""Where somebody takes a charger over that was offered to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts import people
from accounts.admin_base import OwnedAdmin
from accounts.models import Organisation
from chargers import transfers
from chargers.models import Charger
from chargers.tabs.tab import tab_address

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Charger]
    _OrganisationField = forms.ModelChoiceField[Organisation]
else:
    _Admin = object
    _OrganisationField = forms.ModelChoiceField


class CodeForm(forms.Form):
    """The code of an offer, and for which organisation it is accepted."""

    code = forms.CharField(label=_("Code"), max_length=40)
    organisation = _OrganisationField(
        label=_("Your organisation"), queryset=Organisation.objects.none(), empty_label=None
    )

    def __init__(self, mine: list[Organisation], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organisation"]
        field.queryset = Organisation.objects.filter(pk__in=[one.pk for one in mine])


class TransferMixin(_Admin):
    """Adds ``take-over/`` to the charger's admin, for owners and operators."""

    def get_urls(self) -> Any:
        page = require_http_methods(["GET", "HEAD", "POST"])(self.take_over_view)
        ours = [path("take-over/", self.admin_site.admin_view(page), name="chargers_charger_take_over")]
        return [*ours, *super().get_urls()]

    def take_over_view(self, request: HttpRequest) -> HttpResponse:
        """First what would happen, then, confirmed, the transfer."""
        user: Any = request.user
        mine = people.managed_by(user)
        if not mine:
            raise PermissionDenied
        form = CodeForm(mine, request.POST if request.method == "POST" else None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Take a charger over"),
            "opts": self.opts,
            "form": form,
        }
        if request.method == "POST" and form.is_valid():
            found = transfers.offered(user, form.cleaned_data["code"])
            if found is None:
                form.add_error("code", gettext("There is no offer with this code for you, or it is used."))
            elif "confirmed" not in request.POST:
                organisation = form.cleaned_data["organisation"]
                effects = transfers.effects(found.charger, organisation)
                context |= {"offer": found, "effects": effects, "to": organisation}
            else:
                try:
                    charger = transfers.accept(user, found, form.cleaned_data["organisation"])
                except people.Refused as refused:
                    form.add_error(None, str(refused))
                else:
                    messages.success(request, gettext("Charger %s is yours now.") % charger)
                    return HttpResponseRedirect(tab_address(charger.pk, "access"))
        return TemplateResponse(request, "admin/chargers/charger/take_over.html", context)
