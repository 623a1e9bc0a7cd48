"""The newest refused charges: whose card, who refused, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from proxy_site.dashboard.scope import Scope
from routing.core.masking import masked
from routing.explorer.search import exchanges_of
from routing.explorer.why import why_refused
from routing.models import RefusedCharge
from routing.models.traffic import number_at

MOST = 8
LATELY = timedelta(hours=24)

MEANINGS: Mapping[str, str] = {
    "Blocked": gettext_noop("the card is blocked"),
    "Expired": gettext_noop("the card is out of date"),
    "Invalid": gettext_noop("the card is not known"),
    "Unknown": gettext_noop("the card is not known"),
    "ConcurrentTx": gettext_noop("the card is charging elsewhere"),
    "NoCredit": gettext_noop("the card has no credit"),
}


@dataclass(frozen=True)
class Refused:
    """A refused charge; the card masked, ``words`` who refused and why. ``address``: its exchange."""

    at: datetime
    charger: str
    card: str
    words: str
    address: str


def refused_charges(scope: Scope) -> list[Refused]:
    """The newest of a day; four queries, whatever there is."""
    noted = scope.of_rows(RefusedCharge.objects.filter(exchange__gte=number_at(scope.now - LATELY)))
    keys = list(noted.order_by("-exchange").values_list("exchange", "charger_id")[:MOST])
    page = exchanges_of(scope.user, keys)
    told = []
    for one in page.exchanges:
        status = one.head.status if one.head else ""
        words = why_refused(one) or _("%(who)s said %(status)s") % {
            "who": one.answered_by or _("nobody"),
            "status": status,
        }
        meaning = _(MEANINGS.get(status, ""))
        address = reverse("admin:routing_message_exchange", args=[one.charger, one.number])
        told.append(
            Refused(
                at=one.at,
                charger=page.names.charger(one.charger),
                card=masked(one.id_tag),
                words=f"{words} ({meaning})" if meaning else words,
                address=address,
            )
        )
    return sorted(told, key=lambda each: each.at, reverse=True)
