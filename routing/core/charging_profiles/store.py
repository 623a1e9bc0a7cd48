"""The charging profiles that a charger has taken, by route: for clearing, reading and sending again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from routing.core import payloads, rewriting
from routing.core.actions import Kind
from routing.core.charging_profiles.profiles import TX, Profile, read, wire
from routing.core.charging_profiles.purposes import BRINGING
from routing.core.gate import DownCall
from routing.core.state import State
from routing.core.transactions import same_family
from routing.core.turn import Turn

KIND = "profile"
"""Kind under which profiles are remembered; the key is ``route/charger id``."""

SENDING = "profile_sending"
"""Kind under which those are remembered that the charger has yet to answer, in case the proxy stops."""

Todo = Literal["", "send", "clear", "lapse"]
"""What the proxy has to do: send it (again), clear it, or clear it because its owner is gone."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A profile at the charger. Ids are text; ``level`` and ``route_id`` are the route's own.

    ``scope``: connector (1.6) or EVSE, 0 for the whole charger. ``transaction``: the charger's id of the
    session that it ends with, "" for none yet or at all. ``asked`` and ``sent``: the raw SetChargingProfile
    of the route, and as the charger got it; "" where the profile came with a remote start. ``until``: the
    UTC time (ISO) after which it says nothing any more, "" for none. ``is_bounded``: it ends by itself.
    ``by_billing``: it was Billing's when it was made, and stays until it is cleared. ``todo``: what the
    proxy still has to do about it.
    """

    route: int
    charger_id: str
    route_id: str
    version: str
    purpose: str
    level: int
    charger_level: int
    scope: int
    transaction: str = ""
    asked: str = ""
    sent: str = ""
    until: str = ""
    is_bounded: bool = False
    by_billing: bool = False
    todo: Todo = ""

    @property
    def key(self) -> str:
        """The key under which it is remembered."""
        return f"{self.route}/{self.charger_id}"


_DECODER = msgspec.json.Decoder(Stored)


def every(state: State) -> list[Stored]:
    """All profiles of all routes that a charger of this version may have, oldest first."""
    return [one for one in _read_all(state) if same_family(one.version, state.version)]


def foreign_to(state: State) -> list[Stored]:
    """Profiles from when the charger spoke another version: it cannot have them any more."""
    return [one for one in _read_all(state) if not same_family(one.version, state.version)]


def _read_all(state: State) -> Iterator[Stored]:
    for row in state.all_remembered(KIND).values():
        try:
            yield _DECODER.decode(row.payload)
        except msgspec.DecodeError:
            continue  # written by a later version of the proxy


def of(state: State, route: int) -> list[Stored]:
    """The profiles of one route."""
    return [one for one in every(state) if one.route == route]


def get(state: State, key: str) -> Stored | None:
    """The profile that is remembered under this key."""
    row = state.remembered(KIND, key)
    try:
        return None if row is None else _DECODER.decode(row.payload)
    except msgspec.DecodeError:
        return None


def put(state: State, turn: Turn, stored: Stored) -> None:
    """Remember a profile as it stands."""
    state.remember(KIND, stored.key, msgspec.json.encode(stored).decode(), turn)


def forget(state: State, turn: Turn, stored: Stored) -> None:
    """The charger does not have this profile any more: its id is closed."""
    state.forget(KIND, stored.key, turn)
    mapping = state.identifiers.named(Kind.PROFILE, stored.route, stored.route_id)
    if mapping is not None and mapping.charger_id == stored.charger_id:
        rewriting.close(state, turn, mapping)


def sending(state: State, turn: Turn, stored: Stored, exchange: int) -> None:
    """The charger is being asked to take a profile; ``answered`` when it has answered, or will not."""
    state.remember(SENDING, str(exchange), msgspec.json.encode(stored).decode(), turn)


def answered(state: State, turn: Turn, exchange: int) -> None:
    """It is known what became of a profile that was sent."""
    if state.remembered(SENDING, str(exchange)) is not None:
        state.forget(SENDING, str(exchange), turn)


def take_unanswered(state: State, turn: Turn) -> list[Stored]:
    """What was sent when the proxy stopped; from now on it is forgotten."""
    found = []
    for key, row in list(state.all_remembered(SENDING).items()):
        state.forget(SENDING, key, turn)
        try:
            found.append(_DECODER.decode(row.payload))
        except msgspec.DecodeError:
            continue
    return found


def is_awaited(stored: Stored) -> bool:
    """Whether a profile came with a remote start whose session has not begun."""
    return stored.purpose == TX and not stored.transaction


def is_over(stored: Stored, utc: datetime) -> bool:
    """Whether its time has passed."""
    until = payloads.moment(stored.until) if stored.until else None
    return until is not None and until <= utc


def rival(state: State, route: int, profile: Profile, charger_level: int) -> bool:
    """Whether somebody else has, or is just setting, a profile that this one would replace.

    Source: OCPP 1.6 edition 2, section 5.16.3 (same purpose and stackLevel: replaced; it does not say
    "on the same connector", so that between routes any connector counts); 2.0.1 part 2, K01.FR.06.
    """
    any_place = state.version == "1.6"
    for one in every(state):
        same = one.purpose == profile.purpose and one.charger_level == charger_level
        if one.route != route and same and (any_place or one.scope == profile.scope):
            return True
    return any(
        other.purpose == profile.purpose
        and other.level == charger_level
        and (any_place or other.scope == profile.scope)
        for other in _on_their_way(state, route)
    )


def _on_their_way(state: State, route: int) -> Iterator[Profile]:
    """The profiles of other routes that wait for the charger or its answer, with the charger's ids."""
    outstanding = state.gate.outstanding
    for call in [*state.gate.queue, *([outstanding] if outstanding is not None else [])]:
        if call.action in BRINGING and call.route not in (None, route):
            profile = read(call.payload, wire(state.version, call.action))
            if isinstance(profile, Profile):
                yield profile


def on_its_way(state: State, route: int) -> list[DownCall]:
    """The CALLs with which a route is just setting profiles."""
    outstanding = state.gate.outstanding
    waiting = [*state.gate.queue, *([outstanding] if outstanding is not None else [])]
    return [call for call in waiting if call.action in BRINGING and call.route == route]
