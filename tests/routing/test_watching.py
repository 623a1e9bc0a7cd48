"""The tap of the audit log: nothing while nobody looks on; leases, batches and bounds while somebody does."""

import heapq
from datetime import UTC, datetime

import msgspec
import pytest

from routing import watching
from routing.core import masking
from routing.core.rows import LatestRow, MessageRow
from routing.links import DialTarget
from routing.watching import LEASE_S, MOST_ROWS, PUBLISH_S, Batch, Subject, Watching, cut

CHARGER = Subject("charger", "7")
ENERGY = Subject("backoffice", "Energy")
TARGETS = {
    route: DialTarget(route=route, charger=7, backoffice=name, url="ws://x/CP", username="CP")
    for route, name in ((1, "Billing"), (2, "Energy"))
}


class Clock:
    """A loop's clock that a test turns."""

    def __init__(self):
        self.now = 100.0
        self.calls = []
        self.count = 0

    def time(self):
        return self.now

    def call_at(self, when, callback, *args):
        self.count += 1
        timer = Timer(when, self.count, callback, args)
        heapq.heappush(self.calls, timer)
        return timer

    def turn(self, seconds):
        until = self.now + seconds
        while self.calls and self.calls[0].when <= until:
            timer = heapq.heappop(self.calls)
            self.now = max(self.now, timer.when)
            if not timer.cancelled:
                timer.callback(*timer.args)
        self.now = until


class Timer:
    def __init__(self, when, number, callback, args):
        self.when, self.number, self.callback, self.args = when, number, callback, args
        self.cancelled = False

    def __lt__(self, other):
        return (self.when, self.number) < (other.when, other.number)

    def cancel(self):
        self.cancelled = True


