"""Events are made beside those who write: every few seconds, by one process at a time.

A pass looks at state that has changed since the last one (``states``) and at the new part of the log
(``logged``), and once a minute further back, for what was committed late. What it finds may have been told
already: an event has a key, and is made once. Events are stored with their deliveries, a few at a time, and
then what they were made of is remembered.
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

AT_ONCE = 100
"""Events per transaction, with as many deliveries as webhooks want them."""

MARKS_AT_ONCE = 500

GoOn = Callable[[], bool]
"""Whether nobody waits for the process to end."""

BEGUN = Now("begun")
"""Kept under its own name, once what there was before the first look is remembered."""


class Maker:
    """Makes events for one process."""

    def __init__(self) -> None:
        self.turns = Turns(NAME)
        self._swept_at = 0.0
        self._has_begun = False

    def run(self, go_on: GoOn) -> int:
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
            while some := dict(islice(found, MARKS_AT_ONCE)):
                marks.keep(some)
        self._has_begun = True

    def _pass(self, reader: LogReader, go_on: GoOn) -> int:
        now = timezone.now()
        behind = OVERLAP_S
        if time.monotonic() - self._swept_at > SWEEP_S:
            self._swept_at, behind = time.monotonic(), LOOK_BACK_S
        start = max(reader.exchange, number_at(now - OLDEST)) - behind * SECOND
        found = states.look(_moment(start))
        made = self._tell(reader, found.drafts, reader.exchange, go_on)
        if go_on():  # what was told before this is kept is not told again: it has the same key
            self._keep(reader, found.states)
        end = number_at(now)
        while start < end and go_on():
            stop = min(start + WINDOW_S * SECOND, end)
            made += self._tell(reader, logged.read(start, stop), max(reader.exchange, stop), go_on)
            start = stop
        return made

    def _tell(self, reader: LogReader, drafts: Iterable[Draft], reached: int, go_on: GoOn) -> int:
        """Make events of what is new, a few at a time: others write, too. How many.

        How far the log is read is written with the last of them, or when nothing happened for long.
        """
        new, made = filling.new(drafts), 0
        for start in range(0, len(new), AT_ONCE):
            if not go_on():
                return made
            began, some = time.monotonic(), new[start : start + AT_ONCE]
            is_last = start + AT_ONCE >= len(new)
            made += self._store(reader, filling.events(some), reached if is_last else reader.exchange)
            if not is_last:
                time.sleep(time.monotonic() - began)  # SQLite has no queue: we would have the lock again
        if not new and reached - reader.exchange >= IDLE_S * SECOND:
            self._store(reader, [], reached)
        return made

    @transaction.atomic
    def _store(self, reader: LogReader, events: list[Event], reached: int) -> int:
        Event.objects.bulk_create(events, batch_size=AT_ONCE)
        deliver(events)
        self.turns.advance(reader, reached)
        return len(events)

    def _keep(self, reader: LogReader, found: Mapping[str, Now]) -> None:
        rest = iter(found.items())
        while some := dict(islice(rest, MARKS_AT_ONCE)):
            with transaction.atomic():
                marks.keep(some)
                self.turns.advance(reader, reader.exchange)


MAKER = Maker()
"""Of this process."""


def _moment(number: int) -> datetime:
    return datetime.fromtimestamp(number / SECOND, tz=timezone.now().tzinfo)
