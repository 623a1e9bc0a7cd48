"""Who acts in a command of ``manage.py``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from accounts.acting import Via, acting, system_user

SERVING = ("runproxy", "demo")
"""What runs for long, and in which others act."""


def by_whom(argv: Sequence[str]) -> AbstractContextManager[Any]:
    """The person at the terminal, as the operating system names them, with the name of the command."""
    command = argv[1] if len(argv) > 1 else "help"
    if command in SERVING:
        return nullcontext()
    return acting(via=Via.COMMAND, actor_name=f"{system_user()} ({command})")
