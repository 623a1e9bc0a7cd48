"""What a Runtime works with: its pace, links and writer as it sees them, and the sessions that it owns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Protocol

import msgspec

from routing.bus import Attachment
from routing.handed_in import RowWriter
from routing.links import Dial, DialTarget
from routing.session import Session


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often the runtime does what it does on its own, in seconds.

    ``health``: how often sessions say how their routes are.
    ``backlog``: how long a session without a charger may try in vain to reach a backoffice.
    ``answers``: the longest that a stop waits for answers, ``stop``: for the database.
    ``moves``: the longest that a session which another process wants waits for answers, ``asks``: that a
    charger waits for its old owner.
    """

    beat: float = 2
    poll: float = 0.5
    sweep: float = 1
    mourn: float = 5
    health: float = 5
    backlog: float = 60
    answers: float = 1
    stop: float = 2
    moves: float = 0.7
    asks: float = 1


class LiveLink(Protocol):
    """A link as the runtime sees it."""

    @property
    def target(self) -> DialTarget: ...

    @property
    def open(self) -> bool: ...

    @property
    def alive(self) -> bool: ...

    def begin(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Links(Dial, Protocol):
    """Dials, and knows what it has dialled (``backoffices.links.Dialler``)."""

    may_dial: Callable[[], Awaitable[None]]

    @property
    def links(self) -> Collection[LiveLink]: ...


class SessionWriter(RowWriter, Protocol):
    """A writer that tells whose session was lost to another runtime."""

    lost: Callable[[int, int], None]

    def counts(self) -> Mapping[str, float]:
        """See ``routing.writer.Writer.counts``."""


class Live:
    """A session that this runtime owns."""

    __slots__ = ("attached", "backlog_until", "routes", "session")

    def __init__(self, session: Session, routes: Iterable[int]) -> None:
        self.session = session
        self.routes = frozenset(routes)
        self.attached: Held | None = None
        self.backlog_until: float | None = None


class Held:
    """A charger's attachment: frames go straight to the session, the end also to the runtime."""

    __slots__ = ("_ended", "_inner", "up")

    def __init__(self, inner: Attachment, ended: Callable[[Held], None]) -> None:
        self.up: Callable[[str], None] = inner.up
        self._inner = inner
        self._ended = ended

    def detach(self, code: int) -> None:
        """See ``routing.bus.Attachment``."""
        self._inner.detach(code)
        self._ended(self)
