"""CALLs of the charger: who gets a copy, who answers, and what is stored before (ocpp-semantics 2, 3.1)."""

from __future__ import annotations

from collections.abc import Callable

from routing.core import actions, audit, fallback, frames, registration, sessions
from routing.core.actions import Answer, Queue, Receives, Up
from routing.core.binding import is_hidden
from routing.core.errors import Condition, error_code
from routing.core.frames import Call, Send
from routing.core.lines import Item, Kind, Line, Phase
from routing.core.payloads import (
    AuthorizeHead,
    StatusHead,
    Token,
    integer,
    read,
    text,
    wire_time,
)
from routing.core.rows import ConnectorRow, DeliveryRow, RouteTransactionRow
from routing.core.snapshot import Role
from routing.core.state import ANSWERS_REMEMBERED, REPEAT_WINDOW, Received, State, Waiting
from routing.core.transactions import RouteTransaction, Transaction
from routing.core.turn import Turn

STORED = frozenset({Queue.DURABLE, Queue.THIN, Queue.SMALL})
"""Queues in the database: such a message is committed before the charger gets its answer."""

EMPTY = "{}"


def charger_call(state: State, turn: Turn, call: Call) -> None:
    """Take a CALL of the charger."""
    if _repeats(state, turn, call):
        return
    row = actions.up(state.version, call.action)
    if row is None or row.is_send:
        return _refuse(state, turn, call)
    received = Received(call, row, state.next_seq(turn.utc), turn)
    handle = _HANDLERS.get(call.action)
    if handle is None:
        relay(state, turn, received)
    else:
        handle(state, turn, received)


def charger_send(state: State, turn: Turn, send: Send) -> None:
    """Take an unconfirmed message (OCPP 2.1 part 4, SEND): passed on at once or not at all."""
    audit.stray(
        state,
        turn,
        None,
        "up",
        send.text,
        "sent",
        "unconfirmed message",
        action=send.action,
        message_id=send.message_id,
    )
    row = actions.up(state.version, send.action)
    for line in state.lines.values():
        if (
            row is not None
            and row.is_send
            and line.phase is Phase.READY
            and _receives(row, line, state.billing)
        ):
            turn.send(line.key, frames.send(state.new_id(), send.action, send.payload))


def relay(state: State, turn: Turn, received: Received) -> None:
    """Fan a CALL out by its table row and see to its answer."""
    answerer = _answerer(state, turn, received)
    fan_out(state, turn, received, answerer)
    if answerer is None:
        _answer_here(state, turn, received)
    else:
        _wait(state, received, answerer, state.snapshot.options.T_stop, "")


def _answerer(state: State, turn: Turn, received: Received) -> Line | None:
    if received.row.answer in (Answer.ACK, Answer.LOCAL, Answer.NONE):
        return None
    transaction = received.transaction
    owner = state.lines.get(transaction.row.owner) if transaction and transaction.row.owner else None
    if received.row.answer is Answer.ENERGY_OWNER:
        owner = next((line for line in state.lines.values() if line.route.role is Role.ENERGY), None)
    line = owner or state.billing
    return line if line is not None and not (line.why_silent or line.why_not_accepted) else None


def _answer_here(state: State, turn: Turn, received: Received) -> None:
    if received.row.answer is Answer.ACK:
        reply(state, turn, received, EMPTY, "proxy: the answer is empty by schema")
    else:
        unanswered(state, turn, received, "", "nobody to ask")


# -- answers -----------------------------------------------------------------------------------------


def reply(state: State, turn: Turn, received: Received, payload: str, rule: str) -> None:
    """Answer the charger's CALL with a payload, once what is stored for it is safe."""
    _finish(state, turn, received, frames.call_result(received.call.raw_id, payload), rule)


def reply_error(state: State, turn: Turn, received: Received, code: str, description: str, rule: str) -> None:
    """Answer the charger's CALL with a CALLERROR."""
    frame = frames.call_error(received.call.raw_id, code, description)
    _finish(state, turn, received, frame, rule, code)


def _finish(state: State, turn: Turn, received: Received, frame: str, rule: str, code: str = "") -> None:
    call = received.call
    audit.charger_call(state, turn, received, frame, rule, outcome="error" if code else "answered", code=code)
    turn.answer(frame, gated=received.row.queue in STORED)
    state.answered.pop(call.message_id, None)
    state.answered[call.message_id] = (call.text, frame, turn.now)
    if len(state.answered) > ANSWERS_REMEMBERED:
        del state.answered[next(iter(state.answered))]


