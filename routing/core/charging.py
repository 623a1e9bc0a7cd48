"""The charger begins, continues and ends sessions: who hears, who answers (ocpp-semantics 3.1, 5.2)."""

from __future__ import annotations

from routing.core import hooks, sessions
from routing.core.copies import delivery_row, fan_out, is_announced, is_hidden_from, item, store_delivery
from routing.core.lines import Kind, Line, Phase
from routing.core.replies import EMPTY, reply, unanswered, wait
from routing.core.rows import RouteTransactionRow
from routing.core.state import Received, State
from routing.core.transactions import RouteTransaction, Transaction
from routing.core.turn import Turn


def start(state: State, turn: Turn, received: Received) -> None:
    """Take a StartTransaction."""
    begun = sessions.start(state, turn, received)
    transaction = received.transaction = begun.transaction
    if begun.answer is not None:
        return reply(state, turn, received, begun.answer, "proxy: repeated start, same answer")
    if begun.repeated:
        return _join(state, turn, received, transaction, transaction.row.id_tag)
    turn.store(transaction.row)
    _expect_ids(state, turn, received)
    hooks.call_for_session(hooks.BEGAN, state, turn, transaction)
    owner = state.lines.get(transaction.row.owner or -1)
    _ask_owner(state, turn, received, owner, transaction.row.id_tag, state.snapshot.options.T_start)


def _join(state: State, turn: Turn, received: Received, transaction: Transaction, card: str) -> None:
    """A repeat under another message id while the owner is still being asked: both get the answer."""
    owner = state.lines.get(transaction.row.owner or -1)
    why_not = "no owner" if owner is None else owner.why_silent
    if owner is None or why_not or not owner.owes(transaction.id, received.call.payload):
        return unanswered(state, turn, received, card, why_not or "asked before")
    wait(state, received, owner, state.snapshot.options.T_start, card)


def _expect_ids(state: State, turn: Turn, received: Received) -> None:
    transaction = received.transaction
    if transaction is None:
        return
    for line in state.lines.values():
        if not is_hidden_from(line, received) and is_announced(received.row, line):
            transaction.routes[line.key] = RouteTransaction("pending")
            turn.store(transaction.route_row(line.key))


def stop(state: State, turn: Turn, received: Received) -> None:
    """Take a StopTransaction."""
    ended = sessions.stop(state, turn, received)
    if ended.repeated:
        return reply(state, turn, received, EMPTY, "proxy: repeated stop, answered before")
    transaction = received.transaction
    card = transaction.row.id_tag if transaction else ""
    if transaction is not None:
        turn.store(transaction.row)
        hooks.call_for_session(hooks.ENDED, state, turn, transaction)
        owner = state.lines.get(transaction.row.owner or -1)
        return _ask_owner(state, turn, received, owner, card, state.snapshot.options.T_stop)
    billing = state.billing
    if billing is not None:
        store_delivery(state, turn, billing, received, asked=False)
    reply(state, turn, received, EMPTY, "proxy: the session is not known here")


def event(state: State, turn: Turn, received: Received) -> None:
    """Take a TransactionEvent."""
    event = sessions.event(state, turn, received)
    transaction = received.transaction
    if event.repeated:
        if event.answer is None and event.card and transaction is not None:
            return _join(state, turn, received, transaction, event.card)
        return reply(state, turn, received, event.answer or EMPTY, "proxy: repeated event, answered before")
    if transaction is not None:
        turn.store(transaction.row)
        if not event.begins:
            _tell_of_beginning(state, turn, received, transaction)
        _know_ids(state, turn, received)
        if event.begins:
            hooks.call_for_session(hooks.BEGAN, state, turn, transaction)
        if event.ends:
            hooks.call_for_session(hooks.ENDED, state, turn, transaction)
    if event.asks_owner:
        owner = state.lines.get(transaction.row.owner or -1) if transaction else state.billing
        return _ask_owner(state, turn, received, owner, event.card, state.snapshot.options.T_start)
    fan_out(state, turn, received, None)
    reply(state, turn, received, EMPTY, "proxy: the answer carries nothing")


def _tell_of_beginning(state: State, turn: Turn, received: Received, transaction: Transaction) -> None:
    """A session that began with the cable belongs to whose card came later: it hears of the start first."""
    owner = state.lines.get(transaction.row.owner or -1)
    start = transaction.row.start_payload
    if owner is None or owner.key in transaction.routes or not start:
        return
    made = item(Kind.DELIVERY, received, start, asked=False)
    made.replayed = owner.phase is Phase.DOWN
    turn.deliver(owner, made, delivery_row(state, owner.key, received, start))
    received.exchange = state.next_seq(turn.utc)  # the event itself comes behind


def _know_ids(state: State, turn: Turn, received: Received) -> None:
    """In 2.x every route knows a session under the charger's own id, from its first event on."""
    transaction = received.transaction
    if transaction is None:
        return
    number = transaction.row.charger_transaction_id
    for line in state.lines.values():
        if line.key not in transaction.routes and not is_hidden_from(line, received):
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
    wait(state, received, owner, patience, card)
