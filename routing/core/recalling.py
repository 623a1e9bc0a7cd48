"""What the charger had said before: on the socket before this one, or to a process that is gone.

A charger says again what it has no answer to. Starts and ends of sessions are known from their rows; the
rest is read from the newest rows of the audit log, which are stored with what they tell of: so a repeat is
known also where the process was killed between the commit and the answer (ocpp-semantics 1.7, 3.1.7, 7.9).
"""

from __future__ import annotations

from routing.core import actions, frames, readings, repairs, sessions
from routing.core.decisions import Said
from routing.core.frames import Call, CallResult
from routing.core.payloads import EventHead, StartHead, TransactionInfo, VerdictHead, integer, read, text
from routing.core.replies import STORED, is_timeless
from routing.core.snapshot import OCPP_VERSIONS
from routing.core.state import REPEAT_WINDOW, State
from routing.core.turn import Turn


def new_socket(state: State, turn: Turn) -> None:
    """Of the answers given before, those count on to what is delivered: it must not be so twice."""
    for message_id, (text_, _, _) in list(state.answered.items()):
        call = frames.parse(text_)
        if not isinstance(call, Call) or not _is_stored(state, call.action):
            del state.answered[message_id]
    said_before, state.said = state.said, []
    for said in said_before:
        _recall(state, turn, said)
    _forget_older(state)


def _forget_older(state: State) -> None:
    """Ids may begin anew with a connection: of what carries no time only the newest can come again."""
    timeless = [
        message_id
        for message_id, (text_, _, _) in state.answered.items()
        if isinstance(call := frames.parse(text_), Call) and is_timeless(state.version, call.action)
    ]
    for message_id in timeless[:-1]:
        del state.answered[message_id]


SAID: frozenset[str] = frozenset(
    action
    for version in OCPP_VERSIONS
    for action in actions.names(version)
    if (row := actions.up(version, action)) is not None and row.queue in STORED
)
"""Actions of which the newest messages are to be known."""


def _is_stored(state: State, action: str) -> bool:
    row = actions.up(state.version, action)
    return row is not None and row.queue in STORED


def _recall(state: State, turn: Turn, said: Said) -> None:
    call = frames.parse(said.text)
    if rules := state.snapshot.options.repair:
        call = repairs.repaired(call, rules, state.version)
    if not isinstance(call, Call):
        return
    answer = frames.parse(said.answer) if said.answer else None
    payload = answer.payload if isinstance(answer, CallResult) else ""
    if call.action == "MeterValues":
        readings.recall(state, call.payload)
    elif call.action == "TransactionEvent":
        _recall_event(state, call, payload)
    elif call.action == "StartTransaction" and payload:
        _recall_start(state, turn, call, payload)
    age = max(0.0, (turn.utc - said.at).total_seconds())  # a clock may have gone back
    if payload and age < REPEAT_WINDOW and _is_stored(state, call.action):
        state.remember_answer(call, said.answer, turn.now - age)


def _recall_event(state: State, call: Call, answer: str) -> None:
    head = read(call.payload, EventHead)
    info = head.transactionInfo
    number = text(info.transactionId, 36) if isinstance(info, TransactionInfo) else ""
    transaction = state.transactions.event(state.version, number) if number else None
    if transaction is not None:
        sessions.recall_event(transaction, call, head, answer)


def _recall_start(state: State, turn: Turn, call: Call, answer: str) -> None:
    known = state.transactions.started_before(read(call.payload, StartHead), turn.utc)
    number = integer(read(answer, VerdictHead).transactionId)
    if known is not None and known.row.charger_transaction_id == str(number):
        known.answers["start"] = answer
