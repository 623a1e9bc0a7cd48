"""What the proxy itself does about profiles at the charger, one CALL after the other.

What is to be done is written at each profile (``Stored.todo``) and at the static limit, and stored; so it
is done once the charger is there, and goes on after a restart. Each pass tries everything once, what is
worth another try later, again.

In order: clear what has lapsed or is not allowed any more; move profiles to another stackLevel (from the
top when they rise, from the bottom when they sink, so that none meets another); set the static limit on
the level that is free now; send the rest again.
"""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec.structs import replace

from routing.core import actions, calls, policy, spans
from routing.core.actions import Kind
from routing.core.charging_profiles import limits, notices, purposes, store
from routing.core.charging_profiles.profiles import STATION_MAX, TX, wire
from routing.core.charging_profiles.purposes import BRINGING
from routing.core.charging_profiles.store import Stored
from routing.core.decisions import Report
from routing.core.gate import DownCall, Reply
from routing.core.lines import Line
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn

TIMER, AGAIN = "charging profiles", "charging profiles again"
RETRY = 300.0
"""Seconds after which the charger is asked again for what it has not done."""

OTHERS = "others"
"""Key of the step that clears what is older than the static limit: nobody could lower it."""

LIMIT = "profile_limit"
"""Kind under which the proxy's own profile is remembered (key "")."""

PROXY = 0
"""Whose the static limit is: no route's."""

ALARM = "limit not set"

SET, CLEAR = "SetChargingProfile", "ClearChargingProfile"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """The proxy's own profile: its id, what the charger has accepted of it, and what is to be done.

    ``is_alone``: what the charger had of that purpose from before the proxy knew it is cleared.
    """

    charger_id: str
    sent: str = ""
    is_alone: bool = False
    todo: store.Todo = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One CALL to make: in which order, about which profile (None: the static limit), and with what."""

    order: tuple[int, int]
    key: str
    action: str
    payload: str
    stored: Stored | None = None
    level: int = 0


def clearing(version: str, charger_id: str) -> str:
    """The ClearChargingProfile for one profile."""
    name = "id" if version == "1.6" else "chargingProfileId"
    return f'{{"{name}":{charger_id}}}'


def _clearing_all(version: str) -> str:
    """The ClearChargingProfile for every limit of the whole charger."""
    if version == "1.6":
        return '{"chargingProfilePurpose":"ChargePointMaxProfile"}'
    return '{"chargingProfileCriteria":{"chargingProfilePurpose":"ChargingStationMaxProfile"}}'


# -- what is to be done --------------------------------------------------------------------------------


def installed(state: State) -> Installed | None:
    """The static limit as far as the charger has it."""
    row = state.remembered(LIMIT)
    try:
        return None if row is None else msgspec.json.decode(row.payload, type=Installed)
    except msgspec.DecodeError:
        return None


def _put_limit(state: State, turn: Turn, limit: Installed) -> None:
    state.remember(LIMIT, "", msgspec.json.encode(limit).decode(), turn)


def refresh_limit(state: State, turn: Turn, *, again: bool) -> None:
    """Note what is to be done about the static limit; ``again``: the charger may have forgotten it."""
    wanted, known = limits.static(state.snapshot), installed(state)
    if wanted is None:
        if known is not None:
            _reserve(state, turn, known.charger_id)
            _put_limit(state, turn, replace(known, todo="clear"))
        return
    charger_id = known.charger_id if known is not None else _free_id(state)
    _reserve(state, turn, charger_id)
    known = known or Installed(charger_id=charger_id)
    if again or known.todo == "clear" or known.sent != limits.payload(state, wanted, charger_id):
        _put_limit(state, turn, replace(known, todo="send"))


def _free_id(state: State) -> str:
    """An id that no backoffice has, below the band of those that the proxy gives to others."""
    number = max(state.snapshot.options.id_band - 1, 1)
    while not state.identifiers.is_free(Kind.PROFILE, str(number)):
        number += 1
    return str(number)


def _reserve(state: State, turn: Turn, charger_id: str) -> None:
    """Keep the proxy's id from everybody. It is nobody's, so it is in no table of the database."""
    if not any(m.route == PROXY for m in state.identifiers.holders(Kind.PROFILE, charger_id)):
        state.identifiers.assign(Kind.PROFILE, charger_id, PROXY, "limit", turn.utc)


def refresh(state: State, turn: Turn, *, again: bool) -> None:
    """Note what is to be done about everybody's profiles; ``again``: the charger may have forgotten them."""
    for one in store.foreign_to(state):
        store.forget(state, turn, one)
    for one in store.every(state):
        if store.is_over(one, turn.utc) or (again and store.is_awaited(one)):
            store.forget(state, turn, one)
        elif one.todo in ("", "send"):
            _refresh_one(state, turn, one, again=again)


