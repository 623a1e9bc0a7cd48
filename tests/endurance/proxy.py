"""``manage.py runproxy``, whose sessions live faster, and which says on SIGUSR2 what it holds.

The environment has ``ENDURANCE_SPEED``, and ``ENDURANCE_TRACE=1`` for a look at who allocates.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import threading
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import django
from django.core.management import execute_from_command_line

from backoffices import current
from tests.graph import sizes

MARK = "endurance-sample "
MOST = 12
"""How many lines of each list are told."""


class Sampler:
    """What the process holds, and what of it has come since the second sample (the first is at rest)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.taken = 0
        self.types: Counter[str] = Counter()
        self.trace: tracemalloc.Snapshot | None = None

    def install(self) -> None:
        """Print a sample at each SIGUSR2."""
        signal.signal(signal.SIGUSR2, lambda *_: self.loop.call_soon_threadsafe(self.take) and None)

    def take(self) -> None:
        """Print one, as a line of JSON."""
        gc.collect()
        running = current._current[0]
        tasks = asyncio.all_tasks(self.loop)
        sample = {
            "rss": int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize(),
            "fds": Counter(map(_kind_of, Path("/proc/self/fd").iterdir())),
            "tasks": Counter(task.get_coro().__qualname__ for task in tasks),  # type: ignore[union-attr]
            "threads": threading.active_count(),
            **running.counts(),
            "held": sum(sizes([live.session._machine for live in running._live.values()]).values()),
            "grown": self._grown(),
        }
        self.taken += 1
        print(MARK + json.dumps(sample), flush=True)

    def _grown(self) -> dict[str, int]:
        types = Counter(f"{type(o).__module__}.{type(o).__qualname__}" for o in gc.get_objects())
        lines: dict[str, int] = {"objects": types.total()}
        if self.taken <= 1:
            self.types = types
            self.trace = tracemalloc.take_snapshot() if tracemalloc.is_tracing() else None
            return lines
        grown = Counter({name: count - self.types[name] for name, count in types.items()})
        lines.update((name, count) for name, count in grown.most_common(MOST) if count > 0)
        if self.trace is not None:
            for line in tracemalloc.take_snapshot().compare_to(self.trace, "lineno")[:MOST]:
                lines[str(line.traceback)] = line.size_diff
        return lines


def _kind_of(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink()).partition(":")[0].rsplit("/", 1)[-1]
    except OSError:
        return "closed meanwhile"


def main(arguments: list[str]) -> Any:
    """Run the proxy until a signal comes."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
    if os.environ.get("ENDURANCE_TRACE"):
        tracemalloc.start(8)
    from proxy_site import loop  # noqa: F401, PLC0415 -- before anything that imports Daphne

    django.setup()
    from proxy_site.server import twisted_loop  # noqa: PLC0415
    from tests.endurance.haste import hurry  # noqa: PLC0415 -- it imports models

    hurry(float(os.environ["ENDURANCE_SPEED"]))
    Sampler(twisted_loop).install()
    execute_from_command_line(["manage.py", "runproxy", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
