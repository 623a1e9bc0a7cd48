"""Rows of the audit log as the core writes them."""

from __future__ import annotations

from datetime import timedelta

from routing.core import frames, redaction, spans
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
}
"""Where a CALL names the card that it is about."""

FRAMING = 48
"""Characters of a CALL of the proxy's beside action and payload: brackets, quotes, its message id."""


def card_of(action: str, payload: str) -> str:
    """The card that a CALL is about, "" for none: the log is searched by it."""
    for path in CARDS.get(action, ()):
        if isinstance(card := spans.value(payload, path), str):
            return card[:255]
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
            text=redaction.told(call.action, call.text),
            answer=redaction.told(call.action, answer),
            outcome=outcome,
            error_code=code,
            rule=rule[:255],
            latency_ms=round((turn.now - received.since) * 1000, 3),
            transaction=received.transaction.id if received.transaction else None,
            connector_id=received.connector_id,
            size=len(call.text) + len(answer),
            id_tag=card_of(call.action, call.payload),
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
    """The copy of a charger's CALL (or the proxy's own CALL) on one backoffice's socket."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=line.key,
            at=turn.utc - timedelta(seconds=turn.now - item.sent_at) if item.message_ids else turn.utc,
            exchange=item.exchange,
            direction="up",
            action=item.action[:64],
            message_id=item.message_ids[-1] if item.message_ids else "",
            text=redaction.told(item.action, item.text),
            answer=redaction.told(item.action, answer),
            outcome=outcome,
            error_code=code[:64],
            rule=rule,
            latency_ms=round((turn.now - item.sent_at) * 1000, 3) if item.message_ids else None,
            transaction=item.transaction,
            connector_id=None,
            size=item.size + len(answer),
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
            text=redaction.frame(call.action, call.payload, call.text),
            answer=_as_answered(call.action, answer, outcome),
            outcome=outcome,
            error_code=code[:64],
            rule=(rule or call.rule)[:255],
            latency_ms=round((turn.now - call.queued_at) * 1000, 3),
            transaction=None,
            connector_id=None,
            size=len(call.text) + len(answer),
            id_tag=card_of(call.action, call.payload),
        )
    )


def commanded(
    state: State, turn: Turn, call: DownCall, text: str, answer: str, outcome: Outcome, *, code: str = ""
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
            text=text or _as_sent(call),
            answer=_as_answered(call.action, answer, outcome),
            outcome=outcome,
            error_code=code[:64],
            rule=call.rule[:255],
            latency_ms=round((turn.now - call.sent_at) * 1000, 3),
            transaction=None,
            connector_id=None,
            size=len(call.payload) + len(call.action) + FRAMING + len(answer),
        )
    )


def _as_answered(action: str, answer: str, outcome: Outcome) -> str:
    """An answer as it may be kept; errors repeat what was wrong, in ways of their own."""
    loosely = outcome in ("error", "malformed")
    return redaction.loose(answer) if loosely else redaction.told(action, answer)


def _as_sent(call: DownCall) -> str:
    """The frame that the charger got, "" where its payload is the asker's to the byte."""
    if call.asked is not None and call.payload == call.asked.payload:
        return ""
    frame = frames.call(call.message_id, call.action, call.payload)
    return redaction.frame(call.action, call.payload, frame)


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
) -> None:
    """A frame that belongs to nothing: malformed, unknown, unasked for, or without an answer by nature."""
    turn.store(
        MessageRow(
            charger=state.snapshot.key,
            route=route,
            at=turn.utc,
            exchange=state.next_seq(turn.utc),
            direction=direction,
            action=action[:64],
            message_id=message_id[:64],
            text=redaction.loose(text) if outcome in ("malformed", "unsolicited") else text,
            answer=redaction.loose(answer) if outcome in ("malformed", "unsolicited") else answer,
            outcome=outcome,
            error_code="",
            rule=rule[:255],
            latency_ms=None,
            transaction=None,
            connector_id=None,
            size=len(text) + len(answer),
        )
    )
