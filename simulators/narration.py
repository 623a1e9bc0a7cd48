"""Frames in words, for people who watch a simulator."""

from __future__ import annotations

import json
from typing import Any

from simulators.record import CALL_ERROR, Entry


def sentence(name: str, entry: Entry) -> str:
    """One line: ``12:00:01 CP-1 > StartTransaction {...}``; ``>`` was sent, ``<`` received."""
    arrow = ">" if entry.direction == "sent" else "<"
    return f"{entry.at:%H:%M:%S} {name} {arrow} {_what(entry)}"


def brief(payload: Any, length: int = 100) -> str:
    """A payload on one line, shortened."""
    text = json.dumps(payload, separators=(", ", ": "), default=str)
    return text if len(text) <= length else text[: length - 3] + "..."


def _what(entry: Entry) -> str:
    if entry.frame_type is None:
        return f"not an OCPP-J frame: {entry.text[:100]}"
    if entry.is_call:
        return f"{entry.action} {brief(entry.payload)}"
    if entry.frame_type == CALL_ERROR:
        return f"{entry.action or 'nothing asked'} error {entry.error_code}"
    return f"{entry.action or 'nothing asked'} answer {brief(entry.payload)}"
