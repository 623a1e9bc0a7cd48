"""Lines over time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from chargers.charts import HEIGHT, WIDTH, chart

BEGIN = datetime(2026, 5, 17, 8, tzinfo=UTC)
END = BEGIN + timedelta(hours=1)


def after(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def test_a_line_goes_from_edge_to_edge() -> None:
    drawn = chart([(BEGIN, 0.0), (after(10), 500.0), (after(20), 1000.0)], BEGIN, END, "W")
    assert drawn.line == f"M0.0 {HEIGHT:.1f} L166.7 100.0 L333.3 0.0"
    assert drawn.area.endswith("L333.3 200 L0.0 200 Z")
    assert json.loads(drawn.points)[2] == [333.3, 0.0, "08:20", "1 kW"]
    assert (drawn.begin, drawn.newest, drawn.highest) == ("08:00", "1 kW", "1 kW")


def test_where_nothing_was_said_there_is_no_line() -> None:
    drawn = chart([(BEGIN, 1.0), (after(5), 1.0), (after(50), 1.0), (END, 1.0)], BEGIN, END, "W")
    assert drawn.line.count("M") == 2


def test_one_point_can_be_seen() -> None:
    assert " L" in chart([(after(5), 1.0)], BEGIN, END, "W").line


def test_the_first_minutes_of_a_charger_fill_the_chart() -> None:
    drawn = chart([(after(50), 1.0), (after(55), 2.0), (END, 3.0)], BEGIN, END, "W")
    assert drawn.begin == "08:50"
    assert [x for x, *_ in json.loads(drawn.points)] == [0, WIDTH / 2, WIDTH]
    assert chart([(after(59), 1.0)], BEGIN, END, "W").begin == "08:55"


def test_nothing_is_empty() -> None:
    assert chart([], BEGIN, END, "W").is_empty


def test_a_clock_that_runs_fast_does_not_leave_the_picture() -> None:
    (x, y, *_), *_rest = json.loads(chart([(END + timedelta(hours=3), -5.0)], BEGIN, END, "W").points)
    assert (x, y) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("highest", "top"),
    [
        (0, "1 kW"),
        (1, "1 W"),
        (7400, "10 kW"),
        (11000, "20 kW"),
        (2000, "2 kW"),
        (22080, "50 kW"),
    ],
)
def test_the_axis_ends_at_a_round_number(highest: float, top: str) -> None:
    assert chart([(BEGIN, highest)], BEGIN, END, "W").top == top
