"""What of a report belongs to which route (ocpp-semantics 3.5)."""

from __future__ import annotations

from routing.core.lines import Line
from routing.core.state import Received, State
from routing.core.turn import Turn


def own_part(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """What a route may see of a message that is filtered for it, None for nothing."""
    return received.call.payload if line is state.billing else None
