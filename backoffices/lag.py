"""How late the loop is: what a frame that comes now has to wait behind others."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Lag:
    """Collects by how much timers came late. Measured where the runtime sleeps anyway: it costs no timer.

    ``buckets``: how many samples were at most the bound of BOUNDS_S at the same place and above the one
    before it, at the end those above all. ``total_s``: the sum of all samples.
    """

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0
        self._worst_s = 0.0

    def note(self, late_s: float) -> None:
        """A timer came ``late_s`` seconds after it was due."""
        late_s = max(late_s, 0.0)  # a coarse clock may wake a sleeper a little early
        self.buckets[bisect_left(BOUNDS_S, late_s)] += 1
        self.total_s += late_s
        self._worst_s = max(self._worst_s, late_s)

    def take_worst_s(self) -> float:
        """The worst sample since this was asked last."""
        worst, self._worst_s = self._worst_s, 0.0
        return worst
