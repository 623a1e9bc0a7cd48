"""The charger's local list of cards, for one backoffice or merged from all (ocpp-semantics 3.8).

Merged, each backoffice has a list and a version of its own, kept here. The charger gets their union under
the proxy's version; who has sent a list is answered when the charger has taken what follows from it. One
change is brought to the charger at a time, in as many messages as it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

from routing.core import actions, calls, lists, policy, spans
from routing.core.errors import Condition
from routing.core.gate import WAITING_PER_ROUTE, Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.lists import CardList, OnCharger
from routing.core.payloads import INT32_MAX
from routing.core.settings import learning
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn

ACTION = "SendLocalList"
RULE = "local list: the lists of all backoffices in one"
ALARM = "local list full"

PATIENCE = 5.0
"""Seconds after a connection in which a charger that boots does so."""

REFUSALS = frozenset({"Failed", "NotSupported"})


class Push:
    """A change on its way to the charger.

    ``asked`` is the CALL it comes from, None where the proxy brings its own order about; ``cards`` is that
    asker's new list. ``before``: the version that the charger had. ``target`` is what it shall have, in
    ``parts`` of which so many were ``sent``. ``taken``: how many messages the charger has accepted, those
    of an update that became a whole list too.
    """

    __slots__ = (
        "asked",
        "before",
        "cards",
        "family",
        "is_full",
        "left_out",
        "number",
        "parts",
        "sent",
        "taken",
        "target",
    )

    def __init__(
        self,
        family: str,
        asked: Asked | None,
        cards: CardList,
        target: dict[str, str],
        left_out: Sequence[int],
    ) -> None:
        self.family = family
        self.asked = asked
        self.cards = cards
        self.target = target
        self.left_out = left_out
        self.parts: list[Sequence[str]] = []
        self.is_full = False
        self.sent = 0
        self.taken = 0
        self.number = 0
        self.before = 0


# -- whose lists -----------------------------------------------------------------------------------------


def verdict(state: State, card: str, utc: datetime | None = None) -> tuple[str, int] | None:
    """What the list says of a card, and the route that says so; None where it is on none.

    With ``utc`` an accepted card whose entry has run out is Expired.
    """
    for line in _voters(state):
        status = state.local_lists.status(_family(state), line.key, card, utc)
        if status is not None:
            return status, line.key
    return None


def owner_of(state: State, card: str) -> int | None:
    """Whose a session with this card is: with merged lists the charger begins it without asking."""
    if state.snapshot.options.local_list != "merged":
        return None
    known = verdict(state, card)
    return None if known is None else known[1]


def sender(state: State) -> str:
    """The backoffice that has sent a list which the charger has, "" where none has."""
    lists_of = ((line, state.local_lists.of(_family(state), line.key)) for line in _voters(state))
    return next((line.route.backoffice for line, cards in lists_of if cards.entries), "")


def _voters(state: State) -> list[Line]:
    """The routes whose lists count, the most important first."""
    row = actions.down(state.version, ACTION)
    if row is None:
        return []
    may = [line for line in state.lines.values() if policy.decide(row, line.route)[0] is not Verdict.DENY]
    if state.snapshot.options.local_list == "merged":
        return sorted(may, key=lambda line: (line is not state.billing, line.key))
    if state.snapshot.billing is not None:
        return [line for line in may if line is state.billing]
    return sorted(may, key=lambda line: line.key)[:1]


def _family(state: State) -> str:
    return "1.6" if state.version == "1.6" else "2"


# -- CALLs of backoffices --------------------------------------------------------------------------------


def send_list(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a SendLocalList."""
    if line not in _voters(state):
        return calls.deny(state, turn, asked, "the local list is another backoffice's")
    if state.snapshot.options.local_list == "exclusive":
        calls.submit(state, turn, asked, asked.payload, _was_sent)
        return
    if sum(1 for waiting in state.list_changes if waiting.route == line.key) >= WAITING_PER_ROUTE:
        words = "queue full: too many CALLs wait for the charger"
        return calls.refuse(state, turn, asked, Condition.INTERNAL, words, "dropped")
    state.list_changes.append(asked)
    _next(state, turn)


