"""A backoffice clears profiles: its own, and nothing else (ocpp-semantics 3.4).

With an id: its own mapping, else Unknown without asking the charger. Without: the criteria are expanded
to its own matching profiles, one CALL each. ``{}`` means "all of mine".

Billing alone may have profiles that are older than the proxy. A clear by an id that nobody holds passes;
one by criteria passes as it is while nobody else has a profile that it could touch: nobody has any, or
it names a purpose that nobody else has one of. Else only Billing's known ones go.
"""

from __future__ import annotations

from functools import partial

from routing.core import calls, rewriting, spans
from routing.core.actions import Kind
from routing.core.charging_profiles import limits, store, upkeep
from routing.core.charging_profiles.profiles import (
    PURPOSES,
    STATION_MAX,
    Profile,
    misspelt,
    read,
    whole,
    wire,
)
from routing.core.gate import Asked, DownCall, Reply
from routing.core.identifiers import identifier
from routing.core.lines import HOUSE, Line
from routing.core.payloads import word
from routing.core.snapshot import Role, Verdict
from routing.core.state import State
from routing.core.turn import Turn

UNKNOWN = '{"status":"Unknown"}'
ACCEPTED = '{"status":"Accepted"}'

OUTCOMES = frozenset({"Accepted", "Unknown"})
"""Answers after which the charger has no such profile."""

Held = tuple[str, str]
"""A profile to clear: the key in the store ("" for none yet) and the charger's id."""


def clear(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a ClearChargingProfile."""
    path = "$.id" if state.version == "1.6" else "$.chargingProfileId"
    tokens = [token for token in spans.find(asked.payload, path) if token != "null"]
    if tokens:
        return _by_id(state, turn, line, asked, tokens[-1])
    criteria = _Criteria(state.version, asked.payload)
    own = _own(state, line, criteria)
    if line.route.role is Role.BILLING and not _touches_others(state, line, criteria):
        calls.submit(state, turn, asked, asked.payload, partial(_matching_cleared, criteria, own))
    elif own:
        _clear_next(own, False, state, turn, asked)
    else:
        calls.answer(state, turn, asked, UNKNOWN, "proxy: no profile of this backoffice matches")


class _Criteria:
    """What a clear without id asks for, in the route's own words; ``is_none``: nothing can match it."""

    def __init__(self, version: str, payload: str) -> None:
        base = "$" if version == "1.6" else "$.chargingProfileCriteria"
        scope, level = f"{base}.{'connectorId' if version == '1.6' else 'evseId'}", f"{base}.stackLevel"
        purpose = spans.value(payload, f"{base}.chargingProfilePurpose")
        self.scope, self.level = whole(payload, scope), whole(payload, level)
        self.purpose = purpose if isinstance(purpose, str) else None
        unread = (
            (spans.value(payload, scope), self.scope),
            (spans.value(payload, level), self.level),
            (purpose, self.purpose),
        )
        paths = (scope, level, f"{base}.chargingProfilePurpose", *([base] if base != "$" else []))
        twice = any(len(spans.find(payload, path)) > 1 for path in paths)
        unknown = self.purpose not in {None, *PURPOSES[version]}
        odd = twice or unknown or bool(misspelt(payload, *spans.find(payload, base) if base != "$" else ()))
        self.is_none = odd or any(raw is not None and read is None for raw, read in unread)

    def match(self, purpose: str, level: int, scope: int) -> bool:
        """Whether they name a profile."""
        return not self.is_none and (
            self.purpose in (None, purpose) and self.level in (None, level) and self.scope in (None, scope)
        )


def _own(state: State, line: Line, criteria: _Criteria) -> list[Held]:
    """The route's matching profiles, those too that it is just setting: the charger will have them."""
    held = {
        one.charger_id: one.key
        for one in store.of(state, line.key)
        if one.todo in ("", "send") and criteria.match(one.purpose, one.level, one.scope)
    }
    for call in store.on_its_way(state, line.key):
        at = wire(state.version, call.action)
        sent, asked = read(call.payload, at), read(call.asked.payload if call.asked else "", at)
        if not isinstance(sent, Profile) or not isinstance(asked, Profile):
            continue
        if criteria.match(asked.purpose, asked.level, asked.scope):
            held.setdefault(sent.id, f"{line.key}/{sent.id}")
    return [(key, charger_id) for charger_id, key in held.items()]


def _touches_others(state: State, line: Line, criteria: _Criteria) -> bool:
    """Whether the CALL as it is could clear what is not this route's, or mean another stackLevel."""
    if criteria.is_none:
        return True
    purposes = {one.purpose for one in store.every(state) if one.route != line.key}
    for route in (HOUSE, *state.lines):
        for call in store.on_its_way(state, route) if route != line.key else ():
            profile = read(call.payload, wire(state.version, call.action))
            purposes |= {profile.purpose} if isinstance(profile, Profile) else set()
    if limits.static(state.snapshot) is not None or upkeep.installed(state) is not None:
        purposes |= STATION_MAX
    return bool(purposes) and criteria.purpose in {None, *purposes}


def _by_id(state: State, turn: Turn, line: Line, asked: Asked, token: str) -> None:
    route_id = identifier(Kind.PROFILE, token)
    found = None if route_id is None else rewriting.charger_id(state, line, Kind.PROFILE, route_id)
    if found is None:
        return calls.deny(state, turn, asked, "a profile that this backoffice never made")
    held = [(f"{line.key}/{found}", found)]
    calls.submit(state, turn, asked, upkeep.clearing(state.version, found), partial(_all_cleared, held))


def _all_cleared(held: list[Held], state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    for one in held:
        _note(one, state, turn, reply)
    calls.relay(state, turn, call, reply)


def _matching_cleared(
    criteria: _Criteria, held: list[Held], state: State, turn: Turn, call: DownCall, reply: Reply
) -> None:
    """A profile that was replaced while the CALL waited may be another one now."""
    found = ((one, store.get(state, one[0])) for one in held)
    same = [h for h, s in found if s is None or criteria.match(s.purpose, s.level, s.scope)]
    _all_cleared(same, state, turn, call, reply)


def _clear_next(left: list[Held], accepted: bool, state: State, turn: Turn, asked: Asked) -> None:
    if not left:
        rule = "proxy: one CALL for each profile of this backoffice"
        return calls.answer(state, turn, asked, ACCEPTED if accepted else UNKNOWN, rule)
    payload = upkeep.clearing(state.version, left[0][1])
    calls.submit(state, turn, asked, payload, partial(_one_cleared, left, accepted))


def _one_cleared(
    left: list[Held], accepted: bool, state: State, turn: Turn, call: DownCall, reply: Reply
) -> None:
    _note(left[0], state, turn, reply)
    if reply.payload is None or call.asked is None:
        return calls.relay(state, turn, call, reply)
    accepted = accepted or calls.is_accepted(reply)
    _clear_next(left[1:], accepted, state, turn, call.asked)


def _note(held: Held, state: State, turn: Turn, reply: Reply) -> None:
    """Forget what the charger has cleared, or never had."""
    if reply.payload is None or word(reply.payload, "$.status") not in OUTCOMES:
        return
    key, charger_id = held
    stored = store.get(state, key)
    if stored is not None:
        return store.forget(state, turn, stored)
    for mapping in state.identifiers.holders(Kind.PROFILE, charger_id):
        if key == f"{mapping.route}/{charger_id}":
            rewriting.close(state, turn, mapping)
