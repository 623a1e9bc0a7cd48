"""Answers of backoffices: what they end, what they teach, and what of them reaches the charger."""

from __future__ import annotations

from routing.core import (
    acceptance,
    actions,
    audit,
    authorizing,
    clocks,
    frames,
    health,
    late_rejects,
    ownership,
    registration,
    replies,
    sessions,
    spans,
)
from routing.core.actions import Queue
from routing.core.charging_profiles import dynamic
from routing.core.dispatch import delivered, failed
from routing.core.errors import Condition, read_code
from routing.core.frames import CallError, CallResult, CallResultError
from routing.core.lines import Item, Kind, Line, Phase
from routing.core.payloads import BootAnswer, EventHead, Token, VerdictHead, integer, read, text
from routing.core.rows import Outcome
from routing.core.state import Received, State, Waiting
from routing.core.transactions import Transaction
from routing.core.turn import Turn

STARTS = ("StartTransaction", "TransactionEvent")

TOLERATED = ("Accepted", "ConcurrentTx")
"""Verdicts under which a running session goes on."""

UNSUPPORTED = (Condition.UNKNOWN_ACTION, Condition.NOT_SUPPORTED)


def call_result(state: State, turn: Turn, line: Line, frame: CallResult) -> None:
    """A backoffice has answered."""
    item = _answered_item(state, turn, line, frame)
    if item is None:
        return
    turn.touched.add(line.key)
    if problem := _problem(item, frame.payload):
        return _no_answer(state, turn, line, item, frame.text, problem, "")
    audit.copy(state, turn, line, item, frame.text, "answered")
    waiting = _waiting_for(state, line, item)
    if item.kind is Kind.DELIVERY:
        delivered(state, turn, line, item)
    elif item.kind is Kind.BOOT:
        relayed = any(_is_heard(state, one) for one in waiting)
        _boot_answered(state, turn, line, frame.payload, relayed=relayed)
    elif item.kind is Kind.HEARTBEAT:
        clocks.check(state, turn, line, frame.payload)
    if item.action == "StartTransaction":
        _learn_number(state, turn, line, item, frame.payload)
    elif item.action == "Authorize":
        authorizing.vote(state, turn, line, item.exchange, frame.payload, frame.message_id)
    for one in waiting:
        _answer_charger(state, turn, one, frame.payload)
        replies.remember_use(state, one, frame.message_id)
    if not waiting and item.action in STARTS:
        _late_verdict(state, turn, line, item, frame.payload)


def _boot_answered(state: State, turn: Turn, line: Line, answer: str, *, relayed: bool) -> None:
    clocks.check(state, turn, line, answer)
    if line is state.billing:
        acceptance.billing_answers(state, turn, answer)
        relayed = relayed and not acceptance.is_held(state, turn)
    registration.boot_answered(state, turn, line, answer, relayed=relayed)


def call_error(state: State, turn: Turn, line: Line, frame: CallError) -> None:
    """A backoffice has refused to answer."""
    item = _answered_item(state, turn, line, frame)
    if item is None:
        return
    condition = read_code(frame.code)
    words = audit.words_of(state, item.action, frame)
    _no_answer(state, turn, line, item, frame.text, words, frame.code, condition)


def unreadable(state: State, turn: Turn, line: Line, message_id: str, text_: str, problem: str) -> bool:
    """A backoffice's answer cannot be read, but its id can: whoever waits does not wait on.

    False where it answers nothing that is outstanding.
    """
    item = line.outstanding
    if item is None or message_id not in item.message_ids:
        return False
    if message_id != item.message_ids[-1]:
        _earlier_try(line, item, message_id)
    _no_answer(state, turn, line, item, text_, problem, "", outcome="malformed")
    return True


def stopped(state: State, turn: Turn, why: str) -> None:
    """The session ends: what the charger waits for it is not answered here any more."""
    for waiting in state.waiting.values():
        audit.charger_call(state, turn, waiting.received, "", why, outcome="lost")
    state.waiting.clear()


def link_lost(state: State, turn: Turn, line: Line, why: str) -> None:
    """A backoffice that the charger waits for is not there (any more)."""
    for exchange, waiting in list(state.waiting.items()):
        if waiting.route == line.key:
            del state.waiting[exchange]
            _give_up(state, turn, waiting, why)
    authorizing.line_lost(state, turn, line)


def expire(state: State, turn: Turn) -> None:
    """Answer for backoffices that are late."""
    for exchange, waiting in list(state.waiting.items()):
        if waiting.deadline <= turn.now:
            if waiting.ballot is not None:
                authorizing.close(state, turn, waiting, waiting.ballot)
                continue
            del state.waiting[exchange]
            _give_up(state, turn, waiting, "the owner is late")


def _is_heard(state: State, waiting: Waiting) -> bool:
    """Whether the socket on which the charger has asked is still there."""
    return state.online and waiting.generation == state.generation


