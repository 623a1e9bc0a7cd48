"""What a session is handed in by its Runtime: how rows are written and read, and who is told what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from routing.core.decisions import CommandEnded, CommandSent, Load, Loaded
from routing.core.rows import Row


class RowWriter(Protocol):
    """What a session needs of ``routing.writer.Writer``."""

    def put(
        self, charger: int, epoch: int, rows: Sequence[Row], done: Callable[[], None] | None = None
    ) -> None:
        """Have rows written; ``done`` is called on the loop after the commit."""

    async def flush(self) -> None:
        """Return when everything put so far is committed."""


LoadDeliveries = Callable[[Load], Awaitable[Loaded]]
"""Reads waiting deliveries, and what goes with them."""


ThinDeliveries = Callable[[int, int], Awaitable[tuple[int, int]]]
"""``(route, after)``: leave out what may go behind ``after``; how many, and of how many characters."""


SetPassword = Callable[[int, bytes], Awaitable[None]]
"""``(route, password)``: have this route dialled with another password from now on."""


Told = Callable[[CommandSent | CommandEnded], None]
"""What becomes of people's commands; called on the loop, and returns at once."""
