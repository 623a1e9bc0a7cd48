"""Lines over time as inline SVG: the server makes the shape, a template draws it, a script tells values.

The shape is stretched to the width of the page; words stand beside it in HTML, where they keep their size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import number_format

WIDTH, HEIGHT = 1000, 200
"""The units of the shape, not pixels."""

GAP = timedelta(minutes=20)
"""Nothing was said for longer than that: the line is not drawn over it."""

STEPS = (1, 2, 5, 10)

NEW = 0.8
"""Where nothing was said for this part of the time, the chart begins with the first that was."""

LEAST = timedelta(minutes=5)

Point = tuple[datetime, float]


class Chart(NamedTuple):
    """``line`` and ``area``: paths of SVG. ``points``: JSON, ``[x, y, time, value]`` of each."""

    line: str
    area: str
    points: str
    top: str
    begin: str
    newest: str
    highest: str

    @property
    def is_empty(self) -> bool:
        return not self.line


def chart(points: Sequence[Point], since: datetime, until: datetime, unit: str) -> Chart:
    """A chart of ``points``, oldest first, from ``since`` (or where they begin, if late) to ``until``."""
    since = _beginning(points, since, until)
    long = until - since > timedelta(hours=24)
    begin = clock(since, with_day=long)
    if not points or until <= since:
        return Chart("", "", "[]", "", begin, "", "")
    top = _round_up(max(value for _at, value in points))
    placed = [_placed(at, value, since, until, top) for at, value in points]
    said = [
        [x, y, clock(at, with_day=long), in_unit(value, unit)]
        for (x, y), (at, value) in zip(placed, points, strict=True)
    ]
    pieces = _pieces(points, placed)
    return Chart(
        line=" ".join(_line(piece) for piece in pieces),
        area=" ".join(
            f"{_line(piece)} L{piece[-1][0]} {HEIGHT} L{piece[0][0]} {HEIGHT} Z" for piece in pieces
        ),
        points=json.dumps(said, ensure_ascii=False),
        top=in_unit(top, unit),
        begin=begin,
        newest=in_unit(points[-1][1], unit),
        highest=in_unit(max(value for _at, value in points), unit),
    )


def in_unit(value: float, unit: str) -> str:
    """``340 W``, ``7.4 kW``: as people say it."""
    if abs(value) < 1000:
        return f"{number_format(round(value))} {unit}"
    thousands = round(value / 1000, 2 if abs(value) < 10_000 else 1)
    return f"{number_format(int(thousands) if thousands == int(thousands) else thousands)} k{unit}"


def clock(moment: datetime, *, with_day: bool) -> str:
    here = timezone.localtime(moment)
    return f"{here:%-d %b %H:%M}" if with_day else f"{here:%H:%M}"


def _beginning(points: Sequence[Point], since: datetime, until: datetime) -> datetime:
    """Where the line begins: of a charger that is new, a few minutes are not drawn into a corner."""
    if not points or points[0][0] - since < (until - since) * NEW:
        return since
    return max(since, min(points[0][0], until - LEAST))


def _placed(at: datetime, value: float, since: datetime, until: datetime, top: float) -> tuple[float, float]:
    part = min(max((at - since) / (until - since), 0.0), 1.0)
    return round(part * WIDTH, 1), round(HEIGHT * (1 - max(value, 0.0) / top), 1)


def _pieces(
    points: Sequence[Point], placed: Sequence[tuple[float, float]]
) -> list[list[tuple[float, float]]]:
    """The line, broken where nothing was said."""
    pieces: list[list[tuple[float, float]]] = []
    before: datetime | None = None
    for (at, _value), place in zip(points, placed, strict=True):
        if before is None or at - before > GAP:
            pieces.append([])
        pieces[-1].append(place)
        before = at
    return pieces


def _line(piece: Sequence[tuple[float, float]]) -> str:
    first, *rest = piece if len(piece) > 1 else [piece[0], (piece[0][0] + 1, piece[0][1])]
    return f"M{first[0]} {first[1]}" + "".join(f" L{x} {y}" for x, y in rest)


def _round_up(value: float) -> float:
    """The next number above that people would write at an axis; of nothing it is 1,000."""
    if value <= 0:
        return 1000.0
    size = 1.0
    while size * 10 <= value:
        size *= 10
    return next((step * size for step in STEPS if step * size >= value), 10 * size)
