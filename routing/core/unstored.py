"""What waits for the store, and chargers that cannot wait as long (ocpp-semantics 1.5, 1.7).

A charger has one CALL outstanding. When its answer does not come it gives up after 10 to 30 s, or connects
anew, and says the same again, under the same message id or another one. What it has said is on its way to
the disk already: so nothing is stored a second time, however long the database is away, and the answer
goes to the id under which it was said last, on the socket on which that was.

A backoffice gets nothing either before it is stored: only the process that owns the session can store, and
so no other one sends the same again (docs/decisions, 18).
"""

from __future__ import annotations

from routing.core import audit, frames
from routing.core.decisions import ToCharger
from routing.core.frames import Call
from routing.core.readings import answered_late
from routing.core.replies import is_timeless
from routing.core.state import State
from routing.core.turn import Gated, Turn

GIVES_UP = 2.0
"""Seconds before which no charger says a thing again on one connection; sooner, it is another thing."""


def says_again(state: State, turn: Turn, call: Call) -> bool:
    """Whether this CALL is one whose answer waits for the store; it gets that answer now.

    Of messages that need not carry a time only the newest can come again: an older one that is equal was
    said before something changed, and changed back.
    """
    may_be_older = not is_timeless(state.version, call.action)
    for waiting in reversed(state.gates.values()):
        for answer in reversed(waiting):
            if answer.call is None:
                continue
            if _is_again(state, turn, answer, answer.call, call):
                answer.frame = frames.to_other(answer.frame, answer.call.raw_id, call.raw_id)
                answer.call = call
                answer.repeats += 1
                answer.generation = state.generation
                state.remember_answer(call, answer.frame, turn.now)
                return True
            if not may_be_older and is_timeless(state.version, answer.call.action):
                return False
    return False


def _is_again(state: State, turn: Turn, answer: Gated, said: Call, call: Call) -> bool:
    if said.action != call.action or said.payload != call.payload:
        return False
    is_another_socket = answer.generation != state.generation
    return is_another_socket or said.raw_id == call.raw_id or turn.now >= answer.since + GIVES_UP


def hold(state: State, turn: Turn) -> int:
    """Keep the answers and deliveries of a turn until its rows are safe; the number of their gate."""
    for answer in turn.gated:
        answer.generation = state.generation
    state.last_gate += 1
    state.gates[state.last_gate] = turn.gated
    if turn.unstored:
        state.unstored[state.last_gate] = turn.unstored
    return state.last_gate


def release(state: State, turn: Turn, gate: int) -> None:
    """The rows behind a gate are safe: who still waits is answered, what was to be delivered may be sent."""
    for answer in state.gates.pop(gate, ()):
        if answer.call is not None and turn.now >= answer.since + GIVES_UP:
            answered_late(state, answer.call)
        is_heard = state.online and answer.generation == state.generation
        if is_heard:
            turn.emit(ToCharger(answer.frame))
        _note(state, turn, answer, is_heard=is_heard)
    for route, item in state.unstored.pop(gate, ()):
        item.stored = True
        turn.touched.add(route)


def _note(state: State, turn: Turn, answer: Gated, *, is_heard: bool) -> None:
    """Have the log tell where it was something else than it tells already: the first was answered.

    While the store is away no repeat is noted, for there may be many: now they are counted.
    """
    call, first = answer.call, answer.first
    if call is None or first is None or (is_heard and not answer.repeats):
        return
    gone = "the charger was gone before its message was stored"
    audit.unsent(state, turn, first, answer.exchange, "said again, and answered there" if is_heard else gone)
    if answer.repeats:
        audit.stray(
            state,
            turn,
            None,
            "up",
            call.text,
            "answered" if is_heard else "lost",
            f"proxy: said again {answer.repeats} times before it was stored",
            action=call.action,
            message_id=call.message_id,
            answer=answer.frame if is_heard else "",
        )


def new_socket(state: State) -> None:
    """Answers are for the socket that has asked; the proxy's own CALLs were for the one before."""
    for waiting in state.gates.values():
        waiting[:] = [answer for answer in waiting if answer.call is not None]
