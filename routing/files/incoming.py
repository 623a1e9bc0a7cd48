"""A body that is arriving, on its way to disk: neither the loop nor the memory holds it up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

log = logging.getLogger(__name__)

MOST_WAITING = 1024 * 1024
"""Bytes that may wait to be written; then whoever reads the socket pauses."""

SUFFIX = ".part"


class Incoming:
    """``put`` on the loop what comes; it is written on a thread. ``size`` counts all of it, in bytes.

    ``most``: beyond, nothing more is kept and ``is_too_large``. ``relieved`` is called, on the loop, when
    what waited has been written. ``failed``: the disk has refused it.
    """

    def __init__(self, folder: Path, most: int, relieved: Callable[[], None] = lambda: None) -> None:
        self.path = folder / f"{uuid4().hex}{SUFFIX}"
        self.size = 0
        self.waiting = 0
        self.failed = False
        self._most, self._relieved = most, relieved
        self._pieces: list[bytes] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def is_too_large(self) -> bool:
        return self.size > self._most

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read until ``relieved``."""
        return self.waiting > MOST_WAITING

    def put(self, data: bytes) -> None:
        """Take what has come."""
        self.size += len(data)
        if self.is_too_large or self.failed:
            return
        self._pieces.append(data)
        self.waiting += len(data)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def written(self) -> bool:
        """Wait until all of it is on disk; False where it is not to be used."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        if not self.size:
            await asyncio.to_thread(_append, self.path, [])
        return not (self.failed or self.is_too_large)

    async def discard(self) -> None:
        """Remove the file, if nobody has taken it away."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        await asyncio.to_thread(self.path.unlink, missing_ok=True)

    async def _write(self) -> None:
        try:
            while self._pieces:
                pieces, self._pieces, self.waiting = self._pieces, [], 0
                await asyncio.to_thread(_append, self.path, pieces)
                self._relieved()
        except OSError as error:
            self.failed = True
            log.error("a file that is sent to us can't be written: %s", error)
            self._relieved()
        finally:
            self._writing = None


def _append(path: Path, pieces: list[bytes]) -> None:
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)
    with path.open("ab") as file:
        file.writelines(pieces)
