"""What the harness calls a leak, and that what it counts by is right."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tests.endurance.samples import Sample, problems, table
from tests.graph import sizes

REST = Sample(
    hour=0, rss=100, fds={"socket": 2}, tasks={"chore": 5}, threads=3, sessions=0, links=0, held=0, grown={}
)
BUSY = replace(REST, hour=1, rss=110, sessions=1, links=3, tasks={"chore": 5, "write": 1}, held=200)


def test_a_proxy_that_rests_as_it_did_before_is_well() -> None:
    samples = [REST, BUSY, replace(BUSY, hour=24, rss=121), replace(REST, hour=24.1, rss=121)]
    assert problems(samples) == []
    assert len(table(samples).splitlines()) == 2 + len(samples)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (replace(REST, rss=122), "memory"),
        (replace(REST, links=1), "1 links are left"),
        (replace(REST, sessions=1), "1 sessions are left"),
        (replace(REST, tasks={"chore": 5, "late": 1}), "1 tasks more: late"),
        (replace(REST, fds={"socket": 3}), "1 open files more: socket"),
        (replace(REST, rows={"deliveries": 2}), "2 deliveries are left"),
    ],
    ids=["memory", "link", "session", "task", "socket", "delivery"],
)
def test_what_is_left_is_said(last: Sample, said: str) -> None:
    assert [said in problem for problem in problems([REST, BUSY, BUSY, last])] == [True]


def test_memory_of_the_last_hour_counts_too() -> None:
    assert "at the end" in problems([REST, BUSY, replace(BUSY, rss=200), REST])[0]


class Slotted:
    __slots__ = ("inner", "then")

    def __init__(self) -> None:
        self.inner = {"a": [1, 2, 3], "b": [4]}
        held = [5, 6]
        self.then = partial(lambda given: held + given, [7])


def test_elements_are_counted_wherever_they_are_held() -> None:
    found = sizes(Slotted())
    assert found["Slotted.inner"] == 2
    assert found["Slotted.inner[]"] == 4
    assert sum(count for path, count in found.items() if path.startswith("Slotted.then")) == 2 + 1
