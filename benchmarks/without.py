"""``manage.py`` without a part of the proxy: what the part costs is the difference.

``python -m benchmarks.without PART COMMAND ...``, only for measurements (``benchmarks.parts``). PART is
``readers``, for nobody that makes readings, settings and events of what the log has, or ``log``, for a writer
that throws the log away, which leaves nothing to its readers either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import django
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
django.setup()

from backoffices.schedule import BEAT_SCHEDULE  # noqa: E402  # its models need the applications loaded
from routing.core.rows import MessageRow, Row  # noqa: E402  # as above
from routing.writer import Writer  # noqa: E402  # as above

READERS = ("read_log", "make_events")

_put = Writer.put


def put(
    self: Writer, charger: int, epoch: int, rows: Sequence[Row], done: Callable[[], None] | None = None
) -> None:
    """``Writer.put`` of all rows but those of the log."""
    kept = [row for row in rows if type(row) is not MessageRow]
    if kept or done is not None or not charger:
        _put(self, charger, epoch, kept, done)


def leave_out(part: str) -> None:
    """Take the part out of this process."""
    for name in READERS:
        BEAT_SCHEDULE.pop(name)
    if part == "log":
        Writer.put = put  # type: ignore[method-assign]  # that is what this program is for


if __name__ == "__main__":
    leave_out(sys.argv[1])
    execute_from_command_line(["manage.py", *sys.argv[2:]])
