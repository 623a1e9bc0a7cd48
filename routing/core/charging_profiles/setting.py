"""A backoffice brings a profile: by SetChargingProfile, or with a remote start.

What the charger replaces must be the asker's own: ids are mapped, levels belong to one route (mode), and
where permissions let two routes into one purpose, the second one on a level is refused.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from routing.core import calls, rewriting, spans
from routing.core.actions import Kind
from routing.core.charging_profiles import lapsing, limits, purposes, store, upkeep
from routing.core.charging_profiles.profiles import STATION_MAX, TX, Profile, Wire, misspelt, read, wire
from routing.core.charging_profiles.store import Stored
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.payloads import wire_time
from routing.core.snapshot import Role, Verdict
from routing.core.state import State
from routing.core.turn import Turn

STARTS = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})

GUARDED = frozenset({Role.CONTROL, Role.ENERGY})
"""Roles that may forbid charging only where the purpose is theirs (ocpp-semantics 3.10)."""

IN_DOUBT = frozenset({"timeout", "lost"})
"""Ways in which a CALL ends that the charger may have carried out all the same."""


def set_profile(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a SetChargingProfile."""
    at = wire(state.version, asked.action)
    if not spans.find(asked.payload, at.profile) and not misspelt(asked.payload):
        calls.submit(state, turn, asked, asked.payload)  # nothing to set: the charger's to refuse
        return
    profile = read(asked.payload, at)
    if isinstance(profile, str):
        return calls.deny(state, turn, asked, profile)
    if objection := _objection(state, line, profile, at, asked):
        return calls.deny(state, turn, asked, objection)
    written = _own_transaction(state, profile, at, asked)
    payload, opened = rewriting.to_charger(state, turn, line, asked.row, written)
    if payload is None:
        return calls.deny(state, turn, asked, "an identifier that this backoffice was never given")
    payload = _running_transaction(state, profile, at, payload)
    payload = limits.lower(payload, at, profile.purpose, limits.static(state.snapshot))
    call = calls.submit(state, turn, asked, payload, partial(_answered, profile))
    if call is None:
        return rewriting.take_back(state, turn, opened)
    call.opened = opened
    if (stored := _stored(state, call, profile, at)) is not None:
        store.sending(state, turn, stored, call.exchange)


