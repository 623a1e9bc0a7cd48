"""Copies of the charger's messages: who gets one, and what is stored of it (ocpp-semantics 2)."""

from __future__ import annotations

from collections.abc import Callable

from routing.core import leases, metering, monitoring, reports, spans, streams, thinning
from routing.core.actions import Queue, Receives, Up
from routing.core.binding import is_hidden, may_name, without_hidden_sessions
from routing.core.charging_profiles import reading
from routing.core.decisions import DELIVERY_WINDOW
from routing.core.lines import Item, Kind, Line, Phase
from routing.core.payloads import StatusHead, integer, read
from routing.core.replies import STORED
from routing.core.rows import DeliveryRow
from routing.core.settings import inventory
from routing.core.snapshot import Role
from routing.core.state import Received, State
from routing.core.turn import Turn

_SEEN = (Receives.YES, Receives.FILTERED)

Editor = Callable[[State, Turn, Line, Received], str | None]
"""What one route gets of a message of the charger: a payload, None for nothing.

Here identifiers are written that do not depend on the moment of sending; ``binding`` writes the others.
"""


def _events(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    payload = inventory.events(state, turn, line, received)
    return payload and without_hidden_sessions(state, line, payload, "$.eventData[]")


def _priority(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    payload = received.call.payload
    return payload if may_name(state, line, spans.value(payload, "$.transactionId")) else None


EDITORS: dict[str, Editor] = {
    "BatterySwap": reports.swap,
    "DiagnosticsStatusNotification": leases.diagnostics_status,
    "MeterValues": metering.meter_values,
    "NotifyReport": inventory.report,
    "TransactionEvent": metering.transaction_event,
    "NotifyEvent": _events,
    "NotifyMonitoringReport": monitoring.own_report,
    "NotifyPriorityCharging": _priority,
    "OpenPeriodicEventStream": streams.opening,
    "ReportChargingProfiles": reading.report,
}
"""Actions of which a route may get something else than the whole; for the rest see ``_payload_for``."""


def fan_out(state: State, turn: Turn, received: Received, answerer: Line | None) -> bool:
    """Queue a copy for every route that may see this CALL; whether ``answerer`` gets one."""
    row, is_asked = received.row, False
    for line in state.lines.values():
        asked = line is answerer
        if (received.call.action in line.unsupported and not asked) or is_hidden_from(line, received):
            continue
        payload = _payload_for(state, turn, line, received, asked=asked)
        if payload is None:
            continue
        is_asked = is_asked or asked
        if row.queue in STORED:
            store_delivery(state, turn, line, received, payload, asked=asked)
        elif row.queue is Queue.LATEST:
            _queue_latest(turn, line, received, payload)
        elif asked or (line.phase is Phase.READY and not line.overdue):
            line.ask(item(Kind.RELAY, received, payload, asked=asked))
            turn.touched.add(line.key)
    if row.queue in STORED and received.transaction is not None:
        _deliver_to_switched_off(state, turn, received)
    return is_asked


def sees_any(row: Up, role: Role) -> bool:
    """Whether a route of this role may get any such message, be it only what is its own."""
    return row.receives.get(role, Receives.NO) in _SEEN or reports.is_owned(row)


def _payload_for(state: State, turn: Turn, line: Line, received: Received, *, asked: bool) -> str | None:
    if not asked and not sees_any(received.row, line.route.role):
        return None
    sees = received.row.receives.get(line.route.role, Receives.NO)
    is_owned = sees is not Receives.YES and reports.is_owned(received.row)
    editor = EDITORS.get(received.call.action)
    if editor is not None:
        return editor(state, turn, line, received)
    if sees is Receives.YES or (asked and not is_owned):
        return received.call.payload
    return reports.own_part(state, turn, line, received)


def is_announced(row: Up, line: Line) -> bool:
    """Whether a route gets to know of every session that this message begins."""
    return row.receives.get(line.route.role) is Receives.YES


def is_hidden_from(line: Line, received: Received) -> bool:
    """Whether a message belongs to a session that a route is not to know of."""
    transaction = received.transaction
    return received.row.category == "transaction" and transaction is not None and is_hidden(line, transaction)


def item(kind: Kind, received: Received, payload: str = "", *, asked: bool) -> Item:
    """The copy of a message for one route, of the charger's own payload by default."""
    call = received.call
    made = Item(
        kind,
        call.action,
        payload or call.payload,
        seq=received.exchange,
        exchange=received.exchange,
        at=received.at,
        transaction=received.transaction.id if received.transaction else None,
        asked=asked,
    )
    made.edited = made.payload is not call.payload
    return made


def store_delivery(
    state: State, turn: Turn, line: Line, received: Received, payload: str = "", *, asked: bool
) -> None:
    """Queue a copy that the database keeps until the backoffice has answered it."""
    made = item(Kind.DELIVERY, received, payload, asked=asked)
    made.replayed = line.phase is Phase.DOWN
    made.number = received.number
    turn.deliver(line, made, delivery_row(state, line.key, received, made.payload))
    if line.waiting > DELIVERY_WINDOW:
        thinning.watch(state, turn, line)


def delivery_row(state: State, route: int, received: Received, payload: str) -> DeliveryRow:
    """The stored form of one copy."""
    return DeliveryRow(
        charger=state.snapshot.key,
        route=route,
        seq=received.exchange,
        exchange=received.exchange,
        at=received.at,
        action=received.call.action,
        payload=payload,
        edited=payload is not received.call.payload,
        transaction=received.transaction.id if received.transaction else None,
    )


def _deliver_to_switched_off(state: State, turn: Turn, received: Received) -> None:
    """A route that knows the start of a session also gets its end, when it is switched on again."""
    transaction = received.transaction
    if transaction is None or transaction.is_open:
        return
    for route, known in transaction.routes.items():
        if route not in state.lines and known.state != "failed":
            turn.store(delivery_row(state, route, received, received.call.payload))


def _queue_latest(turn: Turn, line: Line, received: Received, payload: str) -> None:
    """A line that is not ready gets it when it is; statuses of connectors are replayed then anyway."""
    if line.phase is Phase.READY or received.call.action != "StatusNotification":
        key = f"{received.call.action}/{_latest_key(received)}"
        line.put_status(key, item(Kind.STATUS, received, payload, asked=False))
        turn.touched.add(line.key)


def _latest_key(received: Received) -> str:
    if received.row.category != "core":
        return ""
    head = read(received.call.payload, StatusHead)
    return f"{integer(head.evseId) or 0}/{integer(head.connectorId) or 0}"
