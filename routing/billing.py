"""Handing the billing of a charger from one backoffice to another, in one step.

Whose a session is was decided when it began (ocpp-semantics 5.3): one that runs stays with the old
backoffice, which gets its end as long as its route is in use.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.acting import acting
from accounts.deeds import in_english
from routing import changes
from routing.core.snapshot import Role
from routing.models import Route, Transaction
from routing.models.routes import ROLES

Becomes = Literal["control", "observe", "off"]
BECOMES: tuple[Becomes, ...] = ("control", "observe", "off")


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """What handing over does. ``old``: None where nobody bills now. ``words``: one sentence each.

    ``warnings``: what a person should know before. ``problem``: why it can't be done, "" where it can.
    """

    old: Route | None
    new: Route
    becomes: Becomes
    words: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    problem: str = ""


def billing_of(charger: Any) -> Route | None:
    """The route that bills for this charger now."""
    routes = Route.objects.filter(charger=charger, role=Role.BILLING.value, enabled=True)
    return routes.select_related("charger", "backoffice", "preset").first()


def foresee(new: Route, becomes: Becomes) -> HandOver:
    """What handing the billing of its charger to ``new`` would do; changes nothing."""
    old = billing_of(new.charger)
    problem = _problem(old, new)
    if problem:
        return HandOver(old=old, new=new, becomes=becomes, words=(), problem=problem)
    words = [_new_words(new)]
    if old is not None:
        words.insert(0, _old_words(old, becomes))
    dropped = [route for route in _both(old, new, becomes) if route.preset is not None]
    words += [
        _("{backoffice} no longer uses preset {preset}, which is for another role.").format(
            backoffice=route.backoffice, preset=route.preset
        )
        for route in dropped
    ]
    return HandOver(
        old=old, new=new, becomes=becomes, words=tuple(words), warnings=tuple(_warnings(old, new, becomes))
    )


def hand_over(new: Route, becomes: Becomes) -> HandOver:
    """Make ``new`` the billing route of its charger, and the present one what it ``becomes``.

    One transaction: nobody sees the charger with two billing routes or with none. Recorded for both. Raises
    ValidationError with the reason where it can't be done. Callers bring a route that their user may change.
    """
    if becomes not in BECOMES:
        raise ValidationError(
            _('"{becomes}" is not what a route can become ({known})').format(
                becomes=becomes, known=", ".join(BECOMES)
            )
        )
    with transaction.atomic(), changes.recorded():
        _lock(new)
        new = Route.objects.select_related("charger", "backoffice", "preset").get(pk=new.pk)
        done = foresee(new, becomes)
        if done.problem:
            raise ValidationError(done.problem)
        if done.old is not None:  # first: at no moment are there two
            with in_english():
                words = f"Billing handed over to {new.backoffice}: {_old_words(done.old, becomes)}"
            with acting(words=words):
                _become(done.old, becomes)
        with acting(words=f"Billing handed over from {done.old.backoffice if done.old else 'nobody'}."):
            _bill(new)
    return done


def _lock(new: Route) -> None:
    """Nobody else changes the routes of this charger meanwhile."""
    list(Route.objects.select_for_update().filter(charger=new.charger_id).order_by("pk").values_list("pk"))


def _become(old: Route, becomes: Becomes) -> None:
    if becomes == "off":
        old.enabled = False
    else:
        old.role, old.preset = becomes, None
    old.save(update_fields=["role", "preset", "enabled"])


def _bill(new: Route) -> None:
    if new.role != Role.BILLING.value:
        new.role, new.preset = Role.BILLING.value, None
    new.enabled = True
    new.save(update_fields=["role", "preset", "enabled"])


def _both(old: Route | None, new: Route, becomes: Becomes) -> list[Route]:
    """Those whose role changes."""
    changing = [] if old is None or becomes == "off" else [old]
    return changing if new.role == Role.BILLING.value else [*changing, new]


def _problem(old: Route | None, new: Route) -> str:
    if old is not None and old.pk == new.pk:
        return _("{backoffice} bills for {charger} already.").format(
            backoffice=new.backoffice, charger=new.charger
        )
    if not new.backoffice.enabled:
        return _("{backoffice} is switched off as a whole; switch it on first.").format(
            backoffice=new.backoffice
        )
    return new.foreign_backoffice() or "" if not new.enabled else ""


def _old_words(old: Route, becomes: Becomes) -> str:
    if becomes == "off":
        return _("{backoffice} is switched off for this charger.").format(backoffice=old.backoffice)
    return _("{backoffice} stays connected, as {role}.").format(
        backoffice=old.backoffice, role=_role(becomes)
    )


def _new_words(new: Route) -> str:
    words = _(
        "{backoffice} answers for cards, and new sessions are its own, "
        "unless the charger's options say otherwise."
    ).format(backoffice=new.backoffice)
    if new.enabled:
        return words
    return words + " " + _("It is switched on.")


def _warnings(old: Route | None, new: Route, becomes: Becomes) -> list[str]:
    found = []
    if old is not None and (running := _running(old)):
        found.append(_running_words(old, running, becomes))
    if old is not None and old.permissions and becomes != "off":
        words = _("What {backoffice} may send was changed by hand ({number} permissions): that stays.")
        found.append(words.format(backoffice=old.backoffice, number=len(old.permissions)))
    if new.permissions:
        words = _("What {backoffice} may send was changed by hand ({number} permissions): that stays.")
        found.append(words.format(backoffice=new.backoffice, number=len(new.permissions)))
    state = getattr(new, "state", None)
    if new.enabled and (state is None or state.state != "connected"):
        found.append(
            _(
                "{backoffice} is not connected now: until it is, the proxy answers in its place, "
                "and cards that it has not accepted lately are judged by the option auth_offline."
            ).format(backoffice=new.backoffice)
        )
    return found


def _running(old: Route) -> int:
    """Sessions that run now and are the old one's."""
    return Transaction.objects.filter(charger=old.charger_id, owner=old, closed=None).count()


def _running_words(old: Route, running: int, becomes: Becomes) -> str:
    if becomes == "off":
        return _(
            "{number} running session(s) of {backoffice}: switched off it does not hear how they end, "
            "until it is switched on again. Let it observe until they have ended, or wait."
        ).format(number=running, backoffice=old.backoffice)
    return _(
        "{number} running session(s) stay with {backoffice} until they end; it bills for them, "
        "and the new one for those that begin from now on."
    ).format(number=running, backoffice=old.backoffice)


def _role(role: str) -> str:
    return _(dict(ROLES)[role])
