"""A part of a benchmark in a process of its own, whose Django has the database that was made for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.databases import database


def run(module: str, arguments: Sequence[str], url: str, directory: str) -> int:
    """The exit code of ``main()`` of that module, with the database at ``url``.

    In a process of its own since models can't be imported before the settings name the database.
    """
    settings = {"DATABASE_URL": url, "PROXY_DATA_DIR": directory, "ALLOWED_HOSTS": "testserver"}
    environment = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "proxy_site.settings"}
    code = f"import django; django.setup(); from benchmarks import {module}; {module}.main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def run_on_each(module: str, arguments: Sequence[str], server: str) -> int:
    """The same on SQLite and, where ``server`` is one, on PostgreSQL, each empty; 1 where one failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for place in dict.fromkeys(["", server]):
            with database(place, directory, module) as url:
                failed |= run(module, arguments, url, directory)
    return failed
