"""How the benchmarks tell what they measured: percentiles, spreads over rounds, a line on the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median


def percentile(ordered: Sequence[int], share: float) -> float:
    """Of sorted values; ``share`` in percent. NaN where there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else float("nan")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median of some rounds with the least and the most."""
    middle, least, most = (f"{value:,.{digits}f}" for value in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least} to {most})"


def say(line: str) -> None:
    """To standard error: the table alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)
