"""Tells the process that holds a charger's session that there is a command.

How is handed in by ``proxy_site.wiring``. A wake-up may be lost, and a process without sessions has none to
send: who holds the session looks by itself.
"""

from __future__ import annotations

from collections.abc import Callable

Wake = Callable[[int], None]
"""Called with the charger's primary key, on any thread; returns at once."""

_installed: list[Wake] = []


def install(wake_up: Wake | None) -> None:
    """Make this the way in which this process wakes others; None while there is none."""
    _installed[:] = [] if wake_up is None else [wake_up]


def wake(charger: int) -> None:
    """There is a command for this charger."""
    for wake_up in _installed:
        wake_up(charger)
