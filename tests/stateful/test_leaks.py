"""A charger's session lives for months: what it holds, and what is stored for it, comes to an end.

Days of traffic and faults in virtual time (``life``). What a session holds is counted by ``tests.graph``, and
what it has stored that is not over by the rows; both may go up and down, but not up for ever.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.graph import sizes
from tests.stateful.life import Life

SEED = 1
HOUR, DAY = 3600.0, 86400.0

OF_A_DAY = ("transactions", "authorizations", "identifiers")
"""What a session remembers for 24 hours: sessions that ended, verdicts on cards, closed identifiers."""

OF_A_MOMENT = (
    "waiting", "gates", "sharing", "list_changes", "gate.queue", "lines[].fifo",
    "lines[].urgent", "lines[].statuses", "said",
)  # fmt: skip
"""What is empty when the charger has gone and everybody has got what is theirs."""

FEW = 40
"""So many more are no leak: one of every hour of a day, or of every day of months, would be more."""


def held(life: Life) -> Counter[str]:
    """What the session holds, by what of its state holds it."""
    found: Counter[str] = Counter()
    for path, count in sizes(life.world.machine).items():
        if not path.endswith("{}"):  # a key of several parts
            found[path.removeprefix("Machine._state.").partition("[")[0]] += count
    return found


def stored(life: Life) -> Counter[str]:
    """Rows that are not over: a session reads them at each start, and no one else ends them."""
    rows = life.world.database
    return Counter(
        {
            "open transactions": sum(row.closed is None for row in rows.transactions.values()),
            "latest values": sum(bool(row.payload) for row in rows.latest.values()),
            "identifiers": sum(row.closed is None for row in rows.identifiers.values()),
            "lasting alarms": sum(row.cleared is None for row in rows.alarms.values()),
            "deliveries": len(rows.deliveries),
            "route states": len(rows.route_states),
        }
    )


def least(life: Life, steps: int, seconds: float, *, reconnects: bool = False) -> Counter[str]:
    """The least that was held and stored at six looks in so many steps: what only waits for a moment is not
    counted, what has come to stay is.
    """
    found: Counter[str] | None = None
    for number in range(steps):
        life.step(seconds, reconnects=reconnects)
        if number % (steps // 6) == 0:
            now = held(life) + stored(life)
            found = now if found is None else found & now
    return found or Counter()


def grown(before: Counter[str], after: Counter[str]) -> dict[str, tuple[int, int]]:
    """What has become more by half, and not by a few only."""
    return {name: (before[name], count) for name, count in after.items() if count > before[name] * 1.5 + FEW}


VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@VERSIONS
def test_after_a_day_a_session_holds_what_it_held_in_the_morning(version: str) -> None:
    life = Life(version, SEED)
    least(life, 180, HOUR / 60)
    morning = least(life, 180, HOUR / 60)
    least(life, 900, HOUR / 60)
    evening = least(life, 180, HOUR / 60)
    more = grown(morning, evening)
    assert [name for name in more if not name.startswith(OF_A_DAY)] == [], more
    assert len(life.world.database.transactions) > 100
    life.settle()
    left = sizes(life.world.machine)
    assert {path: left[f"Machine._state.{path}"] for path in OF_A_MOMENT} == dict.fromkeys(OF_A_MOMENT, 0)
    assert {f"Machine._state.{path}" for path in OF_A_MOMENT} <= set(left)
    assert life.world.machine.idle
    assert (stored(life)["deliveries"], stored(life)["open transactions"]) == (0, 0)


@VERSIONS
def test_after_months_of_reconnects_a_session_holds_what_it_held_after_one(version: str) -> None:
    life = Life(version, SEED, ping=0)
    least(life, 180, DAY / 6, reconnects=True)
    second = least(life, 180, DAY / 6, reconnects=True)
    least(life, 180, DAY / 6, reconnects=True)
    fourth = least(life, 180, DAY / 6, reconnects=True)
    assert grown(second, fourth) == {}
    assert len(life.world.database.transactions) > 100
