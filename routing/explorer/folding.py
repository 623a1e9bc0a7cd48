"""Rows of the audit log folded into exchanges: who asked, what went where, who answered, by which rule.

Pure. A row is a CALL on one socket with its answer (``routing.core.rows.MessageRow``); an exchange is what
belongs together: the first CALL, its copies, and the answer that the asker got.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from routing.core import frames, spans
from routing.core.rows import Direction, MessageRow, Outcome

Kind = Literal["charger", "backoffice", "proxy", "stray"]
"""Who began: the charger, a backoffice, or the proxy itself. ``stray``: a frame that stands alone, since it
could not be read, answers nothing that was asked, or wants no answer (SEND)."""

Group = Literal["well", "blocked", "error", "unanswered", "withheld"]
"""Outcomes as people sort them. ``withheld``: a copy that a backoffice was not to get, by a rule."""

Key = tuple[int, int]
"""What names an exchange and orders them: its number (microseconds since 1970) and its charger."""

_GROUPS: dict[Outcome, Group] = {
    "answered": "well",
    "sent": "well",
    "denied": "blocked",
    "error": "error",
    "malformed": "error",
    "unsolicited": "error",
    "timeout": "unanswered",
    "lost": "unanswered",
    "dropped": "unanswered",
    "withheld": "withheld",
}

_ALONE = ("malformed", "unsolicited", "sent")

_STATUS = ("$[].idTagInfo.status", "$[].idTokenInfo.status", "$[].status")
"""Where an answer says yes or no."""

_BY_PROXY = "proxy: "
_BY_BACKOFFICE = "answered by "


@dataclass(frozen=True, slots=True)
class Leg:
    """The part of an exchange on one socket: a CALL as it was there, and what it was answered.

    ``route`` is None on the charger's socket. ``text`` is the frame as stored: empty where its payload is
    that of the exchange's head to the byte (``Exchange.frame`` gives it all the same); ``is_other`` says that
    something else was sent than what came. ``answer`` is "" where none came. ``latency_ms`` is None where
    nothing was sent. ``status`` is what the answer says in one word (``Accepted``), or "".
    """

    route: int | None
    at: datetime
    action: str
    message_id: str
    text: str
    answer: str
    outcome: Outcome
    group: Group
    error_code: str
    rule: str
    latency_ms: float | None
    size: int
    status: str
    is_other: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """What belongs together, as far as the rows that were given tell.

    ``number`` and ``charger`` name it. ``head`` is the CALL with which it began, on the socket of who asked;
    None where the proxy itself began, or where its row is not there (yet). ``copies`` are what the others
    got, in the order in which they went out: backoffices, or the charger.
    ``answered_by``: ``"charger"``, ``"proxy"``, a backoffice by its name at the time (``"backoffice"``
    where the proxy asked it), "" where the asker has no answer. ``rule``: who or what decided, in words.
    ``group``: how it went for who asked.
    ``is_virtual``: a backoffice was answered by the proxy, without the charger.
    """

    charger: int
    number: int
    kind: Kind
    direction: Direction
    action: str
    head: Leg | None
    copies: tuple[Leg, ...]
    answered_by: str
    rule: str
    group: Group
    is_virtual: bool
    transaction: str
    connector_id: int | None
    id_tag: str

    @property
    def key(self) -> Key:
        return self.number, self.charger

    @property
    def at(self) -> datetime:
        """When it began; aware, UTC."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.number)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Head and copies."""
        return self.copies if self.head is None else (self.head, *self.copies)

    @property
    def first(self) -> Leg:
        return self.legs[0]

    @property
    def troubles(self) -> tuple[Leg, ...]:
        """Copies that did not arrive as they should, of several tries the last; of the head see ``group``."""
        last = {leg.route: leg for leg in self.copies}
        return tuple(leg for leg in last.values() if leg.group not in ("well", "withheld"))

    @property
    def latency_ms(self) -> float | None:
        """From the asker's CALL to its answer; of the first copy where the proxy began."""
        return self.first.latency_ms

    def frame(self, leg: Leg) -> str:
        """The CALL as it was on this socket: what is stored, or the head's payload under this message id.

        What was never sent has no frame of its own: "".
        """
        if leg.text or self.head is None or not leg.message_id or self._takes_back(leg):
            return leg.text
        came = frames.parse(self.head.text) if self.head.text else None
        if isinstance(came, frames.Send):
            return frames.send(leg.message_id, leg.action, came.payload)
        if not isinstance(came, frames.Call):
            return ""
        return frames.call(leg.message_id, leg.action, came.payload)

    def _takes_back(self, leg: Leg) -> bool:
        return self.direction == "up" and leg.route is None and leg is not self.head


