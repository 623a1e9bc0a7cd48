"""CALLs of backoffices toward the charger: permission, identifiers, the call gate, the answer back."""

from __future__ import annotations

from routing.core import actions, audit, frames, guard, policy, spans
from routing.core.actions import Down, Kind
from routing.core.decisions import Report
from routing.core.errors import Condition, error_code
from routing.core.frames import Call, CallError, CallResult
from routing.core.gate import DownCall
from routing.core.lines import NEVER, Line, Phase
from routing.core.payloads import RemoteStartHead, Token, integer, read, text
from routing.core.rows import Outcome
from routing.core.snapshot import Role, Verdict
from routing.core.state import RemoteStart, State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

CONNECTION_TIMEOUT = 120.0
"""Seconds for which a remote start may wait for its car (ocpp-semantics 3.2)."""

PRIORITIES = {Role.BILLING: 1, Role.CONTROL: 2, Role.ENERGY: 2, Role.SERVICE: 3, Role.OBSERVE: 4}
SAFETY = 0

SESSION_COMMANDS = frozenset(
    {
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
    }
)


def backoffice_call(state: State, turn: Turn, line: Line, call: Call) -> None:
    """Take a CALL of a backoffice: deny it, or queue it for the charger."""
    asked = _asked(state, turn, line, call)
    row = actions.down(state.version, call.action)
    if row is None:
        return _unknown(state, turn, line, call, asked)
    asked.row = row
    verdict, asked.rule = policy.decide(row, line.route)
    problem = _objection(state, line, call, row, verdict)
    if verdict is not Verdict.DENY and _is_too_early(line, row):
        return _deny_early(state, turn, line, asked)
    if verdict is Verdict.DENY or problem:
        return deny(state, turn, line, asked, problem or asked.rule)
    payload = _for_charger(state, line, row, call.payload)
    if payload is None:
        return deny(state, turn, line, asked, "an identifier that this backoffice was never given")
    if not state.online and state.offline_since == NEVER:
        return refuse(state, turn, asked, Condition.GENERIC, "charger offline", "lost")
    asked.payload = payload
    if not state.gate.submit(asked):
        return refuse(
            state,
            turn,
            asked,
            Condition.INTERNAL,
            "queue full: too many CALLs wait for the charger",
            "dropped",
        )
    state.wake_at(turn.now + state.snapshot.options.T_cmd_queue)


def _asked(state: State, turn: Turn, line: Line, call: Call) -> DownCall:
    row = actions.down(state.version, call.action) or Down(call.action, "unknown", {})
    priority = SAFETY if row.priority_class == "safety" else PRIORITIES[line.route.role]
    return DownCall(
        row,
        call.payload,
        exchange=state.next_seq(turn.utc),
        at=turn.utc,
        queued_at=turn.now,
        priority=priority,
        route=line.key,
        asked=call.message_id,
        raw_id=call.raw_id,
        text=call.text,
    )


def _unknown(state: State, turn: Turn, line: Line, call: Call, asked: DownCall) -> None:
    known = actions.up(state.version, call.action) is not None
    condition = Condition.NOT_SUPPORTED if known else Condition.UNKNOWN_ACTION
    words = "is for the charger to send" if known else f"is not an action of OCPP {state.version}"
    refuse(state, turn, asked, condition, f'"{call.action[:50]}" {words}', "denied")


def _objection(state: State, line: Line, call: Call, row: Down, verdict: Verdict) -> str:
    """Why a CALL that the permissions let through is denied all the same, in words."""
    if verdict is Verdict.DENY:
        return ""
    if objection := guard.objection(call.action, call.payload):
        return objection
    if verdict is not Verdict.OWN or line.route.role is Role.BILLING:
        return ""
    transaction = _named_transaction(state, line, row, call.payload)
    if transaction is not None and transaction.row.owner == line.key:
        return ""
    return f"{row.action} is allowed on what this backoffice has begun itself only"


def _is_too_early(line: Line, row: Down) -> bool:
    """Whether a backoffice that has not accepted the charger wants a session begun or ended.

    Source: OCPP 1.6 edition 2, section 4.2; 2.0.1 part 2, B02 and B03.
    """
    return (
        row.action in SESSION_COMMANDS and line.phase is not Phase.READY and line.registration != "Accepted"
    )


