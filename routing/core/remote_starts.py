"""Who has asked the charger to start a session that is yet to come (ocpp-semantics 3.2)."""

from __future__ import annotations

from datetime import timedelta

from routing.core import rewriting, spans
from routing.core.actions import Kind
from routing.core.calls import is_accepted
from routing.core.gate import DownCall, Reply
from routing.core.payloads import RemoteStartHead, Token, integer, read, text
from routing.core.settings import learning
from routing.core.state import RemoteStart, State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

LONGEST_KEY = 255

CONNECTION_TIMEOUT, GRACE, LONGEST_WAIT = 60.0, 60.0, 3600.0
"""Seconds for which a charger waits for the car of a remote start, where it has not said otherwise
(ConnectionTimeOut), for which its session may come later still, and which both never exceed."""

NEVER_BEGAN = timedelta(hours=24)
"""After this time a remote start without a session will have none."""

REMOTE_START_ID = "$.transactionInfo.remoteStartId"

PENDING = "remote_start"
"""Kind under which a start that waits for its car is remembered; the key is its route, place and card."""


def note(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger will start: the next session with this card on a fitting place is the asker's.

    Not so where a person has asked: then it is whose it would be had the card been shown at the charger.
    """
    if not call.route or reply.payload is None or not is_accepted(reply):
        return
    _forget_what_never_began(state, turn, call.route)
    head = read(call.payload, RemoteStartHead)
    card = text(head.idToken.idToken) if isinstance(head.idToken, Token) else text(head.idTag)
    place = integer(head.connectorId) if state.version == "1.6" else integer(head.evseId)
    start = RemoteStart(call.route, card, place, turn.now + patience(state))
    state.remote_starts.append(start)
    key = _key(start)
    if len(key) <= LONGEST_KEY:
        state.remember(PENDING, key, "{}", turn)


def used(state: State, turn: Turn, start: RemoteStart) -> None:
    """Its session has begun: the start waits for none any more."""
    state.remote_starts.remove(start)
    if not any(_key(other) == _key(start) for other in state.remote_starts):
        state.forget(PENDING, _key(start), turn)


def _key(start: RemoteStart) -> str:
    return f"{start.route}/{'' if start.connector_id is None else start.connector_id}/{start.card}"


def patience(state: State) -> float:
    """Seconds for which a remote start waits for its session (ocpp-semantics 3.2)."""
    said = learning.known(state, "ConnectionTimeOut") or ""
    timeout = float(said) if said.isdecimal() and said.isascii() else CONNECTION_TIMEOUT
    return min(timeout + GRACE, LONGEST_WAIT)


def connected(state: State, turn: Turn) -> None:
    """What still waits for its car is known again after a restart of the proxy."""
    known = {_key(start) for start in state.remote_starts}
    for key, row in state.all_remembered(PENDING).items():
        left = patience(state) - (turn.utc - row.at).total_seconds()
        if left <= 0:
            state.forget(PENDING, key, turn)
        elif key not in known:
            route, place, card = key.split("/", 2)
            where = int(place) if place else None
            state.remote_starts.append(RemoteStart(int(route), card, where, turn.now + left))


def _forget_what_never_began(state: State, turn: Turn, route: int) -> None:
    state.remote_starts = [start for start in state.remote_starts if start.until > turn.now]
    for key, row in state.all_remembered(PENDING).items():
        if (turn.utc - row.at).total_seconds() > LONGEST_WAIT:
            state.forget(PENDING, key, turn)
    for mapping in state.identifiers.own(Kind.REMOTE_START, route):
        if turn.utc - mapping.created > NEVER_BEGAN:
            rewriting.close(state, turn, mapping)


def owner_of(state: State, remote_start_id: int | str) -> int | None:
    """The route that has asked for the start that the charger reports under this id (2.x)."""
    holders = state.identifiers.holders(Kind.REMOTE_START, str(remote_start_id))
    return holders[-1].route if holders else None


def ended(state: State, turn: Turn, transaction: Transaction) -> None:
    """A session has ended: so has the remote start from which it came."""
    for payload in (transaction.row.start_payload, transaction.row.last_payload):
        if spans.find(payload, REMOTE_START_ID):
            rewriting.close_named(state, turn, Kind.REMOTE_START, payload, REMOTE_START_ID)
