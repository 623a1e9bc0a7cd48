"""What the charger is answered, by whom, and when nobody could (ocpp-semantics 1.8, 2.1)."""

from __future__ import annotations

from routing.core import actions, audit, fallback, frames, sessions
from routing.core.actions import Queue
from routing.core.ballots import Ballot
from routing.core.errors import Condition, error_code
from routing.core.lines import Line
from routing.core.state import ANSWERS_REMEMBERED, Received, State, Waiting
from routing.core.turn import Turn

STORED = frozenset({Queue.DURABLE, Queue.THIN, Queue.SMALL})
"""Queues in the database: such a message is committed before the charger gets its answer."""

EMPTY = "{}"


def is_timeless(version: str, action: str) -> bool:
    """Whether a stored message need not carry a time or number that tells it from an equal one."""
    row = actions.up(version, action)
    return row is not None and row.queue is Queue.SMALL


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
    turn.answer(frame, gated=received.row.queue in STORED, call=call, exchange=received.exchange)
    state.remember_answer(call, frame, turn.now)


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


def wait(state: State, received: Received, line: Line, patience: float, card: str = "") -> None:
    """Wait so many seconds for a backoffice's answer to this CALL, which is about this card."""
    deadline = received.since + patience
    waiting = Waiting(received, line.key, deadline, state.generation, card)
    state.waiting[received.exchange] = waiting
    state.wake_at(deadline)


def wait_for_several(state: State, received: Received, ballot: Ballot, card: str) -> Waiting:
    """Wait for the answers of those who are asked about this card."""
    waiting = Waiting(received, 0, ballot.closes, state.generation, card)
    waiting.ballot = ballot
    state.waiting[received.exchange] = waiting
    state.wake_at(ballot.closes)
    return waiting


def remember_use(state: State, waiting: Waiting, message_id: str) -> None:
    """Whose answer the charger got: it may complain about it (OCPP 2.1 part 4, CALLRESULTERROR)."""
    if state.version != "2.1":
        return
    used = state.used_answers
    used.pop(waiting.received.call.message_id, None)
    used[waiting.received.call.message_id] = (waiting.route, message_id)
    if len(used) > ANSWERS_REMEMBERED:
        del used[next(iter(used))]
