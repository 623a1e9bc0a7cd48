"""Whether this process may still speak for its sessions: what a session needs to know of it."""

from __future__ import annotations

from math import inf
from typing import Protocol


class Trust(Protocol):
    """Until ``until`` (monotonic clock) sessions are ours without asking; later, ``ask`` first.

    Who was stopped for longer may have lost them to another process, and must not speak before it knows.
    """

    until: float

    def ask(self) -> None:
        """Find out; afterwards each session is told ``go_on`` or ``abandon``. Asking twice does no harm."""


class Always:
    """Where nobody else can take a session."""

    until = inf

    def ask(self) -> None:
        """Never called."""