def doubt(state: State, turn: Turn, stored: Stored) -> None:
    """The charger may have taken a profile, and its asker was never told so: have it as it was before."""
    before = store.get(state, stored.key)
    if before is None:
        store.put(state, turn, replace(stored, todo="clear"))
    elif before.sent and before.todo == "":
        store.put(state, turn, replace(before, todo="send"))


def after_restart(state: State, turn: Turn) -> None:
    """The proxy stopped between a profile and the charger's answer to it."""
    for stored in store.take_unanswered(state, turn):
        doubt(state, turn, stored)


def _refresh_one(state: State, turn: Turn, one: Stored, *, again: bool) -> None:
    if not one.asked:
        return  # came with a remote start, and goes with its session
    composed = _composed(state, one)
    if composed is None:
        store.put(state, turn, replace(one, todo="clear"))
    elif one.asked and state.line(one.route) and (composed[0] != one.sent or (again and one.purpose != TX)):
        store.put(state, turn, replace(one, todo="send"))


def _composed(state: State, one: Stored) -> tuple[str, int] | None:
    """What the charger is to have of a profile, on which level; None where it may not be there any more."""
    line = state.line(one.route)
    at, limit = wire(state.version, SET), limits.static(state.snapshot)
    if line is None:
        is_below = limits.lower(one.sent, at, one.purpose, limit) == one.sent and one.charger_level > 0
        stays = limit is None or one.purpose not in STATION_MAX or is_below
        return (one.sent, one.charger_level) if stays else None
    placed = purposes.place(state, line, one.purpose, one.level)
    if placed.objection or _may_not_set(state, line, one.purpose):
        return None
    if one.purpose == TX or not one.asked:
        return one.sent, one.charger_level
    level = one.level + placed.shift
    if limits.says_nothing(one.asked, at, one.purpose, limit):
        return None
    payload = spans.patch(one.asked, {at.id: one.charger_id, at.level: str(level)})
    if state.version == "1.6":
        payload = spans.patch(payload, {at.transaction: None})
    return limits.lower(payload, at, one.purpose, limit), level


def _may_not_set(state: State, line: Line, purpose: str) -> bool:
    """Whether a route is not permitted any more to set such a profile: then it could not clear it either."""
    row = actions.down(state.version, SET)
    return row is not None and policy.decide_item(row, line.route, purpose)[0] is Verdict.DENY


def is_due(state: State) -> bool:
    """Whether anything is to be done."""
    limit = installed(state)
    return (limit is not None and limit.todo != "") or any(one.todo for one in store.every(state))


# -- doing it ------------------------------------------------------------------------------------------


def settle_soon(state: State, turn: Turn, delay: float = 0.0, timer: str = TIMER) -> None:
    """Do what is to be done, if the charger is there; else it is done when it is."""
    if state.online and is_due(state):
        state.call_at(timer, turn.now + delay, settle)


def settle(state: State, turn: Turn) -> None:
    """Begin a pass."""
    _next(state, turn, frozenset())


def _next(state: State, turn: Turn, tried: frozenset[str]) -> None:
    if not state.online or _is_busy(state):
        return
    steps = [step for step in _steps(state, turn) if step.key not in tried and not _is_touched(state, step)]
    if not steps:
        return settle_soon(state, turn, RETRY, AGAIN)
    step = min(steps, key=lambda s: s.order)
    then = partial(_ended, step, tried | {step.key})
    calls.command(state, turn, step.action, step.payload, "proxy: charging profiles", then)


def _is_busy(state: State) -> bool:
    """Whether a pass is going on."""
    outstanding = [state.gate.outstanding] if state.gate.outstanding is not None else []
    return any(c.asked is None and c.action in (SET, CLEAR) for c in [*state.gate.queue, *outstanding])


def _is_touched(state: State, step: Step) -> bool:
    """Whether its route is just setting this very profile: that counts."""
    if step.stored is None:
        return False
    at = {action: wire(state.version, action).id for action in BRINGING}
    on_their_way = store.on_its_way(state, step.stored.route)
    return any(str(spans.value(c.payload, at[c.action])) == step.stored.charger_id for c in on_their_way)


def _steps(state: State, turn: Turn) -> list[Step]:
    steps = [step for one in store.every(state) if (step := _step_for(state, one)) is not None]
    limit = installed(state)
    if limit is not None and limit.todo == "clear":
        payload = clearing(state.version, limit.charger_id)
        steps.append(Step(order=(1, 0), key="", action=CLEAR, payload=payload))
    wanted = limits.static(state.snapshot)
    if limit is not None and limit.todo == "send" and not limit.is_alone:
        steps.append(Step(order=(1, 0), key=OTHERS, action=CLEAR, payload=_clearing_all(state.version)))
    elif limit is not None and limit.todo == "send" and wanted is not None:
        payload = limits.payload(state, wanted, limit.charger_id)
        steps.append(Step(order=(3, 0), key="", action=SET, payload=payload))
    return steps


