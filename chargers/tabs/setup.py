"""What is typed into the charger, and how far it has come on its way to us."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.acting import acting
from chargers.credentials import newest_of, passwords_in
from chargers.models import Charger
from chargers.onboarding import once
from chargers.onboarding.addresses import address_for
from chargers.onboarding.cards import CopyCard, card_of
from chargers.onboarding.renewing import renew
from chargers.onboarding.showing import (
    card_address,
    kept_nowhere,
    secret_name,
    steps_of,
)
from chargers.tabs.tab import Tab, tab_address


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """The card without the secret, and the steps."""
    return {
        "card": _card(request, charger, None),
        "backoffices": tab_address(charger.pk, "backoffices"),
        "passwords": passwords_in(charger.password_hashes),
        **steps_of(request, charger),
    }


def _card(request: HttpRequest, charger: Charger, password: str | None) -> CopyCard:
    address = address_for(request, charger.identity)
    brand = request.GET.get("brand", "")
    return card_of(address, password=password, has_password=bool(charger.password_hashes), brand=brand)


def shown_once(request: HttpRequest, charger: Charger) -> HttpResponse:
    """The card with the password that was just made, whose page can't be opened a second time."""
    password = once.take(request.session, secret_name(charger))
    if password is None and charger.password_hashes:
        return HttpResponseRedirect(tab_address(charger.pk, "setup"))
    page = {
        "title": _("What to enter in %s") % charger.identity,
        "charger": charger,
        "card": _card(request, charger, password),
        "backoffices": tab_address(charger.pk, "backoffices"),
        "setup": tab_address(charger.pk, "setup"),
        **steps_of(request, charger),
    }
    response = TemplateResponse(
        request, "admin/chargers/charger/card.html", {**admin.site.each_context(request), **page}
    )
    return kept_nowhere(response)


def state(request: HttpRequest, charger: Charger) -> HttpResponse:
    """The steps, for the page that follows them."""
    found = steps_of(request, charger)
    steps = [
        {"key": s.key, "title": s.title, "state": s.state.value, "words": s.words, "remedy": s.remedy}
        for s in found["steps"]
    ]
    return kept_nowhere(JsonResponse({"steps": steps, "done": found["is_done"]}))


def rotate(request: HttpRequest, charger: Charger) -> HttpResponse:
    """A new password. The old one ends at once, or works beside it until somebody ends it."""
    password = renew(charger, keep=bool(request.POST.get("keep")))
    once.keep(request.session, secret_name(charger), password)
    return HttpResponseRedirect(card_address(charger))


def end_old(request: HttpRequest, charger: Charger) -> HttpResponse:
    """Only the newest password works from now on."""
    charger.password_hashes = newest_of(charger.password_hashes)
    with acting(words=f"Ended the old password of charger {charger.identity}."):
        charger.save(update_fields=["password_hashes"])
    messages.success(request, _("Only the newest password works now."))
    return HttpResponseRedirect(tab_address(charger.pk, "setup"))


TAB = Tab(
    slug="setup",
    title=gettext_lazy("Set-up"),
    template="admin/chargers/charger/setup.html",
    context=context,
    pieces={"state": state, "card": shown_once},
    actions={"rotate": rotate, "end-old": end_old},
)
