"""The benchmark of the admin's lists runs in small: those that are asked for, by superuser and installer."""

from __future__ import annotations

import pytest
from django.contrib import admin

from benchmarks import pages

ONLY = "list of c"


def test_it_reads_the_lists_that_each_may_see(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How fast that is depends on the machine, and so does the exit code."""
    monkeypatch.setenv("SECRET_KEY", "of a test")
    assert pages.main(["--chargers", "60", "--times", "2", "--only", ONLY]) in (0, 1)
    _, root, installer = capfd.readouterr().out.split("### ")
    names = {f"list of {model._meta.verbose_name_plural}" for model in admin.site._registry}
    read = {
        line.split(" | ")[0].removeprefix("| ") for line in root.splitlines() if line.startswith("| list")
    }
    assert read == {name for name in names if name.startswith(ONLY)}
    assert "| list of chargers | " in installer
    assert "| list of config changes | " not in installer


def test_a_name_that_no_page_has_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "of a test")
    assert pages.main(["--chargers", "60", "--only", "no such page"]) == 1
    assert '--only "no such page": no page has this in its name' in capfd.readouterr().err
