"""Who may send a backoffice what has waited, and when: live traffic goes first, and nobody is flooded.

One Pacer per process. Slots are granted one at a time with a gap between them, so that the loop has its
hands free for chargers in between; the gap grows while the loop is late, and shrinks again when it is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

logger = logging.getLogger(__name__)


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between two grants of a process, of all backoffices.

    ``shortest``: with an idle loop. ``longest``: however busy it is, what has waited gets on. ``turn``: in
    this time everybody who waits gets on, even if the gap has to be shorter than ``shortest``: new messages
    queue behind those that have waited, and with many chargers would come faster than they go. ``late``: by
    how much a timer may come late before the gap is doubled.
    """

    shortest: float = 0.004
    longest: float = 0.25
    turn: float = 10
    late: float = 0.005


RECOVERY = 0.95
"""By what the gap shrinks with each grant that came in time."""


class PacedSlot:
    """A slot, wished for or granted (a ``routing.links.Slot``)."""

    __slots__ = ("_desk", "_granted", "_pacer", "is_granted")

    def __init__(self, pacer: Pacer, desk: Desk, granted: Callable[[], None]) -> None:
        self._pacer = pacer
        self._desk = desk
        self._granted = granted
        self.is_granted = False

    def grant(self) -> None:
        """Tell who has asked."""
        self.is_granted = True
        self._granted()

    def end(self) -> None:
        """See ``routing.links.Slot``."""
        self._pacer.ended(self, self._desk)


class Desk:
    """Where slots of one backoffice are handed out, first come, first served."""

    __slots__ = ("at_once", "backoffice", "out", "waiting")

    def __init__(self, backoffice: str) -> None:
        self.backoffice = backoffice
        self.at_once = 0
        self.out: set[PacedSlot] = set()
        self.waiting: dict[PacedSlot, None] = {}

    @property
    def can_grant(self) -> bool:
        """Whether somebody waits for whom there is a slot."""
        return bool(self.waiting) and len(self.out) < self.at_once

    def take(self) -> PacedSlot:
        """Hand out the next slot."""
        slot = next(iter(self.waiting))
        del self.waiting[slot]
        self.out.add(slot)
        return slot


class Pacer:
    """Grants slots to the sessions of one loop (a ``routing.links.Pacer``)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, gaps: Gaps | None = None) -> None:
        self.gaps = gaps or Gaps()
        self.gap = self.gaps.shortest
        self._loop = loop
        self._desks: dict[str, Desk] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._must = False

    def ask(self, backoffice: str, at_once: int, granted: Callable[[], None]) -> PacedSlot:
        """See ``routing.links.Pacer``; the newest ``at_once`` of a backoffice counts."""
        desk = self._desks.get(backoffice)
        if desk is None:
            desk = self._desks[backoffice] = Desk(backoffice)
        desk.at_once = at_once
        slot = PacedSlot(self, desk, granted)
        desk.waiting[slot] = None
        self._arm()
        return slot

    def ended(self, slot: PacedSlot, desk: Desk) -> None:
        """A slot is free, or not wished for any more; ending it again does nothing."""
        desk.out.discard(slot)
        desk.waiting.pop(slot, None)
        if not desk.out and not desk.waiting and self._desks.get(desk.backoffice) is desk:
            del self._desks[desk.backoffice]
        self._arm()

    def counts(self) -> dict[str, tuple[int, int]]:
        """Per backoffice that catches up: how many slots are out, and how many are waited for."""
        return {name: (len(desk.out), len(desk.waiting)) for name, desk in self._desks.items()}

    def _arm(self) -> None:
        """Have the next slot granted after the gap, where one can be."""
        waiting = sum(len(desk.waiting) for desk in self._desks.values() if desk.can_grant)
        if waiting and self._timer is None:
            longest = min(self.gaps.longest, self.gaps.turn / waiting)
            self._must = self.gap >= longest  # however late the loop is
            gap = min(self.gap, longest)
            self._due = self._loop.time() + gap
            self._timer = self._loop.call_later(gap, self._tick)
        elif not waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        if self._may_grant(self._loop.time() - self._due):
            self._grant_next()
        self._arm()

    def _may_grant(self, late: float) -> bool:
        """Whether the loop has time for one more; how it was doing sets the gap."""
        if late <= self.gaps.late:
            self.gap = max(self.gaps.shortest, self.gap * RECOVERY)
            return True
        self.gap = min(self.gaps.longest, self.gap * 2)
        return self._must

    def _grant_next(self) -> None:
        """One slot of the backoffice that has got none for the longest time."""
        desk = next((desk for desk in self._desks.values() if desk.can_grant), None)
        if desk is None:
            return
        self._desks[desk.backoffice] = self._desks.pop(desk.backoffice)
        try:
            desk.take().grant()
        except Exception:  # a fault of one session, which is ours, must not keep the others waiting
            logger.exception("granting a slot of %s failed", desk.backoffice)
