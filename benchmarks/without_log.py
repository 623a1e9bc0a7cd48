"""``manage.py`` with a writer that throws the audit log away: what the log costs is the difference.

Only for measurements: ``python -m benchmarks --without-log``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import django
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
django.setup()

from routing.core.rows import MessageRow, Row  # noqa: E402  # its models need the applications loaded
from routing.writer import Writer  # noqa: E402  # as above

_put = Writer.put


def put(
    self: Writer, charger: int, epoch: int, rows: Sequence[Row], done: Callable[[], None] | None = None
) -> None:
    """``Writer.put`` of all rows but those of the log."""
    kept = [row for row in rows if type(row) is not MessageRow]
    if kept or done is not None or not charger:
        _put(self, charger, epoch, kept, done)


if __name__ == "__main__":
    Writer.put = put  # type: ignore[method-assign]  # that is what this program is for
    execute_from_command_line(["manage.py", *sys.argv[1:]])
