"""A charger goes from one organisation to another, with the consent of both."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.acting import acting
from accounts.models import Organisation, User
from accounts.people import Refused, standing
from chargers.models import Charger, Transfer
from routing.changes import recorded
from routing.models import Route

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without those that are taken for each other."""

_GROUPS, _EACH = 4, 4
"""80 random bits: nobody guesses one."""


@dataclass(frozen=True)
class Effects:
    """What a transfer does to the routes of a charger: those switched off, those kept."""

    off: list[Route]
    kept: list[Route]


def offer(actor: User, charger: Charger, *, email: str = "") -> tuple[Transfer, str]:
    """An offer of a charger, and the code with which it is accepted, known to nobody afterwards.

    It replaces one that is open. ``email``: whose it is alone; "" for whoever is given the code. Raises
    Refused.
    """
    if charger.organisation is None or standing(actor, charger.organisation) is None:
        raise Refused(_("Only an owner or operator of its organisation hands a charger over."))
    letters = [secrets.choice(_LETTERS) for _number in range(_GROUPS * _EACH)]
    code = "-".join("".join(letters[at : at + _EACH]) for at in range(0, len(letters), _EACH))
    with transaction.atomic():
        for older in Transfer.objects.open().filter(charger=charger):
            _revoke(older)
        with acting(words=f"Offered charger {charger} to another organisation."):
            made = Transfer.objects.create(
                charger=charger,
                from_organisation=charger.organisation,
                email=email,
                code_hash=_hash(code),
                created_by=actor,
            )
    return made, code


def revoke(actor: User, charger: Charger) -> bool:
    """Take back what is offered of a charger; whether anything was. Raises Refused."""
    found = list(
        Transfer.objects.open().filter(charger=charger).select_related("charger", "from_organisation")
    )
    if any(standing(actor, one.from_organisation) is None for one in found):
        raise Refused(_("Only an owner or operator of its organisation takes that back."))
    for one in found:
        _revoke(one)
    return bool(found)


def offered(actor: User, code: str) -> Transfer | None:
    """The open offer with this code, where this person may accept it. None says no more than that."""
    found = Transfer.objects.open().filter(code_hash=_hash(code))
    mine = Q(email="") | Q(email__iexact=actor.email) if actor.email else Q(email="")
    return found.filter(mine).select_related("charger__organisation", "from_organisation").first()


def effects(charger: Charger, organisation: Organisation | None) -> Effects:
    """What becomes of the routes in another organisation; None: in any other one."""
    routes = list(charger.routes.select_related("backoffice", "preset").order_by("id"))
    own = None if organisation is None else organisation.pk
    off = [route for route in routes if route.backoffice.organisation_id not in (None, own)]
    return Effects(off=off, kept=[route for route in routes if route not in off])


def accept(actor: User, offer_: Transfer, organisation: Organisation) -> Charger:
    """Take a charger over into an organisation that the user looks after, once. Raises Refused.

    Routes to backoffices that it can't use are switched off. What was recorded before stays with nobody
    but superusers (``Charger.owned_since``).
    """
    if standing(actor, organisation) is None:
        raise Refused(_("Only an owner or operator takes a charger over."))
    if organisation.pk == offer_.from_organisation_id:
        raise Refused(_("The charger belongs to this organisation already."))
    with recorded():
        words = f"Handed over from {offer_.from_organisation} to {organisation}."
        with acting(words=words):
            taken = (
                Transfer.objects.open()
                .filter(pk=offer_.pk)
                .update(accepted_at=timezone.now(), accepted_by=actor, to_organisation=organisation)
            )
        charger = Charger.objects.select_for_update(of=("self",), no_key=True).get(pk=offer_.charger_id)
        if not taken or charger.organisation_id != offer_.from_organisation_id:
            raise Refused(_("This offer is not valid any more."))
        _adapt(charger, organisation)
        charger.organisation, charger.location = organisation, None
        with acting(words=words):
            charger.save()
    return charger


def _adapt(charger: Charger, organisation: Organisation) -> None:
    """Routes keep the rights that they have; those that can't be used are switched off."""
    found = effects(charger, organisation)
    for route in [*found.off, *found.kept]:
        if route.preset is not None:
            route.permissions = {**route.preset.permissions, **route.permissions}
            route.preset = None
        if route in found.off:
            route.enabled = False
        with acting(words="Adapted to another organisation of its charger."):
            route.save()


def _revoke(one: Transfer) -> None:
    with acting(words=f"Took back the offer {one}."):
        Transfer.objects.open().filter(pk=one.pk).update(revoked_at=timezone.now())


def _hash(code: str) -> str:
    letters = "".join(letter for letter in code.upper() if letter in _LETTERS)
    return hashlib.sha256(letters.encode()).hexdigest()
