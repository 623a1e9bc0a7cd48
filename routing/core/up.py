"""CALLs of the charger: who gets a copy, who answers, and what is stored before (ocpp-semantics 2, 3.1)."""

from __future__ import annotations

from collections.abc import Callable

from routing.core import (
    actions,
    audit,
    authorizing,
    availability,
    booting,
    certificates,
    charging,
    frames,
    leases,
    owners,
    quirks,
    readings,
    reports,
    sessions,
    streams,
    triggers,
    unstored,
)
from routing.core.actions import Answer
from routing.core.copies import fan_out
from routing.core.errors import Condition, error_code
from routing.core.frames import Call, Send
from routing.core.lines import Line, Phase
from routing.core.payloads import StatusHead, integer, read, text, wire_time
from routing.core.replies import EMPTY, reply, unanswered, wait
from routing.core.rows import ConnectorRow, Outcome
from routing.core.settings import inventory
from routing.core.state import REPEAT_WINDOW, Received, State
from routing.core.turn import Turn


def charger_call(state: State, turn: Turn, call: Call) -> None:
    """Take a CALL of the charger."""
    if _repeats(state, turn, call):
        return
    row = actions.up(state.version, call.action)
    if row is None or row.is_send:
        return _refuse(state, turn, call)
    if call.raw_id[0] != '"':
        state.note_quirk("numeric_message_id", call.raw_id[:60], turn)
    received = Received(call, row, state.next_seq(turn.utc), turn)
    handle = HANDLERS.get(call.action)
    if handle is None:
        relay(state, turn, received)
    else:
        handle(state, turn, received)
    for observer in OBSERVERS.get(call.action, ()):
        observer(state, turn, received)


def charger_send(state: State, turn: Turn, send: Send) -> None:
    """Take an unconfirmed message (OCPP 2.1 part 4, SEND): passed on at once or not at all."""
    exchange = audit.stray(
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
    if row is None or not row.is_send:
        return
    received = Received(
        Call(send.message_id, send.raw_id, send.action, send.payload, send.text), row, exchange, turn
    )
    for line in state.lines.values():
        if line.phase is Phase.READY and (own := reports.own_part(state, turn, line, received)) is not None:
            message_id = state.new_id()
            frame = frames.send(message_id, send.action, own)
            told = "" if own == send.payload else frame
            audit.copy_of_send(state, turn, line.key, send, exchange, message_id, told)
            turn.send(line.key, frame)


def relay(state: State, turn: Turn, received: Received) -> None:
    """Fan a CALL out by its table row and see to its answer."""
    answerer = _answerer(state, turn, received)
    is_asked = fan_out(state, turn, received, answerer)
    if answerer is None or not is_asked:
        _answer_here(state, turn, received)
    else:
        wait(state, received, answerer, state.snapshot.options.T_stop)


def _answerer(state: State, turn: Turn, received: Received) -> Line | None:
    if received.row.answer in (Answer.ACK, Answer.LOCAL, Answer.NONE):
        return None
    transaction = received.transaction
    owner = state.lines.get(transaction.row.owner) if transaction and transaction.row.owner else None
    if received.row.answer is Answer.OWNER and transaction is None:
        is_held, owner = reports.holder(state, received)
        if is_held and owner is None:
            return None
    if received.row.answer is Answer.ENERGY_OWNER:
        owner = owners.car_needs_owner(state)
    line = owner or state.billing
    return line if line is not None and not (line.why_silent or line.why_not_accepted) else None


def _answer_here(state: State, turn: Turn, received: Received) -> None:
    if received.row.answer is Answer.ACK:
        reply(state, turn, received, EMPTY, "proxy: the answer is empty by schema")
    else:
        unanswered(state, turn, received, "", "nobody to ask")


def _repeats(state: State, turn: Turn, call: Call) -> bool:
    """Whether this CALL is a repeat that needs no handling (ocpp-semantics 1.7)."""
    for waiting in state.waiting.values():
        if waiting.generation == state.generation and waiting.received.call.text == call.text:
            _said_again(state, turn, call, "dropped", "proxy: repeated CALL, the first is being answered")
            return True
    if state.gates and unstored.says_again(state, turn, call):
        return True
    text_, frame, at = state.answered.get(call.message_id, ("", "", 0.0))
    if text_ != call.text or turn.now - at >= REPEAT_WINDOW:
        if text_ and text_ != call.text:
            state.note_quirk("repeated_message_ids", f"{call.raw_id[:60]} for {call.action[:50]}", turn)
        return False
    _said_again(state, turn, call, "answered", "proxy: repeated CALL, same answer", frame)
    turn.answer(frame, gated=False)
    return True


def _said_again(state: State, turn: Turn, call: Call, outcome: Outcome, rule: str, answer: str = "") -> None:
    audit.stray(
        state,
        turn,
        None,
        "up",
        call.text,
        outcome,
        rule,
        action=call.action,
        message_id=call.message_id,
        answer=answer,
    )


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


# -- actions with a state of their own ---------------------------------------------------------------


def _heartbeat(state: State, turn: Turn, received: Received) -> None:
    reply(state, turn, received, f'{{"currentTime":"{wire_time(turn.utc)}"}}', "proxy: the time")


def _status(state: State, turn: Turn, received: Received) -> None:
    head = read(received.call.payload, StatusHead)
    evse, connector = integer(head.evseId) or 0, integer(head.connectorId) or 0
    received.connector_id = connector
    if state.has_room("status", place := f"{evse}/{connector}"):
        state.remember("status", place, received.call.payload, turn)
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


def _meter(state: State, turn: Turn, received: Received) -> None:
    sessions.meter(state, received)
    if readings.is_repeated(state, received.call.payload):
        return reply(state, turn, received, EMPTY, "proxy: repeated meter values, answered before")
    number, known = received.number, received.transaction
    if number and (known is None or known.row.charger_transaction_id != number):
        quirks.note_odd_transaction(state, turn, number)
    relay(state, turn, received)


def _sign(state: State, turn: Turn, received: Received) -> None:
    if certificates.is_unsigned(state, received):
        return reply(state, turn, received, '{"status":"Rejected"}', "proxy: nobody signs it (option pki)")
    certificates.note_request(state, turn, received)
    relay(state, turn, received)


HANDLERS: dict[str, Callable[[State, Turn, Received], None]] = {
    "Heartbeat": _heartbeat,
    "BootNotification": booting.boot,
    "SignCertificate": _sign,
    "StatusNotification": _status,
    **{action: _latest(kind) for action, kind in triggers.PROGRESS.items()},
    "Authorize": authorizing.authorize,
    "StartTransaction": charging.start,
    "StopTransaction": charging.stop,
    "MeterValues": _meter,
    "TransactionEvent": charging.event,
}

OBSERVERS: dict[str, tuple[Callable[[State, Turn, Received], None], ...]] = {
    **dict.fromkeys(reports.IN_PARTS, (reports.part_ended,)),
    **dict.fromkeys(leases.STATUSES, (leases.note_status,)),
    **dict.fromkeys(reports.STATUSES, (reports.status_ended, leases.note_status)),
    "NotifyEvent": (availability.note,),
    "NotifyReport": (reports.part_ended, inventory.note),
    "BatterySwap": (reports.swap_ended,),
    "ClosePeriodicEventStream": (streams.closed,),
    "ReservationStatusUpdate": (reports.reservation_ended,),
    "StartTransaction": (reports.reservation_ended,),
    "TransactionEvent": (reports.reservation_ended,),
}
"""Who takes note of what a message means for what it names, when everybody has got his copy."""
