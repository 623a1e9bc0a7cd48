"""An owner refuses a session that began while it was away: the charger is told to stop it (3.1.4, 5).

Money is at stake, so that it is tried again when the charger was away or silent, also after a restart.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from routing.core import calls, frames, spans
from routing.core.gate import DownCall, Reply
from routing.core.state import State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

KIND = "late_reject"
"""What is remembered per session: the rule in words, while the charger does not know."""

AFTER_CONNECTING = 5.0
"""Seconds after which a charger that has connected is told: it may boot first."""


def refused(state: State, turn: Turn, transaction: Transaction, rule: str) -> None:
    """Have a running session stopped, now or when the charger is back."""
    state.remember(KIND, str(transaction.id), f'{{"rule":{frames.quote(rule)}}}', turn)
    _tell(state, turn, transaction, rule)


def connected(state: State, turn: Turn) -> None:
    """The charger is back."""
    if state.all_remembered(KIND):
        state.call_at(KIND, turn.now + AFTER_CONNECTING, _tell_all)


def ended(state: State, turn: Turn, transaction: Transaction) -> None:
    """The session is over anyway."""
    state.forget(KIND, str(transaction.id), turn)


def _tell_all(state: State, turn: Turn) -> None:
    for key, row in state.all_remembered(KIND).items():
        transaction = state.transactions.get(UUID(key))
        if transaction is not None and transaction.is_open:
            _tell(state, turn, transaction, str(spans.value(row.payload, "$.rule")))
        else:
            state.forget(KIND, key, turn)


def _tell(state: State, turn: Turn, transaction: Transaction, rule: str) -> None:
    calls.stop_transaction(state, turn, transaction, rule, partial(_told, key=str(transaction.id)))


def _told(state: State, turn: Turn, call: DownCall, reply: Reply, key: str) -> None:
    """Whatever the charger says, it knows; without an answer it is told again at its next connection."""
    if reply.payload is not None or reply.outcome == "error":
        state.forget(KIND, key, turn)
