"""Group commit: everything the sessions of this process want stored goes through one Writer.

The loop's side only appends to a list. A batch is handed to one thread with a database connection
of its own (``routing.committer``), one at a time; while it is being committed, the next one grows. What
was put with a ``done`` callback is safe on disk when that is called.

While the database is away, memory stays bounded: of each charger one put waits, with the newest of what
replaces itself, and rows of the audit log go to a spool on disk. What nobody was answered for is neither
dropped nor stored in part.

What is stored is stored at least once: when the connection breaks in the very moment of COMMIT, the
batch is written again. All rows but those of the audit log replace themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TypeGuard

from msgspec.structs import replace

from routing.committer import Committer
from routing.core.rows import DeliveryRow, MessageRow, Row
from routing.saying import say
from routing.spool import Spool
from routing.store import Put, Stored
from routing.tables import coalesce

log = logging.getLogger(__name__)

NOT_STORED = "proxy: not stored, the database was away when the process ended"

LOG_SECONDS = 0.05
"""How long rows of the audit log gather that come alone: nobody waits for them."""

LARGEST_BATCH = 1000
"""Rows in one transaction at most: after an outage the backlog is stored in pieces."""

SWITCH_S = 0.0003
"""What ``sys.setswitchinterval`` should be in a process with a writer.

