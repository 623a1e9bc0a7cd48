"""The store of the tests: what was written, and a memory built from it as ``routing.loading`` would."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from routing.core import recalling
from routing.core.decisions import Load, Loaded, Memory, Said
from routing.core.rows import (
    AlarmRow,
    ChargerHealthRow,
    DeliveryDone,
    DeliveryFailed,
    DeliveryRow,
    IdentifierRow,
    LatestRow,
    MessageRow,
    RouteHealthRow,
    RouteStateRow,
    RouteTransactionRow,
    Row,
    TransactionRow,
)
from routing.core.thinning import Thinner
from routing.core.transactions import REMEMBERED


class Database:
    """What was stored, and a memory built from it as ``routing.loading`` would."""

    def __init__(self) -> None:
        self.messages: list[MessageRow] = []
        self.deliveries: dict[tuple[int, int], DeliveryRow] = {}
        self.done: list[DeliveryRow] = []
        self.dead: list[tuple[int, str]] = []
        self.letters: dict[tuple[int, int], DeliveryRow] = {}
        self.transactions: dict[UUID, TransactionRow] = {}
        self.route_transactions: dict[tuple[UUID, int], RouteTransactionRow] = {}
        self.latest: dict[tuple[str, str], LatestRow] = {}
        self.route_states: dict[int, RouteStateRow] = {}
        self.identifiers: dict[tuple[str, str, int], IdentifierRow] = {}
        self.alarms: dict[tuple[str, str], AlarmRow] = {}
        self.health: dict[int, RouteHealthRow] = {}
        self.waits_for = ""

    def write(self, rows: Iterable[Row]) -> None:
        """Apply rows in order."""
        for row in rows:
            match row:
                case MessageRow():
                    self.messages.append(row)
                case DeliveryRow():
                    self.deliveries[row.route, row.seq] = row
                case DeliveryDone():
                    if (delivered := self.deliveries.pop((row.route, row.seq), None)) is not None:
                        self.done.append(delivered)
                case DeliveryFailed(dead=True):
                    letter = self.letters[row.route, row.seq] = self.deliveries.pop((row.route, row.seq))
                    self.dead.append((row.route, letter.action))
                case DeliveryFailed():
                    waiting = self.deliveries[row.route, row.seq]
                    self.deliveries[row.route, row.seq] = msgspec.structs.replace(
                        waiting, attempts=row.attempts
                    )
                case TransactionRow():
                    self.transactions[row.id] = row
                case RouteTransactionRow():
                    self.route_transactions[row.transaction, row.route] = row
                case LatestRow():
                    self.latest[row.kind, row.key] = row
                case RouteStateRow():
                    self.route_states[row.route] = row
                case IdentifierRow():
                    self.identifiers[row.kind, row.charger_identifier, row.route] = row
                case AlarmRow():
                    self.alarms[row.kind, row.key] = row
                case RouteHealthRow():
                    self.health[row.route] = row
                case ChargerHealthRow():
                    self.waits_for = row.waits_for

    def waiting(self, route_: int, after: int = 0) -> list[DeliveryRow]:
        """Deliveries of a route, in order."""
        return [d for (key, seq), d in sorted(self.deliveries.items()) if key == route_ and seq > after]

    def load(self, load: Load, utc: datetime) -> Loaded:
        """As ``routing.memories`` reads it."""
        found = self.waiting(load.route, load.after)
        rows = found[: load.limit]
        wanted = {row.transaction for row in rows}
        ended = [
            t for t in self.transactions.values()
            if t.id in wanted and t.closed is not None and utc - t.closed > REMEMBERED - timedelta(hours=1)
        ]  # fmt: skip
        known = {t.id for t in ended}
        return Loaded(
            rows=rows,
            more=len(found) > load.limit,
            transactions=ended,
            route_transactions=[r for r in self.route_transactions.values() if r.transaction in known],
            dead=load.letters and any(key == load.route for key, _ in self.letters),
        )

    def retry(self, utc: datetime) -> None:
        """A person has everything sent again that was given up, as ``routing.letters`` does it."""
        seq = max([s for _, s in (*self.deliveries, *self.letters)], default=0)
        seq = max(seq, int(utc.timestamp() * 1_000_000)) + 3_600_000_000
        for at, ((key, _), letter) in enumerate(sorted(self.letters.items(), key=lambda one: one[0][1])):
            again = msgspec.structs.replace(letter, seq=seq + at, at=utc, attempts=0)
            self.deliveries[key, seq + at] = again
        self.letters.clear()

    def newest(self, route_: int) -> int:
        """The highest number of any delivery of a route."""
        return max((s for key, s in (*self.deliveries, *self.letters) if key == route_), default=0)

    def thin(self, route_: int, after: int) -> tuple[int, int]:
        """As ``routing.thinning`` does it."""
        thinner = Thinner()
        found = [thinner.take(r.seq, r.transaction, r.action, r.payload) for r in self.waiting(route_, after)]
        gone = [self.deliveries.pop((route_, seq)) for seq in found if seq is not None]
        return len(gone), sum(len(row.payload) for row in gone)

    def said(self) -> list[Said]:
        """The newest messages of the charger, as ``routing.memories`` reads them."""
        heard = [m for m in self.messages[-200:] if m.route is None and m.direction == "up"]
        return [Said(m.text, m.answer, m.at) for m in heard if m.action in recalling.SAID][-16:]

    def memory(self, window: int = 64) -> Memory:
        """What a new session would be given."""
        routes = {key for key, _ in self.deliveries}
        numbers = [
            int(t.charger_transaction_id or 0) for t in self.transactions.values() if t.ocpp_version == "1.6"
        ]
        return Memory(
            latest=[row for row in self.latest.values() if row.payload],
            transactions=list(self.transactions.values()),
            route_transactions=list(self.route_transactions.values()),
            deliveries={r: self.waiting(r)[:window] for r in routes},
            waiting={r: (len(self.waiting(r)), sum(len(d.payload) for d in self.waiting(r))) for r in routes},
            more={r for r in routes if len(self.waiting(r)) > window},
            last_seq=max([s for _, s in self.deliveries] + [m.exchange for m in self.messages], default=0),
            last_proxy_transaction_id=max((n for n in numbers if n >= 1_000_000_000), default=0),
            identifiers=sorted(self.identifiers.values(), key=lambda row: row.created),
            alarms=[row for row in self.alarms.values() if row.cleared is None],
            registrations={r: s.registration for r, s in self.route_states.items()},
            health=dict(self.health),
            said=self.said(),
        )
