"""What the charger is answered while the backoffice that should answer is away, late or wrong.

Source: ocpp-semantics 2.2 (last column), 3.1.3, 4.3, 5.3.
"""

from __future__ import annotations

from collections.abc import Callable

from routing.core import actions, ownership, spans
from routing.core.authorization import Judgement
from routing.core.payloads import BootAnswer, integer, read, wire_time
from routing.core.state import Received, State
from routing.core.turn import Turn

INTERVAL = 300
"""Heartbeat interval in seconds where no backoffice ever gave one."""

RETRY_INTERVAL = 60

NO_AUTHORIZATION = "NoAuthorization"
"""Type of token of a station that charges without cards (2.x, use case C02)."""

SHORTEST, LONGEST = 30, 3600
"""Bounds in seconds of the heartbeat interval told to a charger, so that the proxy sees its life."""


def answer(state: State, turn: Turn, received: Received, card: str) -> tuple[str | None, str]:
    """The payload for the charger and the rule in words; None where only a CALLERROR is left."""
    compose = _COMPOSERS.get(received.call.action)
    if compose is not None:
        return compose(state, turn, received, card)
    return actions.fallback_payload(received.row, received.call.payload), "proxy: fallback of the action"


def clamped(interval: int | None, state: State) -> int:
    """The heartbeat interval for the charger, from the one that Billing wishes."""
    pinned = state.snapshot.options.pin_interval
    return pinned or max(SHORTEST, min(interval or INTERVAL, LONGEST))


def _boot(state: State, turn: Turn, received: Received, card: str) -> tuple[str, str]:
    accepted = state.remembered("boot_answer")
    billing = state.snapshot.billing
    options = state.snapshot.options
    if accepted is not None or billing is None or options.standalone or options.decouple_boot:
        wished = integer(read(accepted.payload, BootAnswer).interval) if accepted else None
        status, interval = "Accepted", clamped(wished, state)
        rule = "proxy: accepted before by Billing" if accepted else "proxy: accepts on its own"
    else:
        status, interval, rule = "Pending", RETRY_INTERVAL, "proxy: never accepted by Billing"
    now = wire_time(turn.utc)
    return f'{{"currentTime":"{now}","interval":{interval},"status":"{status}"}}', rule


def _authorize(state: State, turn: Turn, received: Received, card: str) -> tuple[str, str]:
    token = ownership.presented_in(received.call.payload)
    asked = [line.key for line in ownership.deciders(state, token, turn)]
    start = state.remote_start_for(card, None, turn.now)
    wanted = start is not None and start.route in asked
    judgement = ownership.judged_without(state, card, asked, turn, asked_for=wanted)
    member = "idTagInfo" if state.version == "1.6" else "idTokenInfo"
    return f'{{"{member}":{judgement.info(state.version)}}}', judgement.rule


def _start(state: State, turn: Turn, received: Received, card: str) -> tuple[str, str]:
    transaction = received.transaction
    judgement = _judgement(state, turn, received, card)
    info = judgement.info(state.version)
    if transaction is None:
        return f'{{"transactionId":-1,"idTagInfo":{info}}}', judgement.rule
    number = transaction.row.charger_transaction_id or state.transactions.number_for_charger(None)
    turn.store(transaction.change(charger_transaction_id=number))
    payload = f'{{"transactionId":{number},"idTagInfo":{info}}}'
    transaction.answers["start"] = payload
    return payload, judgement.rule


def _event(state: State, turn: Turn, received: Received, card: str) -> tuple[str, str]:
    if not card and not _names_an_empty_card(received.call.payload):
        return "{}", "proxy: the owner is away"
    judgement = _judgement(state, turn, received, card)
    return f'{{"idTokenInfo":{judgement.info(state.version)}}}', judgement.rule


def _names_an_empty_card(event: str) -> bool:
    """Whether an event asks about a card without a number: its answer has to say something of it.

    Source: OCPP 2.0.1 part 2, TransactionEventResponse (idTokenInfo is required where the request has an
    idToken). A station that charges without cards says NoAuthorization, and asks nothing.
    """
    token = ownership.presented_in(event)
    return not token.card and token.kind not in ("", NO_AUTHORIZATION)


def _judgement(state: State, turn: Turn, received: Received, card: str) -> Judgement:
    transaction = received.transaction
    owner = transaction.row.owner if transaction is not None else None
    asked = set() if owner is None else {owner}
    if transaction is not None and transaction.asked_for == card.upper():
        return ownership.judged_without(state, card, asked, turn, asked_for=True)
    asked |= {line.key for line in ownership.deciders(state, ownership.Presented(card), turn)}
    return ownership.judged_without(state, card, asked, turn)


_COMPOSERS: dict[str, Callable[[State, Turn, Received, str], tuple[str, str]]] = {
    "BootNotification": _boot,
    "Authorize": _authorize,
    "StartTransaction": _start,
    "TransactionEvent": _event,
}


def with_interval(state: State, payload: str) -> str:
    """Billing's answer to a boot, its interval within bounds; untouched where it already is."""
    wished = integer(read(payload, BootAnswer).interval)
    interval = clamped(wished, state)
    return payload if interval == wished else spans.insert(payload, "$.interval", str(interval))
