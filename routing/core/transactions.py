"""Sessions of a charger and the numbers under which each route knows them (ocpp-semantics 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from routing.core.payloads import (
    INT32_MAX,
    EventHead,
    StartHead,
    StopHead,
    integer,
    is_charger_id,
    moment,
    read,
    text,
)
from routing.core.rows import LatestRow, RouteTransactionRow, RouteTransactionState, TransactionRow

PROXY_BAND = 1_000_000_000
"""Transaction ids that the proxy gives in place of an absent owner start here."""

REMEMBERED = timedelta(hours=24)
"""How long a closed transaction is remembered for repeats and late meter values."""

FIRST_YEAR = 2015
"""That of OCPP 1.6; no session is older."""

REPEATED = timedelta(minutes=10)
"""How long after the end of a session its start may be repeated by a charger without a clock."""

UNKNOWN_ID = "-1"
"""What a charger writes that never got an id (OCPP 1.6 errata 3.18)."""


ASKED_FOR = "asked_for"
"""What is remembered per session that its owner has asked for: the card, in capitals, as a JSON string."""

EventMark = tuple[int | None, str, str]
"""What tells one event of a 2.x transaction from another: seqNo, eventType and timestamp."""


def event_mark(head: EventHead) -> EventMark:
    """The mark of a TransactionEvent."""
    return integer(head.seqNo), text(head.eventType), text(head.timestamp, 64)


class RouteTransaction:
    """How one route knows a transaction."""

    __slots__ = ("id", "state")

    def __init__(self, state: RouteTransactionState, id_: str | None = None) -> None:
        self.state: RouteTransactionState = state
        self.id = id_


class Transaction:
    """One session: the row as it stands, its ids per route, and what was answered for it.

    ``seen`` are the events of 2.x already taken.
    ``asked_for``: the card, in capitals, with which the owner itself has asked for the session.
    ``answers`` are the payloads given to the charger, by what they answered, for repeats.
    """

    __slots__ = ("answers", "asked_for", "routes", "row", "seen")

    def __init__(self, row: TransactionRow) -> None:
        self.row = row
        self.routes: dict[int, RouteTransaction] = {}
        self.seen: set[EventMark] = set()
        self.answers: dict[str, str] = {}
        self.asked_for: str | None = None

    @property
    def id(self) -> UUID:
        """The proxy's own key."""
        return self.row.id

    @property
    def is_open(self) -> bool:
        """Whether the charger has not ended it yet."""
        return self.row.closed is None

    def change(self, **fields: object) -> TransactionRow:
        """Replace fields of the row; returns the new row, to be stored."""
        self.row = msgspec.structs.replace(self.row, **fields)
        return self.row

    def route_row(self, route: int) -> RouteTransactionRow:
        """The row that says how ``route`` knows this transaction."""
        known = self.routes[route]
        return RouteTransactionRow(
            charger=self.row.charger,
            transaction=self.id,
            route=route,
            route_transaction_id=known.id,
            state=known.state,
        )


