"""Celery tasks about the links: short commands to the Runtime of this process, safe to repeat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from celery import shared_task
from celery.worker import state as worker_state
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from backoffices import current, moved, records, samples
from backoffices.complaint import first_line
from backoffices.models import Backoffice
from backoffices.probe import probe, target_of
from backoffices.runtime import Runtime
from backoffices.schedule import BEAT_SCHEDULE
from routing import expiring, forgetting, snapshots, upkeep
from routing.readings.following import FOLLOWER
from routing.webhooks.making import MAKER
from routing.webhooks.sending import SENDER

__all__ = [
    "BEAT_SCHEDULE",
    "deliver_backlog",
    "drain",
    "expire_deliveries",
    "keep_up",
    "maintain_links",
    "make_events",
    "note_migrations",
    "probe_backoffice",
    "read_log",
    "recount_waiting",
    "refresh_routes",
    "sample_backoffices",
    "send_webhooks",
    "take_snapshot",
]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""How long a task waits for the loop; what it asked for is cancelled then."""


NO_COUNTS: dict[str, int] = {}
NO_ERRORS: dict[str, str] = {}


def unless_away(without: T, *, try_it: bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Have a task return ``without`` while the database is away: the next interval repeats it.

    That it is away the Runtime says, once; a task that notices it first adds a line, not a traceback.
    ``try_it``: the task has something to do without the database, too.
    """

    def wrap(task: Callable[P, T]) -> Callable[P, T]:
        @wraps(task)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            if _is_away() and not try_it:
                logger.debug("%s: left out, the database is away", task.__name__)
                return without
            try:
                return task(*args, **kwargs)
            except (OperationalError, InterfaceError, TimeoutError) as error:
                is_known = _is_away()
                if isinstance(error, TimeoutError) and not is_known:
                    raise
                level = logging.DEBUG if is_known else logging.WARNING
                logger.log(level, "%s: the database does not answer: %s", task.__name__, first_line(error))
                return without

        return run

    return wrap


@shared_task(expires=2, ignore_result=True)
@unless_away(NO_COUNTS, try_it=True)
def maintain_links() -> dict[str, int]:
    """Compare sessions, routes and live links, and repair what differs."""
    return _ask(lambda runtime: runtime.maintain_links(), {})


@shared_task(expires=10, ignore_result=True)
@unless_away(0)
def refresh_routes(chargers: Sequence[int]) -> int:
    """Give live sessions of these chargers (primary keys) their configuration anew."""
    return _ask(lambda runtime: runtime.refresh_routes(chargers), 0)


@shared_task(expires=5, ignore_result=True)
@unless_away(0)
def deliver_backlog(limit: int = 50) -> int:
    """Connect to backoffices that still wait for deliveries of chargers that are away."""
    return _ask(lambda runtime: runtime.deliver_backlog(limit), 0)


@shared_task(expires=30, ignore_result=True)
@unless_away(0)
def note_migrations() -> int:
    """Raise the alarm of chargers that were told to connect elsewhere and are gone, where no session does."""
    return moved.raise_alarms()


@shared_task(expires=30, ignore_result=True)
@unless_away(0)
def recount_waiting() -> int:
    """Count what waits for backoffices where no session does, so that the lists are right."""
    return records.recount_waiting()


@shared_task(expires=30, ignore_result=True)
@unless_away(0)
def sample_backoffices() -> int:
    """Note how all backoffices are in this minute, for the charts of the last hour."""
    return samples.take()


@shared_task(expires=30, ignore_result=True)
@unless_away(0)
def expire_deliveries() -> int:
    """Make dead letters of what has waited for a backoffice for too long, where no session does.

    Rows that nobody reads any more go.
    """
    forgetting.forget_rows()
    return expiring.expire_deliveries()


@shared_task(expires=30, ignore_result=True)
@unless_away(NO_ERRORS)
def keep_up() -> dict[str, str]:
    """Make tables for days to come, drop what is kept long enough; errors by step (``routing.upkeep``)."""
    return upkeep.run(_is_stopping)


@shared_task(expires=5, ignore_result=True)
@unless_away(0)
def read_log() -> int:
    """Make readings, settings and news of firmware of what the log has new; how many of its rows."""
    return FOLLOWER.run(lambda: not _is_stopping()) or 0


@shared_task(expires=5, ignore_result=True)
@unless_away(0)
def make_events() -> int:
    """Make events of what has changed, and put them on their way to webhooks; how many."""
    return MAKER.run(lambda: not _is_stopping())


@shared_task(expires=2, ignore_result=True)
@unless_away(0)
def send_webhooks() -> int:
    """Begin to send what webhooks are to get now, beside this task; to how many of them."""
    return SENDER.run(lambda: not _is_stopping())


@shared_task(expires=10, ignore_result=True)
@unless_away(0)
def take_snapshot() -> int:
    """Write down how all is, for dashboard and menu; of how many organisations."""
    return snapshots.take(timezone.now())


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


def _is_stopping() -> bool:
    """Whether the worker of this process waits for its tasks to end."""
    flags = (worker_state.should_stop, worker_state.should_terminate)
    return any(flag is not None and flag is not False for flag in flags)  # 0 is an exit code


def _is_away() -> bool:
    runtime = current.get()
    return runtime is not None and runtime.database_is_away


def _ask(work: Callable[[Runtime], Coroutine[Any, Any, T]], without: T) -> T:
    """What the Runtime answers; ``without`` where this process has none: it starts, or ends."""
    try:
        return current.call(work, PATIENCE_SECONDS)
    except current.NoRuntime:
        return without