def _step_for(state: State, one: Stored) -> Step | None:
    if one.todo in ("clear", "lapse"):
        payload = clearing(state.version, one.charger_id)
        return Step(order=(0, 0), key=one.key, action=CLEAR, payload=payload, stored=one)
    composed = _composed(state, one) if one.todo == "send" else None
    if composed is None:
        return None
    payload, level = composed
    rises = level > one.charger_level
    order = (4, 0) if level == one.charger_level else (2, -level if rises else level)
    return Step(order=order, key=one.key, action=SET, payload=payload, stored=one, level=level)


def _ended(step: Step, tried: frozenset[str], state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    if step.key == OTHERS:
        _others_cleared(state, turn, reply)
    elif step.stored is None:
        _limit_ended(step, state, turn, reply)
    elif _has_cleared(reply) if step.action == CLEAR else _has_answered(reply):
        done = _profile_cleared if step.action == CLEAR else _profile_sent
        if done(step, step.stored, state, turn, reply):
            tried = tried - {step.key}
    _next(state, turn, tried)


def _has_answered(reply: Reply) -> bool:
    return reply.payload is not None or reply.outcome == "error"


def _has_cleared(reply: Reply) -> bool:
    """Whether the charger has not got what was to be cleared: it says so, or can't have had it.

    After another error it has it, perhaps above a new static limit, and is asked again later.
    """
    return reply.payload is not None or reply.code in ("NotImplemented", "NotSupported")


def _others_cleared(state: State, turn: Turn, reply: Reply) -> None:
    """Nothing is above the static limit now; what is known is sent again, lowered."""
    limit = installed(state)
    if limit is None or not _has_cleared(reply):
        return
    _put_limit(state, turn, replace(limit, is_alone=True))
    for one in store.every(state):
        if one.purpose in STATION_MAX and one.todo == "" and one.asked:
            store.put(state, turn, replace(one, todo="send"))


def _limit_ended(step: Step, state: State, turn: Turn, reply: Reply) -> None:
    limit = installed(state)
    if limit is None:
        return
    if step.action == CLEAR:
        if limit.todo == "clear" and _has_cleared(reply):
            state.forget(LIMIT, "", turn)
            state.clear_alarm(ALARM, turn)
    elif reply.payload is not None and calls.is_accepted(reply):
        is_wanted = limit.todo == "send"
        _put_limit(state, turn, replace(limit, sent=step.payload, todo="" if is_wanted else limit.todo))
        state.clear_alarm(ALARM, turn)
        refresh_limit(state, turn, again=False)
    elif reply.outcome != "lost":  # what was lost with its socket is sent when the charger is back
        said = spans.value(reply.payload, "$.status") if reply.payload is not None else reply.code
        words = f"the charger does not take its static limit ({str(said)[:60]}): it may draw more"
        state.raise_alarm(ALARM, words, turn)


def _profile_sent(step: Step, before: Stored, state: State, turn: Turn, reply: Reply) -> bool:
    """Take note; True where the profile has changed meanwhile, and is to be seen to again."""
    now = store.get(state, step.key)
    if not (reply.payload is not None and calls.is_accepted(reply)):
        if now is None or now.asked != before.asked:
            return False
        # It may still have it as it was before, on another stackLevel or above a static limit that is new.
        store.put(state, turn, replace(now, todo="clear"))
        words = f"the charger does not take a {before.purpose} again that it had: it is cleared"
        turn.emit(Report("profile", words))
        return True
    if now is None:
        store.put(state, turn, replace(before, todo="clear"))  # its route has cleared it meanwhile
    elif now.asked != before.asked:
        store.put(state, turn, replace(now, todo="send"))  # its route has replaced it meanwhile
    else:
        todo = "" if now.todo == "send" else now.todo
        store.put(state, turn, replace(now, sent=step.payload, charger_level=step.level, todo=todo))
        return todo != ""
    return True


def _profile_cleared(step: Step, before: Stored, state: State, turn: Turn, reply: Reply) -> bool:
    """Take note: the charger has not got it, whether it had it or not."""
    now = store.get(state, step.key)
    if now is not None and now.todo in ("clear", "lapse"):
        store.forget(state, turn, now)
        if now.todo == "lapse":
            notices.limit_cleared(state, turn, now)
    return False