class Transactions:
    """All transactions of a charger that still matter: open ones and those closed within a day."""

    def __init__(self, charger: int, new_uuid: Callable[[], UUID], last_proxy_id: int) -> None:
        self._charger = charger
        self._new_uuid = new_uuid
        self._last_proxy_id = max(last_proxy_id, PROXY_BAND - 1)
        self._by_key: dict[UUID, Transaction] = {}

    def restore(self, rows: Iterable[TransactionRow], routes: Iterable[RouteTransactionRow]) -> None:
        """Take over what the database knows."""
        for row in rows:
            restored = self._by_key[row.id] = Transaction(row)
            if row.ocpp_version != "1.6":
                events = (
                    read(payload, EventHead) for payload in (row.start_payload, row.last_payload) if payload
                )
                restored.seen.update(event_mark(head) for head in events)
        for known in routes:
            if transaction := self._by_key.get(known.transaction):
                transaction.routes[known.route] = RouteTransaction(known.state, known.route_transaction_id)

    def restore_wishes(self, rows: Mapping[str, LatestRow]) -> None:
        """Take over what was remembered as ``ASKED_FOR``, by the proxy's own key."""
        for key, row in rows.items():
            if transaction := self._by_key.get(UUID(key)):
                transaction.asked_for = text(msgspec.Raw(row.payload.encode()))

    def get(self, key: UUID | None) -> Transaction | None:
        """The transaction with the proxy's own key."""
        return None if key is None else self._by_key.get(key)

    def open(self, version: str) -> list[Transaction]:
        """The running ones that a charger of this version may speak of, oldest first."""
        return [t for t in self._by_key.values() if t.is_open and same_family(t.row.ocpp_version, version)]

    def restore_old(self, rows: Iterable[TransactionRow], routes: Iterable[RouteTransactionRow]) -> None:
        """Take over sessions that ended long ago, since messages of theirs still wait for a backoffice."""
        recent, self._by_key = self._by_key, {}
        self.restore((row for row in rows if row.id not in recent), routes)
        self._by_key.update(recent)  # the newest stay last

    def forget_old(self, utc: datetime, owed: Container[UUID | None] = ()) -> None:
        """Drop what was closed long enough ago, and is not ``owed`` to any backoffice."""
        old = [k for k, t in self._by_key.items() if t.row.closed and utc - t.row.closed > REMEMBERED]
        for key in old:
            if key in owed:
                continue
            del self._by_key[key]

    # -- OCPP 1.6 --------------------------------------------------------------------------------

    def started_before(self, head: StartHead, utc: datetime) -> Transaction | None:
        """The transaction that this StartTransaction repeats, under whatever message id.

        A charger without a clock begins every session at the same time, and one without a meter at the same
        value: then one that ended a while ago is another.
        """
        at = text(head.timestamp, 64)
        told = (integer(head.connectorId), text(head.idTag), integer(head.meterStart), at)
        for known in self._newest_first():
            row = known.row
            same = told == (row.connector_id, row.id_tag, row.meter_start, row.started_at)
            if same and (row.closed is None or utc - row.closed < REPEATED or _is_of_a_clock(at)):
                return known
        return None

    def start(self, head: StartHead, payload: str, owner: int | None, utc: datetime) -> Transaction:
        """Open a transaction for a StartTransaction."""
        return self._add(
            TransactionRow(
                id=self._new_uuid(),
                charger=self._charger,
                ocpp_version="1.6",
                evse_id=None,
                connector_id=integer(head.connectorId),
                id_tag=text(head.idTag),
                charger_transaction_id=None,
                owner=owner,
                started_at=text(head.timestamp, 64),
                meter_start=integer(head.meterStart),
                start_payload=payload,
                created=utc,
            )
        )

    def number_for_charger(self, wished: int | None) -> str:
        """The id the charger gets: the owner's where it is a free positive int32, else the proxy's own."""
        if wished is not None and is_charger_id(wished) and not self._in_use(str(wished)):
            return str(wished)
        while True:
            self._last_proxy_id = PROXY_BAND if self._last_proxy_id >= INT32_MAX else self._last_proxy_id + 1
            if not self._in_use(str(self._last_proxy_id)):
                return str(self._last_proxy_id)

    def of_meter_values(self, transaction_id: int | None, connector_id: int | None) -> Transaction | None:
        """The session that 1.6 MeterValues belong to (ocpp-semantics 3.1.8).

        A number that the charger got names it, open or closed; any other number (-1, 0, INT64_MAX,
        one of an ended session) and none mean the open session on that connector.
        """
        named = None if transaction_id is None else self._numbered(str(transaction_id))
        if named is not None and named.is_open:
            return named
        on_connector = [t for t in self.open("1.6") if t.row.connector_id == connector_id]
        return on_connector[-1] if on_connector else named

    def of_stop(self, head: StopHead) -> Transaction | None:
        """The session that a StopTransaction ends (ocpp-semantics 3.1.7 and 3.1.8)."""
        number = integer(head.transactionId)
        named = None if number is None else self._numbered(str(number))
        if named is not None and named.is_open:
            return named
        if repeated := self._stopped_before(head):
            return repeated
        running = self.open("1.6")
        if len(running) == 1 and named is None:
            return running[0]
        return _nearest_start(running, head) or named

    def _stopped_before(self, head: StopHead) -> Transaction | None:
        meter, at = integer(head.meterStop), text(head.timestamp, 64)
        for known in self._newest_first():
            if not known.is_open and (known.row.meter_stop, known.row.stopped_at) == (meter, at):
                return known
        return None

    # -- OCPP 2.x --------------------------------------------------------------------------------

    def event(self, version: str, transaction_id: str) -> Transaction | None:
        """The 2.x transaction with the charger's own id."""
        known = self._numbered(transaction_id)
        return known if known is not None and same_family(known.row.ocpp_version, version) else None

    def begin(self, row: TransactionRow) -> Transaction:
        """Take a 2.x transaction as its first event describes it."""
        return self._add(row)

    def new_key(self) -> UUID:
        """A key for a transaction."""
        return self._new_uuid()

    # -- both ------------------------------------------------------------------------------------

    def named_by_route(self, route: int, route_transaction_id: str) -> Transaction | None:
        """The open transaction that ``route`` knows by this id.

        A backoffice may reuse a number; the newest open transaction is meant. None: the route never
        issued it, so the CALL is refused and the charger is not asked.

        Source: OCPP 1.6 edition 2, section 5.12 (Remote Stop Transaction).
        """
        for known in self._newest_first():
            mine = known.routes.get(route)
            if known.is_open and mine is not None and mine.id == route_transaction_id:
                return known
        return None

    def _add(self, row: TransactionRow) -> Transaction:
        transaction = Transaction(row)
        self._by_key[row.id] = transaction
        return transaction

    def _newest_first(self) -> Iterable[Transaction]:
        return reversed(self._by_key.values())

    def _numbered(self, number: str) -> Transaction | None:
        """The newest with this number on the charger's socket, an open one before any closed one."""
        closed = None
        for known in self._newest_first():
            if known.row.charger_transaction_id == number:
                if known.row.closed is None:
                    return known
                closed = closed or known
        return closed

    def _in_use(self, number: str) -> bool:
        return any(t.row.charger_transaction_id == number for t in self._by_key.values())


def same_family(version: str, other: str) -> bool:
    """Whether two OCPP versions share their transactions: 1.6 stands alone, those of 2.x are alike."""
    return (version == "1.6") == (other == "1.6")


def _is_of_a_clock(at: str) -> bool:
    """Whether a timestamp tells one moment from another: clocks that were never set stand in 1970, or 1."""
    told = moment(at)
    return told is not None and told.year >= FIRST_YEAR


def _nearest_start(running: list[Transaction], head: StopHead) -> Transaction | None:
    meter, at = integer(head.meterStop), moment(text(head.timestamp))
    fitting = [
        t
        for t in running
        if meter is not None
        and t.row.meter_start is not None
        and meter >= t.row.meter_start
        and not (at and (started := moment(t.row.started_at)) and started > at)
    ]
    return fitting[0] if len(fitting) == 1 else None
