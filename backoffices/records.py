"""What a Runtime reads and writes about itself and its sessions: plain ORM, run in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from routing import loading
from routing.core.snapshot import OCPP_VERSIONS
from routing.models import ChargerSession, Delivery, Route, RouteState, RuntimeProcess

REPORT_KEPT = timedelta(days=1)
"""How long the last report of a process that is gone can still be read."""


def beat(runtime: str, report: Mapping[str, Any]) -> None:
    """Prove life, by the database's clock: those of several machines differ. ``report`` is JSON."""
    if not RuntimeProcess.objects.filter(pk=runtime).update(beat_at=Now(), report=report):
        RuntimeProcess.objects.create(pk=runtime, beat_at=Now(), report=dict(report))


def release_all(runtime: str, report: Mapping[str, Any] | None = None) -> None:
    """Give up every session of a runtime that stops, and say that it has.

    ``report``: what people still have to see of it when it is gone; None where all is well.
    """
    mine = ChargerSession.objects.filter(runtime=runtime)
    mine.filter(online=True).update(online=False, disconnected_at=timezone.now())
    mine.update(runtime="")
    row = RuntimeProcess.objects.filter(pk=runtime)
    if report is None:
        row.delete()
    else:
        row.update(beat_at=Now() - loading.RUNTIME_ALIVE, report=report)  # nobody takes it for alive


def may_be_taken() -> bool:
    """Whether other processes can work on the same database, and take sessions."""
    return connection.vendor != "sqlite"


def owned(runtime: str) -> dict[int, int]:
    """Epochs of the sessions that a runtime owns, by charger."""
    return dict(ChargerSession.objects.filter(runtime=runtime).values_list("pk", "epoch"))


def backlog_chargers(runtime: str, limit: int) -> list[int]:
    """Chargers to deliver for, without those that another runtime has in memory: it delivers, or will when
    it is idle.
    """
    chargers = loading.backlog_chargers(limit)
    elsewhere = ChargerSession.objects.filter(alive(), pk__in=chargers).exclude(runtime=runtime)
    taken = set(elsewhere.values_list("pk", flat=True))
    return [charger for charger in chargers if charger not in taken]


def alive() -> Exists:
    """Whether the runtime that a ChargerSession names has proved life lately, by the database's clock."""
    return Exists(
        RuntimeProcess.objects.filter(pk=OuterRef("runtime"), beat_at__gte=Now() - loading.RUNTIME_ALIVE)
    )


def mark_offline_what_died(runtime: str) -> int:
    """Chargers of processes that were killed are not online; returns how many were said to be.

    ``runtime``, which asks, lives: where it stood still, only its proof of life may be late.
    """
    RuntimeProcess.objects.filter(beat_at__lt=Now() - REPORT_KEPT).delete()
    said = ChargerSession.objects.filter(~alive(), online=True).exclude(runtime=runtime)
    return said.update(online=False, disconnected_at=timezone.now())


def mark_online_again(runtime: str, chargers: Sequence[int]) -> int:
    """Another process has taken ``runtime`` for dead, but these are connected to it; returns how many were
    said not to be.
    """
    mine = ChargerSession.objects.filter(runtime=runtime, online=False, pk__in=chargers)
    return mine.update(online=True, disconnected_at=None)


def recount_waiting() -> int:
    """Count anew what waits for routes that no session serves; returns how many were said to have otherwise.

    Of the others their sessions know. Deliveries are given up, left out and discarded without one too, and
    a process that was killed has not said the last of what it knew.
    """
    held = Delivery.objects.filter(route_id=OuterRef("pk"), dead=False)
    states = _unserved().filter(Q(waiting__gt=0) | Exists(held))
    known = {pk: (waiting, oldest) for pk, waiting, oldest in states.values_list("pk", "waiting", "oldest")}
    counted = Delivery.objects.filter(route_id__in=known, dead=False).order_by().values("route_id")
    found = {
        row["route_id"]: (row["number"], row["oldest"])
        for row in counted.annotate(number=Count("pk"), oldest=Min("at"))
    }
    changed = 0
    for route, before in known.items():
        waiting, oldest = found.get(route, (0, None))
        if (waiting, oldest) != before:
            changed += _unserved().filter(pk=route).update(waiting=waiting, oldest=oldest)
    return changed


def _unserved() -> QuerySet[RouteState]:
    served = ChargerSession.objects.filter(alive(), pk=OuterRef("route__charger_id"))
    is_off = Q(route__enabled=False) | Q(route__backoffice__enabled=False) | Q(route__charger__enabled=False)
    return RouteState.objects.filter(is_off | ~Exists(served))


def last_version(charger: int) -> str:
    """The OCPP version of a charger's last connection, the oldest where that is not known."""
    versions = ChargerSession.objects.filter(pk=charger).values_list("ocpp_version", flat=True)
    return versions.first() or OCPP_VERSIONS[0]


def enabled_routes(chargers: Sequence[int]) -> Mapping[int, frozenset[int]]:
    rows = Route.objects.filter(
        charger_id__in=chargers, enabled=True, backoffice__enabled=True, charger__enabled=True
    ).values_list("charger_id", "pk")
    found: dict[int, set[int]] = {}
    for charger, route in rows:
        found.setdefault(charger, set()).add(route)
    return {charger: frozenset(routes) for charger, routes in found.items()}
