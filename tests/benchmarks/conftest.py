"""Benchmarks in small begin with a migrated database, as the tests do: migrating takes longer than they."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import databases
from benchmarks.subjects import Proxy
from tests import templates


@pytest.fixture(autouse=True)
def migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    file_in, start = databases.file_in, Proxy.start

    def filled(directory: str, name: str) -> Path:
        return Path(shutil.copy(templates.sqlite_file(), file_in(directory, name)))

    async def start_with_it(proxy: Proxy) -> None:
        templates.begin_with_it(proxy.folder)
        await start(proxy)

    monkeypatch.setattr(databases, "file_in", filled)
    monkeypatch.setattr(Proxy, "start", start_with_it)