def unanswered(state: State, turn: Turn, received: Received, card: str, why: str) -> None:
    """Answer for an owner that is away, late or wrong, by the offline policy."""
    payload, rule = fallback.answer(state, turn, received, card)
    if payload is not None and received.transaction is not None:
        sessions.remember_answer(received.transaction, received.call, payload)
    if payload is None:
        code = error_code(state.version, Condition.INTERNAL)
        reply_error(state, turn, received, code, f"no backoffice can answer now: {why}", f"proxy: {why}")
    else:
        reply(state, turn, received, payload, f"{rule} ({why})")


def _wait(state: State, received: Received, line: Line, patience: float, card: str) -> None:
    deadline = received.since + patience
    waiting = Waiting(received, line.key, deadline, state.generation, card)
    state.waiting[received.exchange] = waiting
    state.wake_at(deadline)


def _repeats(state: State, turn: Turn, call: Call) -> bool:
    """Whether this CALL is a repeat that needs no handling (ocpp-semantics 1.7)."""
    for waiting in state.waiting.values():
        if waiting.generation == state.generation and waiting.received.call.text == call.text:
            return True
    text_, frame, at = state.answered.get(call.message_id, ("", "", 0.0))
    if text_ != call.text or turn.now - at >= REPEAT_WINDOW:
        return False
    if any(frame in waiting for waiting in state.gates.values()):
        return True  # its answer waits for the store, and is for both
    audit.stray(
        state,
        turn,
        None,
        "up",
        call.text,
        "answered",
        "proxy: repeated CALL, same answer",
        action=call.action,
        message_id=call.message_id,
        answer=frame,
    )
    turn.answer(frame, gated=False)
    return True


def _refuse(state: State, turn: Turn, call: Call) -> None:
    known = actions.down(state.version, call.action) is not None
    code = error_code(state.version, Condition.NOT_SUPPORTED if known else Condition.UNKNOWN_ACTION)
    problem = (
        "is for the charger to answer, not to send" if known else f"is not an action of OCPP {state.version}"
    )
    frame = frames.call_error(call.raw_id, code, f'"{call.action[:50]}" {problem}')
    audit.stray(
        state,
        turn,
        None,
        "up",
        call.text,
        "error",
        f"proxy: {code}",
        action=call.action,
        message_id=call.message_id,
        answer=frame,
    )
    turn.answer(frame, gated=False)


# -- copies ------------------------------------------------------------------------------------------


def fan_out(state: State, turn: Turn, received: Received, answerer: Line | None) -> None:
    """Queue a copy for every route that may see this CALL."""
    row, billing = received.row, state.billing
    for line in state.lines.values():
        if line is not answerer and not _receives(row, line, answerer or billing):
            continue
        asked = line is answerer
        if (received.call.action in line.unsupported and not asked) or _hidden(line, received):
            continue
        if row.queue in STORED:
            _store_delivery(state, turn, line, received, asked=asked)
        elif row.queue is Queue.LATEST:
            _queue_latest(turn, line, received)
        elif asked or (line.phase is Phase.READY and not line.overdue):
            line.ask(_item(Kind.RELAY, received, asked=asked))
            turn.touched.add(line.key)
    if row.queue in STORED and received.transaction is not None:
        _deliver_to_switched_off(state, turn, received)


def _receives(row: Up, line: Line, owner: Line | None) -> bool:
    receives = row.receives.get(line.route.role, Receives.NO)
    return receives is Receives.YES or (receives is Receives.FILTERED and line is owner)


def _hidden(line: Line, received: Received) -> bool:
    transaction = received.transaction
    return received.row.category == "transaction" and transaction is not None and is_hidden(line, transaction)


def _item(kind: Kind, received: Received, *, asked: bool) -> Item:
    transaction = received.transaction.id if received.transaction else None
    call = received.call
    return Item(
        kind,
        call.action,
        call.payload,
        seq=received.exchange,
        exchange=received.exchange,
        at=received.at,
        transaction=transaction,
        asked=asked,
    )


def _store_delivery(state: State, turn: Turn, line: Line, received: Received, *, asked: bool) -> None:
    turn.store(delivery_row(state, line.key, received))
    item = _item(Kind.DELIVERY, received, asked=asked)
    item.replayed = line.phase is Phase.DOWN
    item.number = received.number
    line.deliver(item)
    turn.touched.add(line.key)