def fold(rows: Iterable[MessageRow]) -> list[Exchange]:
    """Exchanges of these rows, the newest first; rows of one exchange may stand anywhere among them."""
    found: dict[Key, list[MessageRow]] = {}
    for row in rows:
        found.setdefault((row.exchange, row.charger), []).append(row)
    return [_exchange(found[key]) for key in sorted(found, reverse=True)]


def group_of(row: MessageRow) -> Group:
    """How a row's CALL went. What the proxy refuses as an error is blocked too."""
    if row.outcome == "error" and row.rule.startswith(_BY_PROXY) and not row.error_code:
        return "blocked"
    return _GROUPS[row.outcome]


def _exchange(rows: list[MessageRow]) -> Exchange:
    kind, head = _beginning(rows)
    copies = sorted((row for row in rows if row is not head), key=lambda row: row.at)
    first = head or copies[0]
    taken_back = next(filter(_takes_back, copies), None)
    answered_by = "" if taken_back else _answered_by(kind, head, copies)
    return Exchange(
        charger=first.charger,
        number=first.exchange,
        kind=kind,
        direction=first.direction,
        action=first.action,
        head=None if head is None else _leg(head),
        copies=tuple(map(_leg, copies)),
        answered_by=answered_by,
        rule=(taken_back or first).rule,
        group=group_of(taken_back or first),
        is_virtual=kind == "backoffice" and answered_by == "proxy" and first.outcome == "answered",
        transaction=next((str(row.transaction) for row in rows if row.transaction), ""),
        connector_id=next((row.connector_id for row in rows if row.connector_id is not None), None),
        id_tag=first.id_tag,
    )


def _beginning(rows: list[MessageRow]) -> tuple[Kind, MessageRow | None]:
    """Who began, and the row of that: the charger's own socket for ``up``, a backoffice's for ``down``."""
    row = rows[0]
    if len(rows) == 1 and row.outcome in _ALONE and row.latency_ms is None:
        return "stray", row  # an answer that could not be read has a latency: it belongs to a CALL
    askers = [row for row in rows if (row.route is None) is (row.direction == "up")]
    head = next((row for row in askers if not _takes_back(row)), None)
    if head is None and all(row.text for row in rows):
        return "proxy", None
    return "charger" if row.direction == "up" else "backoffice", head


def _takes_back(row: MessageRow) -> bool:
    """Whether a row says that the answer of which the head tells was not sent after all."""
    return row.direction == "up" and row.route is None and row.outcome == "lost" and not row.text


def _answered_by(kind: Kind, head: MessageRow | None, copies: list[MessageRow]) -> str:
    """As ``Exchange.answered_by``."""
    if kind == "proxy":
        route = next((copy.route for copy in copies if copy.answer), -1)
        return "" if route == -1 else "charger" if route is None else "backoffice"
    if head is None or not head.answer:
        return ""
    if kind == "backoffice" and head.outcome in ("answered", "error"):
        return "charger" if any(copy.answer for copy in copies) else "proxy"
    if kind == "charger" and head.rule.startswith(_BY_BACKOFFICE):
        return head.rule.removeprefix(_BY_BACKOFFICE)
    return "proxy"


def _leg(row: MessageRow) -> Leg:
    return Leg(
        route=row.route,
        at=row.at,
        action=row.action,
        message_id=row.message_id,
        text=row.text,
        answer=row.answer,
        outcome=row.outcome,
        group=group_of(row),
        error_code=row.error_code,
        rule=row.rule,
        latency_ms=row.latency_ms,
        size=row.size,
        status=_status(row.answer),
        is_other=bool(row.text),
    )


def _status(answer: str) -> str:
    """The one word of an answer: that about the card, where there is one."""
    for path in _STATUS:
        if isinstance(word := spans.value(answer, path), str):
            return word[:40]
    return ""
