"""Chargers as cards, for those who look after their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from chargers.models import Connector
from chargers.standing import LETTERS, status_of
from proxy_site.dashboard.scope import Scope
from routing.health import ChargerHealth, at, charger_health_of
from routing.models import Route, Transaction

MOST = 24


@dataclass(frozen=True)
class Office:
    """A backoffice of a card: the letter of its role, its name, how it is."""

    letter: str
    name: str
    tone: str
    words: str


@dataclass(frozen=True)
class Plug:
    """A connector of a card; ``status`` in words."""

    name: str
    status: str
    tone: str


@dataclass(frozen=True)
class Card:
    """A charger. ``tone``: of its badge (``state``); ``problem`` in words, "" for none."""

    title: str
    identity: str
    state: str
    tone: str
    words: str
    plugs: Sequence[Plug]
    running: str
    offices: Sequence[Office]
    problem: str
    address: str
    live: str


def cards(scope: Scope, search: str) -> tuple[list[Card], bool]:
    """The first MOST by identity that match, and whether there are more; six queries."""
    wanted = scope.chargers()
    if search:
        wanted = wanted.filter(Q(identity__icontains=search) | Q(label__icontains=search))
    found = list(wanted.select_related("session").order_by("identity")[: MOST + 1])
    shown = found[:MOST]
    keys = [charger.pk for charger in shown]
    routes = list(
        Route.objects.filter(charger__in=keys).select_related("charger", "backoffice", "state").order_by("pk")
    )
    health = charger_health_of(shown, routes)
    plugs: dict[int, list[Plug]] = {}
    for row in Connector.objects.filter(charger__in=keys, connector_id__gt=0):
        plugs.setdefault(row.charger_id, []).append(_plug(row))
    running: dict[int, list[Transaction]] = {}
    for session in Transaction.objects.filter(charger__in=keys, closed=None).order_by("created"):
        running.setdefault(session.charger_id, []).append(session)
    made = [
        _card(charger, health[charger.pk], plugs.get(charger.pk, []), running.get(charger.pk, []), scope)
        for charger in shown
    ]
    return made, len(found) > MOST


def _plug(row: Connector) -> Plug:
    tone, words = status_of(row)
    return Plug(f"{row.evse_id}/{row.connector_id}" if row.evse_id else str(row.connector_id), words, tone)


def _card(
    charger: Any, health: ChargerHealth, plugs: Sequence[Plug], running: Sequence[Transaction], scope: Scope
) -> Card:
    state, tone = _state(charger, health)
    sessions = [_("Charging since %(time)s") % {"time": at(one.created, scope.now)} for one in running]
    return Card(
        title=charger.label or charger.identity,
        identity=charger.identity,
        state=state,
        tone=tone,
        words=health.words,
        plugs=plugs,
        running=", ".join(sessions),
        offices=[_office(route) for route in health.routes],
        problem=_problem(health),
        address=reverse("admin:chargers_charger_tab", args=[charger.pk, "overview"]),
        live=reverse("admin:chargers_charger_live", args=[charger.pk]),
    )


def _state(charger: Any, health: ChargerHealth) -> tuple[str, str]:
    if not charger.enabled:
        return _("Off"), ""
    if health.online:
        return _("Online"), "good"
    return (_("Offline"), "bad") if health.since else (_("Never connected"), "warn")


def _office(route: Any) -> Office:
    tone = "good" if route.state == "connected" else "" if route.state in ("off", "new", "closed") else "bad"
    return Office(LETTERS.get(route.role, "?"), route.backoffice, tone, route.words)


def _problem(health: ChargerHealth) -> str:
    """The first thing that is wrong."""
    if health.alarms:
        return health.alarms[0].text
    for route in health.routes:
        if health.online and route.state not in ("connected", "off"):
            return f"{route.backoffice}: {route.is_like}"
        if route.dead_letters:
            return f"{route.backoffice}: {route.queue}"
    return ""
