"""Adding a charger, claiming one, and those that knock without being known: pages beside the list."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.acting import acting, address_of
from accounts.admin_base import OwnedAdmin
from accounts.models import Organisation
from chargers.admission import adopt
from chargers.models import Charger
from chargers.onboarding import claims, inbox, once
from chargers.onboarding.cards import hashes_of, new_password
from chargers.onboarding.forms import AdoptForm, ClaimForm, NewCharger, organisations_of
from chargers.onboarding.showing import card_address, secret_name
from chargers.tabs.tab import tab_address

if TYPE_CHECKING:
    _Admin = OwnedAdmin[Charger]
else:
    _Admin = object


class WizardMixin(_Admin):
    """Adds ``new/``, ``claim/`` and ``inbox/`` to the charger's admin."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        both = require_http_methods(["GET", "HEAD", "POST"])
        ours = [
            path("new/", view(both(self.new_view)), name="chargers_charger_new"),
            path("claim/", view(both(self.claim_view)), name="chargers_charger_claim"),
            path("inbox/", view(require_GET(self.inbox_view)), name="chargers_charger_inbox"),
            path("inbox/adopt/", view(require_POST(self.adopt_view)), name="chargers_charger_adopt"),
        ]
        return [*ours, *super().get_urls()]

    def beside_list(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        """What every page beside the list shows."""
        return {**self.admin_site.each_context(request), "title": title, **more}

    def may_take_in(self, request: HttpRequest) -> Any:
        """The user, who may put chargers into an organisation; else 403."""
        user: Any = request.user
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not (user.is_superuser or organisations_of(user).exists()):
            raise PermissionDenied
        return user

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Step 1: which charger. Made, it leads to its card."""
        user = self.may_take_in(request)
        initial = {"identity": request.GET.get("identity", "")[:255]}
        form = NewCharger(request.POST or None, user=user, initial=initial)
        charger = self._made_or_found(request, form) if request.method == "POST" else None
        if charger is not None:
            brand = form.cleaned_data.get("brand")
            return HttpResponseRedirect(card_address(charger) + (f"?brand={brand}" if brand else ""))
        context = self.beside_list(request, _("Add a charger"), form=form)
        return TemplateResponse(request, "admin/chargers/charger/new.html", context)

    def _made_or_found(self, request: HttpRequest, form: NewCharger) -> Charger | None:
        """The new charger, or the one that the first of two taps has made; None: the form says why not."""
        if form.is_valid():
            try:
                with transaction.atomic():
                    return self._make(request, form)
            except IntegrityError:  # the first tap, or somebody else, was faster: the form finds whose it is
                form.full_clean()
        return form.just_made(timezone.now())

    def _make(self, request: HttpRequest, form: NewCharger) -> Charger:
        said = form.cleaned_data
        password = new_password() if said["password"] == "generated" else None
        identity = said["identity"]
        charger = Charger(identity=identity, label=said["label"], organisation=form.whose)
        charger.password_hashes = hashes_of(identity, password) if password else []
        with acting(words=f"Added charger {identity} with the wizard."):
            charger.save()
        if password:
            once.keep(request.session, secret_name(charger), password)
        return charger

    def claim_view(self, request: HttpRequest) -> HttpResponse:
        """Take a charger over that somebody has registered, with the code that came with it."""
        user = self.may_take_in(request)
        initial = {"identity": request.GET.get("identity", "")[:255]}
        form = ClaimForm(request.POST or None, user=user, initial=initial)
        if request.method == "POST" and form.is_valid() and form.whose is not None:
            charger = self._claimed(request, form, form.whose)
            if charger is not None:
                messages.success(request, _("%s is yours.") % charger.identity)
                return HttpResponseRedirect(tab_address(charger.pk, "setup"))
        context = self.beside_list(request, _("Claim a charger"), form=form)
        return TemplateResponse(request, "admin/chargers/charger/claim.html", context)

    def _claimed(self, request: HttpRequest, form: ClaimForm, into: Organisation) -> Charger | None:
        said = form.cleaned_data
        keys = [f"user {request.user.pk}", f"address {address_of(request)}"]
        try:
            return claims.claim(said["identity"], said["code"], into, keys=keys, now=time.monotonic())
        except claims.Refused:
            form.add_error(None, _("No charger with this identity has this claim code. Check both."))
        except claims.TooOften:
            form.add_error(None, _("Too many tries. Wait some minutes, then try again."))
        return None

    def inbox_view(self, request: HttpRequest) -> HttpResponse:
        """Unknown identities that knock; for who sees the whole installation."""
        _superusers_only(request)
        context = self.beside_list(
            request,
            _("Unknown chargers"),
            strangers=inbox.strangers(),
            organisations=Organisation.objects.order_by("name"),
        )
        return TemplateResponse(request, "admin/chargers/charger/inbox.html", context)

    def adopt_view(self, request: HttpRequest) -> HttpResponse:
        """Make a charger of an unknown identity, with the default routes."""
        _superusers_only(request)
        form = AdoptForm(request.POST, user=request.user)  # type: ignore[arg-type] # logged in
        if not form.is_valid():
            messages.error(request, " ".join(str(e) for errors in form.errors.values() for e in errors))
            return HttpResponseRedirect(reverse("admin:chargers_charger_inbox"))
        identity = form.cleaned_data["identity"]
        if Charger.objects.filter(identity=identity).exists():
            messages.info(request, _("%s is known already.") % identity)
            return HttpResponseRedirect(reverse("admin:chargers_charger_inbox"))
        with transaction.atomic(), acting(words=f"Took in charger {identity}, which had knocked."):
            charger = adopt(identity)
            if form.whose is not None:
                charger.organisation = form.whose
                charger.save()
        messages.success(request, _("%s may connect now; most chargers try again within minutes.") % identity)
        return HttpResponseRedirect(tab_address(charger.pk, "setup"))


def _superusers_only(request: HttpRequest) -> None:
    if not request.user.is_superuser:
        raise Http404("there is no such page")
