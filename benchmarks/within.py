"""A part of a benchmark in a process of its own, whose Django has the database that was made for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable


def run(module: str, arguments: Iterable[str], url: str, directory: str) -> int:
    """The exit code of ``main()`` of that module, with the database at ``url``.

    In a process of its own since models can't be imported before the settings name the database.
    """
    settings = {"DATABASE_URL": url, "PROXY_DATA_DIR": directory, "ALLOWED_HOSTS": "testserver"}
    environment = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "proxy_site.settings"}
    code = f"import django; django.setup(); from benchmarks import {module}; {module}.main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode
