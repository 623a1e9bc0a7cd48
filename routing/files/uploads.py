"""Files that chargers send: an address for one of them, and taking in what comes there."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import transaction
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from accounts.acting import Via, acting
from accounts.deeds import did
from routing.files.storing import folder, measure, safe_name
from routing.files.tokens import UPLOAD, hash_of, new_token
from routing.models import Upload

OPEN_FOR: Final = timedelta(hours=24)
"""So long an address may be used, once."""

KEPT_FOR: Final = timedelta(days=14)
"""So long a file is kept."""

OTHERWISE: Final = "diagnostics"
"""The name of a file that has none."""


class NotTaken(Exception):
    """A file that is not taken in: nobody has asked for it, or what came is none."""


def expect(charger: Any, base: str) -> tuple[Upload, str]:
    """An address, below ``base`` (``https://HOST``), at which the charger may put one file; and its row.

    The address is told to nobody but the charger; it can't be made again from what is stored.
    """
    expires = timezone.now() + OPEN_FOR
    token = new_token(UPLOAD, expires)
    row = Upload.objects.create(charger=charger, token_hash=hash_of(token), expires=expires)
    return row, f"{base.rstrip('/')}/uploads/{token}"


def path_of(upload: Upload) -> Path:
    """Where a file lies, once it has come."""
    return folder(UPLOAD) / upload.uuid.hex


def take(token: str, came: Path, *, name: str, content_type: str) -> Upload:
    """Take in a file that came for a token; ``content_type`` is that of the request. Raises NotTaken.

    It is taken once: of two at the same time one is.
    """
    open_ones = Upload.objects.filter(
        token_hash=hash_of(token), received_at=None, expires__gt=timezone.now()
    ).select_related("charger")
    upload = open_ones.first()
    if upload is None:
        raise NotTaken("nobody waits for this file")
    if content_type.lower().startswith("multipart/form-data"):
        name = _unpack(came, content_type) or name
    stored = measure(came)
    if not stored.size:
        raise NotTaken("the file is empty")
    now = timezone.now()
    values = {
        "received_at": now,
        "expires": now + KEPT_FOR,
        "name": safe_name(name, OTHERWISE),
        "size": stored.size,
        "sha256": stored.sha256,
    }
    with acting(actor_name=upload.charger.identity, via=Via.CHARGER), transaction.atomic():
        if not open_ones.filter(pk=upload.pk).update(**values):
            raise NotTaken("nobody waits for this file any more")
        upload.refresh_from_db()
        did(upload.charger, f"Sent the file {upload.name} ({filesizeformat(upload.size)}), as it was asked.")
        came.replace(path_of(upload))
    return upload


def _unpack(came: Path, content_type: str) -> str:
    """Put the first file of a form in place of the form; its name. Raises NotTaken."""
    meta = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(came.stat().st_size)}
    try:
        with came.open("rb") as body:
            _fields, files = MultiPartParser(meta, body, [TemporaryFileUploadHandler()]).parse()
    except (MultiPartParserError, RequestDataTooBig, TooManyFilesSent) as error:
        raise NotTaken(f"the form can't be read: {error}") from None
    came_with: list[Any] = list(files.values())
    found = next(iter(came_with), None)
    if found is None:
        raise NotTaken("there is no file in the form")
    name = str(found.name or "")
    shutil.copyfile(found.temporary_file_path(), came)
    for one in came_with:
        one.close()
    return name