def _deny_early(state: State, turn: Turn, line: Line, asked: DownCall) -> None:
    reason = "" if state.version == "1.6" else ',"statusInfo":{"reasonCode":"CSNotAccepted"}'
    asked.rule = "this backoffice has not accepted the charger yet"
    _answer_denial(state, turn, line, asked, f'{{"status":"Rejected"{reason}}}')


def _named_transaction(state: State, line: Line, row: Down, payload: str) -> Transaction | None:
    number = _transaction_number(row, payload)
    return state.transactions.named_by_route(line.key, number) if number else None


def _transaction_number(row: Down, payload: str) -> str:
    """The transaction that a CALL names, as the asker knows it; "" where it names none."""
    path = next((r.path for r in row.to_charger if r.kind is Kind.TRANSACTION), "$.transactionId")
    number = spans.value(payload, path)
    return str(number) if isinstance(number, str | int) and not isinstance(number, bool) else ""


def _for_charger(state: State, line: Line, row: Down, payload: str) -> str | None:
    """The payload with the charger's identifiers; None where one is not known to this backoffice."""
    edits: dict[str, str | None] = {}
    for rewrite in row.to_charger:
        if rewrite.kind is Kind.ABSENT:
            edits[rewrite.path] = None
        elif rewrite.kind is Kind.TRANSACTION and state.version == "1.6":
            tokens = spans.find(payload, rewrite.path)
            if not tokens:
                continue
            transaction = _named_transaction(state, line, row, payload)
            if transaction is None or transaction.row.charger_transaction_id is None:
                return None
            edits[rewrite.path] = transaction.row.charger_transaction_id
    return spans.patch(payload, edits) if edits else payload


def deny(state: State, turn: Turn, line: Line, asked: DownCall, rule: str) -> None:
    """Say no in the action's own words: many backoffices take a CALLERROR for a broken charger."""
    asked.rule = rule
    payload = actions.deny_payload(asked.row, asked.payload)
    if payload is None or line.route.options.deny_style == "callerror":
        return refuse(state, turn, asked, asked.row.denial_error, "denied by proxy policy", "denied")
    _answer_denial(state, turn, line, asked, payload)


def _answer_denial(state: State, turn: Turn, line: Line, asked: DownCall, payload: str) -> None:
    frame = frames.call_result(asked.raw_id, payload)
    audit.asked(state, turn, asked, frame, "denied")
    turn.emit(Report("blocked", f"{asked.action} of {line.route.backoffice}: {asked.rule}"))
    turn.send(line.key, frame)


def refuse(
    state: State, turn: Turn, asked: DownCall, condition: Condition, words: str, outcome: Outcome
) -> None:
    """Answer a backoffice's CALL with a CALLERROR."""
    code = error_code(state.version, condition)
    frame = frames.call_error(asked.raw_id, code, words)
    audit.asked(
        state,
        turn,
        asked,
        frame,
        outcome,
        code=code,
        rule=words if outcome != "denied" else asked.rule or words,
    )
    _to_asker(state, turn, asked, frame)


def _to_asker(state: State, turn: Turn, asked: DownCall, frame: str) -> None:
    line = state.lines.get(asked.route) if asked.route is not None else None
    if line is not None and line.phase is not Phase.DOWN and not asked.withdrawn:
        turn.send(line.key, frame)


def stop_transaction(state: State, turn: Turn, transaction: Transaction, rule: str) -> None:
    """Ask the charger, as the proxy, to end a session."""
    action = "RemoteStopTransaction" if state.version == "1.6" else "RequestStopTransaction"
    row = actions.down(state.version, action)
    number = transaction.row.charger_transaction_id
    if row is None or number is None or not state.online:
        return
    token = number if state.version == "1.6" else frames.quote(number)
    state.gate.submit(
        DownCall(
            row,
            f'{{"transactionId":{token}}}',
            exchange=state.next_seq(turn.utc),
            at=turn.utc,
            queued_at=turn.now,
            priority=SAFETY,
            rule=rule,
        )
    )


# -- the charger's side --------------------------------------------------------------------------------


def pump(state: State, turn: Turn) -> None:
    """Send the next CALL to the charger, if one may go.

    A charger that waits for the answer to its boot is left alone: some start over when they are
    asked something before it.
    """
    if not state.gate.queue or not state.online or _boots(state):
        return
    call = state.gate.take(turn.now)
    if call is None:
        return
    call.message_id = (
        str(state.next_seq(turn.utc) % 1_000_000_000) if state.snapshot.options.short_ids else state.new_id()
    )
    call.sent_at, call.sent_utc = turn.now, turn.utc
    state.gate.outstanding = call
    state.wake_at(turn.now + state.snapshot.options.T_cmd)
    turn.answer(frames.call(call.message_id, call.action, call.payload), gated=False)