def delivery_row(state: State, route: int, received: Received) -> DeliveryRow:
    """The stored form of one copy."""
    return DeliveryRow(
        charger=state.snapshot.key,
        route=route,
        seq=received.exchange,
        exchange=received.exchange,
        at=received.at,
        action=received.call.action,
        payload=received.call.payload,
        transaction=received.transaction.id if received.transaction else None,
    )


def _deliver_to_switched_off(state: State, turn: Turn, received: Received) -> None:
    """A route that knows the start of a session also gets its end, when it is switched on again."""
    transaction = received.transaction
    if transaction is None or transaction.is_open:
        return
    for route, known in transaction.routes.items():
        if route not in state.lines and known.state != "failed":
            turn.store(delivery_row(state, route, received))


def _queue_latest(turn: Turn, line: Line, received: Received) -> None:
    """A line that is not ready gets it when it is; statuses of connectors are replayed then anyway."""
    if line.phase is Phase.READY or received.call.action != "StatusNotification":
        line.put_status(
            f"{received.call.action}/{_latest_key(received)}", _item(Kind.STATUS, received, asked=False)
        )
        turn.touched.add(line.key)


def _latest_key(received: Received) -> str:
    if received.row.category != "core":
        return ""
    head = read(received.call.payload, StatusHead)
    return f"{integer(head.evseId) or 0}/{integer(head.connectorId) or 0}"


# -- actions with a state of their own ---------------------------------------------------------------


def _heartbeat(state: State, turn: Turn, received: Received) -> None:
    reply(state, turn, received, f'{{"currentTime":"{wire_time(turn.utc)}"}}', "proxy: the time")


def _boot(state: State, turn: Turn, received: Received) -> None:
    state.remember("boot", "", received.call.payload, turn)
    state.booted_at = turn.now
    billing = state.billing
    answerer = billing if billing is not None and not billing.why_silent else None
    for line in state.lines.values():
        registration.charger_boots(state, turn, line)
        if line.phase is Phase.DOWN:
            continue  # gets it as soon as its link is open
        line.boot_due = _item(Kind.BOOT, received, asked=line is answerer)
        turn.touched.add(line.key)
    if answerer is None:
        unanswered(state, turn, received, "", "Billing is away" if billing else "no Billing")
    else:
        _wait(state, received, answerer, state.snapshot.options.T_boot, "")


def _status(state: State, turn: Turn, received: Received) -> None:
    head = read(received.call.payload, StatusHead)
    evse, connector = integer(head.evseId) or 0, integer(head.connectorId) or 0
    received.connector_id = connector
    state.remember("status", f"{evse}/{connector}", received.call.payload, turn)
    turn.store(
        ConnectorRow(
            charger=state.snapshot.key,
            evse_id=evse,
            connector_id=connector,
            status=(text(head.status) or text(head.connectorStatus))[:32],
            error_code=text(head.errorCode)[:50],
            at=turn.utc,
        )
    )
    relay(state, turn, received)


def _latest(kind: str) -> Callable[[State, Turn, Received], None]:
    def handle(state: State, turn: Turn, received: Received) -> None:
        state.remember(kind, "", received.call.payload, turn)
        relay(state, turn, received)

    return handle


def _authorize(state: State, turn: Turn, received: Received) -> None:
    head = read(received.call.payload, AuthorizeHead)
    card = text(head.idToken.idToken) if isinstance(head.idToken, Token) else text(head.idTag)
    owner = state.owner_for(card, None, turn.now)
    why_not = "no owner" if owner is None else owner.why_silent or owner.why_not_accepted
    if owner is None or why_not or not owner.ask(_item(Kind.RELAY, received, asked=True)):
        return unanswered(state, turn, received, card, why_not or "too many wait for the owner")
    turn.touched.add(owner.key)
    _wait(state, received, owner, state.snapshot.options.T_auth, card)


def _start(state: State, turn: Turn, received: Received) -> None:
    begun = sessions.start(state, turn, received)
    transaction = received.transaction = begun.transaction
    if begun.answer is not None:
        return reply(state, turn, received, begun.answer, "proxy: repeated start, same answer")
    if begun.repeated:
        return _join(state, turn, received, transaction, transaction.row.id_tag)
    turn.store(transaction.row)
    _expect_ids(state, turn, received)
    owner = state.lines.get(transaction.row.owner or -1)
    _ask_owner(state, turn, received, owner, transaction.row.id_tag, state.snapshot.options.T_start)