def _give_up(state: State, turn: Turn, waiting: Waiting, why: str) -> None:
    if (line := state.lines.get(waiting.route)) is not None:
        line.withdraw(waiting.received.exchange)
    if _is_heard(state, waiting):
        if waiting.received.call.action == "BootNotification":
            return acceptance.answer_here(state, turn, waiting.received, why)
        replies.unanswered(state, turn, waiting.received, waiting.card, why)
    else:
        audit.charger_call(state, turn, waiting.received, "", why, outcome="lost")


def _answered_item(state: State, turn: Turn, line: Line, frame: CallResult | CallError) -> Item | None:
    item = line.outstanding
    if item is not None and frame.message_id in item.message_ids:
        line.outstanding = None
        line.overdue = False
        line.timeouts = 0
        if item.kind is Kind.REPEAT:
            turn.touched.add(line.key)
            audit.copy(state, turn, line, item, frame.text, "answered", rule="a repeat of what was answered")
            return None
        if frame.message_id == item.message_ids[-1]:
            health.answered(line, item, turn.now)
        else:
            _earlier_try(line, item, frame.message_id)
        return item
    boot = line.late_boot
    if boot is not None and frame.message_id in boot.message_ids and isinstance(frame, CallResult):
        line.late_boot = None
        boot.late = frame.message_id
        return boot
    head = line.fifo[0] if line.fifo else None
    if head is not None and frame.message_id in head.message_ids and isinstance(frame, CallResult):
        del line.fifo[0]  # a late answer to a message that was to be sent again
        head.late = frame.message_id
        return head
    audit.stray(
        state,
        turn,
        line.key,
        "up",
        frame.text,
        "unsolicited",
        "an answer to nothing that is outstanding",
        message_id=frame.message_id,
    )
    return None


def _earlier_try(line: Line, item: Item, message_id: str) -> None:
    """One CALL at a time, also where an earlier try was answered: the last one is still outstanding."""
    item.late = message_id
    line.outstanding = item.repeat()


def _problem(item: Item, payload: str) -> str:
    """Why an answer cannot be used, in words; "" when it can."""
    if item.action == "StartTransaction":
        head = read(payload, VerdictHead)
        if integer(head.transactionId) is None:
            return "the answer has no transactionId"
    if item.kind is Kind.BOOT and not text(read(payload, BootAnswer).status):
        return "the answer has no status"
    if item.action == "Authorize" and not authorizing.verdict_of(payload):
        return "the answer has no verdict"
    return ""


def _no_answer(
    state: State,
    turn: Turn,
    line: Line,
    item: Item,
    answer: str,
    error: str,
    code: str,
    condition: Condition | None = None,
    *,
    outcome: Outcome = "error",
) -> None:
    unsupported = condition in UNSUPPORTED
    waiting = _waiting_for(state, line, item)
    if unsupported and _may_be_left_out(state, item):
        _stop_sending(state, turn, line, item, answer, code)
    else:
        failed(state, turn, line, item, answer, outcome, error, code)
    if item.kind is Kind.BOOT:
        registration.boot_failed(state, turn, line, f"refuses the boot: {error}", unsupported=unsupported)
    elif condition is Condition.SECURITY and item.kind is not Kind.RELAY:
        registration.boot_first(state, turn, line, item)
    if item.action == "Authorize":
        authorizing.vote(state, turn, line, item.exchange, "")
    for one in waiting:
        _give_up(state, turn, one, f"{line.route.backoffice} answers {error}"[:200])


def _may_be_left_out(state: State, item: Item) -> bool:
    """Whether a backoffice that does not know this action is better not sent it.

    Never what belongs to sessions: the next version of its software may know that.
    """
    row = actions.up(state.version, item.action)
    return row is not None and row.queue is Queue.SMALL


def _stop_sending(state: State, turn: Turn, line: Line, item: Item, answer: str, code: str) -> None:
    """A backoffice does not know an action: it is not sent to it again (ocpp-semantics 2.5)."""
    if line.outstanding is item:
        line.outstanding = None
    line.unsupported |= {item.action}
    turn.touched.add(line.key)
    audit.copy(state, turn, line, item, answer, "error", code=code, rule="not supported: not sent again")
    delivered(state, turn, line, item)


def _waiting_for(state: State, line: Line, item: Item) -> list[Waiting]:
    """Take what waits for this answer: the CALL itself, and its repeats under other message ids."""
    if not state.waiting:
        return []
    found = []
    for exchange, waiting in list(state.waiting.items()):
        same = exchange == item.exchange and item.asked
        transaction = waiting.received.transaction
        repeat = (
            transaction is not None
            and transaction.id == item.transaction
            and waiting.received.call.payload == item.payload
        )
        if waiting.route == line.key and (same or repeat):
            found.append(state.waiting.pop(exchange))
    return found


