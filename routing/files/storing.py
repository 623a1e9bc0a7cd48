"""Where files lie, how they get there, and how they are given out: piece by piece, never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

PIECE: Final = 64 * 1024

_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
_UNSAFE = re.compile(r"[^\w.()\[\] +@=-]")


class Stored(NamedTuple):
    """A file on disk: bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


def folder(kind: str) -> Path:
    """Where files of a kind lie: ``uploads`` or ``firmware`` in PROXY_DATA_DIR."""
    return Path(settings.PROXY_DATA_DIR) / kind


def store(pieces: Iterable[bytes], path: Path) -> Stored:
    """Write a file; what it has become. A file that is not whole is not left behind."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sign, size = hashlib.sha256(), 0
    try:
        with path.open("wb") as file:
            for piece in pieces:
                sign.update(piece)
                size += file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Stored(size, sign.hexdigest())


def measure(path: Path) -> Stored:
    """A file that is there already."""
    sign, size = hashlib.sha256(), 0
    for piece in _pieces(path, 0, None):
        sign.update(piece)
        size += len(piece)
    return Stored(size, sign.hexdigest())


def safe_name(name: str, otherwise: str) -> str:
    """A name that a stranger gives a file, as people and file systems take it."""
    return _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2])[:200].strip(". ") or otherwise


def give(request: HttpRequest, path: Path, name: str) -> HttpResponseBase:
    """A file as a download, from where a ``Range`` says that it was broken off."""
    size = path.stat().st_size
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    start = int(wanted[1]) if wanted else 0
    end = min(int(wanted[2]) if wanted and wanted[2] else size - 1, size - 1)
    if wanted and not start <= end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    length = end - start + 1
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    elif isinstance(request, ASGIRequest):
        response = StreamingHttpResponse(_off_loop(_pieces(path, start, length)))
    else:
        response = StreamingHttpResponse(_pieces(path, start, length))
    if wanted:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end}/{size}"
    response["Content-Type"] = "application/octet-stream"
    response["Content-Length"] = str(length)
    response["Accept-Ranges"] = "bytes"
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["Cache-Control"] = "no-store"
    return response


def _pieces(path: Path, start: int, length: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        left = length
        while piece := file.read(PIECE if left is None else min(PIECE, left)):
            left = None if left is None else left - len(piece)
            yield piece


async def _off_loop(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces that are read on a thread."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
