"""Primary keys as people's requests write them."""

from __future__ import annotations

DIGITS = 18
"""As many as fit into the column of any row's number; a database raises for more."""


def key_in(text: str) -> int | None:
    """The primary key that a part of an address or a field of a form says; None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None
