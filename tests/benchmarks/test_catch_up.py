"""The catch-up benchmark runs in small, and its books and counts show what is wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.catch_up import Books, Options, Report, Round, options_from, run
from benchmarks.frames import METER, START, STOP, call
from benchmarks.returning import LIVE, OTHER, WAITED, Returning, ReturningPeer
from benchmarks.sink import Account
from benchmarks.telling import percentile

CALLS = {
    "start": call(b"1", b"StartTransaction", START % (1, 0)),
    "old meter values": call(b"1", b"MeterValues", METER % (7, 5)),
    "new meter values": call(b"1", b"MeterValues", METER % (7, 6)),
    "old stop": call(b"1", b"StopTransaction", STOP % (7, 1, 5)),
    "new stop": call(b"1", b"StopTransaction", STOP % (7, 1, 6)),
    "boot": call(b"1", b"BootNotification", b"{}"),
}


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("start", WAITED),
        ("old meter values", WAITED),
        ("new meter values", LIVE),
        ("old stop", WAITED),
        ("new stop", LIVE),
        ("boot", OTHER),
    ],
)
async def test_what_is_outstanding_is_counted_until_it_is_answered(what: str, kind: str) -> None:
    sink = Returning(1, delay_s=0)
    sink.last_numbers = {"CP-1": 5}
    peer = ReturningPeer(sink)
    peer.connected("/CP-1")
    for _ in range(2):
        peer.text(CALLS[what])
    assert sink.outstanding == dict.fromkeys((WAITED, LIVE, OTHER), 0) | {kind: 2}
    assert sink.most[kind] == 2
    assert sink.most["of_a_session"] == (0 if kind is OTHER else 2)
    async with asyncio.timeout(10):
        while sink.outstanding[kind]:  # noqa: ASYNC110 - the answers are timers of the loop
            await asyncio.sleep(0)
    assert sink.most[kind] == 2


def account(*numbers: int, sessions: int = 1) -> dict[str, Any]:
    book = Account()
    for _ in range(sessions):
        book.start(7)
    for number in numbers:
        book.meter(METER % (7, number))
    for _ in range(sessions):
        book.stop(STOP % (7, 1, max(numbers, default=0)))
    return vars(book)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (account(1, 2, 3, sessions=2), (0, 0, 0)),
        (account(1, 3, sessions=2), (1, 0, 0)),
        (account(1, 2, sessions=2), (1, 0, 0)),
        (account(1, 2, 2, 3, sessions=2), (0, 1, 0)),
        (account(1, 2, 3, sessions=1), (2, 0, 0)),
        (account(1, 2, 3, sessions=3), (0, 2, 0)),
        (account(1, 2, 3, sessions=2) | {"foreign": 1}, (0, 0, 1)),
        (None, (7, 0, 0)),
    ],
    ids=[
        "whole",
        "a gap",
        "the end missing",
        "twice",
        "a session missing",
        "one too many",
        "order",
        "nothing",
    ],
)
def test_the_books_show_what_is_wrong(told: dict[str, Any] | None, expected: tuple[int, int, int]) -> None:
    books = Books()
    books.settle(3, 2, told)
    assert (books.lost, books.doubled, books.out_of_order) == expected
    assert books.whole == (expected == (0, 0, 0))
    assert books.sent == 7


def test_a_burst_is_a_fault_and_a_slow_answer_is_not() -> None:
    latencies = {"before": [1000], "during": [90_000], "after": [1000]}
    most = {"waited": 3, "live": 9, "other": 9, "of_a_session": 12}
    report = Report("here", Options(catch_up=3), [Round(1.0, latencies=latencies, most=most)])
    assert report.flawless
    assert "90.00" in report.text()
    most["waited"] = 4
    assert not report.flawless


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile(range(1000), 99) == 990
    assert percentile([5], 99) == 5


def test_options_are_the_usual_ones_where_nothing_is_said() -> None:
    assert options_from([]) == Options()
    assert options_from(["--catch-up", "3"]) == Options(catch_up=3)


async def test_a_small_run_is_flawless() -> None:
    report = await run(Options(chargers=3, rounds=1, seconds=0.3, rate=30, catch_up=2))
    assert report.flawless, report.text()
    assert report.rounds[0].waited >= 3 * 62
    assert report.rounds[0].most["waited"] >= 1
    assert report.text().count("\n| ") > 10
