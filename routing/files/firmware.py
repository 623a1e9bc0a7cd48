"""Firmware that chargers fetch from us."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from django.db.models import F
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from routing.files.storing import Stored, folder, give, store
from routing.files.tokens import FIRMWARE, hash_of, is_ours, new_token
from routing.models import FirmwareFile, FirmwareLink

OPEN_FOR: Final = timedelta(days=7)
"""So long an address works; a charger that is told to update later needs it then."""


def path_of(firmware: FirmwareFile) -> Path:
    """Where the file lies."""
    return folder(FIRMWARE) / firmware.uuid.hex


def keep(firmware: FirmwareFile, pieces: Iterable[bytes]) -> Stored:
    """Store what a person has uploaded, before the row is saved."""
    return store(pieces, path_of(firmware))


def link(firmware: FirmwareFile, base: str) -> str:
    """An address, below ``base``, from which a charger can fetch it for a week."""
    expires = timezone.now() + OPEN_FOR
    token = new_token(FIRMWARE, expires)
    FirmwareLink.objects.create(firmware=firmware, token_hash=hash_of(token), expires=expires)
    return f"{base.rstrip('/')}/firmware/{token}/{quote(firmware.name)}"


@require_safe
def fetch(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """What a charger gets: whoever knows the address, and nothing more."""
    now = timezone.now()
    if not is_ours(FIRMWARE, token, now.timestamp()):
        raise Http404("there is no such file")
    links = FirmwareLink.objects.filter(token_hash=hash_of(token), expires__gt=now)
    found = links.select_related("firmware").first()
    if found is None or not path_of(found.firmware).exists():
        raise Http404("there is no such file")
    links.update(fetched=F("fetched") + 1, last_at=now)
    return give(request, path_of(found.firmware), found.firmware.name)
