"""Primary keys as requests write them."""

from __future__ import annotations

import pytest

from accounts.keys import key_in


@pytest.mark.parametrize(
    ("text", "key"),
    [("7", 7), ("0" * 17 + "7", 7), ("", None), ("-7", None), ("7.0", None), ("٣", None), ("9" * 19, None)],
    ids=["a number", "18 digits", "empty", "negative", "fraction", "other digits", "too large"],
)
def test_a_key_is_read_or_none(text: str, key: int | None) -> None:
    assert key_in(text) == key
