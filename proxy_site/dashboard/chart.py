"""Messages per minute as a drawing: what an SVG of it needs, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from routing.standing import Minute

WIDTH, HEIGHT = 600, 170
LEFT, BOTTOM, TOP = 52, 24, 14
GAP = 1.5


@dataclass(frozen=True)
class Bar:
    """One minute: two pieces, that of the chargers below. ``words`` says it."""

    x: float
    width: float
    up_y: float
    up_height: float
    down_y: float
    down_height: float
    at: str
    up: int
    down: int


@dataclass(frozen=True)
class Chart:
    """Bars in a box of WIDTH by HEIGHT; ``ticks``: places and numbers beside them, ``times`` below them."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    times: Sequence[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM

    @property
    def most(self) -> int:
        """The most messages of a minute."""
        return max((bar.up + bar.down for bar in self.bars), default=0)


def chart(minutes: Sequence[Minute]) -> Chart:
    """The drawing of these minutes."""
    top = rounded(max((minute.up + minute.down for minute in minutes), default=0))
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    step = (WIDTH - LEFT) / max(1, len(minutes))
    bars = []
    for place, minute in enumerate(minutes):
        up, down = minute.up * room / top, minute.down * room / top
        bars.append(
            Bar(
                x=round(LEFT + place * step, 2),
                width=round(step - GAP, 2),
                up_y=round(floor - up, 2),
                up_height=round(up, 2),
                down_y=round(floor - up - down, 2),
                down_height=round(down, 2),
                at=clock(minute.at),
                up=minute.up,
                down=minute.down,
            )
        )
    ticks = [(round(floor - share * room, 2), short(round(share * top))) for share in (0.0, 0.5, 1.0)]
    times = [
        (round(LEFT + (place + 0.5) * step, 2), clock(minute.at))
        for place, minute in enumerate(minutes)
        if minute.at.minute % 15 == 0
    ]
    return Chart(bars, ticks, times)


def rounded(most: int) -> int:
    """The next number that people read at once, and its half, too: 2, 4, 10, 20, 40, 100."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if most <= step * size:
                return step * size
        size *= 10


def short(number: int) -> str:
    """A number at the side of the drawing, where there is little room."""
    return f"{number // 1000}k" if number >= 10_000 and number % 1000 == 0 else str(number)


def clock(when: datetime) -> str:
    """A time of today."""
    return f"{timezone.localtime(when):%H:%M}"
