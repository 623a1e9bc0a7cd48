"""Identities that have knocked and that no charger has."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db.models import Count, Exists, Max, Min, OuterRef, Sum

from chargers.causes import Cause
from chargers.models import Charger, RefusedAttempt

MOST = 200
"""The newest are shown."""


class Stranger(msgspec.Struct, frozen=True, kw_only=True):
    """An unknown identity: how often it came, from which address last, and whether from several."""

    identity: str
    address: str
    addresses: int
    user_agent: str
    offered: str
    count: int
    first_at: datetime
    last_at: datetime


def strangers() -> list[Stranger]:
    """The newest of them. Two queries."""
    known = Charger.objects.filter(identity=OuterRef("identity"))
    unknown = RefusedAttempt.objects.filter(cause=Cause.UNKNOWN_IDENTITY.value).exclude(identity="")
    unknown = unknown.filter(~Exists(known))
    grouped = list(
        unknown.order_by()
        .values("identity")
        .annotate(times=Sum("count"), first=Min("first_at"), last=Max("last_at"), places=Count("pk"))
        .order_by("-last")[:MOST]
    )
    names = [row["identity"] for row in grouped]
    newest = {row.identity: row for row in unknown.filter(identity__in=names).order_by("last_at")}
    return [
        Stranger(
            identity=row["identity"],
            address=newest[row["identity"]].remote_address,
            addresses=row["places"],
            user_agent=newest[row["identity"]].user_agent,
            offered=newest[row["identity"]].offered_subprotocols,
            count=row["times"],
            first_at=row["first"],
            last_at=row["last"],
        )
        for row in grouped
        if row["identity"] in newest
    ]
