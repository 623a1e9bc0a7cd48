"""Who has asked the charger to start a session that is yet to come (ocpp-semantics 3.2)."""

from __future__ import annotations

from routing.core.calls import is_accepted
from routing.core.gate import DownCall, Reply
from routing.core.payloads import RemoteStartHead, Token, integer, read, text
from routing.core.state import RemoteStart, State
from routing.core.turn import Turn

CONNECTION_TIMEOUT = 120.0
"""Seconds for which a remote start may wait for its car."""


def note(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger will start: the next session with this card on a fitting place is the asker's."""
    if call.route is None or reply.payload is None or not is_accepted(reply):
        return
    head = read(call.payload, RemoteStartHead)
    card = text(head.idToken.idToken) if isinstance(head.idToken, Token) else text(head.idTag)
    place = integer(head.connectorId) if state.version == "1.6" else integer(head.evseId)
    state.remote_starts.append(RemoteStart(call.route, card, place, turn.now + CONNECTION_TIMEOUT))
