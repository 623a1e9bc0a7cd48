"""Chargers that were told to connect elsewhere and do not come back, where no session looks after them.

A live session does the same by a timer (``routing.core.migration``); it does not outlast its process. Plain
ORM, run in a thread.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from backoffices.records import alive
from routing.core import migration
from routing.models import Alarm, ChargerSession, LatestValue


def raise_alarms() -> int:
    """Raise the alarm of each such charger that has none; returns how many."""
    lasting = Alarm.objects.filter(charger=OuterRef("charger"), kind=migration.ALARM, cleared=None)
    told = LatestValue.objects.filter(kind=migration.KIND, key="").exclude(payload="")
    gone = told.filter(~Exists(lasting), charger__session__in=_gone())
    return sum(_raise(charger, words) for charger, words in gone.values_list("charger_id", "payload"))


def _gone() -> QuerySet[ChargerSession]:
    since = timezone.now() - timedelta(seconds=migration.PATIENCE)
    return ChargerSession.objects.filter(~alive(), online=False, disconnected_at__lte=since)


def _raise(charger: int, told: str) -> bool:
    """The session can't be claimed before this is stored: whoever claims it then finds the alarm to clear."""
    with transaction.atomic():
        if not _gone().select_for_update(of=("self",)).filter(pk=charger).exists():
            return False
        fields = {"text": migration.words(told)[:255], "raised": timezone.now(), "cleared": None}
        Alarm.objects.update_or_create(charger_id=charger, kind=migration.ALARM, key="", defaults=fields)
    return True
