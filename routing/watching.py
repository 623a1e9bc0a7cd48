"""The tap of the audit log: rows on their way to whoever looks on at this moment.

Sessions show it what they store. While nobody looks on that costs them one test of ``Watching.on``; while
somebody does, rows of what is watched are gathered and published in batches, at most ten times a second
for each subject. Nothing here waits, and nobody waits for it.

A watch is a lease: it ends by itself unless it is renewed, so that a viewer who has vanished costs nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from routing.core.rows import MessageRow, Row
from routing.links import DialTarget

Kind = Literal["charger", "backoffice"]

LEASE_S = 30.0
"""How long a watch lasts that nobody renews."""

RENEW_S = 10.0
"""How often its viewer renews it."""

GATHER_S = 0.03
"""How long the first row of a batch waits for others, and a copy for the frame whose payload it repeats."""

PUBLISH_S = 0.1
"""The least time between two batches of a subject."""

MOST_ROWS, MOST_CHARACTERS = 300, 300_000
"""What a batch holds at most; the newest win."""

LONGEST_FRAME = 4000
"""Characters of a frame that are shown live; the log has it whole."""

MOST_HEADS = 2000
"""Frames of chargers that copies in watched backoffices may refer to."""


class Subject(msgspec.Struct, frozen=True):
    """What is watched. ``key``: a charger's primary key as text, or the name of a backoffice."""

    kind: Kind
    key: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a subject as one process has stored them, oldest first.

    ``first`` is the number of the first of ``rows`` among all that ``source`` had to publish, from 0.
    ``left_out``: how many before it found no room in this batch; they have numbers too.
    Frames are cut at ``LONGEST_FRAME``.
    """

    source: str
    subject: Subject
    first: int
    rows: tuple[MessageRow, ...]
    left_out: int = 0


Publish = Callable[[Batch, Sequence[str]], None]
"""``(batch, to)``: pass it on to the processes of these names. Must not raise, and must not wait."""


class Clock(Protocol):
    """What is used of an event loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle: ...


class Gathered:
    """The rows of one subject that wait to be published, and who leases it (name to end)."""

    __slots__ = ("characters", "is_due", "last", "leases", "left_out", "number", "rows", "source", "subject")

    def __init__(self, subject: Subject, source: str) -> None:
        self.subject = subject
        self.source = source
        self.leases: dict[str, float] = {}
        self.rows: deque[MessageRow] = deque()
        self.characters = 0
        self.left_out = 0
        self.number = 0
        self.is_due = False
        self.last = float("-inf")

    def add(self, row: MessageRow) -> None:
        """Keep a row; where there is no room the oldest goes."""
        self.rows.append(row)
        self.characters += _characters(row)
        while len(self.rows) > MOST_ROWS or (self.characters > MOST_CHARACTERS and len(self.rows) > 1):
            self.characters -= _characters(self.rows.popleft())
            self.left_out += 1

    def take(self) -> tuple[int, int, list[MessageRow]]:
        """The number of the first row, how many were left out before it, and the rows."""
        rows, left_out = list(self.rows), self.left_out
        first = self.number + left_out
        self.number = first + len(rows)
        self.rows.clear()
        self.characters = self.left_out = 0
        return first, left_out, rows


def _characters(row: MessageRow) -> int:
    return min(len(row.text), LONGEST_FRAME) + min(len(row.answer), LONGEST_FRAME)


