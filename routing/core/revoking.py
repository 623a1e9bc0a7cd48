"""What waits for the charger when permissions change: an edit holds for that too, not only for what comes."""

from __future__ import annotations

from routing.core import calls, policy
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn


def configured(state: State, turn: Turn) -> None:
    """Refuse what may not go to the charger any more. What the charger has been asked can't be taken back."""
    for call in list(state.gate.queue):
        line = None if call.asked is None else state.lines.get(call.asked.route)
        if call.asked is None or line is None:
            continue  # the proxy's own, or dropped with its route
        verdict, rule = policy.decide(call.asked.row, line.route, call.asked.payload)
        if verdict is Verdict.DENY and call in state.gate.queue:
            calls.revoke(state, turn, call, rule)
