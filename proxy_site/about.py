"""What a process is: for its report, and for whoever reads it."""

from __future__ import annotations

import os
import socket
import tomllib
from datetime import UTC, datetime
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

VERSION: str = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"]
STARTED_AT = datetime.now(UTC)


def about(role: str) -> dict[str, str | int]:
    """``version``, ``role`` (all, web or links), ``host``, ``pid``, ``started_at`` (ISO 8601)."""
    return {
        "version": VERSION,
        "role": role,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": STARTED_AT.isoformat(),
    }
