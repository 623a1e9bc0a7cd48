"""The store of the tests: what was written, and a memory built from it as ``routing.loading`` would."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from routing.core.decisions import Memory
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


class Database:
    """What was stored, and a memory built from it as ``routing.loading`` would."""

    def __init__(self) -> None:
        self.messages: list[MessageRow] = []
        self.deliveries: dict[tuple[int, int], DeliveryRow] = {}
        self.dead: list[tuple[int, str]] = []
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
                    self.deliveries.pop((row.route, row.seq), None)
                case DeliveryFailed(dead=True):
                    self.dead.append((row.route, self.deliveries.pop((row.route, row.seq)).action))
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

    def thin(self, route_: int, after: int) -> tuple[int, int]:
        """As ``routing.thinning`` does it."""
        thinner = Thinner()
        found = [thinner.take(r.seq, r.transaction, r.action, r.payload) for r in self.waiting(route_, after)]
        gone = [self.deliveries.pop((route_, seq)) for seq in found if seq is not None]
        return len(gone), sum(len(row.payload) for row in gone)

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
            last_seq=max((s for _, s in self.deliveries), default=0),
            last_proxy_transaction_id=max((n for n in numbers if n >= 1_000_000_000), default=0),
            identifiers=sorted(self.identifiers.values(), key=lambda row: row.created),
            alarms=[row for row in self.alarms.values() if row.cleared is None],
            registrations={r: s.registration for r, s in self.route_states.items()},
            health=dict(self.health),
        )
