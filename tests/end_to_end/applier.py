"""``manage.py apply`` for one test after another, in a process that need not start for each.

A line of JSON in is a document of YAML as text; a line out is ``[code, what it printed]``.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile

import django
from django.core.management import CommandError, call_command
from django.db import connections


def main() -> None:
    """Apply until there is nothing more to read."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
    django.setup()
    for line in sys.stdin:
        print(json.dumps(applied(json.loads(line))), flush=True)


def applied(text: str) -> tuple[int, str]:
    """The exit code and the words of ``apply`` for this document. Whatever fails is the caller's to show."""
    printed = io.StringIO()
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            call_command("apply", file.name, stdout=printed)
    except CommandError as refused:
        return refused.returncode, f"{printed.getvalue()}{refused}"
    except Exception as error:  # noqa: BLE001  # whatever it is fails the test that has asked
        return 1, f"{printed.getvalue()}{error!r}"
    finally:
        connections.close_all()  # the next proxy of this database may be killed, or the database itself
    return 0, printed.getvalue()


if __name__ == "__main__":
    main()