def row(number, route=None, text="[2]", direction="up", charger=7):
    return MessageRow(
        charger=charger,
        route=route,
        at=datetime(2030, 1, 1, tzinfo=UTC),
        exchange=number,
        direction=direction,
        action="MeterValues",
        message_id=f"m{number}",
        text=text,
        answer="[3]",
        outcome="answered",
        error_code="",
        rule="",
        latency_ms=1.0,
        transaction=None,
        connector_id=1,
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def published():
    return []


@pytest.fixture
def tap(clock, published):
    tap = Watching(clock, "here")
    tap.publish = lambda batch, to: published.append((batch, to))
    return tap


def numbers(batch):
    return [row.exchange for row in batch.rows]


def test_nobody_looks_on_nothing_is_kept_or_timed(tap, clock, published):
    assert not tap.on
    tap.lease(CHARGER, "a")
    tap.end(CHARGER, "a")
    assert not tap.on
    tap.saw(7, TARGETS, [row(1)])  # a session that was in the middle of it
    clock.turn(60)
    assert published == []


def test_what_is_watched_is_published_in_batches_ten_times_a_second_at_most(tap, clock, published):
    tap.lease(CHARGER, "a")
    assert tap.on
    for number in range(50):
        tap.saw(
            7, TARGETS, [row(number), LatestRow(charger=7, kind="boot", key="", payload="", at=row(1).at)]
        )
        clock.turn(0.02)
    clock.turn(PUBLISH_S)
    assert 5 <= len(published) <= 11
    assert [number for batch, _ in published for number in numbers(batch)] == list(range(50))
    assert [batch.first for batch, _ in published] == [numbers(batch)[0] for batch, _ in published]
    assert {to for _, to in published} == {("a",)}


def test_other_chargers_and_rows_of_no_message_are_not_published(tap, clock, published):
    tap.lease(CHARGER, "a")
    tap.saw(8, {}, [row(1, charger=8)])
    tap.saw(7, TARGETS, [LatestRow(charger=7, kind="boot", key="", payload="", at=row(1).at)])
    clock.turn(1)
    assert published == []


def test_the_newest_win_and_what_is_left_out_is_said_and_numbered(tap, clock, published):
    tap.lease(CHARGER, "a")
    tap.saw(7, TARGETS, [row(number) for number in range(MOST_ROWS + 20)])
    clock.turn(1)
    tap.saw(7, TARGETS, [row(999)])
    clock.turn(1)
    [(first, _), (second, _)] = published
    assert (first.left_out, first.first, numbers(first)[0]) == (20, 20, 20)
    assert len(first.rows) == MOST_ROWS
    assert (second.left_out, second.first, numbers(second)) == (0, MOST_ROWS + 20, [999])


def test_long_frames_are_bounded_too(tap, clock, published, monkeypatch):
    monkeypatch.setattr(watching, "MOST_CHARACTERS", 10_000)
    tap.lease(CHARGER, "a")
    tap.saw(7, TARGETS, [row(number, text="x" * 100_000) for number in range(5)])
    clock.turn(1)
    [(batch, _)] = published
    assert (numbers(batch), batch.left_out) == ([3, 4], 3)
    assert all(len(row.text) == watching.LONGEST_FRAME + 1 for row in batch.rows)


def test_a_lease_ends_by_itself_unless_it_is_renewed(tap, clock):
    tap.lease(CHARGER, "a")
    tap.lease(CHARGER, "b")
    clock.turn(LEASE_S - 1)
    tap.lease(CHARGER, "a")
    clock.turn(LEASE_S - 1)
    assert tap.on
    clock.turn(2)
    assert not tap.on
    assert not [timer for timer in clock.calls if not timer.cancelled]


def test_each_one_who_leases_is_told_until_their_end(tap, clock, published):
    tap.lease(CHARGER, "a")
    tap.lease(CHARGER, "b")
    tap.saw(7, TARGETS, [row(1)])
    clock.turn(1)
    tap.end(CHARGER, "a")
    tap.saw(7, TARGETS, [row(2)])
    clock.turn(1)
    tap.end(CHARGER, "b")
    assert not tap.on
    assert [to for _, to in published] == [("a", "b"), ("b",)]


def test_one_that_begins_anew_counts_anew_under_another_name(tap, clock, published):
    for _ in range(2):
        tap.lease(CHARGER, "a")
        tap.saw(7, TARGETS, [row(1)])
        clock.turn(1)
        tap.end(CHARGER, "a")
    assert [batch.first for batch, _ in published] == [0, 0]
    assert published[0][0].source != published[1][0].source


def test_rows_gathered_when_the_last_one_leaves_are_dropped(tap, clock, published):
    tap.lease(CHARGER, "a")
    tap.saw(7, TARGETS, [row(1)])
    tap.end(CHARGER, "a")
    clock.turn(1)
    assert published == []


def test_a_backoffice_shows_its_own_routes_with_the_payload_that_copies_repeat(tap, clock, published):
    tap.lease(ENERGY, "a")
    tap.saw(7, TARGETS, [row(1, route=2, text="")])  # an owner answers before the charger is answered
    tap.saw(7, TARGETS, [row(1, text='[2,"1"]'), row(1, route=1, text=""), row(2, route=2, text="own")])
    tap.saw(7, {}, [row(3, route=2)])  # of a route that is gone
    clock.turn(1)
    [(batch, _)] = published
    assert [(row.exchange, row.route, row.text) for row in batch.rows] == [(1, 2, '[2,"1"]'), (2, 2, "own")]


def test_a_batch_survives_the_way_to_another_process(tap, clock, published):
    tap.lease(CHARGER, "a")
    tap.saw(7, TARGETS, [row(1)])
    clock.turn(1)
    [(batch, _)] = published
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(batch), type=Batch) == batch


@pytest.mark.parametrize("shape", ['{{"idTag":"{}"}}', r'{{"data":"{{\"idTag\":\"{}\"}}"}}'])
def test_a_card_that_is_cut_through_stays_hidden(shape, monkeypatch):
    card = "DEADBEEF12345678"
    text = shape.format(card)
    for length in range(1, len(text)):
        monkeypatch.setattr(watching, "LONGEST_FRAME", length)
        shown = masking.frame(cut(text))
        assert card[:5] not in shown, shown
