"""Reading the log behind those who write it: nothing of this is in the way of a frame.

A pass reads the rows since the last one, by the number of their exchange, and some seconds before: rows are
committed a little out of order. What takes longer than that is looked for apart: exchanges that were long
under way, once a minute. Whoever stores rows later still, from a spool, sets the reader back
(``routing.store``). Reading a row twice changes nothing, so what was lost in a crash is read again.

One process at a time does this (a lease in ``LogReader``); how far it has come is committed with what it
found.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from routing.models import LogReader, Message
from routing.models.traffic import number_at
from routing.readings.gathering import ACTIONS, ASKED_DOWN, Gathered, Logged, gather, payload_of
from routing.readings.storing import store_events, store_readings, store_settings
from routing.store import READER as NAME
from routing.turns import SetBack, Turns

log = logging.getLogger(__name__)

SECOND = 1_000_000
"""Of numbers of exchanges."""

OVERLAP = 3 * SECOND
LOOK_BACK = 180 * SECOND
SLOW_MS = 1_000
"""An exchange that took longer may have been committed after the overlap; nobody waits for two minutes."""

SWEEP_S = 60.0
AHEAD = 60 * SECOND
IDLE = 60 * SECOND
"""Where nothing happens the reader stays so far behind now."""

FIRST = timedelta(hours=1)
"""Of a log that was never read."""

WINDOW = 60 * SECOND
"""What is asked for at once: the database may sort all of it for a page."""

PAGE = 1_000


class Follower:
    """Reads the log for one process. ``passed``: rows read in the last pass."""

    def __init__(self) -> None:
        self.turns = Turns(NAME)
        self.passed = 0
        self._seen: dict[int, int] = {}
        self._swept_at = 0.0

    def run(self, go_on: Callable[[], bool]) -> int | None:
        """Read what is new; how many rows, None where another process does, or has just done so."""
        reader = self.turns.take(timezone.now() - FIRST)
        if reader is None:
            return None
        self.passed = 0
        try:
            self._follow(reader, go_on)
        except SetBack:
            log.debug("readings: the reader was moved by somebody else")
        finally:
            self.turns.give_back()
        return self.passed

    def _follow(self, reader: LogReader, go_on: Callable[[], bool]) -> None:
        now = timezone.now()
        if time.monotonic() - self._swept_at > SWEEP_S:
            self._take(reader, self._slow(reader.exchange), reader.exchange)
            self._swept_at = time.monotonic()
        start = reader.exchange - OVERLAP
        self._seen = {key: exchange for key, exchange in self._seen.items() if exchange >= start}
        end = number_at(now) + AHEAD
        while start < end and go_on():
            stop = min(start + WINDOW, end)
            rows = _read(_rows(start, stop), PAGE)
            last, is_full = rows[-1].exchange if rows else 0, len(rows) == PAGE
            start = max(last, start + 1) if is_full else _next(stop, end)
            surely = 0 if is_full else min(start, number_at(now) - IDLE)
            self._take(reader, rows, max(reader.exchange, min(last, number_at(now)), surely))

    def _slow(self, exchange: int) -> list[Logged]:
        """What was long under way: of a backoffice's CALL nobody knows how long it has waited before."""
        slow = Q(latency_ms__gte=SLOW_MS) | Q(action__in=ASKED_DOWN)
        return _read(_rows(exchange - LOOK_BACK, exchange).filter(slow), 10 * PAGE)

    def _take(self, reader: LogReader, rows: list[Logged], reached: int) -> None:
        new = [row for row in rows if row.id not in self._seen]
        if new or reached != reader.exchange:
            self._store(reader, self._gathered(new), reached)
        self._seen |= {row.id: row.exchange for row in new}
        self.passed += len(new)

    def _gathered(self, rows: list[Logged]) -> Gathered:
        known = _there({row.charger_id for row in rows})
        rows = [row for row in rows if row.charger_id in known]
        return gather(rows, _asked(rows), timezone.now())

    @transaction.atomic
    def _store(self, reader: LogReader, gathered: Gathered, reached: int) -> None:
        store_readings(gathered.readings)
        store_settings(gathered.told)
        store_events(gathered.events)
        self.turns.advance(reader, reached)


def _rows(start: int, end: int) -> QuerySet[Message]:
    """What chargers said, and were asked, on their own sockets."""
    rows = Message.objects.filter(exchange__gte=start, exchange__lt=end, route=None, action__in=ACTIONS)
    return rows.order_by("exchange", "id")


def _read(rows: QuerySet[Message], most: int) -> list[Logged]:
    return [Logged(*row) for row in rows.values_list(*Logged._fields)[:most]]


def _next(start: int, end: int) -> int:
    """The number of the first exchange from ``start`` on, ``end`` where there is none before."""
    numbers = Message.objects.filter(exchange__gte=start, exchange__lt=end).order_by("exchange")
    found = numbers.values_list("exchange", flat=True).first()
    return end if found is None else found


def _there(chargers: set[int]) -> set[int]:
    """Those of these chargers that there still are: the log outlives them."""
    rows = apps.get_model("chargers", "Charger")._default_manager.filter(pk__in=chargers)
    return set(rows.values_list("pk", flat=True))


def _asked(rows: list[Logged]) -> dict[tuple[int, int], str]:
    """What backoffices asked, where the charger got it to the byte: the text stands in their own row."""
    missing = [row for row in rows if row.action in ASKED_DOWN and not row.text]
    wanted = {(row.charger_id, row.exchange) for row in missing}
    found = Message.objects.filter(
        charger__in={row.charger_id for row in missing}, exchange__in={row.exchange for row in missing}
    ).exclude(route=None)
    texts = found.order_by("exchange", "id").values_list("charger", "exchange", "text")
    return {(charger, n): payload_of(text) for charger, n, text in texts if (charger, n) in wanted and text}


FOLLOWER = Follower()
"""Of this process."""
