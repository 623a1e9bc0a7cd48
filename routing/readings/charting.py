"""Readings as lines of a chart: as many points as fit, made by the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import Avg, Func, IntegerField, Max, Min
from django.utils import timezone

from routing.models import Reading

STALE = timedelta(minutes=20)
"""What a connector said longer ago is not its power any more: most say it at least every 15 minutes."""

MOST_W = 1_500_000
"""More than this flows through no connector: what would need it is another register, or a new one."""

Points = list[tuple[datetime, float]]


@dataclass(frozen=True)
class Series:
    """Points over time, oldest first. ``power`` in W, ``energy`` in Wh."""

    power: Points = field(default_factory=list)
    energy: Points = field(default_factory=list)


class _Piece(NamedTuple):
    """What one place said within one piece of time."""

    number: int
    evse_id: int
    connector_id: int
    at: datetime
    power_w: float | None
    energy_wh: float | None
    first_wh: float | None
    first_at: datetime


class _Epoch(Func):
    """Whole seconds since 1970."""

    output_field = IntegerField()
    template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **context)


def series(
    charger_id: int, since: datetime, points: int = 200, *, place: tuple[int, int] | None = None
) -> Series:
    """Power (W) and energy (Wh) of a charger from ``since`` until now, at most ``points`` of each.

    ``place``: ``(evse_id, connector_id)``, that one only. Else power is the sum over connectors, each with
    what it said last, for no longer than ``STALE``; connector 0, the main meter, counts only where it is
    alone. A point stands for a piece of time: its average power, at the last moment something was said in
    it. Energy is what was charged since the first reading, over all of these meters. One query.
    """
    pieces = _pieces(charger_id, since, points, place)
    if place is None and any(_is_connector(piece) for piece in pieces):
        pieces = [piece for piece in pieces if _is_connector(piece)]
    return Series(list(_power(pieces)), list(_energy(pieces)))


def _pieces(charger_id: int, since: datetime, points: int, place: tuple[int, int] | None) -> list[_Piece]:
    """What each place said in each piece of time, in the order of time."""
    start = int(since.timestamp())
    seconds = max(int((timezone.now() - since).total_seconds()), 0) // max(points, 1) + 1
    rows = Reading.objects.filter(charger=charger_id, at__gte=since).order_by()
    if place is not None:
        rows = rows.filter(evse_id=place[0], connector_id=place[1])
    grouped = rows.annotate(number=(_Epoch("at") - start) / seconds).values_list(
        "number", "evse_id", "connector_id"
    )
    found = grouped.annotate(
        *(Max("at"), Avg("power_w"), Max("energy_wh"), Min("energy_wh"), Min("at"))  # as in _Piece
    )
    # Rows of the near future, by clocks that run fast, fall into the last piece.
    read = [_Piece(min(row[0], points - 1), *row[1:]) for row in found]
    return sorted(read, key=lambda piece: piece[:4])


def _is_connector(piece: _Piece) -> bool:
    return bool(piece.evse_id or piece.connector_id)


def _power(pieces: list[_Piece]) -> Iterator[tuple[datetime, float]]:
    last: dict[tuple[int, int], tuple[datetime, float]] = {}
    for at, said in _moments(pieces):
        now = {(one.evse_id, one.connector_id): one.power_w for one in said if one.power_w is not None}
        last |= {its: (at, power) for its, power in now.items()}
        if now:
            yield at, sum(power for when, power in last.values() if at - when <= STALE)


def _energy(pieces: list[_Piece]) -> Iterator[tuple[datetime, float]]:
    charged = 0.0
    last: dict[tuple[int, int], tuple[datetime, float]] = {}
    for at, said in _moments(pieces):
        is_said = False
        for one in said:
            if one.energy_wh is not None and one.first_wh is not None:
                its = (one.evse_id, one.connector_id)
                when, register = last.get(its, (one.first_at, one.first_wh))
                rise = one.energy_wh - register
                charged += rise if is_possible(rise, one.at - when) else 0.0
                last[its], is_said = (one.at, one.energy_wh), True
        if is_said:
            yield at, charged


def is_possible(wh: float, within: timedelta) -> bool:
    """Whether a register can have risen by this: meters begin anew, and some messages tell of another one."""
    return 0 <= wh <= MOST_W * (within.total_seconds() + 60) / 3600


def _moments(pieces: list[_Piece]) -> Iterator[tuple[datetime, list[_Piece]]]:
    for _, group in groupby(pieces, lambda piece: piece.number):
        said = list(group)
        yield max(piece.at for piece in said), said
