"""The drawing of messages per minute."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy_site.dashboard.chart import HEIGHT, WIDTH, chart, rounded, short
from routing.standing import Minute

START = datetime(2030, 1, 2, 3, 0, tzinfo=UTC)


def minutes(*counts: tuple[int, int]) -> list[Minute]:
    return [
        Minute(START + timedelta(minutes=place), up, down, 0, 0) for place, (up, down) in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (41, 100), (120_000, 200_000)]
)
def test_the_scale_ends_at_a_number_that_people_read(most: int, top: int) -> None:
    assert rounded(most) == top


@pytest.mark.parametrize(("number", "said"), [(0, "0"), (5000, "5000"), (10_000, "10k"), (200_000, "200k")])
def test_large_numbers_are_short(number: int, said: str) -> None:
    assert short(number) == said


def test_a_bar_stands_on_the_floor_and_stays_in_the_box() -> None:
    drawn = chart(minutes((10, 0), (3, 7), (0, 0)))
    assert drawn.most == 10
    for bar in drawn.bars:
        assert bar.up_y + bar.up_height == pytest.approx(drawn.floor)
        assert bar.down_y + bar.down_height == pytest.approx(bar.up_y)
        assert bar.down_y >= 0
        assert bar.x + bar.width <= WIDTH
    assert drawn.floor < HEIGHT
    assert drawn.bars[0].up_height == pytest.approx(drawn.bars[1].up_height + drawn.bars[1].down_height)


def test_nothing_is_drawn_of_nothing() -> None:
    assert chart([]).most == 0
    assert all(bar.up_height == bar.down_height == 0 for bar in chart(minutes((0, 0))).bars)


def test_quarters_of_an_hour_are_named() -> None:
    assert [words for _place, words in chart(minutes(*[(0, 0)] * 60)).times] == [
        "03:00",
        "03:15",
        "03:30",
        "03:45",
    ]
