"""Slots: how many are out at once, who is next, and that a busy loop goes first."""

import asyncio
from functools import partial
from itertools import pairwise
from typing import Any, cast

import pytest

from backoffices.pacing import Gaps, Pacer

AT_ONCE = Gaps(shortest=0.001, late=3600)


class Clock:
    """A loop whose time passes when it is told to; ``late`` is by how much its timers are."""

    def __init__(self):
        self.now = 0.0
        self.late = 0.0
        self.timer = None

    def time(self):
        return self.now

    def call_later(self, delay, callback):
        assert self.timer is None, "one timer at a time"
        self.timer = (self.now + delay, callback)
        return self

    def cancel(self):
        self.timer = None

    def run(self, seconds):
        """Let so much time pass."""
        end = self.now + seconds
        while self.timer is not None and self.timer[0] + self.late <= end:
            (due, callback), self.timer = self.timer, None
            self.now = due + self.late
            callback()
        self.now = end


def on(clock: Clock) -> Pacer:
    """A Pacer that takes the clock for its loop."""
    return Pacer(cast(Any, clock))


class Sender:
    """Asks for slots and notes when it got them."""

    def __init__(self, pacer, clock, backoffice="energy", at_once=2):
        self.pacer, self.clock = pacer, clock
        self.backoffice, self.at_once = backoffice, at_once
        self.granted = []
        self.slot = None

    def ask(self):
        self.slot = self.pacer.ask(
            self.backoffice, self.at_once, lambda: self.granted.append(self.clock.time())
        )
        return self


class Eager(Sender):
    """Is answered at once, and has more."""

    def ask(self):
        self.slot = self.pacer.ask(self.backoffice, self.at_once, self.send)
        return self

    def send(self):
        self.granted.append(self.clock.time())
        assert self.slot is not None
        self.slot.end()
        self.ask()


def senders(count, kind=Sender, **fields):
    clock = Clock()
    pacer = on(clock)
    return clock, pacer, [kind(pacer, clock, **fields).ask() for _ in range(count)]


def grants(those):
    return [len(one.granted) for one in those]


def test_no_more_are_out_than_the_backoffice_takes():
    clock, pacer, those = senders(5, at_once=2)
    clock.run(10)
    assert grants(those) == [1, 1, 0, 0, 0]
    assert pacer.counts() == {"energy": (2, 3)}
    those[1].slot.end()
    clock.run(10)
    assert grants(those) == [1, 1, 1, 0, 0]


def test_nothing_is_granted_from_within_asking():
    _, _, those = senders(1)
    assert grants(those) == [0]


def test_who_had_one_goes_to_the_end():
    clock, _, those = senders(3, at_once=1)
    for _ in range(6):
        clock.run(1)
        holder = next(one for one in those if one.slot.is_granted)
        holder.slot.end()
        holder.ask()
    assert grants(those) == [2, 2, 2]


def test_a_backoffice_that_answers_nothing_delays_no_other():
    clock, pacer, stuck = senders(5, at_once=2)
    clock.run(1)
    other = Sender(pacer, clock, "billing").ask()
    clock.run(1)
    assert grants(stuck) == [1, 1, 0, 0, 0]
    assert grants([other]) == [1]


def test_backoffices_take_turns():
    clock = Clock()
    pacer = on(clock)
    order: list[str] = []
    for name in ("a", "a", "b", "b"):
        pacer.ask(name, 10, partial(order.append, name))
    clock.run(1)
    assert order == ["a", "b", "a", "b"]


def test_a_wish_that_is_taken_back_is_not_granted():
    clock, pacer, those = senders(2)
    those[0].slot.end()
    those[0].slot.end()
    clock.run(1)
    assert grants(those) == [0, 1]
    those[1].slot.end()
    assert pacer.counts() == {}
    assert clock.timer is None


def test_the_newest_number_counts():
    clock, pacer, those = senders(3, at_once=1)
    clock.run(1)
    Sender(pacer, clock, at_once=3).ask()
    clock.run(1)
    assert grants(those) == [1, 1, 1]


def test_there_is_a_gap_between_two_grants():
    clock, pacer, those = senders(20, at_once=20)
    clock.run(10)
    times = [one.granted[0] for one in those]
    assert all(later - earlier >= pacer.gaps.shortest * 0.999 for earlier, later in pairwise(times))


def test_a_late_loop_is_given_time_but_what_has_waited_gets_on():
    clock, pacer, those = senders(50, at_once=50)
    clock.late = pacer.gaps.late * 2
    clock.run(1)
    slowly = sum(grants(those))
    assert pacer.gap == pacer.gaps.longest
    assert 0 < slowly <= 1 / pacer.gaps.longest
    clock.late = 0.0
    clock.run(60)
    assert sum(grants(those)) == 50
    assert pacer.gap < pacer.gaps.longest


@pytest.mark.parametrize("count", [100, 1_000, 5_000])
@pytest.mark.parametrize("late", [0.0, 0.006], ids=["idle", "late"])
def test_all_who_wait_get_on_in_one_turn(count, late):
    clock, _, those = senders(count, kind=Eager, at_once=20)
    clock.late = late
    clock.run(11 + 1.1 * count * late)
    assert min(grants(those)) >= 1
    assert max(grants(those)) <= min(grants(those)) + 1


def test_a_session_that_fails_keeps_nobody_waiting(caplog):
    clock, pacer, those = senders(1, at_once=5)

    def fail():
        raise RuntimeError("broken")

    pacer.ask("energy", 5, fail)
    those.append(Sender(pacer, clock, at_once=5).ask())
    clock.run(1)
    assert grants(those) == [1, 1]
    assert "granting a slot of energy failed" in caplog.text


def test_it_runs_on_a_real_loop():
    async def main():
        loop = asyncio.get_running_loop()
        pacer, granted = Pacer(loop, AT_ONCE), loop.create_future()
        pacer.ask("energy", 1, lambda: granted.set_result(True))
        async with asyncio.timeout(10):
            return await granted

    assert asyncio.run(main())
