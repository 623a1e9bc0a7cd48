"""A card is presented: who decides about it (ocpp-semantics 5)."""

from __future__ import annotations

from routing.core import replies
from routing.core.copies import item
from routing.core.lines import Kind
from routing.core.payloads import AuthorizeHead, Token, read, text
from routing.core.state import Received, State
from routing.core.turn import Turn


def authorize(state: State, turn: Turn, received: Received) -> None:
    """Take an Authorize."""
    head = read(received.call.payload, AuthorizeHead)
    card = text(head.idToken.idToken) if isinstance(head.idToken, Token) else text(head.idTag)
    owner = state.owner_for(card, None, turn.now)
    why_not = "no owner" if owner is None else owner.why_silent or owner.why_not_accepted
    if owner is None or why_not or not owner.ask(item(Kind.RELAY, received, asked=True)):
        return replies.unanswered(state, turn, received, card, why_not or "too many wait for the owner")
    turn.touched.add(owner.key)
    replies.wait(state, received, owner, state.snapshot.options.T_auth, card)
