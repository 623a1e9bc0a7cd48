"""Figures of the whole installation, from the database: the same from every process.

They are labelled by backoffice, link state and kind of alarm, never by charger: there may be many.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.apps import apps
from django.db import Error, connections
from django.db.models import Count, F, Min, Q, Sum, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from routing.loading import RUNTIME_ALIVE
from routing.models import (
    Alarm,
    ChargerSession,
    Delivery,
    LogReader,
    Route,
    RouteState,
    RuntimeProcess,
    Upkeep,
    WebhookDelivery,
)
from routing.store import READER

logger = logging.getLogger(__name__)

FRESH_S = 10.0
"""How long an answer of the database is told again; less than what usually lies between two scrapes."""

FAILED_S = 1.0
"""How long it is not asked again when it has failed."""

PATIENCE_S = 2.0
"""How long a scrape waits for the database before it goes without."""

EVERYWHERE = " Of the whole installation: every process says the same."

MOST_DELIVERIES = 10_000
"""Of webhooks, counted in each state: all of a week may wait for an address that does not answer."""

NOT_DIALLED = "not_dialled"
"""The link state of a route whose charger has not connected since the route exists."""


class Links(msgspec.Struct, frozen=True):
    """Enabled routes of one backoffice in one link state, and what waits for them, the oldest since then."""

    backoffice: str
    state: str
    routes: int
    waiting: int
    oldest: datetime | None


class Figures(msgspec.Struct, frozen=True):
    """What the database tells. ``round_trips_ms`` is the median of the routes that are connected.

    ``upkeep``: when each of its steps last went well; ``astray``: rows of the log that are dated ahead.
    ``read_until``: how far readings are made of it, None before the first. ``webhook_deliveries``: those that
    wait, by state, ``MOST_DELIVERIES`` of each at most.
    """

    at: datetime
    links: tuple[Links, ...]
    round_trips_ms: dict[str, float]
    dead_letters: dict[str, int]
    alarms: dict[str, int]
    chargers: dict[str, int]
    processes: dict[str, int]
    lost_rows: dict[str, int]
    upkeep: dict[str, datetime]
    astray: int
    read_until: datetime | None
    webhook_deliveries: dict[str, int]


def gather() -> Figures:
    """In a thread: ask the database, in a handful of queries. Raises ``django.db.Error``."""
    return Figures(
        at=timezone.now(),
        links=tuple(Links(*row) for row in _links()),
        round_trips_ms=dict(_round_trips()),
        dead_letters=_counted(Delivery.objects.filter(dead=True), "route__backoffice__name"),
        alarms=_counted(Alarm.objects.filter(cleared=None), "kind"),
        chargers=_chargers(),
        **_processes(),
        **_upkeep(),
        read_until=_read_until(),
        webhook_deliveries=_webhook_deliveries(),
    )


def _counted(rows: Any, by: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(by).annotate(Count("pk")))


def _links() -> Any:
    """Rows as ``Links``."""
    enabled = Route.objects.filter(enabled=True, backoffice__enabled=True, charger__enabled=True)
    rows = enabled.order_by().values_list("backoffice__name", "state__state")
    for name, state, count, waiting, oldest in rows.annotate(
        Count("pk"), Sum("state__waiting"), Min("state__oldest")
    ):
        yield name, state or NOT_DIALLED, count, waiting or 0, oldest


def _round_trips() -> Any:
    """Backoffices and the (lower) median of their routes: the one in the middle of each."""
    known = RouteState.objects.filter(round_trip_ms__isnull=False, state="connected")
    name = F("route__backoffice__name")
    ranked = known.annotate(
        rank=Window(RowNumber(), partition_by=name, order_by="round_trip_ms"),
        size=Window(Count("pk"), partition_by=name),
    )
    middle = ranked.filter(rank=(F("size") + 1) / 2)
    return middle.order_by().values_list("route__backoffice__name", "round_trip_ms")


def _chargers() -> dict[str, int]:
    known = apps.get_model("chargers", "Charger").objects.filter(enabled=True).count()
    online = ChargerSession.objects.filter(online=True, charger__enabled=True).count()
    return {"online": online, "offline": known - online}


def _processes() -> dict[str, Any]:
    """Processes that live or are gone for less than a day, and what all of those have lost."""
    alive = Q(beat_at__gte=Now() - RUNTIME_ALIVE)
    found: dict[str, int] = {"alive": 0, "gone": 0}
    lost: dict[str, int] = {"dropped": 0, "refused": 0}
    for lives, report in RuntimeProcess.objects.annotate(lives=alive).values_list("lives", "report"):
        found["alive" if lives else "gone"] += 1
        for cause in lost:
            lost[cause] += report.get("writer", {}).get(cause, 0)
    return {"processes": found, "lost_rows": lost}


def _upkeep() -> dict[str, Any]:
    """A step that has never gone well counts from when it was last tried: the next run tells."""
    rows = list(Upkeep.objects.all())
    done = {row.step: row.done_at or row.tried_at for row in rows}
    return {"upkeep": done, "astray": sum(row.left for row in rows)}


def _read_until() -> datetime | None:
    found = LogReader.objects.filter(name=READER).values_list("exchange", flat=True).first()
    return None if found is None else datetime.fromtimestamp(found / 1_000_000, UTC)


def _webhook_deliveries() -> dict[str, int]:
    """Of webhooks that are switched on: nothing is sent to the others."""
    rows = WebhookDelivery.objects.filter(webhook__enabled=True).order_by()
    return {str(state): rows.filter(state=state)[:MOST_DELIVERIES].count() for state in WebhookDelivery.OPEN}


class Gatherer:
    """Asks the database once at a time, in a thread that holds nobody up, and keeps what it said a while."""

    def __init__(
        self,
        ask: Callable[[], Figures] = gather,
        *,
        fresh_s: float = FRESH_S,
        patience_s: float = PATIENCE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._patience_s = patience_s
        self._now = now
        self._asked: asyncio.Future[Figures | None] | None = None
        self._until = 0.0

    async def figures(self) -> Figures | None:
        """None where the database does not answer in time, or says that it can't."""
        asked = self._asked
        if asked is None or (asked.done() and self._now() >= self._until):
            asked = self._asked = self._start()
        await asyncio.wait([asked], timeout=self._patience_s)
        return asked.result() if asked.done() else None

    def _start(self) -> asyncio.Future[Figures | None]:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Figures | None] = loop.create_future()

        def answered(figures: Figures | None) -> None:
            self._until = self._now() + (FAILED_S if figures is None else self._fresh_s)
            asked.set_result(figures)

        def run() -> None:
            figures = self._asked_in_thread()
            try:
                loop.call_soon_threadsafe(answered, figures)
            except RuntimeError:  # the loop was closed meanwhile: nobody is left to be told
                return

        # A daemon: a process that must end is not held up by a database that hangs.
        threading.Thread(target=run, name="metrics-db", daemon=True).start()
        return asked

    def _asked_in_thread(self) -> Figures | None:
        try:
            return self._ask()
        except Error as error:
            logger.warning("/metrics without the figures of the database: %s", type(error).__name__)
        except Exception:  # the edge of a thread: whoever waits must be answered, and the next one asks anew
            logger.exception("/metrics without the figures of the database")
        finally:
            connections.close_all()
        return None


