"""One process at a time follows the log for one purpose: who has the turn, and how far it has come."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from routing.models import LogReader
from routing.models.traffic import number_at

LEASE = timedelta(seconds=60)
REST = timedelta(seconds=3)
"""How long a pass is not repeated, by whatever process."""


class SetBack(Exception):
    """Somebody else moved the reader: what was read is read again."""


class Turns:
    """Takes turns with other processes at what ``name`` stands for in the rows of ``LogReader``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.holder = f"{socket.gethostname()[:40]}-{os.getpid()}-{id(self):x}"[:64]

    def take(self, first: datetime) -> LogReader | None:
        """The reader, ours for a minute; None where it is somebody else's turn, or nobody's yet.

        ``first``: from when on a log is read that was never read.
        """
        # Free for a second already: SQLite's clock has milliseconds only, and would be behind ours.
        free_since = timezone.now() - timedelta(seconds=1)
        new = {"exchange": number_at(first), "until": free_since}
        LogReader.objects.get_or_create(name=self.name, defaults=new)
        free = LogReader.objects.filter(pk=self.name, until__lte=Now())
        if not free.update(until=Now() + LEASE, holder=self.holder):
            return None
        return LogReader.objects.get(pk=self.name)

    def advance(self, reader: LogReader, reached: int) -> None:
        """All before that number is read. Part of the transaction that stores what was found.

        Raises SetBack where the reader is no longer where we left it.
        """
        ours = LogReader.objects.filter(pk=self.name, holder=self.holder, exchange=reader.exchange)
        if not ours.update(exchange=reached, until=Now() + LEASE):
            raise SetBack
        reader.exchange = reached

    def give_back(self) -> None:
        """The pass is over; the next one begins after a rest."""
        LogReader.objects.filter(pk=self.name, holder=self.holder).update(until=Now() + REST)
