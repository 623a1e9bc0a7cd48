"""A card is presented: who decides about it (ocpp-semantics 5).

One backoffice's answer reaches the charger whole: parts of several never meet in one, for a group of
cards of one backoffice must not stop the sessions of another.
"""

from __future__ import annotations

from functools import partial

from routing.core import audit, ownership, replies, spans
from routing.core.authorization import Judgement, capped
from routing.core.ballots import WINDOW, Ballot, Outcome, Vote
from routing.core.copies import item
from routing.core.lines import Kind, Line
from routing.core.payloads import TagInfo, VerdictHead, read, text
from routing.core.state import Received, State, Waiting
from routing.core.turn import Turn


def authorize(state: State, turn: Turn, received: Received) -> None:
    """Take an Authorize."""
    token = ownership.presented_in(received.call.payload)
    here = ownership.judged_here(state, token.card, turn)
    if here is not None:
        return _say(state, turn, received, here)
    asked = ownership.deciders(state, token, turn)
    if len(asked) > 1 or (asked and ownership.needs_all(state, token, turn)):
        return _ask_several(state, turn, received, asked, token.card)
    owner = asked[0] if asked else None
    why_not = "no owner" if owner is None else owner.why_silent or owner.why_not_accepted
    if owner is None or why_not or not owner.ask(item(Kind.RELAY, received, asked=True)):
        return replies.unanswered(state, turn, received, token.card, why_not or "too many wait for the owner")
    turn.touched.add(owner.key)
    replies.wait(state, received, owner, state.snapshot.options.T_auth, token.card)


def verdict_of(answer: str) -> str:
    """The verdict about the card in an answer, "" where there is none."""
    head = read(answer, VerdictHead)
    info = head.idTagInfo or head.idTokenInfo
    return text(info.status) if isinstance(info, TagInfo) else ""


def taken(state: State, turn: Turn, waiting: Waiting, answer: str) -> str:
    """What the charger gets of an owner's answer about a card; what it says of the card is remembered."""
    action, card, options = waiting.received.call.action, waiting.card, state.snapshot.options
    if action == "StopTransaction":
        return capped(answer, options, turn.utc)  # which may be about another card than that of the start
    here = ownership.judged_here(state, card, turn)
    if here is None:
        # A remote start is for one session, which is its asker's anyway.
        authorizes = action == "Authorize" and state.remote_start_for(card, None, turn.now) is None
        turn.rows += state.authorizations.learn(
            card, answer, options, turn.utc, by=waiting.route, authorizes=authorizes
        )
    else:
        answer = spans.insert(answer, f"$.{_member(state)}", here.info(state.version))
    return capped(answer, options, turn.utc)


def _say(state: State, turn: Turn, received: Received, judgement: Judgement) -> None:
    payload = f'{{"{_member(state)}":{judgement.info(state.version)}}}'
    replies.reply(state, turn, received, payload, judgement.rule)


def _member(state: State) -> str:
    return "idTagInfo" if state.version == "1.6" else "idTokenInfo"


# -- several backoffices are asked ---------------------------------------------------------------------


def _ask_several(state: State, turn: Turn, received: Received, asked: tuple[Line, ...], card: str) -> None:
    billing = state.billing
    deadline = received.since + state.snapshot.options.T_auth
    ballot = Ballot(
        tuple(line.key for line in asked),
        billing.key if billing is not None else None,
        deadline,
        all_must=ownership.strategy(state) == "all_accept",
    )
    for line in asked:
        silent = line.why_silent or line.why_not_accepted
        if silent or not line.ask(item(Kind.RELAY, received, asked=True)):
            ballot.votes[line.key] = Vote()
        else:
            turn.touched.add(line.key)
    waiting = replies.wait_for_several(state, received, ballot, card)
    _count(state, turn, waiting, ballot)


def vote(state: State, turn: Turn, line: Line, exchange: int, answer: str, message_id: str = "") -> None:
    """A backoffice has answered an Authorize (its CALL's id), or has failed to (``answer`` is "")."""
    waiting = state.waiting.get(exchange)
    ballot = waiting.ballot if waiting is not None else None
    if waiting is None or ballot is None or line.key not in ballot.asked:
        return
    ballot.votes[line.key] = Vote(answer, verdict_of(answer), message_id)
    if ballot.acceptances and not ballot.all_must:
        ballot.closes = min(ballot.closes, turn.now + WINDOW)
        state.call_at(_timer(waiting), ballot.closes, partial(_close_late, exchange=exchange))
    _count(state, turn, waiting, ballot)


def line_lost(state: State, turn: Turn, line: Line) -> None:
    """A backoffice that was asked is not there (any more)."""
    for exchange, waiting in list(state.waiting.items()):
        if waiting.ballot is not None and line.key not in waiting.ballot.votes:
            vote(state, turn, line, exchange, "")


def close(state: State, turn: Turn, waiting: Waiting, ballot: Ballot) -> None:
    """Nobody else is waited for: what is there decides."""
    _count(state, turn, waiting, ballot, closed=True)


def _close_late(state: State, turn: Turn, exchange: int) -> None:
    waiting = state.waiting.get(exchange)
    if waiting is not None and waiting.ballot is not None:
        close(state, turn, waiting, waiting.ballot)


def _timer(waiting: Waiting) -> str:
    return f"ballot {waiting.received.exchange}"


def _count(state: State, turn: Turn, waiting: Waiting, ballot: Ballot, *, closed: bool = False) -> None:
    outcome = ballot.outcome(closed=closed)
    if outcome is None:
        return
    exchange = waiting.received.exchange
    state.waiting.pop(exchange, None)
    state.cancel(_timer(waiting))
    for key in ballot.asked:
        if (line := state.lines.get(key)) is not None:
            line.withdraw(exchange)
    if not state.hears(waiting):
        words = "the charger has reconnected meanwhile"
        return audit.charger_call(state, turn, waiting.received, "", words, outcome="lost")
    _announce(state, turn, waiting, ballot, outcome)


def _announce(state: State, turn: Turn, waiting: Waiting, ballot: Ballot, outcome: Outcome) -> None:
    received = waiting.received
    if outcome.route is not None:
        waiting.route, chosen = outcome.route, ballot.votes[outcome.route]
        answer = taken(state, turn, waiting, chosen.payload)
        replies.remember_use(state, waiting, chosen.message_id)
        return replies.reply(state, turn, received, answer, f"answered by {_name(state, outcome.route)}")
    if outcome.blocked is None:
        return replies.unanswered(state, turn, received, waiting.card, "nobody who was asked has answered")
    rule = f"all_accept: {_name(state, outcome.blocked)} has not answered"
    _say(state, turn, received, Judgement("Invalid", rule))


def _name(state: State, route: int) -> str:
    line = state.lines.get(route)
    return line.route.backoffice if line is not None else "a backoffice"