def _learn_number(state: State, turn: Turn, line: Line, item: Item, payload: str) -> None:
    """How this backoffice calls the session (ocpp-semantics 3.1.2, 3.1.5)."""
    transaction = state.transactions.get(item.transaction)
    number = integer(read(payload, VerdictHead).transactionId)
    if transaction is None or line.key not in transaction.routes or number is None:
        return
    known = transaction.routes[line.key]
    known.id, known.state = str(number), "known"
    turn.store(transaction.route_row(line.key))


def _late_verdict(state: State, turn: Turn, line: Line, item: Item, payload: str) -> None:
    """The owner decides about a session that began without it (ocpp-semantics 3.1.4)."""
    transaction = state.transactions.get(item.transaction)
    if transaction is None or transaction.row.owner != line.key:
        return
    if _card_of_event(item) not in ("", transaction.row.id_tag):
        return  # somebody else's card at a charger that is in use
    options = state.snapshot.options
    if ownership.judged_here(state, transaction.row.id_tag, turn) is not None:
        return  # the proxy has decided, and nobody else is asked
    learnt = state.authorizations.learn(transaction.row.id_tag, payload, options, turn.utc, by=line.key)
    turn.rows += learnt
    status = authorizing.verdict_of(payload)
    if learnt and status not in TOLERATED and transaction.is_open and options.late_reject == "stop":
        rule = f"late_reject: {line.route.backoffice} says {status}"
        late_rejects.refused(state, turn, transaction, rule)


def _card_of_event(item: Item) -> str:
    head = read(item.payload, EventHead)
    return text(head.idToken.idToken) if isinstance(head.idToken, Token) else ""


def _answer_charger(state: State, turn: Turn, waiting: Waiting, payload: str) -> None:
    received = waiting.received
    if not _is_heard(state, waiting) and received.call.action == "BootNotification":
        answer, rule = payload, ""  # the socket that has asked is told nothing
    elif received.call.action == "BootNotification":
        answer, rule = acceptance.for_charger(state, turn, received, payload)
    else:
        answer, rule = _for_charger(state, turn, received, waiting, payload), ""
    if _is_heard(state, waiting):
        backoffice = state.lines[waiting.route].route.backoffice
        replies.reply(state, turn, received, answer, rule or f"answered by {backoffice}")
    else:
        audit.charger_call(state, turn, received, "", "the charger has reconnected meanwhile", outcome="lost")


def charger_complains(state: State, turn: Turn, frame: CallResultError) -> None:
    """The charger cannot use an answer (2.1): told to the backoffice whose answer it was, and recorded."""
    route, message_id = state.used_answers.pop(frame.message_id, (None, ""))
    line = state.lines.get(route) if route is not None else None
    sent = ""
    if line is not None and line.phase is not Phase.DOWN:
        details = frame.details if frame.details[:1] == "{" else "{}"
        sent = frames.call_result_error(frames.quote(message_id), frame.code, frame.description, details)
        turn.send(line.key, sent)
        audit.stray(
            state,
            turn,
            line.key,
            "up",
            sent,
            "sent",
            "the charger's complaint about an answer",
            message_id=message_id,
        )
    rule = "the charger complains about an answer" + ("" if sent else " that no backoffice gave")
    audit.stray(
        state,
        turn,
        None,
        "up",
        frame.text,
        "sent" if sent else "unsolicited",
        rule,
        message_id=frame.message_id,
    )


def _for_charger(state: State, turn: Turn, received: Received, waiting: Waiting, payload: str) -> str:
    """An owner's answer with the identifiers of the charger's socket."""
    payload = "{}" if payload == "null" else payload
    if waiting.card:
        payload = authorizing.taken(state, turn, waiting, payload)
    if received.call.action == "TransactionEvent" and received.transaction is not None:
        sessions.remember_answer(received.transaction, received.call, payload)
    if received.call.action == "PullDynamicScheduleUpdate":
        return dynamic.answered(state, received.call.payload, payload)
    if received.call.action == "StartTransaction" and received.transaction is not None:
        return _start_for_charger(state, turn, received.transaction, payload)
    return payload


def _start_for_charger(state: State, turn: Turn, transaction: Transaction, payload: str) -> str:
    if answered := transaction.answers.get("start"):
        return answered
    wished = integer(read(payload, VerdictHead).transactionId)
    number = transaction.row.charger_transaction_id or state.transactions.number_for_charger(wished)
    turn.store(transaction.change(charger_transaction_id=number))
    answer = payload if number == str(wished) else spans.patch(payload, {"$.transactionId": number})
    if not authorizing.verdict_of(payload):
        asked = () if transaction.row.owner is None else (transaction.row.owner,)
        judgement = ownership.judged_without(state, transaction.row.id_tag, asked, turn)
        answer = spans.insert(answer, "$.idTagInfo", judgement.info(state.version))
    transaction.answers["start"] = answer
    return answer
