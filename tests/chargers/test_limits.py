"""Token buckets and counters; time is handed in."""

from __future__ import annotations

import pytest

from chargers.limits import AttemptLimits, Buckets, FrameMeter, Recent, Tally, network


def test_a_bucket_empties_and_fills_again():
    buckets = Buckets[str](burst=2, per_second=0.5)
    assert [buckets.take("CP-1", 0), buckets.take("CP-1", 0), buckets.take("CP-1", 0)] == [True, True, False]
    assert buckets.take("CP-2", 0)
    assert not buckets.take("CP-1", 1)
    assert buckets.take("CP-1", 4)


def test_a_bucket_holds_no_more_than_its_burst():
    buckets = Buckets[str](burst=2, per_second=100)
    buckets.take("CP-1", 0)
    assert buckets.level("CP-1", 1000) == 2


def test_the_key_unused_for_longest_is_forgotten():
    buckets = Buckets[str](burst=1, per_second=0, remembered=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0)
    assert [buckets.level(key, 0) for key in ("a", "b", "c")] == [0, 1, 0]


def test_recent_keys_are_bounded():
    recent = Recent[str](remembered=2)
    for key in ("a", "b", "a", "c"):
        recent.add(key)
    assert [key in recent for key in ("a", "b", "c")] == [True, False, True]


def test_failures_stop_an_identity_but_not_its_neighbours():
    limits = AttemptLimits(identity=(2, 0.5))
    limits.failed("CP-1", "10.0.0.1", 0)
    assert limits.may_try("CP-1", "10.0.0.1", 0)
    limits.failed("CP-1", "10.0.0.1", 0)
    assert not limits.may_try("CP-1", "10.0.0.2", 0)
    assert limits.may_try("CP-2", "10.0.0.1", 0)
    assert limits.may_try("CP-1", "10.0.0.1", 2)


def test_guessing_elsewhere_does_not_lock_an_admitted_charger_out():
    limits = AttemptLimits(identity=(1, 0))
    limits.admitted("CP-1", "10.0.0.1")
    limits.failed("CP-1", "203.0.113.9", 0)
    assert not limits.may_try("CP-1", "203.0.113.9", 0)
    assert limits.may_try("CP-1", "10.0.0.1", 0)
    limits.revoked("CP-1", "10.0.0.1")
    assert not limits.may_try("CP-1", "10.0.0.1", 0)


def test_an_address_that_fails_too_often_is_still_heard():
    limits = AttemptLimits(address=(1, 0))
    assert limits.failed("CP-1", "10.0.0.1", 0)
    assert not limits.failed("CP-2", "10.0.0.1", 0)
    assert limits.may_try("CP-3", "10.0.0.1", 0)


def test_a_tally_writes_the_first_and_gathers_the_rest():
    tally = Tally(seconds=10)
    assert [tally.add("CP-1", now) for now in (0, 1, 9, 10.5, 11, 21)] == [1, 0, 0, 3, 0, 2]


@pytest.mark.parametrize(("now", "flooded"), [(4.9, True), (5.0, False), (60.0, False)])
def test_a_meter_looks_at_whole_windows(now, flooded):
    meter = FrameMeter(per_second=1000, window=5000, since=0, count=5000)
    assert meter.is_flooded(now) is flooded
    assert (meter.count, meter.since) == (0, now)


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:0:1::5", "2001:0db8:0000:0001"),
        ("2001:db8:0:1:ffff::6", "2001:0db8:0000:0001"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_network_is_what_one_customer_gets(address, counted_as):
    assert network(address) == counted_as
