"""Rows that nobody reads any more: of values that were taken back, of identifiers that were closed.

A session drops its own when it begins; a charger that stays connected for months has them dropped here. Plain
ORM, in transactions so small that the writer is not kept waiting.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from routing.core.identifiers import IN_SESSIONS, REMEMBERED, REMEMBERED_FOR_DELIVERY
from routing.memories import FORGOTTEN_KEPT
from routing.models import Identifier, LatestValue

AT_ONCE = 500


def forget_rows() -> int:
    """Drop what no session would take over; how many rows there were."""
    now = timezone.now()
    return _drop(_taken_back(now)) + _drop(_closed(now))


def _taken_back(now: datetime) -> QuerySet[LatestValue]:
    return LatestValue.objects.filter(payload="", at__lt=now - FORGOTTEN_KEPT)


def _closed(now: datetime) -> QuerySet[Identifier]:
    in_sessions = Q(kind__in=[kind.value for kind in IN_SESSIONS])
    is_old = ~in_sessions & Q(closed__lt=now - REMEMBERED)
    return Identifier.objects.filter(is_old | Q(closed__lt=now - REMEMBERED_FOR_DELIVERY))


def _drop(rows: QuerySet[Any]) -> int:
    done = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:AT_ONCE]):
        done += rows.filter(pk__in=keys).delete()[0]
    return done
