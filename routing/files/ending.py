"""What has been kept long enough goes, row and file; and files that no row names any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from routing.files import uploads
from routing.files.storing import folder
from routing.files.tokens import FIRMWARE, UPLOAD
from routing.models import FirmwareFile, FirmwareLink, Upload

AT_ONCE = 100

STRAY_S = 24 * 3600
"""A file without a row may be one that is just coming in."""


def drop_files(now: datetime, go_on: Callable[[], bool]) -> None:
    """Remove uploads and addresses whose time is over, and files that have lost their rows."""
    for upload in _some(Upload.objects.filter(expires__lte=now), go_on):
        uploads.path_of(upload).unlink(missing_ok=True)
        upload.delete()
    for address in _some(FirmwareLink.objects.filter(expires__lte=now), go_on):
        address.delete()
    for kind, rows in ((UPLOAD, Upload.objects.all()), (FIRMWARE, FirmwareFile.objects.all())):
        _sweep(folder(kind), rows, go_on)


def _some(rows: QuerySet[Any], go_on: Callable[[], bool]) -> Iterator[Any]:
    while go_on() and (found := list(rows.order_by("pk")[:AT_ONCE])):
        yield from found


def _sweep(where: Path, rows: QuerySet[Any], go_on: Callable[[], bool]) -> None:
    if not where.exists():
        return
    old = [path for path in where.iterdir() if time.time() - path.stat().st_mtime > STRAY_S]
    for start in range(0, len(old), AT_ONCE):
        if not go_on():
            return
        some = {path.name: path for path in old[start : start + AT_ONCE]}
        names = [name for name in some if len(name) == 32 and name.isalnum()]
        kept = {key.hex for key in rows.filter(uuid__in=names).values_list("uuid", flat=True)}
        for name, path in some.items():
            if name not in kept:
                path.unlink(missing_ok=True)
