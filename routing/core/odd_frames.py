"""Text that is no frame, and frames that this version does not know (ocpp-semantics 1.5, 1.7)."""

from __future__ import annotations

from routing.core import acceptance, answers, audit, calls, frames, losses
from routing.core.decisions import CloseCharger
from routing.core.errors import Condition, error_code
from routing.core.frames import CallResultError, Malformed, Send, UnknownType
from routing.core.lines import GARBAGE, Line
from routing.core.rows import Outcome
from routing.core.state import State
from routing.core.turn import Turn

CALL, ANSWERED, ERROR = 2, 3, 4

TOO_MUCH = f"{GARBAGE} frames that cannot be read"


def malformed_from_charger(state: State, turn: Turn, frame: Malformed) -> None:
    """Text of the charger that is no OCPP-J frame."""
    answer, taken = "", False
    if frame.message_id is not None and "invalid JSON" in frame.problem:
        state.note_quirk("mangled_json", frame.problem, turn)
    if frame.message_type in (ANSWERED, ERROR) and frame.message_id is not None:
        taken = calls.charger_answers_nonsense(state, turn, frame.message_id, frame.text, frame.problem)
    elif frame.message_type == CALL and frame.raw_id is not None:
        code = error_code(state.version, Condition.FORMAT)
        answer = frames.call_error(frame.raw_id, code, frame.problem[:255])
    elif state.version != "1.6":
        answer = frames.call_error('"-1"', error_code(state.version, Condition.RPC_FRAMEWORK), "")
    if not taken:
        _record(state, turn, None, frame, "malformed", frame.problem, answer)
    if state.is_too_much_garbage(turn.now):
        turn.emit(CloseCharger(1002, TOO_MUCH))


def unusual_from_charger(state: State, turn: Turn, frame: Send | CallResultError | UnknownType) -> None:
    """A frame of the charger that its version does not know."""
    answer = ""
    if state.version == "2.0.1":  # part 4 section 4.4; the others ignore such frames
        raw_id = frame.raw_id or '"-1"'
        answer = frames.call_error(raw_id, error_code(state.version, Condition.MESSAGE_TYPE), "")
    _record(state, turn, None, frame, "unsolicited", "unknown message type", answer)


def from_backoffice(
    state: State, turn: Turn, line: Line, frame: Malformed | Send | CallResultError | UnknownType
) -> None:
    """Whatever a backoffice sends that is neither a CALL nor an answer; it never reaches the charger."""
    if not isinstance(frame, Malformed):
        complains = isinstance(frame, CallResultError) and state.version == "2.1"
        what = "it complains about an answer" if complains else "a frame that a backoffice does not send"
        return _record(state, turn, line, frame, "unsolicited" if complains else "malformed", what, "")
    answer, taken = "", False
    if frame.message_type in (ANSWERED, ERROR) and frame.message_id is not None:
        taken = answers.unreadable(state, turn, line, frame.message_id, frame.text, frame.problem)
    elif frame.message_type == CALL and frame.raw_id is not None:
        code = error_code(state.version, Condition.FORMAT)
        answer = frames.call_error(frame.raw_id, code, frame.problem[:255])
    if not taken:
        _record(state, turn, line, frame, "malformed", frame.problem, answer)
    if line.is_too_much_garbage(turn.now):
        losses.rest(state, turn, line, 1002, TOO_MUCH)
        acceptance.billing_lost(state, turn, line)


def _record(
    state: State,
    turn: Turn,
    line: Line | None,
    frame: Malformed | Send | CallResultError | UnknownType,
    outcome: Outcome,
    rule: str,
    answer: str,
) -> None:
    """Keep it in the audit log, and send the answer if there is one."""
    audit.stray(
        state,
        turn,
        None if line is None else line.key,
        "up" if line is None else "down",
        frame.text,
        outcome,
        rule,
        message_id=frame.message_id or "",
        answer=answer,
    )
    if answer and line is None:
        turn.answer(answer, gated=False)
    elif answer and line is not None:
        turn.send(line.key, answer)