class Watching:
    """Used on one loop. ``name``: that of this process. ``publish`` is set by whoever passes batches on."""

    def __init__(self, clock: Clock, name: str) -> None:
        self.on = False
        self.publish: Publish = lambda batch, to: None
        self._clock = clock
        self._name = name
        self._beginnings = 0
        self._chargers: dict[int, Gathered] = {}
        self._backoffices: dict[str, Gathered] = {}
        self._heads: OrderedDict[tuple[int, int], str] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    # -- sessions ----------------------------------------------------------------------------------

    def saw(self, charger: int, targets: Mapping[int, DialTarget], rows: Sequence[Row]) -> None:
        """Rows that a session stores; ``targets`` are its routes. Only to be called while ``on``."""
        own = self._chargers.get(charger)
        for row in rows:
            if type(row) is not MessageRow:
                continue
            if own is not None:
                self._gather(own, row)
            if self._backoffices:
                self._saw_for_backoffices(targets, row)

    def _saw_for_backoffices(self, targets: Mapping[int, DialTarget], row: MessageRow) -> None:
        if row.route is None:
            if row.direction == "up" and row.text:
                self._heads[row.charger, row.exchange] = row.text[: LONGEST_FRAME + 1]
                if len(self._heads) > MOST_HEADS:
                    self._heads.popitem(last=False)
            return
        target = targets.get(row.route)
        theirs = None if target is None else self._backoffices.get(target.backoffice)
        if theirs is not None:
            self._gather(theirs, row)

    def _gather(self, gathered: Gathered, row: MessageRow) -> None:
        gathered.add(row)
        if not gathered.is_due:
            gathered.is_due = True
            when = max(self._clock.time() + GATHER_S, gathered.last + PUBLISH_S)
            self._clock.call_at(when, self._publish, gathered)

    def _publish(self, gathered: Gathered) -> None:
        gathered.is_due, gathered.last = False, self._clock.time()
        if not gathered.leases:
            return
        first, left_out, rows = gathered.take()
        whole = [self._with_payload(row) for row in rows] if gathered.subject.kind == "backoffice" else rows
        batch = Batch(
            source=gathered.source,
            subject=gathered.subject,
            first=first,
            rows=tuple(_cut(row) for row in whole),
            left_out=left_out,
        )
        self.publish(batch, tuple(gathered.leases))

    def _with_payload(self, row: MessageRow) -> MessageRow:
        """A copy that only says "as the charger's": whoever watches a backoffice does not see that one."""
        if row.text:
            return row
        text = self._heads.get((row.charger, row.exchange), "")
        return msgspec.structs.replace(row, text=text)

    # -- leases ------------------------------------------------------------------------------------

    def lease(self, subject: Subject, by: str, for_s: float = LEASE_S) -> None:
        """Show ``by`` this subject for so many seconds from now on, however long it was to be before."""
        gathered = self._find(subject)
        if gathered is None:
            self._beginnings += 1
            gathered = self._keep(Gathered(subject, f"{self._name} {self._beginnings}"))
        gathered.leases[by] = self._clock.time() + for_s
        self._set()

    def end(self, subject: Subject, by: str) -> None:
        """``by`` does not look on any more."""
        gathered = self._find(subject)
        if gathered is not None:
            gathered.leases.pop(by, None)
            self._set()

    def _find(self, subject: Subject) -> Gathered | None:
        if subject.kind == "charger":
            return self._chargers.get(int(subject.key))
        return self._backoffices.get(subject.key)

    def _keep(self, gathered: Gathered) -> Gathered:
        if gathered.subject.kind == "charger":
            self._chargers[int(gathered.subject.key)] = gathered
        else:
            self._backoffices[gathered.subject.key] = gathered
        return gathered

    def _expire(self) -> None:
        now = self._clock.time()
        for gathered in (*self._chargers.values(), *self._backoffices.values()):
            gathered.leases = {by: until for by, until in gathered.leases.items() if until > now}
        self._set()

    def _set(self) -> None:
        """Forget what nobody leases any more, and look again when the next lease ends."""
        self._chargers = {key: one for key, one in self._chargers.items() if one.leases}
        self._backoffices = {key: one for key, one in self._backoffices.items() if one.leases}
        self.on = bool(self._chargers or self._backoffices)
        if not self._backoffices:
            self._heads.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        all_of_them = (*self._chargers.values(), *self._backoffices.values())
        ends = [until for one in all_of_them for until in one.leases.values()]
        if ends:
            self._timer = self._clock.call_at(min(ends), self._expire)


def _cut(row: MessageRow) -> MessageRow:
    if len(row.text) <= LONGEST_FRAME and len(row.answer) <= LONGEST_FRAME:
        return row
    return msgspec.structs.replace(row, text=cut(row.text), answer=cut(row.answer))


def cut(text: str) -> str:
    """A frame as it is shown live; of a long one its beginning, with an ellipsis.

    A card number that is cut through is still hidden: ``routing.core.masking`` takes what is left of it.
    """
    return text if len(text) <= LONGEST_FRAME else f"{text[:LONGEST_FRAME]}…"