def check_start(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Why a remote start may not bring its profile, in words; "" where it may, or brings none."""
    if asked.action not in STARTS:
        return ""
    at = wire(state.version, asked.action)
    if not spans.find(asked.payload, at.profile) and not misspelt(asked.payload):
        return ""
    profile = read(asked.payload, at)
    if isinstance(profile, str):
        return profile
    if profile.purpose != TX:
        return f"the profile of a remote start is a {TX}, not a {profile.purpose[:50]}"
    return _not_in_place(state, line, profile, at, asked)


def note_start(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger will start, and has the profile that came with it."""
    at = wire(state.version, call.action)
    if call.asked is None or not spans.find(call.payload, at.profile) or not _is_taken(reply):
        return
    asked = read(call.asked.payload, at)
    if isinstance(asked, Profile):
        until = turn.utc + timedelta(seconds=AWAITED)
        _keep(state, turn, call, replace(asked, over_at=until), at)


AWAITED = 300.0
"""Seconds after which the profile of a remote start is not thought of any more if no session has begun."""


# -- what may go on ------------------------------------------------------------------------------------


def _objection(state: State, line: Line, profile: Profile, at: Wire, asked: Asked) -> str:
    if state.version == "1.6" and profile.purpose in STATION_MAX and profile.scope != 0:
        return f"a {profile.purpose} is for the whole charger: connectorId 0"
    if profile.purpose == TX and state.version == "1.6" and profile.scope == 0:
        return "a TxProfile is for one connector"
    if profile.purpose == TX and not profile.transaction and _sole_transaction(state, profile) is None:
        return "a TxProfile names its transaction"
    is_named = profile.purpose == TX and state.version == "1.6" and profile.transaction
    if is_named and rewriting.named_transaction(state, line, asked.row, asked.payload) is None:
        return "a transaction that this backoffice was never given"
    if limits.says_nothing(asked.payload, at, profile.purpose, limits.static(state.snapshot)):
        return "a profile without periods would stand above the tenant's static limit"
    return _not_in_place(state, line, profile, at, asked)


def _not_in_place(state: State, line: Line, profile: Profile, at: Wire, asked: Asked) -> str:
    placed = purposes.place(state, line, profile.purpose, profile.level, asked.action)
    if placed.objection:
        return placed.objection
    is_guarded = line.route.role in GUARDED and not purposes.is_own(state, line, profile.purpose)
    if is_guarded and limits.is_zero(asked.payload, at):
        return f"a limit of 0 is for whoever {profile.purpose} belongs to"
    if store.rival(state, line.key, profile, profile.level + placed.shift):
        words = f"another backoffice has a {profile.purpose} on stackLevel {profile.level}"
        return f"{words}: it would be replaced"
    return ""


def _own_transaction(state: State, profile: Profile, at: Wire, asked: Asked) -> str:
    """The payload without a transaction that says nothing: only a TxProfile has one (1.6)."""
    if state.version == "1.6" and profile.purpose != TX and profile.transaction:
        return spans.patch(asked.payload, {at.transaction: None})
    return asked.payload


def _running_transaction(state: State, profile: Profile, at: Wire, payload: str) -> str:
    """The payload with the transaction that an EMS forgot to name, where only one can be meant (1.6)."""
    if profile.purpose != TX or profile.transaction:
        return payload
    number = _sole_transaction(state, profile)
    return payload if number is None else spans.insert(payload, at.transaction, number)


def _sole_transaction(state: State, profile: Profile) -> str | None:
    if state.version != "1.6":
        return None
    running = [t for t in state.transactions.open("1.6") if t.row.connector_id == profile.scope]
    return running[0].row.charger_transaction_id if len(running) == 1 else None


# -- what the charger has said -------------------------------------------------------------------------


def _answered(profile: Profile, state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    at = wire(state.version, call.action)
    store.answered(state, turn, call.exchange)
    if _is_taken(reply) and not call.message_id:
        _superseded(state, turn, call, profile, at)
    elif _is_taken(reply):
        _keep(state, turn, call, profile, at)
    elif call.message_id and reply.outcome in IN_DOUBT:
        _doubt(state, turn, call, profile, at)
    calls.relay(state, turn, call, reply)


def _is_taken(reply: Reply) -> bool:
    return reply.payload is not None and calls.is_accepted(reply)


def _stored(state: State, call: DownCall, profile: Profile, at: Wire) -> Stored | None:
    sent = read(call.payload, at)
    if call.asked is None or not isinstance(sent, Profile):
        return None
    is_start, line = call.action in STARTS, state.line(call.asked.route)
    return Stored(
        route=call.asked.route,
        charger_id=sent.id,
        route_id=profile.id,
        version=state.version,
        purpose=profile.purpose,
        level=profile.level,
        charger_level=sent.level,
        scope=profile.scope,
        transaction=sent.transaction if profile.purpose == TX else "",
        asked="" if is_start else call.asked.payload,
        sent="" if is_start else call.payload,
        until=wire_time(profile.over_at) if profile.over_at is not None else "",
        is_bounded=profile.is_bounded,
        by_billing=line is not None and line.route.role is Role.BILLING,
    )


def _keep(state: State, turn: Turn, call: DownCall, profile: Profile, at: Wire) -> None:
    """Remember what the charger has taken, in place of what that has replaced."""
    stored = _stored(state, call, profile, at)
    if stored is None:
        return
    for older in store.of(state, stored.route):
        if state.version == "1.6" and older.key != stored.key and _same_place(older, stored):
            store.forget(state, turn, older)
    store.put(state, turn, stored)
    _reopen(state, turn, stored)
    lapsing.watch(state, turn, stored.route)


def _reopen(state: State, turn: Turn, stored: Stored) -> None:
    """Its id may have been closed with an earlier CALL of the same, to which no answer came."""
    mapping = state.identifiers.meant(Kind.PROFILE, stored.route, stored.route_id)
    if mapping is not None and mapping.charger_id == stored.charger_id and not mapping.is_open:
        mapping.closed = None
        rewriting.store(state, turn, mapping)


def _same_place(one: Stored, other: Stored) -> bool:
    """Whether the charger keeps only the later one. Source: OCPP 1.6 edition 2, section 5.16.3."""
    return (one.purpose, one.charger_level, one.scope) == (other.purpose, other.charger_level, other.scope)


def _superseded(state: State, turn: Turn, call: DownCall, profile: Profile, at: Wire) -> None:
    """A newer one has taken its place before it was sent (``conflicts``), and is noted next.

    What the charger has under its id is replaced by that one, or is to go as it would have gone.
    """
    rewriting.take_back(state, turn, call.opened)
    stored = _stored(state, call, profile, at)
    before = None if stored is None else store.get(state, stored.key)
    if before is not None:
        store.put(state, turn, replace(before, todo="clear"))
        upkeep.settle_soon(state, turn)


def _doubt(state: State, turn: Turn, call: DownCall, profile: Profile, at: Wire) -> None:
    """The charger may have it or not, and the asker takes it for not: have it so."""
    stored = _stored(state, call, profile, at)
    if stored is not None:
        upkeep.doubt(state, turn, stored)
        upkeep.settle_soon(state, turn)
