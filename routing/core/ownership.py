"""Who decides about a card, and whose a session is (ocpp-semantics 5.1 to 5.3)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import msgspec

from routing.core import local_list, patterns, remote_starts
from routing.core.authorization import Judgement
from routing.core.lines import Line
from routing.core.options import AuthRule
from routing.core.payloads import AuthorizeHead, Lenient, Token, read, text
from routing.core.snapshot import CardRule, Role
from routing.core.state import State
from routing.core.turn import Turn

BY_RULE = ("prefix", "list")

STARTS_SESSIONS = (Role.BILLING, Role.CONTROL)
"""Roles that decide about cards where ``authorizers`` names nobody: they may start sessions as well."""


class Presented(msgspec.Struct, frozen=True, gc=False):
    """A card as the charger names it; ``kind`` is the type of its token (2.x), "" in 1.6."""

    card: str = ""
    kind: str = ""


NO_CARD = Presented()


def presented(token: Token | msgspec.UnsetType, id_tag: Lenient = msgspec.UNSET) -> Presented:
    """The card in an idToken of 2.x, or an idTag of 1.6."""
    if isinstance(token, Token):
        return Presented(text(token.idToken), text(token.type))
    return Presented(text(id_tag))


def presented_in(authorize: str) -> Presented:
    """The card in an Authorize of any version."""
    head = read(authorize, AuthorizeHead)
    return presented(head.idToken, head.idTag)


# -- who is asked --------------------------------------------------------------------------------------


def deciders(state: State, token: Presented, turn: Turn) -> tuple[Line, ...]:
    """Who is asked when a card is presented, the most important first.

    Whoever has asked the charger to start with this card is asked alone, so that a Billing which does not
    know the card can't refuse it (ocpp-semantics 5.2).
    """
    start = state.remote_start_for(token.card, None, turn.now)
    if start is not None and (line := state.lines.get(start.route)) is not None:
        return (line,)
    if strategy(state) in ("first_accept", "all_accept"):
        return _authorizers(state)
    line = _by_rule(state, token) or state.billing
    return () if line is None else (line,)


def needs_all(state: State, token: Presented, turn: Turn) -> bool:
    """Whether everybody who is asked has to accept the card."""
    return strategy(state) == "all_accept" and state.remote_start_for(token.card, None, turn.now) is None


def strategy(state: State) -> str:
    """Who decides about cards that the proxy does not decide about itself."""
    options = state.snapshot.options
    return options.auth_then if options.authorization == "local" else options.authorization


def _authorizers(state: State) -> tuple[Line, ...]:
    names = state.snapshot.options.authorizers
    lines = state.lines.values()
    if named := tuple(line for name in names for line in lines if line.route.backoffice == name):
        return named
    roles = () if names else STARTS_SESSIONS
    return tuple(line for role in roles or (Role.BILLING,) for line in lines if line.route.role is role)


def _by_rule(state: State, token: Presented) -> Line | None:
    """The backoffice of the first rule that fits; rules for those that are not there don't count."""
    if strategy(state) not in BY_RULE:
        return None
    lines = {line.route.backoffice: line for line in state.lines.values()}
    for rule in state.snapshot.options.auth_rules:
        line = lines.get(rule.backoffice)
        if line is not None and fits(rule, token):
            return line
    return None


def fits(rule: AuthRule, token: Presented) -> bool:
    """Whether a rule is about this card."""
    if rule.match == "regex":
        return patterns.matches(rule.value, token.card)
    wanted = rule.value.upper()
    if rule.match == "type":
        return token.kind.upper() == wanted
    card = token.card.upper()
    return card.startswith(wanted) if rule.match == "prefix" else card == wanted


# -- whose a session is --------------------------------------------------------------------------------


class Owner(msgspec.Struct, frozen=True, gc=False):
    """Whose a session is, None for the proxy itself; ``asked_for``: because it has asked for it."""

    line: Line | None = None
    asked_for: bool = False

    @property
    def key(self) -> int | None:
        """The route's key."""
        return None if self.line is None else self.line.key


def owner_for(
    state: State, token: Presented, place: int | None, turn: Turn, remote_start_id: int | None = None
) -> Owner:
    """The line that owns the session which begins with this card at a connector (1.6) or EVSE (2.x).

    Who has asked for the start (2.x: under this id); else who has accepted the card not long ago; else whom
    the rules name; else whose list the charger has the card from; else Billing. None: the proxy itself.
    A remote start counts for one session only.
    """
    named = None if remote_start_id is None else remote_starts.owner_of(state, remote_start_id)
    start = state.remote_start_for(token.card, place, turn.now)
    if start is not None and named in (None, start.route):
        remote_starts.used(state, turn, start)
        named = start.route
    if (line := _line(state, named)) is not None:
        return Owner(line, asked_for=True)
    return Owner(
        _line(state, state.authorizations.accepted_by(token.card, turn.utc))
        or _by_rule(state, token)
        or _line(state, local_list.owner_of(state, token.card) if token.card else None)
        or state.billing
    )


def _line(state: State, route: int | None) -> Line | None:
    return None if route is None else state.lines.get(route)


# -- what the proxy says itself ------------------------------------------------------------------------


def judged_here(state: State, card: str, turn: Turn) -> Judgement | None:
    """What the proxy says of a card whatever backoffices would, None where it leaves it to them."""
    options = state.snapshot.options
    if options.authorization not in ("local", "free"):
        return None
    if options.authorization == "local" and (rule := state.snapshot.cards.get(card.upper())) is not None:
        return _of_card(state, rule, turn)
    if strategy(state) == "free":
        return Judgement("Accepted", "proxy: every card is accepted")
    return None


def judged_without(
    state: State, card: str, asked: Collection[int], turn: Turn, *, asked_for: bool = False
) -> Judgement:
    """What the charger is told of a card while those who decide about it (routes) can't be asked.

    With a Billing route its last verdict counts before the organisation's own cards; without one the
    proxy is the backoffice, and its cards come first. ``asked_for``: the owner itself wants the session
    with this card, so that it is accepted where the owner has said nothing else.
    """
    here = judged_here(state, card, turn)
    if here is not None:
        return here
    rule = state.snapshot.cards.get(card.upper())
    if rule is not None and state.snapshot.billing is None:
        return _of_card(state, rule, turn)
    if status := state.authorizations.status(card, asked, turn.utc):
        return Judgement(status, f"offline policy: last verdict {status}")
    listed = local_list.verdict(state, card, turn.utc)
    if listed is not None and listed[1] in asked:
        return Judgement(listed[0], f"offline policy: {listed[0]} on the local list")
    if rule is not None:
        return _of_card(state, rule, turn)
    if asked_for:
        return Judgement("Accepted", "offline policy: its owner has asked for this session")
    policy = state.snapshot.options.auth_offline
    status = "Accepted" if policy == "accept" else "Invalid"
    return Judgement(status, f"offline policy: auth_offline is {policy}")


def _of_card(state: State, rule: CardRule, turn: Turn) -> Judgement:
    """The charger may remember it for as long as a backoffice's verdict: a card may be blocked any time."""
    until = turn.utc + timedelta(seconds=state.snapshot.options.auth_cache_ttl)
    if rule.blocked:
        return Judgement("Blocked", "proxy: the card is blocked")
    if rule.expires_at is not None and rule.expires_at <= turn.utc:
        return Judgement("Expired", "proxy: the card has expired")
    expires = until if rule.expires_at is None else min(until, rule.expires_at)
    return Judgement("Accepted", "proxy: a card of the organisation", rule.group, expires)
