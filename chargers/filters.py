"""Filters of the list of chargers: the questions that people ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargers.models import Charger, Connector, RefusedAttempt
from chargers.standing import GONE_LONG, NOT_UP, REFUSALS_COUNT_FOR
from routing.models import Alarm, Route

Chargers = QuerySet[Charger]
_RUNNING = ("Charging", "SuspendedEV", "SuspendedEVSE")


def _of(model: Any, **conditions: Any) -> Exists:
    return Exists(model.objects.filter(charger=OuterRef("pk"), **conditions))


def _online(rows: Chargers) -> Chargers:
    return rows.filter(session__online=True)


def _offline(rows: Chargers) -> Chargers:
    return rows.exclude(session__online=True)


def _gone_long(rows: Chargers) -> Chargers:
    before = timezone.now() - GONE_LONG
    return rows.filter(enabled=True, session__online=False, session__disconnected_at__lt=before)


def _never(rows: Chargers) -> Chargers:
    return rows.filter(session__connected_at=None).exclude(session__online=True)


def _backoffice_down(rows: Chargers) -> Chargers:
    used = Route.objects.filter(charger=OuterRef("pk"), enabled=True, backoffice__enabled=True)
    return rows.filter(Exists(used.filter(Q(state=None) | Q(state__state__in=NOT_UP))), session__online=True)


def _faulted(rows: Chargers) -> Chargers:
    return rows.filter(_of(Connector, status="Faulted"))


def _charging(rows: Chargers) -> Chargers:
    return rows.filter(_of(Connector, status__in=_RUNNING))


def _with_alarm(rows: Chargers) -> Chargers:
    return rows.filter(_of(Alarm, cleared=None))


def _waiting(rows: Chargers) -> Chargers:
    return rows.filter(_of(Route, state__waiting__gt=0))


def _without_route(rows: Chargers) -> Chargers:
    return rows.exclude(_of(Route, enabled=True))


def _refused(rows: Chargers) -> Chargers:
    """Those under whose identity somebody was refused lately, and which are not there."""
    since = timezone.now() - REFUSALS_COUNT_FOR
    attempts = RefusedAttempt.objects.filter(identity=OuterRef("identity"), last_at__gte=since)
    return rows.filter(Exists(attempts)).exclude(session__online=True)


QUESTIONS: dict[str, tuple[Any, Callable[[Chargers], Chargers]]] = {
    "yes": (_("Online"), _online),
    "no": (_("Offline"), _offline),
    "gone": (_("Offline for more than 5 minutes"), _gone_long),
    "never": (_("Never connected"), _never),
    "refused": (_("Refused when it tries to connect"), _refused),
    "down": (_("With a backoffice that is down"), _backoffice_down),
    "faulted": (_("With a faulted connector"), _faulted),
    "charging": (_("Charging"), _charging),
    "alarm": (_("With an alarm"), _with_alarm),
    "waiting": (_("With messages that wait"), _waiting),
    "alone": (_("Without a backoffice"), _without_route),
}


class StateFilter(admin.SimpleListFilter):
    """What a charger is like now. The address says ``online=``: links of before stay good."""

    title = _("state")
    parameter_name = "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, title) for value, (title, _narrow) in QUESTIONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = QUESTIONS.get(self.value() or "")
        return found[1](queryset) if found else queryset
