"""The two ends of a CALL of a backoffice: what the charger is asked, and what the asker is answered.

A CALL toward the charger waits in the gate, is sent alone, and ends exactly once: with the charger's
answer, or with a Reply that says why there is none. What follows is its ``then``; the usual one is ``relay``.
"""

from __future__ import annotations

from collections.abc import Callable

from routing.core import actions, audit, conflicts, frames, migration, redaction, rewriting, spans
from routing.core.actions import responses
from routing.core.decisions import CommandEnded, CommandSent, Report
from routing.core.errors import Condition, error_code
from routing.core.frames import CallError, CallResult
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import HOUSE, Phase
from routing.core.rows import Outcome
from routing.core.state import State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

SAFETY = 0
PROXY = 1
"""Priorities in the gate of what may not wait, and of the proxy's own CALLs (Billing's too)."""

Then = Callable[[State, Turn, DownCall, Reply], None]

ACCEPTED = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled"})
"""Statuses with which a charger says that it does what it was asked."""


# -- asking the charger --------------------------------------------------------------------------------


def submit(
    state: State,
    turn: Turn,
    asked: Asked,
    payload: str,
    then: Then | None = None,
    *,
    row: actions.Down | None = None,
) -> DownCall | None:
    """Ask the charger what a backoffice has asked, in this payload; ``then`` is ``relay`` by default.

    ``row`` is that of another action, where the answer to that is needed first; ``then`` goes on.
    None where the charger is not there or too much waits: the asker has been refused, ``then`` is not called.
    """
    if not state.is_reachable:
        refuse(state, turn, asked, Condition.GENERIC, "charger offline", "lost")
        return None
    if objection := conflicts.objection(state, turn, asked.action, payload):
        _object(state, turn, asked, objection)
        return None
    call = DownCall(
        row or asked.row,
        payload,
        then or relay,
        exchange=asked.exchange,
        at=turn.utc,
        queued_at=turn.now,
        priority=asked.priority,
        asked=asked,
        rule=asked.rule,
    )
    words = "queue full: too many CALLs wait for the charger"
    for crowded_out in conflicts.supersede(state, call):
        _end(state, turn, crowded_out, Condition.INTERNAL, words, "dropped")
    if not state.gate.submit(call):
        refuse(state, turn, asked, Condition.INTERNAL, words, "dropped")
        return None
    state.wake_at(turn.now + state.snapshot.options.T_cmd_queue)
    return call


def _object(state: State, turn: Turn, asked: Asked, objection: str) -> None:
    if objection == conflicts.REBOOTING:
        return refuse(state, turn, asked, Condition.GENERIC, objection, "dropped")
    answer(state, turn, asked, '{"status":"Rejected"}', objection, "denied")


def command(
    state: State,
    turn: Turn,
    action: str,
    payload: str,
    rule: str,
    then: Then | None = None,
    *,
    priority: int = PROXY,
) -> None:
    """Ask the charger something as the proxy; nobody is answered. Nothing is asked of one that is away."""
    row = actions.down(state.version, action)
    if row is None or not state.online:
        return
    state.gate.submit(
        DownCall(
            row,
            payload,
            then or _nothing_follows,
            exchange=state.next_seq(turn.utc),
            at=turn.utc,
            queued_at=turn.now,
            priority=priority,
            rule=rule,
        )
    )
    state.wake_at(turn.now + state.snapshot.options.T_cmd_queue)