def _join(state: State, turn: Turn, received: Received, transaction: Transaction, card: str) -> None:
    """A repeat under another message id while the owner is still being asked: both get the answer."""
    owner = state.lines.get(transaction.row.owner or -1)
    why_not = "no owner" if owner is None else owner.why_silent
    if owner is None or why_not or not owner.owes(transaction.id, received.call.payload):
        return unanswered(state, turn, received, card, why_not or "asked before")
    _wait(state, received, owner, state.snapshot.options.T_start, card)


def _expect_ids(state: State, turn: Turn, received: Received) -> None:
    transaction = received.transaction
    if transaction is None:
        return
    for line in state.lines.values():
        if not _hidden(line, received) and _receives(received.row, line, None):
            transaction.routes[line.key] = RouteTransaction("pending")
            turn.store(transaction.route_row(line.key))


def _stop(state: State, turn: Turn, received: Received) -> None:
    ended = sessions.stop(state, turn, received)
    if ended.repeated:
        return reply(state, turn, received, EMPTY, "proxy: repeated stop, answered before")
    transaction = received.transaction
    card = transaction.row.id_tag if transaction else ""
    if transaction is not None:
        turn.store(transaction.row)
        owner = state.lines.get(transaction.row.owner or -1)
        return _ask_owner(state, turn, received, owner, card, state.snapshot.options.T_stop)
    billing = state.billing
    if billing is not None:
        _store_delivery(state, turn, billing, received, asked=False)
    reply(state, turn, received, EMPTY, "proxy: the session is not known here")


def _meter(state: State, turn: Turn, received: Received) -> None:
    sessions.meter(state, received)
    relay(state, turn, received)


def _event(state: State, turn: Turn, received: Received) -> None:
    event = sessions.event(state, turn, received)
    transaction = received.transaction
    if event.repeated:
        if event.answer is None and event.card and transaction is not None:
            return _join(state, turn, received, transaction, event.card)
        return reply(state, turn, received, event.answer or EMPTY, "proxy: repeated event, answered before")
    if transaction is not None:
        turn.store(transaction.row)
        _know_ids(state, turn, received)
    if event.asks_owner:
        owner = state.lines.get(transaction.row.owner or -1) if transaction else state.billing
        return _ask_owner(state, turn, received, owner, event.card, state.snapshot.options.T_start)
    fan_out(state, turn, received, None)
    reply(state, turn, received, EMPTY, "proxy: the answer carries nothing")


def _know_ids(state: State, turn: Turn, received: Received) -> None:
    """In 2.x every route knows a session under the charger's own id, from its first event on."""
    transaction = received.transaction
    if transaction is None:
        return
    number = transaction.row.charger_transaction_id
    for line in state.lines.values():
        if line.key not in transaction.routes and not _hidden(line, received):
            transaction.routes[line.key] = RouteTransaction("known", number)
            turn.store(
                RouteTransactionRow(
                    charger=state.snapshot.key,
                    transaction=transaction.id,
                    route=line.key,
                    route_transaction_id=number,
                    state="known",
                )
            )


def _ask_owner(
    state: State, turn: Turn, received: Received, owner: Line | None, card: str, patience: float
) -> None:
    """Give everybody his copy and let the owner's answer be the charger's, if the owner can answer now.

    An owner with older deliveries waiting counts as late: the order of its messages is kept
    (ocpp-semantics 3.1.1).
    """
    why_not = "no owner" if owner is None else owner.why_not_now(turn.now)
    fan_out(state, turn, received, None if why_not else owner)
    if owner is None or why_not:
        return unanswered(state, turn, received, card, why_not)
    _wait(state, received, owner, patience, card)


_HANDLERS: dict[str, Callable[[State, Turn, Received], None]] = {
    "Heartbeat": _heartbeat,
    "BootNotification": _boot,
    "StatusNotification": _status,
    "FirmwareStatusNotification": _latest("firmware"),
    "DiagnosticsStatusNotification": _latest("diagnostics"),
    "Authorize": _authorize,
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "MeterValues": _meter,
    "TransactionEvent": _event,
}
