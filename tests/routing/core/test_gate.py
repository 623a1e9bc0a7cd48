"""The call gate toward the charger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routing.core.actions import Down
from routing.core.gate import AGED, WAITING_PER_ROUTE, Asked, DownCall, Gate

AT = datetime(2026, 1, 1, tzinfo=UTC)


def call(name: str, priority: int = 1, queued_at: float = 0.0, route: int | None = 1) -> DownCall:
    row = Down(name, "test", {})
    asked = None
    if route is not None:
        asked = Asked(
            row,
            "{}",
            route=route,
            exchange=1,
            at=AT,
            queued_at=queued_at,
            priority=priority,
            message_id="1",
            raw_id='"1"',
            text="",
        )
    return DownCall(
        row,
        "{}",
        lambda *_: None,
        exchange=1,
        at=AT,
        queued_at=queued_at,
        priority=priority,
        asked=asked,
    )


def order(gate: Gate, now: float) -> list[str]:
    found = []
    while (one := gate.take(now)) is not None:
        found.append(one.action)
    return found


def test_one_at_a_time() -> None:
    gate = Gate()
    gate.submit(call("a"))
    gate.outstanding = call("b")
    assert gate.take(0.0) is None
    gate.outstanding = None
    assert order(gate, 0.0) == ["a"]
    assert gate.take(0.0) is None


@pytest.mark.parametrize(
    ("calls", "now", "expected"),
    [
        ([("a", 2, 0), ("b", 1, 1), ("c", 1, 2), ("d", 0, 3)], 4, "dbca"),
        ([("a", 1, 0), ("b", 1, 0), ("c", 1, 0)], 0, "abc"),
        ([("old", 4, 0), ("new", 0, AGED)], AGED, ["old", "new"]),
        ([("young", 4, 0.1), ("new", 0, AGED)], AGED, ["new", "young"]),
        ([("a", 4, 0), ("b", 3, 1)], 100, ["b", "a"]),
    ],
    ids=["priority", "arrival", "aged", "not yet", "among the aged"],
)
def test_the_order(calls: list[tuple[str, int, float]], now: float, expected: str | list[str]) -> None:
    gate = Gate()
    for name, priority, queued_at in calls:
        gate.submit(call(name, priority, queued_at))
    assert order(gate, now) == list(expected)


def test_a_limit_per_asker() -> None:
    gate = Gate()
    assert [gate.submit(call("a", route=1)) for _ in range(WAITING_PER_ROUTE + 1)] == [True] * 20 + [False]
    assert gate.submit(call("b", route=2))
    assert gate.submit(call("c", route=None))


@pytest.mark.parametrize("queued_at", [0.1, 0.3, 1000.1, 123456.789])
@pytest.mark.parametrize("limit", [0.1, 20.0, 45.3])
def test_what_is_late_goes_at_its_very_deadline(queued_at: float, limit: float) -> None:
    gate = Gate()
    gate.submit(call("a", queued_at=queued_at))
    gate.submit(call("b", queued_at=queued_at + 1))
    assert gate.expired(queued_at, limit) == []
    assert [c.action for c in gate.expired(queued_at + limit, limit)] == ["a"]
    assert order(gate, 0.0) == ["b"]


def test_what_an_asker_has_waiting_is_withdrawn_and_its_answer_is_nobodys() -> None:
    gate = Gate()
    gate.outstanding = call("with the charger", route=1)
    gate.submit(call("mine", route=1))
    gate.submit(call("other", route=2))
    assert [c.action for c in gate.withdraw(1)] == ["mine"]
    assert gate.outstanding.asked is not None
    assert gate.outstanding.asked.withdrawn
    assert [c.action for c in gate.queue] == ["other"]
    assert gate.withdraw(3) == []
