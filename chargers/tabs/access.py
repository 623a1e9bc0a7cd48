"""Who can see and do what with a charger, in plain words; and handing it over."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import people
from accounts.mail import send
from accounts.models import Membership
from accounts.people_admin import LENGTHS, end_or_extend, members, page_of
from accounts.rights import INSTALLER, OPERATOR, OWNER, READ_ONLY
from chargers import transfers
from chargers.models import Charger, Transfer
from chargers.tabs.tab import Tab, tab_address
from routing.models import Route

PERSON_MAY = {
    OPERATOR: _("sees and changes everything, and says who else may"),
    OWNER: _("sees and changes everything, and says who else may"),
    INSTALLER: _("sees everything, sets up chargers, backoffices and routes"),
    READ_ONLY: _("sees everything, changes nothing"),
}
BACKOFFICE_MAY = {
    "billing": _("sees everything, answers the charger, owns its sessions, and may do all but take it away"),
    "control": _("sees everything, and may do all but start and stop others' sessions and lock it out"),
    "energy": _("sees states, meter values and sessions, and sets limits"),
    "service": _("sees states, diagnostics and firmware, and may diagnose, update, reset and configure"),
    "observe": _("sees states, meter values and sessions, and may do nothing"),
}


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """People, backoffices, and what is offered."""
    user: Any = request.user
    organisation = charger.organisation
    may = None if organisation is None else people.standing(user, organisation)
    found = [] if organisation is None else members(user, organisation, may)
    names = dict(Membership.Role.choices)
    return {
        "organisation": organisation,
        "people_page": None if organisation is None else page_of(organisation),
        "manages": may is not None,
        "members": found,
        "brief": True,
        "person_may": [(names[role], words) for role, words in PERSON_MAY.items()],
        "routes": [(route, BACKOFFICE_MAY.get(route.role, "")) for route in _routes(charger)],
        "lengths": LENGTHS,
        "do": tab_address(charger.pk, "access") + "do/",
        "offers": list(Transfer.objects.open().filter(charger=charger)) if may else [],
        "effects": transfers.effects(charger, None) if may else None,
    }


def _routes(charger: Charger) -> list[Route]:
    return list(charger.routes.select_related("backoffice", "preset").order_by("-enabled", "id"))


def _end(request: HttpRequest, charger: Charger) -> HttpResponse:
    if charger.organisation is None or people.standing(_user(request), charger.organisation) is None:
        raise PermissionDenied
    try:
        end_or_extend(request, charger.organisation)
    except people.Refused as refused:
        messages.error(request, str(refused))
    return _back(charger)


def _offer(request: HttpRequest, charger: Charger) -> HttpResponse:
    """The code is shown this once, or goes to the address that was given."""
    email = request.POST.get("email", "").strip()
    try:
        email = Transfer._meta.get_field("email").clean(email, None)
        _made, code = transfers.offer(_user(request), charger, email=email)
    except ValidationError:
        messages.error(request, gettext("This is not an e-mail address."))
        return _back(charger)
    except people.Refused as refused:
        messages.error(request, str(refused))
        return _back(charger)
    if email and send(email, gettext("A charger for you"), _letter(request, charger, code)):
        messages.success(request, gettext("The offer is on its way to %s.") % email)
        return _back(charger)
    shown = {
        **admin.site.each_context(request),
        "title": gettext("Hand over %s") % charger,
        "charger": charger,
        "code": code,
        "email": email,
        "back": tab_address(charger.pk, "access"),
        "where": request.build_absolute_uri(reverse("admin:chargers_charger_take_over")),
    }
    return TemplateResponse(request, "admin/chargers/charger/offer.html", shown)


def _take_back(request: HttpRequest, charger: Charger) -> HttpResponse:
    try:
        transfers.revoke(_user(request), charger)
    except people.Refused as refused:
        messages.error(request, str(refused))
    return _back(charger)


def _letter(request: HttpRequest, charger: Charger, code: str) -> str:
    return gettext(
        "%(who)s of %(organisation)s offers you the charger %(charger)s.\n\n"
        "Log in, open %(where)s and enter this code, within a week; it works once:\n%(code)s\n"
    ) % {
        "who": _user(request).called,
        "organisation": charger.organisation,
        "charger": charger,
        "where": request.build_absolute_uri(reverse("admin:chargers_charger_take_over")),
        "code": code,
    }


def _back(charger: Charger) -> HttpResponse:
    return HttpResponseRedirect(tab_address(charger.pk, "access"))


def _user(request: HttpRequest) -> Any:
    return request.user


TAB = Tab(
    slug="access",
    title=_("Access"),
    template="admin/chargers/charger/access.html",
    context=context,
    actions={"end": _end, "offer": _offer, "take-back": _take_back},
)