The loop waits so long for the interpreter lock while the writer's thread computes; Python's own 5 ms
would show in every answer.
"""

CROWDED_ROWS = 10_000
"""From so many waiting rows on, new ones of the audit log go to the spool, and puts are merged."""

ROOM = 64
"""Rows of one charger that may gather before they are coalesced."""

CALLBACKS_S = 0.0005
"""How long callbacks after a commit may keep the loop at a time."""

WATCH_S = 5.0
PATIENCE_S = 30.0
"""A statement that takes longer than this is on a connection that is dead; looked at every ``WATCH_S``."""


class WriterStopped(RuntimeError):
    """Something was put after ``Writer.stop``: it would never be stored."""


class Writer:
    """Stores rows of all sessions of one process in batches. Its methods are called on ``loop``.

    ``lost`` is called with a charger and the epoch of a session that another runtime has taken: its
    rows were not written, their ``done`` is never called. ``died`` is called in the writer's thread when
    that fails in a way that nobody has thought of; unless it is set, the process ends then, for whoever
    supervises it to start it again. Without a ``spool`` rows of the audit log are dropped where they would
    go there.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        batch_rows: int = 1000,
        batch_seconds: float = 0.005,
        using: str = "default",
        spool: Spool | None = None,
        crowded_rows: int = CROWDED_ROWS,
    ) -> None:
        self.lost: Callable[[int, int], None] = _log_lost
        self.died: Callable[[], None] = _end_process
        self._loop = loop
        self._batch_rows = batch_rows
        self._batch_seconds = batch_seconds
        self._crowded_rows = crowded_rows
        self._puts: list[Put] = []
        self._merging: dict[int, Put] = {}
        self._rows = 0
        self._in_flight: list[Put] = []
        self._rows_in_flight = 0
        self._due = False
        self._hurried = False
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._callbacks: deque[tuple[Callable[[], object], str, int]] = deque()
        self._spool = spool or Spool(None, 0)
        self._committer = Committer(loop, self._stored, using, self._spool, self._thread_died)
        self._stopped = False
        self._counts = {"written": 0, "refused": 0, "fenced": 0, "batches": 0}

    def start(self) -> None:
        """Start the thread. What was put before is stored too, and what processes before have spooled."""
        self._committer.start()
        self._look_after()

    async def stop(self, patience_s: float = 10.0) -> None:
        """Commit everything and end the thread.

        Where nothing is committed for ``patience_s``, rows of the audit log go to the spool, and the
        others are given up: whoever waits for them was not answered, and will say it again.
        """
        self._committer.hurry()
        while self._committer.started and (self._puts or self._in_flight or self._callbacks):
            batches = self._counts["batches"]
            flushed = self._loop.create_task(self.flush())
            await asyncio.wait([flushed], timeout=patience_s)
            if not flushed.done() and batches == self._counts["batches"]:
                flushed.cancel()
                break
        self._stopped = True
        await self._end()

    def put(
        self, charger: int, epoch: int, rows: Sequence[Row], done: Callable[[], None] | None = None
    ) -> None:
        """Store ``rows`` of this charger's session, after all that was put before.

        ``done`` runs on the loop after the commit; rows of the audit log may then still be on their way.
        Raises WriterStopped after ``stop``.
        """
        if self._stopped:
            raise WriterStopped(f"{len(rows)} rows of charger {charger} came after the writer was stopped")
        if self._rows >= self._crowded_rows and charger:
            return self._put_in_crowd(charger, epoch, rows, done)
        if self._merging:
            self._merging.pop(
                charger, None
            )  # its order: what comes later is not merged into what came before
        self._puts.append(Put(charger, epoch, rows, None if done is None else [done]))
        self._rows += len(rows)
        if not self._hurried:
            self._set_timer(hurry=done is not None or len(rows) != 1 or type(rows[0]) is not MessageRow)
        if self._rows >= self._batch_rows and not self._in_flight:
            self._hand_over()

    def _put_in_crowd(
        self, charger: int, epoch: int, rows: Sequence[Row], done: Callable[[], None] | None
    ) -> None:
        """Where too much waits: spool the log, and merge the rest into what waits of this charger.

        What is merged is committed as one. Nobody can see a newer value without what came before it. What the
        log says of a CALL whose answer waits, or that got none, is stored with what is to be delivered, or
        not at all: by it a repeat is known. A charger has one such CALL at a time.
        """
        if done is None and (logged := [row for row in rows if _may_go_ahead(row)]):
            self._spool.add(logged)
            rows = [row for row in rows if not _may_go_ahead(row)]
            if not rows:
                return
        waiting = self._merging.get(charger)
        if waiting is None or waiting.epoch != epoch:
            self._merging[charger] = waiting = Put(charger, epoch, (), room=ROOM)
            self._puts.append(waiting)
        before = len(waiting.rows)
        merged: list[Row] = [*waiting.rows, *rows]
        if len(merged) > waiting.room:
            merged = list(chain.from_iterable(coalesce(merged).values()))
            waiting.room = 2 * len(merged) + ROOM
        waiting.rows = merged
        if done is not None:
            if waiting.dones is None:
                waiting.dones = []
            waiting.dones.append(done)
        self._rows += len(merged) - before
        if not self._in_flight:
            self._hand_over()

    def _set_timer(self, *, hurry: bool) -> None:
        if self._timer is not None:
            if not hurry:
                return
            self._timer.cancel()
        self._hurried = hurry
        seconds = self._batch_seconds if hurry else max(self._batch_seconds, LOG_SECONDS)
        self._timer = self._loop.call_later(seconds, self._hand_over)

    async def flush(self) -> None:
        """Return when everything put so far is committed, but for rows of the audit log in the spool."""
        committed = self._loop.create_future()
        self.put(0, 0, (), partial(_resolve, committed))
        self._hand_over()
        await committed

    def counts(self) -> dict[str, int]:
        """What became of rows, in numbers since the start, and how things are now.

        Since the start: ``written``; ``refused`` by the database, for good; ``fenced``, of sessions that
        others own; ``spooled``, rows of the audit log that went to the spool; ``dropped``, rows of the
        audit log that were not kept; ``batches``; ``retries`` of batches.
        Now: ``waiting`` in memory; ``in_spool``; ``away_s``, for how many seconds the database has taken
        nothing (0 while it does).
        """
        away = self.away_since
        return {
            **self._counts,
            "written": self._counts["written"] + self._committer.read_back,
            "refused": self._counts["refused"] + self._committer.refused,
            "spooled": self._spool.written,
            "dropped": self._spool.dropped,
            "retries": self._committer.retries,
            "waiting": self._rows + self._rows_in_flight,
            "in_spool": self._spool.waiting,
            "away_s": 0 if away is None else int((datetime.now(UTC) - away).total_seconds()),
        }

    @property
    def away_since(self) -> datetime | None:
        """Since when the database takes nothing or does not answer; None while it does."""
        return self._committer.away_since

    def _hand_over(self) -> None:
        """Give the thread what has gathered, or leave word that it is due when the thread is free."""
        if self._in_flight:
            self._due = True
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._hurried = None, False
        if batch := self._take():
            self._in_flight = batch
            self._due = bool(self._puts)
            self._committer.take(batch)

    def _take(self) -> list[Put]:
        """The oldest puts, up to LARGEST_BATCH rows but at least one."""
        batch, rows = self._puts, self._rows
        if rows > LARGEST_BATCH:
            rows = count = 0
            while count < min(len(batch), LARGEST_BATCH):
                if count and rows + len(batch[count].rows) > LARGEST_BATCH:
                    break
                rows, count = rows + len(batch[count].rows), count + 1
            batch, self._puts = batch[:count], batch[count:]
        else:
            self._puts = []
        if self._merging:
            for put in batch:
                if self._merging.get(put.charger) is put:
                    del self._merging[put.charger]
        self._rows, self._rows_in_flight = self._rows - rows, rows
        return batch

    def _stored(self, batch: list[Put], stored: Stored | None) -> None:
        """On the loop, after the commit of ``batch``, or when it was given up."""
        self._in_flight, rows, self._rows_in_flight = [], self._rows_in_flight, 0
        if stored is None:
            self._puts[:0] = batch
            self._rows += rows
            return
        self._counts["batches"] += 1
        self._counts["written"] += stored.written
        self._counts["refused"] += stored.refused
        self._counts["fenced"] += sum(len(put.rows) for put in stored.fenced)
        if self._due or self._rows >= self._batch_rows:
            self._hand_over()
        fenced = {id(put) for put in stored.fenced}
        calls: list[tuple[Callable[[], object], str, int]] = [
            (done, "after commit", put.charger)
            for put in batch
            if put.dones is not None and id(put) not in fenced
            for done in put.dones
        ]
        calls += [(partial(self.lost, *session), "session lost", session[0]) for session in stored.lost]
        idle = not self._callbacks
        self._callbacks.extend(calls)
        if idle:
            self._call_back()

    def _call_back(self) -> None:
        """In order, a few at a time: each may be a turn of a session, and others want the loop too."""
        until = time.perf_counter() + CALLBACKS_S
        while self._callbacks:
            callback, what, charger = self._callbacks[0]
            _call(callback, what, charger)
            self._callbacks.popleft()
            if self._callbacks and time.perf_counter() >= until:
                self._loop.call_soon(self._call_back)
                return

    def _thread_died(self) -> None:
        """In the thread that dies."""
        self.died()

    def _look_after(self) -> None:
        """A connection that nobody answers on is broken from here: its thread can't."""
        self._watch = self._loop.call_later(WATCH_S, self._look_after)
        if self._committer.busy_s > PATIENCE_S:
            self._committer.interrupt()

    # -- the end -------------------------------------------------------------------------------------

    async def _end(self) -> None:
        for timer in (self._timer, self._watch):
            if timer is not None:
                timer.cancel()
        if self._committer.started:
            await self._end_thread()
        left = [*self._in_flight, *self._puts]  # in flight: the thread hangs, and may even succeed yet
        if left:
            self._give_up(left)
        if not await self._loop.run_in_executor(None, self._spool.close, 1.0):
            log.error("the disk of the spool does not answer; what was on its way there is lost")

    async def _end_thread(self) -> None:
        if self._puts or self._in_flight:
            self._committer.give_up()
        self._committer.end()
        try:
            async with asyncio.timeout(0.5 if self._committer.busy_s or self._in_flight else None):
                await self._committer.ended.wait()
        except TimeoutError:
            log.error("the database does not answer; its connection is abandoned")

    def _give_up(self, puts: Sequence[Put]) -> None:
        lost = {(r.charger, r.exchange) for put in puts for r in put.rows if type(r) is DeliveryRow}
        rows = list(chain.from_iterable(_unanswered(put, lost) for put in puts))
        logged = [row for row in rows if type(row) is MessageRow]
        self._spool.add(logged, last=True)
        self._puts, self._in_flight, self._rows, self._rows_in_flight = [], [], 0, 0
        log.error(
            "stopped while the database was away: %d rows of the audit log go to the spool; %d others of %d "
            "chargers are given up, nobody was answered for them",
            len(logged), len(rows) - len(logged), len({put.charger for put in puts if put.charger}),
        )  # fmt: skip


