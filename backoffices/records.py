"""What a Runtime reads and writes about itself and its sessions: plain ORM, run in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from routing import loading
from routing.core.snapshot import OCPP_VERSIONS
from routing.models import ChargerSession, Route, RuntimeProcess


def beat(runtime: str) -> None:
    """Prove life, by the database's clock: those of several machines differ."""
    if not RuntimeProcess.objects.filter(pk=runtime).update(beat_at=Now()):
        RuntimeProcess.objects.create(pk=runtime, beat_at=Now())


def release_all(runtime: str) -> None:
    """Give up every session of a runtime that stops, and say that it has."""
    mine = ChargerSession.objects.filter(runtime=runtime)
    mine.filter(online=True).update(online=False, disconnected_at=timezone.now())
    mine.update(runtime="")
    RuntimeProcess.objects.filter(pk=runtime).delete()


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


def mark_offline_what_died() -> int:
    """Chargers of processes that were killed are not online; returns how many were said to be."""
    RuntimeProcess.objects.filter(beat_at__lt=Now() - timedelta(days=1)).delete()
    said = ChargerSession.objects.filter(~alive(), online=True)
    return said.update(online=False, disconnected_at=timezone.now())


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