def _boots(state: State) -> bool:
    return any(
        w.received.call.action == "BootNotification" and w.generation == state.generation
        for w in state.waiting.values()
    )


def charger_answers(state: State, turn: Turn, frame: CallResult | CallError) -> None:
    """The charger has answered: the asker gets it, nobody else."""
    call = state.gate.outstanding
    if call is None or frame.message_id != call.message_id:
        audit.stray(
            state,
            turn,
            None,
            "down",
            frame.text,
            "unsolicited",
            "an answer to nothing that is outstanding",
            message_id=frame.message_id,
        )
        return
    state.gate.outstanding = None
    if isinstance(frame, CallError):
        answer = frames.call_error(call.raw_id, frame.code, frame.description, frame.details)
        outcome: Outcome = "error"
    else:
        answer = frames.call_result(call.raw_id, frame.payload)
        outcome = "answered"
        _note_remote_start(state, turn, call, frame.payload)
    code = frame.code if isinstance(frame, CallError) else ""
    audit.commanded(state, turn, call, "", frame.text, outcome, code=code)
    if call.route is not None:
        audit.asked(state, turn, call, answer, outcome, code=code)
        _to_asker(state, turn, call, answer)


def charger_answers_nonsense(state: State, turn: Turn, message_id: str, text_: str) -> None:
    """An answer that cannot be read, but its id can: the asker hears so at once."""
    call = state.gate.outstanding
    if call is not None and call.message_id == message_id:
        _end_outstanding(
            state, turn, Condition.FORMAT, "the charger's answer cannot be read", text_, "malformed"
        )


def _note_remote_start(state: State, turn: Turn, call: DownCall, answer: str) -> None:
    if call.action not in ("RemoteStartTransaction", "RequestStartTransaction") or call.route is None:
        return
    if spans.value(answer, "$.status") != "Accepted":
        return
    head = read(call.payload, RemoteStartHead)
    card = text(head.idToken.idToken) if isinstance(head.idToken, Token) else text(head.idTag)
    place = integer(head.connectorId) if state.version == "1.6" else integer(head.evseId)
    state.remote_starts.append(RemoteStart(call.route, card, place, turn.now + CONNECTION_TIMEOUT))


def expire(state: State, turn: Turn) -> None:
    """End CALLs that the charger does not answer or that have waited too long for it."""
    options = state.snapshot.options
    for late in state.gate.expired(turn.now, options.T_cmd_queue):
        refuse(
            state, turn, late, Condition.INTERNAL, "busy: the charger had no time for this CALL", "dropped"
        )
    call = state.gate.outstanding
    if call is not None and turn.now >= call.sent_at + options.T_cmd:
        _end_outstanding(
            state,
            turn,
            Condition.GENERIC,
            f"no answer from the charger in {options.T_cmd:g} s",
            "",
            "timeout",
        )


def charger_lost(state: State, turn: Turn, why: str) -> None:
    """The socket that was to answer is gone. A CALL is never sent again: it may have been carried out."""
    _end_outstanding(state, turn, Condition.GENERIC, why, "", "lost")


def drop_waiting(state: State, turn: Turn, why: str) -> None:
    """Nobody will take what waits for the charger."""
    waiting, state.gate.queue = state.gate.queue, []
    for call in waiting:
        refuse(state, turn, call, Condition.GENERIC, why, "lost")


def asker_lost(state: State, turn: Turn, route: int) -> None:
    """What a backoffice has waiting for the charger is dropped with its link."""
    for call in state.gate.withdraw(route):
        audit.asked(state, turn, call, "", "lost", rule="the link closed before the charger was asked")


def _end_outstanding(
    state: State, turn: Turn, condition: Condition, words: str, text_: str, outcome: Outcome
) -> None:
    call, state.gate.outstanding = state.gate.outstanding, None
    if call is None:
        return
    audit.commanded(state, turn, call, "", text_, outcome)
    if call.route is not None:
        refuse(state, turn, call, condition, words, outcome)


def deadline(state: State) -> float:
    """When the gate has to be looked at again."""
    options = state.snapshot.options
    when = min((c.queued_at + options.T_cmd_queue for c in state.gate.queue), default=float("inf"))
    if state.gate.outstanding is not None:
        when = min(when, state.gate.outstanding.sent_at + options.T_cmd)
    return when
