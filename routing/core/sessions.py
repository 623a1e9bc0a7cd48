"""How the charger's messages open, continue and end sessions (ocpp-semantics 3.1)."""

from __future__ import annotations

import msgspec

from routing.core import frames, ownership
from routing.core.frames import Call
from routing.core.payloads import (
    EventHead,
    Evse,
    MeterHead,
    StartHead,
    StopHead,
    TransactionInfo,
    integer,
    read,
    text,
    written,
)
from routing.core.rows import TransactionRow
from routing.core.state import Received, State
from routing.core.transactions import ASKED_FOR, EventMark, Transaction, event_mark
from routing.core.turn import Turn

EVENTS_REMEMBERED = 64


class Begun(msgspec.Struct, frozen=True, gc=False):
    """A StartTransaction: its session, whether it came before, and what it was answered then."""

    transaction: Transaction
    repeated: bool = False
    answer: str | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A StopTransaction: whether the session had ended before."""

    repeated: bool = False


class Event(msgspec.Struct, frozen=True, gc=False):
    """A TransactionEvent: whether it came before, and whether its answer may carry something.

    ``begins`` and ``ends``: the session does, with this event.
    """

    card: str = ""
    asks_owner: bool = False
    begins: bool = False
    ends: bool = False
    repeated: bool = False
    answer: str | None = None


def start(state: State, turn: Turn, received: Received) -> Begun:
    """Open the session of a StartTransaction, or find the one that it repeats."""
    head = read(received.call.payload, StartHead)
    received.connector_id = integer(head.connectorId)
    known = state.transactions.started_before(head, turn.utc)
    if known is not None:
        return Begun(known, True, _answer_to_start(state, turn, known))
    token = ownership.presented(msgspec.UNSET, head.idTag)
    owner = ownership.owner_for(state, token, received.connector_id, turn)
    state.forget_old_sessions(turn.utc)
    transaction = state.transactions.start(head, received.call.payload, owner.key, turn.utc)
    _note_wish(state, turn, transaction, owner, token.card)
    return Begun(transaction)


def _note_wish(state: State, turn: Turn, transaction: Transaction, owner: ownership.Owner, card: str) -> None:
    """Keep, also over a restart, with which card the owner itself has asked for a session."""
    if owner.asked_for:
        transaction.asked_for = card.upper()
        state.remember(ASKED_FOR, str(transaction.id), frames.quote(transaction.asked_for), turn)


def _answer_to_start(state: State, turn: Turn, known: Transaction) -> str | None:
    """What a start was answered, also when that was before a restart; None: it was not answered yet."""
    if answer := known.answers.get("start"):
        return answer
    number = known.row.charger_transaction_id
    if number is None:
        owners = known.routes.get(known.row.owner or -1)
        if owners is None or owners.id is None:
            return None
        # The owner's answer came when the charger was away.
        number = state.transactions.number_for_charger(int(owners.id))
        turn.store(known.change(charger_transaction_id=number))
    card, asked = known.row.id_tag, () if known.row.owner is None else (known.row.owner,)
    wanted = known.asked_for == card.upper()
    info = ownership.judged_without(state, card, asked, turn, asked_for=wanted).info(state.version)
    return f'{{"transactionId":{number},"idTagInfo":{info}}}'


def stop(state: State, turn: Turn, received: Received) -> Ended:
    """End the session of a StopTransaction."""
    head = read(received.call.payload, StopHead)
    received.number = written(head.transactionId)
    transaction = state.transactions.of_stop(head)
    received.transaction = transaction
    if transaction is None:
        return Ended()
    received.connector_id = transaction.row.connector_id
    if not transaction.is_open:
        return Ended(repeated=True)
    transaction.change(
        closed=turn.utc,
        stopped_at=text(head.timestamp, 64),
        meter_stop=integer(head.meterStop),
        stop_reason=(text(head.reason) or "Local")[:32],
    )
    state.forget(ASKED_FOR, str(transaction.id), turn)
    return Ended()


def meter(state: State, received: Received) -> None:
    """Find the session that 1.6 MeterValues belong to."""
    head = read(received.call.payload, MeterHead)
    received.connector_id = integer(head.connectorId)
    if state.version == "1.6":
        number = integer(head.transactionId)
        received.number = "" if number is None else written(head.transactionId)
        received.transaction = state.transactions.of_meter_values(number, received.connector_id)


def event(state: State, turn: Turn, received: Received) -> Event:
    """Open, continue or end the session of a 2.x TransactionEvent."""
    head = read(received.call.payload, EventHead)
    info = head.transactionInfo
    number = text(info.transactionId, 36) if isinstance(info, TransactionInfo) else ""
    card = ownership.presented(head.idToken).card
    kind = text(head.eventType)
    if not number:
        return Event(card, asks_owner=bool(card))
    known = state.transactions.event(state.version, number)
    mark = event_mark(head)
    if known is not None and _begins_another(known, mark):
        known = None
    if known is not None and _came_before(known, mark):
        received.transaction = known
        return Event(card, repeated=True, answer=known.answers.get(_answer_key(*mark)))
    transaction = known or _begin(state, turn, received, head, number, card)
    received.transaction = transaction
    received.connector_id = transaction.row.connector_id
    was_open = transaction.is_open
    if known is not None:
        _find_owner(state, turn, transaction, head, card)
    _continue(transaction, turn, received, head, kind, card)
    _mark(transaction, mark)
    ends = was_open and not transaction.is_open
    if ends:
        state.forget(ASKED_FOR, str(transaction.id), turn)
    return Event(
        card,
        asks_owner=bool(card) or kind in ("Started", "Ended"),
        begins=known is None,
        ends=ends,
    )


def _came_before(known: Transaction, mark: EventMark) -> bool:
    """Whether this event was taken before; also over a restart, for a session ends only once."""
    return (mark in known.seen and mark[0] is not None) or (mark[1] == "Ended" and not known.is_open)


def _begins_another(known: Transaction, mark: EventMark) -> bool:
    """Whether a charger that counts from the beginning again gives a new session the id of an ended one."""
    return mark[1] == "Started" and not known.is_open and mark[2] != known.row.started_at


def _answer_key(seq_no: int | None, kind: str, at: str) -> str:
    return f"{seq_no}/{kind}/{at}"


def remember_answer(transaction: Transaction, call: Call, answer: str) -> None:
    """Keep what an event was answered, for its repeat."""
    if call.action != "TransactionEvent":
        return
    transaction.answers[_answer_key(*event_mark(read(call.payload, EventHead)))] = answer
    if len(transaction.answers) > 4:
        del transaction.answers[next(iter(transaction.answers))]


def recall_event(transaction: Transaction, call: Call, head: EventHead, answer: str) -> None:
    """An event that was taken before this process began, and what it was answered, "" for nothing."""
    _mark(transaction, event_mark(head))
    if answer:
        remember_answer(transaction, call, answer)


def _mark(transaction: Transaction, mark: EventMark) -> None:
    transaction.seen.add(mark)
    if len(transaction.seen) > EVENTS_REMEMBERED:
        transaction.seen.discard(min(transaction.seen, key=lambda m: (m[0] or 0, m[2])))


def _begin(
    state: State, turn: Turn, received: Received, head: EventHead, number: str, card: str
) -> Transaction:
    evse = head.evse if isinstance(head.evse, Evse) else Evse()
    owner = _owner(state, turn, head, integer(evse.id))
    state.forget_old_sessions(turn.utc)
    transaction = state.transactions.begin(
        TransactionRow(
            id=state.transactions.new_key(),
            charger=state.snapshot.key,
            ocpp_version=state.version,
            evse_id=integer(evse.id),
            connector_id=integer(evse.connectorId),
            id_tag=card,
            charger_transaction_id=number,
            owner=owner.key,
            started_at=text(head.timestamp, 64),
            meter_start=None,
            start_payload=received.call.payload,
            created=turn.utc,
        )
    )
    _note_wish(state, turn, transaction, owner, card)
    return transaction


def _owner(state: State, turn: Turn, head: EventHead, evse_id: int | None) -> ownership.Owner:
    """Whose a session is: decided by the remote start that it comes from, or by its card."""
    token, remote = ownership.presented(head.idToken), _remote_start_id(head)
    if not token.card and remote is None:
        return ownership.Owner(state.billing)
    return ownership.owner_for(state, token, evse_id, turn, remote)


def _remote_start_id(head: EventHead) -> int | None:
    info = head.transactionInfo
    return integer(info.remoteStartId) if isinstance(info, TransactionInfo) else None


def _find_owner(state: State, turn: Turn, transaction: Transaction, head: EventHead, card: str) -> None:
    """A session that began with the cable is nobody's wish before its first card or remote start."""
    billing = state.billing
    by_default = transaction.row.owner == (billing.key if billing is not None else None)
    is_remote = transaction.asked_for is None and _remote_start_id(head) is not None
    is_first = (card and not transaction.row.id_tag) or is_remote
    if is_first and by_default and transaction.is_open:
        owner = _owner(state, turn, head, transaction.row.evse_id)
        transaction.change(owner=owner.key)
        _note_wish(state, turn, transaction, owner, card)


def _continue(
    transaction: Transaction, turn: Turn, received: Received, head: EventHead, kind: str, card: str
) -> None:
    changes: dict[str, object] = {}
    if kind == "Ended" and transaction.is_open:
        info = head.transactionInfo
        reason = text(info.stoppedReason, 32) if isinstance(info, TransactionInfo) else ""
        changes = {
            "closed": turn.utc,
            "stopped_at": text(head.timestamp, 64),
            "stop_reason": reason or "Local",
        }
    elif kind == "Updated":
        changes = {"last_payload": received.call.payload}
    if card and not transaction.row.id_tag:
        changes["id_tag"] = card
    if changes:
        transaction.change(**changes)
