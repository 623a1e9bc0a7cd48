"""Rows of the audit log as the core writes them."""

from __future__ import annotations

from routing.core import frames, redaction, spans
from routing.core.frames import Call, CallError, Send
from routing.core.gate import Asked, DownCall
from routing.core.lines import Item, Line
from routing.core.rows import Direction, MessageRow, Outcome
from routing.core.state import Received, State
from routing.core.turn import Turn

CARDS = {
    "Authorize": ("$.idTag", "$.idToken.idToken"),
    "StartTransaction": ("$.idTag",),
    "StopTransaction": ("$.idTag",),
    "TransactionEvent": ("$.idToken.idToken",),
    "RemoteStartTransaction": ("$.idTag",),
    "RequestStartTransaction": ("$.idToken.idToken",),
    "ReserveNow": ("$.idTag", "$.idToken.idToken"),
    **dict.fromkeys(("CustomerInformation", "BatterySwap", "RequestBatterySwap"), ("$.idToken.idToken",)),
}
"""Where a CALL names the card that it is about."""

FRAMING = 48
"""Characters of a CALL of the proxy's beside action and payload: brackets, quotes, its message id."""


def card_of(action: str, payload: str) -> str:
    """The card that a CALL is about, "" for none: the log is searched by it."""
    for path in CARDS.get(action, ()):
        card = spans.value(payload, path)
        if isinstance(card, str | int) and not isinstance(card, bool):
            return str(card)[:255]  # some chargers write it as a number
    return ""


def charger_call(
    state: State,
    turn: Turn,
    received: Received,
    answer: str,
    rule: str,
    *,
    outcome: Outcome = "answered",
    code: str = "",
) -> None:
    """A CALL of the charger and what it was answered."""
    call = received.call
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=None,
            at=received.at,
            exchange=received.exchange,
            direction="up",
            action=call.action[:64],
            message_id=call.message_id[:64],
            text=_told(state, call.action, call.text),
            answer=_told(state, call.action, answer),
            outcome=outcome,
            error_code=code,
            rule=rule[:255],
            latency_ms=round((turn.now - received.since) * 1000, 3),
            transaction=received.transaction.id if received.transaction else None,
            connector_id=received.connector_id,
            size=len(call.text) + len(answer),
            id_tag=card_of(call.action, call.payload) if call.action in CARDS else "",
        )
    )


def copy(
    state: State,
    turn: Turn,
    line: Line,
    item: Item,
    answer: str,
    outcome: Outcome,
    *,
    code: str = "",
    rule: str = "",
) -> None:
    """The copy of a charger's CALL (or the proxy's own CALL) on one backoffice's socket.

    One that was not sent (``dropped``) has no message id, whatever became of earlier tries: those have rows
    of their own. So an answer to one of them stands alone, as the text of its row.
    """
    is_sent = bool(item.message_ids) and outcome not in ("dropped", "withheld")
    if item.late and answer:
        return _late_answer(state, turn, line, item, answer, outcome, code=code, rule=rule)
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=line.key,
            at=item.sent_utc if is_sent else turn.utc,
            exchange=item.exchange,
            direction="up",
            action=item.action[:64],
            message_id=item.message_ids[-1] if is_sent else "",
            text=_told(state, item.action, item.text) if is_sent else "",
            answer=_of_backoffice(state, item.action, answer, outcome),
            outcome=outcome,
            error_code=code[:64],
            rule=rule,
            latency_ms=round((turn.now - item.sent_at) * 1000, 3) if is_sent else None,
            transaction=item.transaction,
            size=item.size + len(answer) if is_sent else 0,
        )
    )


def _of_backoffice(state: State, action: str, answer: str, outcome: Outcome) -> str:
    return _loose(state, action, answer) if outcome == "malformed" else _told(state, action, answer)


def _told(state: State, action: str, text: str) -> str:
    """A frame of the charger, or an answer, as it may be kept."""
    if not text:
        return text
    return redaction.without_data(text) if _hides(state, action) else redaction.told(action, text)


def _loose(state: State, action: str, text: str) -> str:
    """Text that cannot be read, or not be trusted, as it may be kept."""
    return redaction.without_data(text) if _hides(state, action) and text else redaction.loose(text)


def words_of(state: State, action: str, error: CallError) -> str:
    """What a CALLERROR says, as it may be kept and shown."""
    quotes = _hides(state, action) or redaction.may_quote(action, error.description)
    return f"{error.code}: {'***' if quotes else error.description}"


def _hides(state: State, action: str) -> bool:
    """Whether the data of this is for nobody to read (option ``log_data_transfer``)."""
    return action == "DataTransfer" and state.snapshot.options.log_data_transfer == "hide"


