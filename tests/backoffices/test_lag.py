"""How late the loop is."""

import pytest

from backoffices.lag import BOUNDS_S, Lag


@pytest.mark.parametrize(
    ("late_s", "bucket"),
    [(-0.002, 0), (0.0, 0), (0.001, 0), (0.0011, 1), (0.3, 7), (5.0, 10), (5.1, 11)],
    ids=str,
)
def test_each_sample_is_in_one_bucket(late_s, bucket):
    lag = Lag()
    lag.note(late_s)
    assert [number for number, count in enumerate(lag.buckets) if count] == [bucket]
    assert len(lag.buckets) == len(BOUNDS_S) + 1


def test_the_worst_is_that_since_it_was_asked_last():
    lag = Lag()
    for late_s in (0.2, 0.5, 0.1):
        lag.note(late_s)
    assert lag.take_worst_s() == 0.5
    assert lag.take_worst_s() == 0.0
    assert lag.total_s == pytest.approx(0.8)
