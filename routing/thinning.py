"""Leaves out deliveries of which too many wait, by the rule of ``routing.core.thinning``. Run in a thread."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Length

from routing.core.thinning import Thinner
from routing.models import Delivery

AT_ONCE = 500
"""Rows per statement: a transaction of that size does not keep the writer waiting."""


def thin_deliveries(route: int, after: int) -> tuple[int, int]:
    """Delete what may go of the waiting deliveries of a route with a seq above ``after``.

    How many they were, and the characters of their payloads.
    """
    thinner = Thinner()
    sizes: dict[int, int] = {}
    gone: list[int] = []
    rows = Delivery.objects.filter(route_id=route, seq__gt=after, dead=False).order_by("seq")
    for seq, session, action, payload in rows.values_list(
        "seq", "transaction_id", "action", "payload"
    ).iterator(AT_ONCE):
        sizes[seq] = len(payload)
        dropped = thinner.take(seq, session, action, payload)
        if dropped is not None:
            gone.append(dropped)
    for start in range(0, len(gone), AT_ONCE):
        with transaction.atomic():
            Delivery.objects.filter(route_id=route, seq__in=gone[start : start + AT_ONCE]).delete()
    return len(gone), sum(sizes[seq] for seq in gone)


def count_waiting(routes: Iterable[int]) -> dict[int, tuple[int, int]]:
    """How many deliveries wait for these routes, and the characters of their payloads."""
    rows = Delivery.objects.filter(route_id__in=list(routes), dead=False).order_by().values("route_id")
    counted = rows.annotate(number=Count("pk"), size=Sum(Length("payload")))
    return {row["route_id"]: (row["number"], row["size"]) for row in counted}