def _late_answer(
    state: State, turn: Turn, line: Line, item: Item, answer: str, outcome: Outcome, *, code: str, rule: str
) -> None:
    """An answer to an earlier try, whose own row says already that none came in time."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=line.key,
            at=turn.utc,
            exchange=item.exchange,
            direction="up",
            action=item.action[:64],
            message_id=item.late[:64],
            text=_of_backoffice(state, item.action, answer, outcome),
            outcome=outcome,
            error_code=code[:64],
            rule=rule or "a late answer to an earlier try",
            transaction=item.transaction,
            size=len(answer),
        )
    )


def copy_of_send(
    state: State, turn: Turn, route: int, head: Send, exchange: int, message_id: str, text: str
) -> None:
    """The copy of an unconfirmed message on one backoffice's socket; ``text`` "" where it is the head's."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=route,
            at=turn.utc,
            exchange=exchange,
            direction="up",
            action=head.action[:64],
            message_id=message_id[:64],
            text=_told(state, head.action, text),
            outcome="sent",
            rule="unconfirmed message",
            size=len(text) or len(head.text),
        )
    )


def unsent(state: State, turn: Turn, call: Call, exchange: int, rule: str) -> None:
    """The answer of which the first row of this exchange tells was not sent after all."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=None,
            at=turn.utc,
            exchange=exchange,
            direction="up",
            action=call.action[:64],
            message_id=call.message_id[:64],
            outcome="lost",
            rule=rule,
        )
    )


def asked(
    state: State, turn: Turn, call: Asked, answer: str, outcome: Outcome, *, code: str = "", rule: str = ""
) -> None:
    """A backoffice's CALL on its own socket, and what it was answered."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=call.route,
            at=call.at,
            exchange=call.exchange,
            direction="down",
            action=call.action[:64],
            message_id=call.message_id[:64],
            text=_asked(state, call.action, call.payload, call.text),
            answer=_as_answered(state, call.action, answer, outcome),
            outcome=outcome,
            error_code=code[:64],
            rule=(rule or call.rule)[:255],
            latency_ms=round((turn.now - call.queued_at) * 1000, 3),
            size=len(call.text) + len(answer),
            id_tag=card_of(call.action, call.payload),
        )
    )


def commanded(
    state: State,
    turn: Turn,
    call: DownCall,
    answer: str,
    outcome: Outcome,
    *,
    code: str = "",
    rule: str = "",
) -> None:
    """The copy of a backoffice's CALL (or the proxy's own CALL) on the charger's socket."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=None,
            at=call.sent_utc,
            exchange=call.exchange,
            direction="down",
            action=call.action[:64],
            message_id=call.message_id,
            text=_as_sent(state, call),
            answer=_as_answered(state, call.action, answer, outcome),
            outcome=outcome,
            error_code=code[:64],
            rule=(rule or call.rule)[:255],
            latency_ms=round((turn.now - call.sent_at) * 1000, 3),
            size=len(call.payload) + len(call.action) + FRAMING + len(answer),
        )
    )


def _as_answered(state: State, action: str, answer: str, outcome: Outcome) -> str:
    """An answer as it may be kept; errors repeat what was wrong, in ways of their own."""
    return _loose(state, action, answer) if outcome == "malformed" else _told(state, action, answer)


def _asked(state: State, action: str, payload: str, text: str) -> str:
    """The frame of a backoffice's CALL as it may be kept."""
    hides = _hides(state, action)
    return redaction.without_data(text) if hides else redaction.frame(action, payload, text)


def _as_sent(state: State, call: DownCall) -> str:
    """The frame that the charger got, "" where its payload is the asker's to the byte."""
    if call.route and call.asked is not None and call.payload == call.asked.payload:
        return ""
    frame = frames.call(call.message_id, call.action, call.payload)
    return _asked(state, call.action, call.payload, frame)


def stray(
    state: State,
    turn: Turn,
    route: int | None,
    direction: Direction,
    text: str,
    outcome: Outcome,
    rule: str,
    *,
    action: str = "",
    message_id: str = "",
    answer: str = "",
) -> int:
    """A frame that belongs to nothing: malformed, unknown, unasked for, or without an answer by nature.

    Returns the exchange that begins, and mostly ends, with it.
    """
    exchange = state.next_seq(turn.utc)
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=route,
            at=turn.utc,
            exchange=exchange,
            direction=direction,
            action=action[:64],
            message_id=message_id[:64],
            text=_as_found(state, action, text, outcome),
            answer=_as_found(state, action, answer, outcome),
            outcome=outcome,
            rule=rule[:255],
            size=len(text) + len(answer),
        )
    )
    return exchange


def _as_found(state: State, action: str, text: str, outcome: Outcome) -> str:
    """A frame whose action is known can be read; of any other whatever looks like a secret is hidden."""
    if action and outcome in ("answered", "dropped", "lost", "sent"):
        return _told(state, action, text)
    return _loose(state, "DataTransfer" if '"DataTransfer"' in text else action, text)
