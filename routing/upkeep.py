"""The hourly upkeep of the installation: tables for days to come, and what is kept long enough goes.

Each step stands for itself: one that fails is tried again an hour later, and the others do their work. What
they have come to is in the rows of ``Upkeep``, for the admin and for /metrics.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, connection
from django.utils import timezone

from routing import keeping, partitions
from routing.core.steady import SteadyClock
from routing.files.ending import drop_files
from routing.keeping import GoOn
from routing.models import Event, Message, Upkeep
from routing.models.traffic import number_at
from routing.readings.thinning import thin
from routing.webhooks.kinds import KEPT as EVENTS_KEPT

log = logging.getLogger(__name__)

LOG = "audit log"
"""The step whose ``left`` is the number of rows that are dated ahead."""

LONGEST_S = {"sqlite": 20.0, "postgresql": 600.0}
"""How long a run takes at most before it leaves the rest to the next. SQLite has one writer at a time."""

MOST_ASTRAY = 10_000
"""More are not counted."""

UPKEEP_LATE = timedelta(hours=4)
"""It runs every hour."""

CLOCK = SteadyClock()
"""Of this process."""


def run(stopping: Callable[[], bool]) -> dict[str, str]:
    """Do what there is to do; returns the errors by step, none where all went well.

    Nothing is thrown away by a clock that may just have jumped: the first run of a process makes days only.
    ``stopping``: whether the process is to end. Safe to run in several processes at once.
    """
    now, until = timezone.now(), time.monotonic() + LONGEST_S[connection.vendor]

    def go_on() -> bool:
        return time.monotonic() < until and not stopping()

    errors = {}
    if connection.vendor == "postgresql":
        errors["days"] = _tried("days", lambda: _make_days(now))
    if CLOCK.is_steady(time.monotonic(), now):
        for name, step in STEPS.items():
            if go_on():
                errors[name] = _tried(name, partial(step, now, go_on))
    return {name: error for name, error in errors.items() if error}


def _make_days(now: datetime) -> int:
    oldest = keeping.keeping_at(now).oldest
    if made := partitions.make_days(number_at(now) // keeping.DAY, oldest):
        log.info("the audit log has tables for more days: %s", ", ".join(made))
    return 0


def _keep_log(now: datetime, go_on: GoOn) -> int:
    rules = keeping.keeping_at(now)
    if connection.vendor == "postgresql":
        for done in partitions.tidy(rules, go_on):
            log.info("the audit log: %s", done)
    else:
        keeping.drop_messages(rules, go_on)
    return _astray(now)


def _astray(now: datetime) -> int:
    """How many rows are dated after the days that there are tables for: a clock was wrong."""
    limit = number_at(now + timedelta(days=partitions.AHEAD + 1))
    astray = Message.objects.filter(exchange__gte=limit).order_by()[:MOST_ASTRAY].count()
    if astray:
        log.warning(
            "%d rows of the audit log are dated more than %d days ahead: the clock of a process was wrong, "
            "or is; they stay until those days are over",
            astray, partitions.AHEAD,
        )  # fmt: skip
    return astray


def _step_of(kind: keeping.Kind) -> Callable[[datetime, GoOn], int]:
    def step(now: datetime, go_on: GoOn) -> int:
        keeping.drop(keeping.over(kind, now), go_on, kind.drop_some)
        return 0

    return step


def _thin_readings(now: datetime, go_on: GoOn) -> int:
    thin(now, go_on)
    return 0


def _drop_files(now: datetime, go_on: GoOn) -> int:
    drop_files(now, go_on)
    return 0


def _drop_attempts(now: datetime, go_on: GoOn) -> int:
    keeping.drop_attempts(now, go_on)
    return 0


def _drop_events(now: datetime, go_on: GoOn) -> int:
    """Deliveries go with their events, whatever became of them."""
    keeping.drop(Event.objects.filter(made_at__lt=now - EVENTS_KEPT), go_on)
    return 0


STEPS: Mapping[str, Callable[[datetime, GoOn], int]] = {
    LOG: _keep_log,
    **{name: _step_of(kind) for name, kind in keeping.KINDS.items()},
    "refused attempts": _drop_attempts,
    "fewer readings": _thin_readings,
    "files": _drop_files,
    "events": _drop_events,
}
"""What throws away, by name; each returns how many rows it can do nothing about."""


def _tried(name: str, step: Callable[[], int]) -> str:
    """Run a step and note how it went; returns the error, "" where there was none.

    Raises what the database says of the note: then it is away.
    """
    tried_at = timezone.now()
    try:
        left = step()
    except (partitions.Busy, partitions.Interrupted) as reason:
        log.debug("upkeep: %s left to another run: %s", name, type(reason).__name__)
        return ""
    except DatabaseError as error:
        said = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"[:255]
        log.warning("upkeep: %s failed, the next run tries it again: %s", name, said)
        Upkeep.objects.update_or_create(step=name, defaults={"tried_at": tried_at, "error": said})
        return said
    done = {"tried_at": tried_at, "done_at": tried_at, "error": "", "left": left}
    Upkeep.objects.update_or_create(step=name, defaults=done)
    return ""


def trouble_of(step: Upkeep) -> str:
    """What is wrong with a step of the upkeep and what helps, "" for nothing."""
    if step.error:
        return f"It failed, and is tried again every hour: {step.error}"
    if timezone.now() - (step.done_at or step.tried_at) > UPKEEP_LATE:
        return "It has not run for hours: is there a process, with its Celery worker?"
    if step.left:
        return (
            f"{step.left} rows of the audit log are dated more than three days ahead: the clock of a process "
            "was wrong, or is. Set it right; the rows stay until those days are over."
        )
    return ""
