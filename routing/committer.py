"""The thread that stores: one batch after the other, rows of the spool in between.

It can't die of a database. A batch that fails is tried again for as long as it takes; the log gets one
line when the database goes away and one when it is back. A process whose thread has died of something else
would look alive and answer nothing: it ends.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from routing.spool import Piece, Spool
from routing.store import ROW_AT_FAULT, Put, Store, Stored, said

log = logging.getLogger(__name__)

RETRY_S = (0.05, 5.0)
"""First and longest pause before a batch is tried again."""

SLOW_S = 5.0
"""A database that has not answered for so long counts as away."""

Report = Callable[[list[Put], Stored | None], None]
"""What became of a batch; None: it is not stored, and the committer was told to give up."""


class Committer:
    """``take`` gives it a batch, ``report`` is called on the loop when that is stored."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        report: Report,
        using: str,
        spool: Spool,
        died: Callable[[], None],
    ) -> None:
        self.retries = 0
        self.read_back = 0
        """Rows of the spool that were stored."""
        self.refused = 0
        """Rows of the spool that the database refused."""
        self.failing_since: datetime | None = None
        self._busy_since = 0.0
        self._loop = loop
        self._report = report
        self._died = died
        self._store = Store(using)
        self._spool = spool
        self._before = (0, 0)
        self._batches: SimpleQueue[list[Put] | None] = SimpleQueue()
        self._at_once = threading.Event()
        self._giving_up = False
        self._pause = RETRY_S[0]
        self.ended = asyncio.Event()
        # A daemon: a process that must end is not held up by a database that is away.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    # -- on the loop ---------------------------------------------------------------------------------

    def start(self) -> None:
        self._spool.on_written = self.look
        self._thread.start()

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def take(self, batch: list[Put]) -> None:
        self._batches.put(batch)

    def look(self) -> None:
        """There may be something in the spool."""
        self._batches.put([])

    def hurry(self) -> None:
        """Try again now."""
        self._at_once.set()

    def give_up(self) -> None:
        """Try nothing again; a batch that can't be stored is handed back."""
        self._giving_up = True
        self._at_once.set()
        self._store.interrupt()

    def end(self) -> None:
        """When all batches are done, ``ended`` is set."""
        self._batches.put(None)

    @property
    def busy_s(self) -> float:
        """How long the database has been asked for the same thing; 0 when it is not asked."""
        return time.monotonic() - self._busy_since if self._busy_since else 0.0

    @property
    def away_since(self) -> datetime | None:
        """Since when the database takes nothing, None while it does."""
        if self.failing_since is not None or self.busy_s < SLOW_S:
            return self.failing_since
        return datetime.now(UTC) - timedelta(seconds=self.busy_s)

    def interrupt(self) -> None:
        """Break the connection under what is asked."""
        self._store.interrupt()

    # -- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:  # the edge of a thread without which nothing is stored, and nobody answered
            log.critical("the writer's thread has failed: nothing can be stored", exc_info=True)
            self._died()

    def _work(self) -> None:
        self._spool.adopt()
        while (batch := self._next()) is not None:
            if batch and not self._on_loop(self._report, batch, self._persist(batch)):
                break
        self._store.close()
        self._on_loop(self.ended.set)

    def _on_loop(self, callback: Callable[..., None], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop was closed without stop(): nobody is left to be told
            return False
        return True

    def _next(self) -> list[Put] | None:
        """The next batch; while there is none, the spool is read back."""
        wait: float | None = 0.0
        while True:
            try:
                return self._batches.get(timeout=wait)
            except Empty:
                wait = self._store_piece()

    def _persist(self, batch: list[Put]) -> Stored | None:
        """Store the batch, however often it takes; None when that was to be given up."""
        rows = sum(len(put.rows) for put in batch)
        one_by_one = False
        while True:
            self._busy_since = time.monotonic()
            try:
                stored = self._store.store(batch, one_by_one=one_by_one)
            except Exception as error:  # noqa: BLE001 -- a batch may not be lost, whatever is wrong
                if _is_of_a_row(error) and not one_by_one:
                    one_by_one = True
                    continue
                self._failed(error, rows)
            else:
                self._succeeded()
                return stored
            if self._giving_up:
                return None
            self._at_once.wait(self._pause)
            self._at_once.clear()
            self._pause = min(self._pause * 2, RETRY_S[1])

    def _store_piece(self) -> float | None:
        """Store a piece of the spool; seconds until the next may be tried, None for no sooner than asked."""
        try:
            piece = self._spool.next_piece()
            if piece is None:
                return None
            self._busy_since = time.monotonic()
            refused = self._store_log(piece)
        except OSError as error:
            log.error("the spool can't be read: %s", said(error))
            self._busy_since = 0.0
            return RETRY_S[1]
        except Exception as error:  # noqa: BLE001 -- as in _persist
            self._failed(error, 0)
            self._pause = min(self._pause * 2, RETRY_S[1])
            return self._pause
        self._succeeded()
        self.read_back += len(piece.rows) - refused
        self.refused += refused
        return self._piece_stored(piece)

    def _store_log(self, piece: Piece) -> int:
        try:
            return self._store.store_log(piece.rows, one_by_one=False)
        except ROW_AT_FAULT as error:
            _is_of_a_row(error)
            return self._store.store_log(piece.rows, one_by_one=True)

    def _piece_stored(self, piece: Piece) -> float:
        try:
            self._spool.stored(piece)
        except OSError as error:  # it will come twice, unless this process lives to read on
            log.error("the spool can't be written to: %s", said(error))
        return 0.0

    # -- away and back -------------------------------------------------------------------------------

    def _failed(self, error: Exception, rows: int) -> None:
        since, self._busy_since = datetime.now(UTC) - timedelta(seconds=self.busy_s), 0.0
        self._store.close()
        self.retries += 1
        if self.failing_since is None:
            self._before = (self.retries, self._spool.dropped)
            self.failing_since = since
            log.error("the database is away, %d rows are tried again until it is back: %s", rows, said(error))

    def _succeeded(self) -> None:
        self._busy_since = 0.0
        self._pause = RETRY_S[0]
        if self.failing_since is None:
            return
        seconds = (datetime.now(UTC) - self.failing_since).total_seconds()
        retries, dropped = self._before
        log.warning(
            "the database is back after %.1f s and %d tries; %d rows of the audit log are read back from the "
            "spool, %d were dropped",
            seconds, self.retries - retries + 1, self._spool.waiting, self._spool.dropped - dropped,
        )  # fmt: skip
        self.failing_since = None
        self._spool.complained = False


def _is_of_a_row(error: Exception) -> bool:
    if not isinstance(error, ROW_AT_FAULT):
        return False
    log.warning("the database refused a batch; its rows are stored one by one: %s", said(error))
    return True
