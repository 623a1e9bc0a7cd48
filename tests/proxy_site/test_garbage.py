"""What there is at the start is not searched for garbage again; what comes later is."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from proxy_site import garbage


class Knot:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def own_garbage() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_there_is_left_alone_and_what_comes_is_not() -> None:
    old = Knot()
    garbage.settle()
    assert not any(one is old for one in gc.get_objects())
    assert gc.get_threshold() == garbage.THRESHOLDS
    gone = weakref.ref(Knot())
    gc.collect()
    assert gone() is None


def test_garbage_of_the_start_is_gone_before() -> None:
    gone = weakref.ref(Knot())
    garbage.settle()
    assert gone() is None
