"""docs/webhooks.md names every type of event and every retry, and its example checks a real signature."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from routing.webhooks import kinds, posting, sending
from routing.webhooks.kinds import KINDS, RETRIES
from routing.webhooks.signing import new_secret, sign

TEXT = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    return TEXT.partition(f"## {name}\n")[2].partition("\n## ")[0]


def test_the_table_has_every_type_with_its_words() -> None:
    found = re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \|", section("Events"), re.MULTILINE)
    assert found == [(name, str(words)) for name, words in KINDS.items()]


def test_the_table_has_every_retry() -> None:
    found = re.findall(r"^\| (\d) \| (\d+) (seconds|minutes|hours) \|", section("Delivery"), re.MULTILINE)
    told = [(int(number), timedelta(**{unit: int(many)})) for number, many, unit in found]
    assert told == list(enumerate(RETRIES, 2))


def test_figures_are_those_of_the_code() -> None:
    assert (posting.TIMEOUT_S, kinds.MOST_BYTES, sending.SLOTS, sending.SLOW_SLOTS) == (10, 64 * 1024, 6, 3)
    assert (kinds.KEPT.days, kinds.PATIENCE.days, kinds.BOTH_HOLD, kinds.SELDOM_S) == (
        7,
        5,
        timedelta(hours=24),
        300,
    )


@pytest.fixture
def is_ours() -> Any:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    known: dict[str, Any] = {}
    exec(code, known)
    return known["is_ours"]


def test_the_example_checks_signatures(is_ours: Any) -> None:
    old, new, body = new_secret(), new_secret(), b'{"id":"1"}'

    def headers(at: int) -> dict[str, str]:
        signature = sign([new, old], "1", at, body)
        return {"webhook-id": "1", "webhook-timestamp": str(at), "webhook-signature": signature}

    now = int(time.time())
    assert is_ours(old, headers(now), body)
    assert is_ours(new, headers(now), body)
    assert not is_ours(new_secret(), headers(now), body)
    assert not is_ours(new, headers(now), body + b" ")
    assert not is_ours(new, headers(now - 900), body)
