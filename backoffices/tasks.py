"""Celery tasks about the links: short commands to the Runtime of this process, safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from celery import shared_task

from backoffices import current, moved, records
from backoffices.models import Backoffice
from backoffices.probe import probe, target_of
from backoffices.runtime import Runtime
from backoffices.schedule import BEAT_SCHEDULE
from routing import expiring

__all__ = [
    "BEAT_SCHEDULE",
    "deliver_backlog",
    "drain",
    "expire_deliveries",
    "maintain_links",
    "note_migrations",
    "probe_backoffice",
    "recount_waiting",
    "refresh_routes",
]

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""How long a task waits for the loop; what it asked for is cancelled then."""


@shared_task(expires=2, ignore_result=True)
def maintain_links() -> dict[str, int]:
    """Compare sessions, routes and live links, and repair what differs."""
    return _ask(lambda runtime: runtime.maintain_links(), {})


@shared_task(expires=10, ignore_result=True)
def refresh_routes(chargers: Sequence[int]) -> int:
    """Give live sessions of these chargers (primary keys) their configuration anew."""
    return _ask(lambda runtime: runtime.refresh_routes(chargers), 0)


@shared_task(expires=5, ignore_result=True)
def deliver_backlog(limit: int = 50) -> int:
    """Connect to backoffices that still wait for deliveries of chargers that are away."""
    return _ask(lambda runtime: runtime.deliver_backlog(limit), 0)


@shared_task(expires=30, ignore_result=True)
def note_migrations() -> int:
    """Raise the alarm of chargers that were told to connect elsewhere and are gone, where no session does."""
    return moved.raise_alarms()


@shared_task(expires=30, ignore_result=True)
def recount_waiting() -> int:
    """Count what waits for backoffices where no session does, so that the lists are right."""
    return records.recount_waiting()


@shared_task(expires=30, ignore_result=True)
def expire_deliveries() -> int:
    """Make dead letters of what has waited for a backoffice for too long, where no session does."""
    return expiring.expire_deliveries()


@shared_task(expires=30)
def probe_backoffice(
    backoffice: int, ocpp_version: str = "1.6", identity: str = "probe"
) -> dict[str, str | float | bool]:
    """Try one handshake with a backoffice (primary key); see ``backoffices.probe.probe``."""
    row = Backoffice.objects.get(pk=backoffice)
    return asyncio.run(probe(target_of(row, identity), ocpp_version))


@shared_task(expires=10, ignore_result=True)
def drain() -> None:
    """End all sessions of this process, before it is stopped: others take its chargers over."""
    _ask(lambda runtime: runtime.stop(), None)


def _ask(work: Callable[[Runtime], Coroutine[Any, Any, T]], without: T) -> T:
    """What the Runtime answers; ``without`` where this process has none: it starts, or ends."""
    try:
        return current.call(work, PATIENCE_SECONDS)
    except current.NoRuntime:
        return without