def _is_said(row: Row) -> TypeGuard[MessageRow]:
    """Whether this tells of a CALL of the charger: by it a repeat is known."""
    return type(row) is MessageRow and row.route is None and row.direction == "up"


def _may_go_ahead(row: Row) -> TypeGuard[MessageRow]:
    """Whether this is of the log and may be stored before what was put earlier.

    What a charger said and had no answer to may not: it will say it again.
    """
    return type(row) is MessageRow and (bool(row.answer) or not _is_said(row))


def _unanswered(put: Put, lost: Set[tuple[int, int]]) -> Iterator[Row]:
    """The rows of what is given up: the log does not say of the charger's CALL that it was taken.

    The next process would take it for a repeat when the charger says it again, and nobody would hear of it.
    ``lost``: charger and exchange of the deliveries that are given up. What the log says of such a CALL may
    come alone and later, when a session that waits for a backoffice's answer is wound down.
    """
    for row in put.rows:
        if _is_said(row) and (put.dones or (row.charger, row.exchange) in lost):
            row = replace(row, answer="", outcome="dropped", latency_ms=None, rule=NOT_STORED)
        yield row


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():  # whoever waited may have been cancelled
        future.set_result(None)


def _log_lost(charger: int, epoch: int) -> None:
    say(log, charger, logging.WARNING, "another runtime owns its session; rows of ours were not stored")


def _end_process() -> None:
    os._exit(os.EX_SOFTWARE)


def _call(callback: Callable[[], object], what: str, charger: int) -> None:
    try:
        callback()
    except Exception:  # one session's mistake must not cost the others of the batch their commit
        log.exception("charger %d: %s: the callback failed", charger, what)