def metrics(figures: Figures) -> Iterator[Metric]:
    """All figures of the installation."""
    yield _labelled(
        "routes", "Enabled routes by state of their link.", ["backoffice", "state"],
        {(links.backoffice, links.state): links.routes for links in figures.links},
    )  # fmt: skip
    waiting: dict[str, float] = {}
    oldest: dict[str, float] = {}
    for links in figures.links:
        waiting[links.backoffice] = waiting.get(links.backoffice, 0) + links.waiting
        age = (figures.at - links.oldest) if links.oldest else timedelta()
        oldest[links.backoffice] = max(oldest.get(links.backoffice, 0.0), age.total_seconds())
    dead = {**dict.fromkeys(waiting, 0), **figures.dead_letters}
    round_trips = {name: ms / 1000 for name, ms in figures.round_trips_ms.items()}
    for name, meaning, values in (
        ("route_queue_depth", "Messages that wait for a backoffice.", waiting),
        ("route_queue_oldest_seconds", "Age of the oldest message that waits, 0 for none.", oldest),
        ("dead_letters", "Messages given up, until a person decides.", dead),
        ("upstream_rtt_seconds", "Median over connected routes of the time to an answer.", round_trips),
    ):
        yield _labelled(name, meaning, ["backoffice"], _by_one(values))
    for name, meaning, label, values in (
        ("alarms", "Alarms that last.", "kind", figures.alarms),
        ("chargers", "Enabled chargers.", "state", figures.chargers),
        ("processes", "Processes with sessions; those that are gone for a day.", "state", figures.processes),
        ("lost_rows", "Rows lost by processes of the last day, see writer_rows.", "cause", figures.lost_rows),
        ("webhook_deliveries", "Webhooks' deliveries that wait.", "state", figures.webhook_deliveries),
    ):
        yield _labelled(name, meaning, [label], _by_one(values))
    ages = {step: (figures.at - done).total_seconds() for step, done in figures.upkeep.items()}
    yield _labelled("upkeep_age_seconds", "Since a step of the upkeep went well.", ["step"], _by_one(ages))
    if figures.read_until is not None:
        behind = (figures.at - figures.read_until).total_seconds()
        yield _labelled("readings_behind_seconds", "How far readings are behind the log.", [], {(): behind})
    yield _labelled("log_rows_astray", "Rows of the audit log dated ahead.", [], {(): figures.astray})


def _by_one(values: dict[str, Any]) -> dict[tuple[str, ...], float]:
    return {(label,): value for label, value in values.items()}


def _labelled(name: str, meaning: str, labels: list[str], values: dict[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"ocpp_{name}", meaning + EVERYWHERE, labels=labels)
    for of, value in sorted(values.items()):
        family.add_metric(of, value)
    return family
