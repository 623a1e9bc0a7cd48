"""The benchmark of the log's readers runs in small: all is read, and makes events."""

from __future__ import annotations

import re

import pytest

from benchmarks import readers


def test_it_reads_what_it_has_written(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "of a test")
    assert readers.main(["--rows", "400"]) == 0
    said = capfd.readouterr().out
    assert re.search(r"^\| MeterValues read \| 400 \| \d+ \|", said, re.MULTILINE)
    assert re.search(r"^\| events made \| \d{3} \| \d+ \|", said, re.MULTILINE)
