"""Events are made beside those who write: every few seconds, by one process at a time.

A pass looks at state that has changed since the last one (``states``) and at the new part of the log
(``logged``), and once a minute further back, for what was committed late. What it finds may have been told
already: an event has a key, and is made once. Events, their deliveries, what was remembered and how far the
log is read are stored in one transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice

from django.db import IntegrityError, transaction
from django.utils import timezone

from routing.models import Event, EventMark, LogReader
from routing.models.traffic import number_at
from routing.store import EVENTS as NAME
from routing.turns import SetBack, Turns
from routing.webhooks import filling, logged, marks, states
from routing.webhooks.marks import Now
from routing.webhooks.service import deliver
from routing.webhooks.states import Draft

log = logging.getLogger(__name__)

SECOND = 1_000_000
"""Of numbers of exchanges."""

OVERLAP_S = 15
LOOK_BACK_S = 300
SWEEP_S = 60.0
"""How often it is looked further back."""

WINDOW_S = 60
"""Of the log, read at once."""

OLDEST = timedelta(hours=1)
"""What has happened before that, while no process ran, is no news."""

IDLE_S = 60
"""Where nothing happens, how far it has come is written so seldom."""

BEGUN = Now("begun")
"""Kept under its own name, once what there was before the first look is remembered."""


class Maker:
    """Makes events for one process."""

    def __init__(self) -> None:
        self.turns = Turns(NAME)
        self._swept_at = 0.0
        self._has_begun = False

    def run(self, go_on: Callable[[], bool]) -> int:
        """Make what is new; how many, 0 also where another process does."""
        reader = self.turns.take(timezone.now())
        if reader is None:
            return 0
        try:
            self._begin()
            return self._pass(reader, go_on)
        except SetBack:
            log.debug("events: the reader was moved by somebody else")
            return 0
        except IntegrityError as error:  # somebody else was faster after all; the next pass looks again
            log.info("events: %s", str(error).splitlines()[0])
            return 0
        finally:
            self.turns.give_back()

    def _begin(self) -> None:
        """What there is before the first look is no news."""
        if self._has_begun:
            return
        if not EventMark.objects.filter(pk=BEGUN.value).exists():
            found = chain(states.all_states(), [(BEGUN.value, BEGUN)])
            while some := dict(islice(found, 1_000)):
                marks.keep(some)
        self._has_begun = True

    def _pass(self, reader: LogReader, go_on: Callable[[], bool]) -> int:
        now = timezone.now()
        behind = OVERLAP_S
        if time.monotonic() - self._swept_at > SWEEP_S:
            self._swept_at, behind = time.monotonic(), LOOK_BACK_S
        start = max(reader.exchange, number_at(now - OLDEST)) - behind * SECOND
        found = states.look(_moment(start))
        made = self._store(reader, found.drafts, found.states, reader.exchange)
        end = number_at(now)
        while start < end and go_on():
            stop = min(start + WINDOW_S * SECOND, end)
            made += self._store(reader, logged.read(start, stop), {}, max(reader.exchange, stop))
            start = stop
        return made

    def _store(
        self, reader: LogReader, drafts: Iterable[Draft], new_states: Mapping[str, Now], reached: int
    ) -> int:
        events = filling.events(filling.new(drafts))
        is_idle = not events and not new_states
        if is_idle and reached - reader.exchange < IDLE_S * SECOND:
            return 0
        with transaction.atomic():
            _create(events)
            marks.keep(new_states)
            self.turns.advance(reader, reached)
        return len(events)


MAKER = Maker()
"""Of this process."""


def _create(events: list[Event]) -> None:
    Event.objects.bulk_create(events, batch_size=500)
    deliver(events)


def _moment(number: int) -> datetime:
    return datetime.fromtimestamp(number / SECOND, tz=timezone.now().tzinfo)
