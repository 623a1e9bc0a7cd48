"""Rows of the audit log on disk while the database takes none: a file per process and start.

A file is eight bytes, the place of the first row that is not in the database yet, and then rows, each
four bytes of length and MessagePack. The process that writes one holds a lock on it for as long as it
lives; what a process leaves behind is stored by the next one that starts with the same directory and
the same database. A row that a crash has torn is the last one, and is left out.

Rows come back at least once: those of the piece that was being stored when a process was killed may
come twice. Nothing here is synced to disk: who needs a row that survives a power cut waits for its commit.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

import msgspec

from routing.core.rows import MessageRow
from routing.store import said
from routing.tables import storable

log = logging.getLogger(__name__)

PIECE_ROWS = 500
"""Rows that are read back at once: whoever waits for a commit meanwhile waits for these."""

PIECE_BYTES = 256 * 1024
PENDING_ROWS = 20_000
"""Rows in memory on their way to the file, at most: a disk may hang as a database does."""

WRITTEN_AT_ONCE = 200

BITS = 63
"""Larger whole numbers than MessagePack has are unknown, as they are in the database."""

_START, _LENGTH = 8, 4
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(MessageRow).decode


class SpoolFile:
    """One file, locked. Raises OSError; BlockingIOError where another process has the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.size = os.fstat(self._descriptor).st_size
            self.offset = max(_START, int.from_bytes(os.pread(self._descriptor, _START, 0), "big"))
            if self.size < _START:
                self._note_offset(_START)
                self.size = _START
            self.offset = min(self.offset, self.size)  # a crash may have kept the beginning and not the end
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, data: bytes) -> None:
        """All of ``data`` or, with OSError, nothing."""
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self.size + written)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)

    def records(self) -> tuple[list[bytes], int]:
        """The next rows as they are in the file, and where they end; none when all is read."""
        data = os.pread(self._descriptor, min(PIECE_BYTES, self.size - self.offset), self.offset)
        length = int.from_bytes(data[:_LENGTH], "big")
        if length + _LENGTH > len(data) and length <= self.size - self.offset - _LENGTH:
            data = os.pread(self._descriptor, length + _LENGTH, self.offset)  # a long one
        found: list[bytes] = []
        at = 0
        while len(found) < PIECE_ROWS and at + _LENGTH <= len(data):
            end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "big")
            if end > len(data) or end == at + _LENGTH:
                break
            found.append(data[at + _LENGTH : end])
            at = end
        return found, self.offset + at

    def count(self) -> int:
        """How many rows are still to be read."""
        start, rows = self.offset, 0
        while (piece := self.records())[0]:
            rows += len(piece[0])
            self.offset = piece[1]
        self.offset = start
        return rows

    def advance(self, offset: int) -> None:
        """What is before ``offset`` is in the database."""
        self.offset = offset
        self._note_offset(offset)

    def remove(self) -> None:
        """All of it is stored."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1  # who comes late must not write to another file
        os.close(descriptor)

    def _note_offset(self, offset: int) -> None:
        os.pwrite(self._descriptor, offset.to_bytes(_START, "big"), 0)


class Piece(msgspec.Struct, frozen=True):
    """Rows that were read back; ``count`` those that are readable and those that are not."""

    file: SpoolFile
    rows: list[MessageRow]
    count: int
    end: int


class Spool:
    """The spool of one process. ``directory`` None: there is none, and all rows are dropped.

    ``add`` never waits. ``adopt``, ``next_piece`` and ``stored`` belong to the writer's thread.
    ``database`` is a short text that only those have who write to the same one.
    """

    def __init__(self, directory: Path | None, limit_bytes: int, *, database: str = "default") -> None:
        self.on_written: Callable[[], None] = lambda: None
        self.written = 0
        self.dropped = 0
        self.waiting = 0
        """Rows that are in files or on their way there."""
        self.complained = False
        """The log was told that rows are dropped; whoever resets this wants to hear it again."""
        self._directory = directory
        self._limit = limit_bytes
        self._database = database
        self._pending = 0
        self._counting = threading.Lock()  # held for an addition, never while a disk is waited for
        self._files = threading.Lock()
        self._own: SpoolFile | None = None
        self._left: list[SpoolFile] = []
        self._chunks: SimpleQueue[Sequence[MessageRow] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    # -- on the loop ---------------------------------------------------------------------------------

    def add(self, rows: Sequence[MessageRow], *, last: bool = False) -> None:
        """Put these on disk, or count them as dropped. ``last``: the process ends, all are taken."""
        if self._directory is None:
            return self._drop(len(rows), pending=0, why="there is no spool")
        if self._pending + len(rows) > PENDING_ROWS and not last:
            return self._drop(len(rows), pending=0, why="the disk of the spool does not keep up")
        with self._counting:
            self._pending += len(rows)
            self.waiting += len(rows)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
            self._thread.start()
        self._chunks.put(rows)

    # -- the thread that writes ----------------------------------------------------------------------

    def _run(self) -> None:
        while (rows := self._chunks.get()) is not None:
            for start in range(0, len(rows), WRITTEN_AT_ONCE):
                self._write(rows[start : start + WRITTEN_AT_ONCE])

    def _write(self, rows: Sequence[MessageRow]) -> None:
        if why := self._refusal(rows):
            return self._drop(len(rows), pending=len(rows), why=why)
        with self._counting:
            self._pending -= len(rows)
            self.written += len(rows)
        self.on_written()

    def _refusal(self, rows: Sequence[MessageRow]) -> str:
        """Write them; why that could not be, in words."""
        try:
            data = b"".join(map(_record, rows))
            with self._files:
                if self._size() + len(data) > self._limit:
                    return f"the spool is full (PROXY_SPOOL_BYTES={self._limit})"
                self._own = self._own or self._create()
                self._own.append(data)
        except Exception as error:  # noqa: BLE001 -- the thread must live to write the others
            return said(error)
        return ""

    def _create(self) -> SpoolFile:
        assert self._directory is not None  # add() has looked
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return SpoolFile(self._directory / f"{self._database}-{os.getpid()}-{secrets.token_hex(4)}.spool")

    def _size(self) -> int:
        return sum(file.size for file in (*self._left, self._own) if file is not None)

    def _drop(self, rows: int, *, pending: int, why: str) -> None:
        with self._counting:
            self._pending -= pending
            self.waiting -= pending
            self.dropped += rows
        if not self.complained:
            self.complained = True
            log.error("rows of the audit log are dropped from now on: %s", why)

    # -- the writer's thread -------------------------------------------------------------------------

    def adopt(self) -> None:
        """Take over what processes have left that are gone. What can't be read is told, and left."""
        for path in self._found():
            try:
                self._take_over(path)
            except BlockingIOError:
                continue  # its process lives
            except OSError as error:
                log.error("the spool %s can't be read: %s", path, said(error))

    def _found(self) -> list[Path]:
        if self._directory is None:
            return []
        try:
            is_there = self._directory.is_dir()
            return sorted(self._directory.glob(f"{self._database}-*.spool")) if is_there else []
        except OSError as error:
            log.error("the directory of the spool %s can't be read: %s", self._directory, said(error))
            return []

    def _take_over(self, path: Path) -> None:
        """Raises OSError; BlockingIOError where the process that writes it lives."""
        file = SpoolFile(path)
        try:
            rows = file.count()
        except OSError:
            file.close()
            raise
        log.info("%s: %d rows of the audit log that a process before has left", path.name, rows)
        with self._counting:
            self.waiting += rows
        with self._files:
            self._left.append(file)

    def next_piece(self) -> Piece | None:
        """The oldest rows; None when nothing is left. Files that are read are removed. Raises OSError."""
        while True:
            with self._files:
                file = self._left[0] if self._left else self._own
                if file is None:
                    return None
                records, end = file.records()
                if not records:
                    self._remove(file)
                    continue
            rows = [row for row in map(_row, records) if row is not None]
            return Piece(file, rows, len(records), end)

    def stored(self, piece: Piece) -> None:
        """The rows of this piece are committed. Raises OSError."""
        unreadable = piece.count - len(piece.rows)
        with self._counting:
            self.waiting -= piece.count
            self.dropped += unreadable
        with self._files:
            piece.file.advance(piece.end)
        if unreadable:
            log.error(
                "%s: %d rows of the audit log can't be read and are dropped", piece.file.path, unreadable
            )

    def _remove(self, file: SpoolFile) -> None:
        if file is self._own:
            self._own = None
        else:
            self._left.remove(file)
            if file.offset < file.size:
                log.warning("%s: its last %d bytes are no rows", file.path, file.size - file.offset)
        file.remove()

    # -- the end -------------------------------------------------------------------------------------

    def close(self, seconds: float) -> bool:
        """Write what was added; what is in files stays there. False when the disk takes longer."""
        if self._thread is not None:
            self._chunks.put(None)
            self._thread.join(seconds)
            if self._thread.is_alive():
                return False
        with self._files:
            for file in (*self._left, self._own):
                if file is not None and file.offset >= file.size:
                    file.remove()
                elif file is not None:
                    file.close()
            self._left, self._own = [], None
        return True


def _record(row: MessageRow) -> bytes:
    try:
        data = _encode(row)
    except (UnicodeEncodeError, OverflowError):
        data = _encode(msgspec.structs.replace(row, **_encodable(row)))
    return len(data).to_bytes(_LENGTH, "big") + data


def _encodable(row: MessageRow) -> dict[str, str | None]:
    """What a charger has written and MessagePack does not take, as the database would have it."""
    values: dict[str, str | None] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, str):
            values[name] = storable(value)
    if row.connector_id is not None and row.connector_id.bit_length() > BITS:
        values["connector_id"] = None
    return values


def _row(record: bytes) -> MessageRow | None:
    try:
        return _decode(record)
    except msgspec.MsgspecError:
        return None