def get_version(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a GetLocalListVersion: who has no list here is told so without asking the charger."""
    if line not in _voters(state):
        none = actions.deny_payload(asked.row, asked.payload) or "{}"
        return calls.answer(state, turn, asked, none, "proxy: no local list for this backoffice")
    if state.snapshot.options.local_list == "exclusive":
        calls.submit(state, turn, asked, asked.payload)
        return
    number = state.local_lists.of(_family(state), line.key).shown
    name = "listVersion" if state.version == "1.6" else "versionNumber"
    calls.answer(state, turn, asked, f'{{"{name}":{number}}}', "proxy: this backoffice's own list")


def _was_sent(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The owner of the list has sent it: the proxy knows those cards too while the owner is away."""
    asked, family = call.asked, _family(state)
    if (
        asked is not None
        and reply.payload is not None
        and spans.value(reply.payload, "$.status") == "Accepted"
    ):
        before = state.local_lists.of(family, asked.route)
        after = lists.sent(state.version, asked.payload, before)
        if isinstance(after, CardList):
            turn.store(state.local_lists.keep(family, asked.route, after, turn.utc))
        _forget_there(state, turn, family)
    calls.relay(state, turn, call, reply)


def _forget_there(state: State, turn: Turn, family: str) -> None:
    """What the charger has is not what the proxy has sent it."""
    there = state.local_lists.there(family)
    if there.is_known or there.entries:
        turn.store(state.local_lists.keep_there(family, OnCharger(there.version), turn.utc))


# -- merged: one change after the other ------------------------------------------------------------------


def asker_lost(state: State, turn: Turn, line: Line) -> None:
    """A backoffice is gone: what it has sent and nobody has looked at yet is dropped with its link."""
    for asked in [a for a in state.list_changes if a.route == line.key]:
        state.list_changes.remove(asked)
        asked.withdrawn = True
        words = "the link closed before the charger was asked"
        calls.refuse(state, turn, asked, Condition.GENERIC, words, "lost")


def _next(state: State, turn: Turn) -> None:
    while state.list_changes and state.list_push is None:
        _change(state, turn, state.list_changes.pop(0))


def _change(state: State, turn: Turn, asked: Asked) -> None:
    """Work out what a backoffice's update means for the charger, and ask it."""
    family, line = _family(state), state.lines.get(asked.route)
    if line is None or line not in _voters(state):
        return calls.deny(state, turn, asked, "this backoffice may not send a local list any more")
    cards = lists.sent(state.version, asked.payload, state.local_lists.of(family, asked.route))
    if isinstance(cards, str):
        words = f"the update does not fit the list of {line.route.backoffice}"
        return calls.answer(state, turn, asked, f'{{"status":"{cards}"}}', words)
    target, left_out = _union(state, {asked.route: cards})
    if asked.route in left_out:
        return calls.answer(state, turn, asked, '{"status":"Failed"}', "the charger's local list is full")
    _begin(state, turn, Push(family, asked, cards, target, left_out))


def _union(state: State, changed: dict[int, CardList]) -> tuple[dict[str, str], list[int]]:
    family, most = _family(state), state.snapshot.options.local_list_max
    voted = ((v.key, changed.get(v.key) or state.local_lists.of(family, v.key)) for v in _voters(state))
    return lists.union(voted, most or _limit(state, "LocalAuthListMaxLength"))


def _limit(state: State, name: str) -> int | None:
    return learning.limit(state, name).items or None


def _begin(state: State, turn: Turn, push: Push) -> None:
    there = state.local_lists.there(push.family)
    push.number = push.before = there.version
    if there.is_known:
        push.parts = _parts(state, lists.changes(there.entries, push.target))
        if not push.parts:
            return _done(state, turn, push)
    else:
        _in_full(state, push)
    # Whatever happens from here on, only the end says what the charger has; that it has something is sure.
    turn.store(state.local_lists.keep_there(push.family, OnCharger(max(there.version, 1)), turn.utc))
    state.list_push = push
    _send(state, turn, push)


def _in_full(state: State, push: Push) -> None:
    push.is_full, push.sent = True, 0
    push.parts = _parts(state, list(push.target.values())) or [()]


def _parts(state: State, entries: Sequence[str]) -> list[Sequence[str]]:
    size = _limit(state, "SendLocalListMaxLength") or state.snapshot.options.local_list_chunk
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def _send(state: State, turn: Turn, push: Push) -> None:
    """Ask the charger to take the next part, the first of a whole list in place of what it has."""
    kind = "Full" if push.is_full and not push.sent else "Differential"
    push.number = push.number % INT32_MAX + 1
    payload = lists.message(state.version, push.number, kind, push.parts[push.sent])
    then = partial(_was_taken, push)
    if push.asked is None:
        calls.command(state, turn, ACTION, payload, RULE, then)
        is_asked = state.online
    else:
        push.asked.rule = RULE
        is_asked = calls.submit(state, turn, push.asked, payload, then) is not None
    if not is_asked:
        _not_taken(state, turn, push)
        state.list_push = None


def _not_taken(state: State, turn: Turn, push: Push) -> None:
    """The charger has nothing of it: it may have none of the proxy's cards at all."""
    if not push.taken:
        turn.store(state.local_lists.keep_there(push.family, OnCharger(push.before), turn.utc))


def _was_taken(push: Push, state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger has answered one part."""
    _go_on(push, state, turn, call, reply)
    _next(state, turn)


def _go_on(push: Push, state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    status = None if reply.payload is None else spans.value(reply.payload, "$.status")
    if status == "Accepted":
        push.sent, push.taken = push.sent + 1, push.taken + 1
        if push.sent < len(push.parts):
            return _send(state, turn, push)
        there = OnCharger(push.number, push.target, is_known=True)
        turn.store(state.local_lists.keep_there(push.family, there, turn.utc))
        _done(state, turn, push)
        return settle(state, turn)  # the routes may have changed meanwhile
    if status is not None and not push.is_full:
        _in_full(state, push)
        return _send(state, turn, push)
    if push.asked is not None and reply.payload is None:
        calls.relay(state, turn, call, reply)
    elif push.asked is not None:
        told = status if status in REFUSALS else "Failed"
        calls.answer(state, turn, push.asked, f'{{"status":"{told}"}}')
    if status is not None or reply.outcome == "error" or not call.sent_at:
        _not_taken(state, turn, push)
    state.list_push = None
    if push.asked is not None and (push.taken or reply.outcome == "timeout"):
        settle(state, turn)  # it may have taken some of it: the lists of those who were told so count


def _done(state: State, turn: Turn, push: Push) -> None:
    """The charger has what it shall have."""
    if push.asked is not None:
        turn.store(state.local_lists.keep(push.family, push.asked.route, push.cards, turn.utc))
        calls.answer(state, turn, push.asked, '{"status":"Accepted"}', RULE)
    for line in _voters(state):
        if line.key in push.left_out:
            words = f"the charger's local list is full: no card of {line.route.backoffice} is on it"
            state.raise_alarm(ALARM, words, turn, str(line.key))
    _end_alarms(state, turn, push.left_out)
    state.list_push = None


def _end_alarms(state: State, turn: Turn, left_out: Collection[int] = ()) -> None:
    """Nobody misses cards on the list but those who are left out."""
    for kind, key in list(state.alarms):
        if kind == ALARM and key not in map(str, left_out):
            state.clear_alarm(ALARM, turn, key)


# -- the proxy's own doing -------------------------------------------------------------------------------


def settle(state: State, turn: Turn) -> None:
    """Bring the charger the lists of those who have one now, if it has something else."""
    if state.snapshot.options.local_list != "merged":
        return _end_alarms(state, turn)
    if not state.online or state.list_push is not None:
        return
    there = state.local_lists.there(_family(state))
    target, left_out = _union(state, {})
    if (target == there.entries and there.is_known) or not (target or there.version):
        return _end_alarms(state, turn, left_out)
    _begin(state, turn, Push(_family(state), None, CardList(), target, left_out))


def connected(state: State, turn: Turn) -> None:
    """The charger has connected; it may not boot, and still lack what it was being sent when it went."""
    if state.snapshot.options.local_list == "merged":
        state.call_at("local_list", turn.now + PATIENCE, settle)


def booted(state: State, turn: Turn) -> None:
    """The charger has booted: it may have lost its list, or be another one in the same place."""
    if state.snapshot.options.local_list != "merged":
        return
    there = state.local_lists.there(_family(state))
    if there.is_known and there.entries:
        calls.command(state, turn, "GetLocalListVersion", "{}", RULE, _version_told)
    else:
        settle(state, turn)


def _version_told(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    name = "listVersion" if state.version == "1.6" else "versionNumber"
    told = None if reply.payload is None else spans.value(reply.payload, f"$.{name}")
    there = state.local_lists.there(_family(state))
    if isinstance(told, int) and told != there.version and state.list_push is None:
        _forget_there(state, turn, _family(state))
    settle(state, turn)