def _nothing_follows(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The proxy has asked for the effect, not for the answer; the audit log has it."""


def stop_transaction(
    state: State, turn: Turn, transaction: Transaction, rule: str, then: Then | None = None
) -> None:
    """Ask the charger, as the proxy, to end a session."""
    action = "RemoteStopTransaction" if state.version == "1.6" else "RequestStopTransaction"
    number = transaction.row.charger_transaction_id
    if number is not None:
        token = number if state.version == "1.6" else frames.quote(number)
        command(state, turn, action, f'{{"transactionId":{token}}}', rule, then, priority=SAFETY)


# -- answering the asker -------------------------------------------------------------------------------


def relay(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """Give the asker, and nobody else, what the charger has answered, with the asker's identifiers."""
    if not is_accepted(reply):
        refused = reply.payload is not None or reply.outcome in ("error", "denied")
        rewriting.take_back(state, turn, call.opened, known=refused)
    else:
        rewriting.taken(state, turn, call)
    asked = call.asked
    if asked is None:
        return
    if reply.outcome == "denied":
        deny(state, turn, asked, asked.rule)
    elif reply.payload is None:
        _answer_error(state, turn, asked, reply)
    else:
        payload = rewriting.to_asker(state, turn, call, reply.payload)
        answer(state, turn, asked, payload)


def is_accepted(reply: Reply) -> bool:
    """Whether the charger does what it was asked: a positive status, or an answer that has none."""
    if reply.payload is None:
        return False
    status = spans.value(reply.payload, "$.status")
    return status is None or (isinstance(status, str) and status in ACCEPTED)


def answer(
    state: State, turn: Turn, asked: Asked, payload: str, rule: str = "", outcome: Outcome = "answered"
) -> None:
    """Answer a backoffice's CALL with a payload; ``rule`` where the proxy itself has decided so."""
    if asked.route == HOUSE:
        told = CommandEnded(id=asked.message_id, outcome=outcome, payload=payload, words=rule)
        return turn.emit(told)
    asked.rule = rule or asked.rule
    _to_asker(state, turn, asked, frames.call_result(asked.raw_id, payload), outcome)


def deny(state: State, turn: Turn, asked: Asked, rule: str) -> None:
    """Say no in the action's own words: many backoffices take a CALLERROR for a broken charger."""
    asked.rule = rule
    if asked.route == HOUSE:
        return turn.emit(CommandEnded(id=asked.message_id, outcome="denied", words=rule))
    line = state.lines.get(asked.route)
    payload = actions.deny_payload(asked.row, asked.payload)
    if payload is None or (line is not None and line.route.options.deny_style == "callerror"):
        blocked(state, turn, asked)
        return refuse(state, turn, asked, asked.row.denial_error, "denied by proxy policy", "denied")
    deny_with(state, turn, asked, payload, rule)


def deny_with(state: State, turn: Turn, asked: Asked, payload: str, rule: str) -> None:
    """Say no with this payload."""
    if asked.route == HOUSE:
        return turn.emit(CommandEnded(id=asked.message_id, outcome="denied", payload=payload, words=rule))
    asked.rule = rule
    blocked(state, turn, asked)
    answer(state, turn, asked, payload, rule, "denied")


def blocked(state: State, turn: Turn, asked: Asked) -> None:
    """Report that a rule has kept something from the charger."""
    line = state.line(asked.route)
    who = line.route.backoffice if line is not None else "a backoffice"
    words = f"{asked.action} of {who}: {asked.rule}"
    turn.emit(Report("blocked", words, route=asked.route, exchange=asked.exchange))


def refuse(
    state: State, turn: Turn, asked: Asked, condition: Condition, words: str, outcome: Outcome
) -> None:
    """Answer a backoffice's CALL with a CALLERROR."""
    code = error_code(state.version, condition)
    _answer_error(state, turn, asked, Reply(code=code, description=words, outcome=outcome))


def keep_silent(state: State, turn: Turn, asked: Asked) -> None:
    """Serve a backoffice as a station does that it has rejected.

    Source: OCPP 2.0.1 part 2, B03 (SecurityError); 1.6 edition 2, section 4.2 (no answer at all).
    """
    rule = "this backoffice has rejected the charger"
    if state.version == "1.6":
        audit.asked(state, turn, asked, "", "dropped", rule=rule)
    else:
        refuse(state, turn, asked, Condition.SECURITY, rule, "denied")


def _answer_error(state: State, turn: Turn, asked: Asked, reply: Reply) -> None:
    if asked.route == HOUSE:
        words = redaction.words(asked.action, reply.description)
        return turn.emit(
            CommandEnded(id=asked.message_id, outcome=reply.outcome, code=reply.code, words=words)
        )
    frame = frames.call_error(asked.raw_id, reply.code, reply.description, reply.details)
    if reply.outcome == "error":
        rule = ""
    elif reply.outcome == "denied":
        rule = asked.rule or reply.description
    else:
        rule = reply.description
    _to_asker(state, turn, asked, frame, reply.outcome, code=reply.code, rule=rule)


def _to_asker(
    state: State, turn: Turn, asked: Asked, frame: str, outcome: Outcome, *, code: str = "", rule: str = ""
) -> None:
    """Send the answer, unless nobody is there to take it any more."""
    line = state.lines.get(asked.route)
    if line is not None and line.phase is not Phase.DOWN and not asked.withdrawn:
        audit.asked(state, turn, asked, frame, outcome, code=code, rule=rule)
        turn.send(line.key, frame)
    elif outcome == "answered":
        audit.asked(state, turn, asked, "", "lost", rule=rule or "the link closed before the answer")
    else:
        audit.asked(state, turn, asked, "", outcome, code=code, rule=rule)


# -- the charger's side --------------------------------------------------------------------------------


def pump(state: State, turn: Turn) -> None:
    """Send the next CALL to the charger, if one may go.

    A charger that waits for the answer to its boot is left alone: some start over when they are
    asked something before it.
    """
    gate = state.gate
    if not gate.queue or not state.online or state.boots:
        return
    if turn.now < gate.rebooting_until:
        return state.wake_at(gate.rebooting_until)
    call = _next(state, turn)
    if call is None:
        return
    call.message_id = (
        str(state.next_seq(turn.utc) % 1_000_000_000) if state.snapshot.options.short_ids else state.new_id()
    )
    call.sent_at, call.sent_utc = turn.now, turn.utc
    state.gate.sent_ids.append(call.message_id)
    state.gate.outstanding = call
    state.wake_at(turn.now + state.snapshot.options.T_cmd)
    # What the charger makes of it must be known here after a crash: first the maps are safe, then it is sent.
    gated = state.identifiers.take_changed()
    if call.asked is not None and call.route == HOUSE:
        turn.emit(CommandSent(call.asked.message_id, call.exchange))
    turn.answer(frames.call(call.message_id, call.action, call.payload), gated=gated)


def _next(state: State, turn: Turn) -> DownCall | None:
    """The CALL to send now. One that would touch what has become another's is refused instead."""
    while (call := state.gate.take(turn.now)) is not None:
        if rewriting.is_still_own(state, call):
            return call
        if call.asked is not None:
            call.asked.rule = "what it names is another backoffice's by now"
        _end(state, turn, call, Condition.SECURITY, "denied by proxy policy", "denied")
    return None


def charger_answers(state: State, turn: Turn, frame: CallResult | CallError) -> None:
    """The charger has answered: what was to follow, follows."""
    call = state.gate.outstanding
    if call is None or not _is_answer_to(state, turn, call, frame):
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
        return _too_late(state, turn, frame)
    state.gate.outstanding = None
    if isinstance(frame, CallError):
        reply = Reply(
            code=frame.code,
            description=frame.description,
            details=frame.details,
            outcome="error",
            text=frame.text,
        )
    else:
        reply = Reply(payload=frame.payload, text=frame.text)
    audit.commanded(state, turn, call, frame.text, reply.outcome, code=reply.code)
    if call.asked is not None and call.asked.overridden and is_accepted(reply):
        migration.note(state, turn, call)
    _ended(state, turn, call, reply)


def _too_late(state: State, turn: Turn, frame: CallResult | CallError) -> None:
    """Nobody waits for this answer any more; a person still wants to know."""
    command = state.gate.late.pop(frame.message_id, None)
    if command is not None and isinstance(frame, CallResult):
        turn.emit(CommandEnded(id=command, outcome="answered", payload=frame.payload, late=True))
    elif command is not None and isinstance(frame, CallError):
        words = redaction.words("", frame.description)
        turn.emit(CommandEnded(id=command, outcome="error", code=frame.code, words=words, late=True))


def _is_answer_to(state: State, turn: Turn, call: DownCall, frame: CallResult | CallError) -> bool:
    """Whether this answers the CALL outstanding: under its id, or under one that nobody ever sent.

    Some firmware invents ids (ocpp-semantics 1.7). A late answer to an earlier CALL is none to this.
    """
    if frame.message_id == call.message_id:
        return True
    if frame.message_id in state.gate.sent_ids or isinstance(frame, CallError):
        return False
    if not responses.fits(state.version, call.action, frame.payload):
        return False
    state.note_quirk("wrong_answer_id", f"{call.action} was answered under {frame.raw_id[:60]}", turn)
    return True


def charger_answers_nonsense(state: State, turn: Turn, message_id: str, text: str, problem: str) -> bool:
    """An answer that cannot be read, but its id can: the asker hears so at once.

    ``problem`` says in words what is wrong with it. False where it answers nothing that is outstanding.
    """
    call = state.gate.outstanding
    if call is None or call.message_id != message_id:
        return False
    words = "the charger's answer cannot be read"
    _end_outstanding(state, turn, Condition.FORMAT, words, text, "malformed", rule=problem)
    return True


def expire(state: State, turn: Turn) -> None:
    """End CALLs that the charger does not answer or that have waited too long for it."""
    options = state.snapshot.options
    if turn.now >= state.gate.rebooting_until:
        state.gate.rebooting_until = 0.0
    for late in state.gate.expired(turn.now, options.T_cmd_queue):
        words = "busy: the charger had no time for this CALL"
        _end(state, turn, late, Condition.INTERNAL, words, "dropped")
    call = state.gate.outstanding
    if call is not None and turn.now >= call.sent_at + options.T_cmd:
        words = f"no answer from the charger in {options.T_cmd:g} s"
        if call.asked is not None and call.route == HOUSE:
            state.gate.expect_late(call.message_id, call.asked.message_id)
        _end_outstanding(state, turn, Condition.GENERIC, words, "", "timeout")


def charger_lost(state: State, turn: Turn, why: str) -> None:
    """The socket that was to answer is gone. A CALL is never sent again: it may have been carried out."""
    _end_outstanding(state, turn, Condition.GENERIC, why, "", "lost")


def drop_waiting(state: State, turn: Turn, why: str) -> None:
    """Nobody will take what waits for the charger."""
    waiting, state.gate.queue = state.gate.queue, []
    for call in waiting:
        _end(state, turn, call, Condition.GENERIC, why, "lost")


def asker_lost(state: State, turn: Turn, route: int) -> None:
    """What a backoffice has waiting for the charger is dropped with its link."""
    for call in state.gate.withdraw(route):
        call.withdraw()
        words = "the link closed before the charger was asked"
        _end(state, turn, call, Condition.GENERIC, words, "lost")


def revoke(state: State, turn: Turn, call: DownCall, rule: str) -> None:
    """Refuse a CALL that waits, since a rule (in words) keeps it from the charger now."""
    state.gate.queue.remove(call)
    if call.asked is not None:
        call.asked.rule = rule
    _end(state, turn, call, Condition.SECURITY, "denied by proxy policy", "denied")


def _end_outstanding(
    state: State,
    turn: Turn,
    condition: Condition,
    words: str,
    text: str,
    outcome: Outcome,
    *,
    rule: str = "",
) -> None:
    call, state.gate.outstanding = state.gate.outstanding, None
    if call is None:
        return
    if not _withhold(state, call):
        audit.commanded(state, turn, call, text, outcome, rule=rule)
    _end(state, turn, call, condition, words, outcome, text)


def _withhold(state: State, call: DownCall) -> bool:
    """What still waits for the store when its time is over is never sent, for another CALL is next; whether
    this one did.
    """
    frame = frames.call(call.message_id, call.action, call.payload)
    waited = False
    for waiting in state.gates.values():
        waited = waited or any(gated.frame == frame for gated in waiting)
        waiting[:] = [gated for gated in waiting if gated.frame != frame]
    return waited


def _end(
    state: State,
    turn: Turn,
    call: DownCall,
    condition: Condition,
    words: str,
    outcome: Outcome,
    text: str = "",
) -> None:
    code = error_code(state.version, condition)
    _ended(state, turn, call, Reply(code=code, description=words, outcome=outcome, text=text))


def _ended(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """What was to follow, follows: for older CALLs that this one stands for as well."""
    for older in call.superseded:
        _ended(state, turn, older, reply)
    if call.action == "Reset":
        conflicts.reset_ended(state, turn, call, reply)
    call.then(state, turn, call, reply)


def deadline(state: State) -> float:
    """When the gate has to be looked at again."""
    options = state.snapshot.options
    when = min((c.queued_at + options.T_cmd_queue for c in state.gate.queue), default=float("inf"))
    if state.gate.queue and state.gate.rebooting_until:
        when = min(when, state.gate.rebooting_until)
    if state.gate.outstanding is not None:
        when = min(when, state.gate.outstanding.sent_at + options.T_cmd)
    return when
