"""The benchmark of the admin's lists runs in small: each list is read, by superuser and installer."""

from __future__ import annotations

import pytest
from django.contrib import admin

from benchmarks import pages


def test_it_reads_every_list(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast that is depends on the machine, and so does the exit code."""
    monkeypatch.setenv("SECRET_KEY", "of a test")
    assert pages.main(["--chargers", "60", "--times", "2"]) in (0, 1)
    _, root, installer = capfd.readouterr().out.split("### ")
    lists = [line for line in root.splitlines() if line.startswith("| list of ")]
    assert len(lists) == len(admin.site._registry)
    assert "| list of chargers | " in installer
    assert "| list of groups | " not in installer
