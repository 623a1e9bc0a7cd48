"""Whose a purpose is, and on which stackLevels: one function per mode of ``smart_charging``.

Stacking alone can never express "the lower of two": two owners inside one purpose override each other.
So in ``split`` each purpose has one owner, and the charger takes the minimum over purposes by itself. In
``banded`` both have the profiles of sessions, on levels that do not meet: the higher band overrides, it
does not limit. Either way nobody replaces another's profile. A further mode is a further function.

Source: ocpp-semantics 6; OCPP 1.6 edition 2, section 3.13.2; OCPP 2.0.1 part 2, K01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from routing.core import owners, spans
from routing.core.charging_profiles import limits
from routing.core.charging_profiles.profiles import (
    EXTERNAL,
    LOCAL_GENERATION,
    PURPOSES,
    STATION_MAX,
    TX,
    TX_DEFAULT,
    whole,
)
from routing.core.lines import HOUSE, Line
from routing.core.settings import learning
from routing.core.snapshot import RouteSnapshot, Verdict
from routing.core.state import State

OF_ENERGY = STATION_MAX | {LOCAL_GENERATION}
"""Purposes of whoever manages the energy; the others are Billing's."""

OF_SESSIONS = frozenset({TX, TX_DEFAULT})

ACTION = "SetChargingProfile"
"""Permissions name a purpose as ``SetChargingProfile:TxProfile``: this holds for the profile of a remote
start too, unless one for that action names it."""


BRINGING = frozenset({ACTION, "RemoteStartTransaction", "RequestStartTransaction"})
"""CALLs that bring a profile to the charger."""


HIGHEST = 1000
"""The stackLevel by which people's commands mean the highest that the charger has, 999 the one below."""


class Placement(NamedTuple):
    """Where a profile goes: ``shift`` is added to its stackLevel. ``objection``: why nowhere, in words."""

    shift: int = 0
    objection: str = ""


Mode = Callable[[State, Line, str, int, str], Placement]
"""What a mode says to a route's profile of this purpose on this stackLevel, brought by this action."""


def place(state: State, line: Line, purpose: str, level: int, action: str = ACTION) -> Placement:
    """Where a route's profile of this purpose and stackLevel (its own) goes, if anywhere.

    ``action`` is the one that brings it: permissions may tell them apart.
    """
    if purpose not in PURPOSES[state.version]:
        return Placement(objection=f'"{purpose[:50]}" is no purpose of OCPP {state.version}')
    if purpose == EXTERNAL:
        return Placement(objection=f"{EXTERNAL} come from outside, not from a backoffice")
    limit = limits.static(state.snapshot)
    if limit is not None and purpose == LOCAL_GENERATION:
        return Placement(objection="LocalGeneration would be added to the tenant's static limit")
    if line.key == HOUSE:
        return _of_house(state, level, limit is not None and purpose in STATION_MAX)
    placed = MODES[state.snapshot.options.smart_charging](state, line, purpose, level, action)
    if limit is None or purpose not in STATION_MAX or placed.objection:
        return placed
    top = _reported_top(state)
    if top is not None and level + 1 > top:
        return Placement(objection="the lowest stackLevel is the static limit's, and there is none above")
    return Placement(placed.shift + 1)


def _of_house(state: State, level: int, is_above_limit: bool) -> Placement:
    """People say themselves where; above the charger's highest level they count from that one down.

    What they set on its own purpose stands beside that of its owner, on another level.
    """
    top, lowest = highest(state), int(is_above_limit)
    if top < lowest:
        return Placement(objection="the lowest stackLevel is the static limit's, and there is none above")
    wanted = level + lowest if level + lowest <= top else max(top - max(HIGHEST - level, 0), lowest)
    return Placement(wanted - level)


def split(state: State, line: Line, purpose: str, level: int, action: str) -> Placement:
    """Each purpose has one owner; a permission that names the purpose says otherwise for its route."""
    verdict = permitted(line.route, purpose, action)
    if verdict is Verdict.DENY:
        return Placement(objection=f"permission of route {line.route.backoffice}: {purpose} is deny")
    if verdict is Verdict.ALLOW or verdict is Verdict.GUARD or is_own(state, line, purpose):
        return Placement()
    owner = owner_of(state, purpose)
    whose = owner.route.backoffice if owner is not None else "nobody"
    return Placement(objection=f"smart_charging split: {purpose} is of {whose}")


def banded(state: State, line: Line, purpose: str, level: int, action: str) -> Placement:
    """Profiles of sessions have a band of levels for Billing and one above it for the energy owner."""
    billing, energy = state.billing, owners.energy_owner(state)
    apart = billing is not None and energy is not None and billing is not energy
    denied = permitted(line.route, purpose, action) is Verdict.DENY
    if denied or not apart or purpose not in OF_SESSIONS or line not in (billing, energy):
        return split(state, line, purpose, level, action)
    last = state.snapshot.options.billing_stack_levels
    shift, top = (0, last) if line is billing else (last + 1, highest(state))
    if level + shift > top:
        room = f"0 to {top - shift}" if top >= shift else "none"
        return Placement(objection=f"smart_charging banded: stackLevel {level} is outside its own, {room}")
    return Placement(shift)


MODES: Mapping[str, Mode] = MappingProxyType({"split": split, "banded": banded})


def owner_of(state: State, purpose: str) -> Line | None:
    """Whose a purpose is in ``split``; where one of the two owners is absent, the other has all."""
    if purpose == EXTERNAL:
        return None
    energy = owners.energy_owner(state)
    return energy if purpose in OF_ENERGY else state.billing or energy


def is_own(state: State, line: Line, purpose: str) -> bool:
    """Whether a purpose is this route's, not by permission only: it may set limits of zero in it."""
    if line.key == HOUSE:
        return True
    shared = state.snapshot.options.smart_charging == "banded" and purpose in OF_SESSIONS
    return owner_of(state, purpose) is line or (shared and owners.energy_owner(state) is line)


def highest(state: State) -> int:
    """The highest stackLevel of the charger, as it has said itself or else as its option says."""
    top = _reported_top(state)
    return state.snapshot.options.max_stack_level if top is None else top


def _reported_top(state: State) -> int | None:
    reported = (learning.known(state, "ChargeProfileMaxStackLevel") or "").strip()
    return int(reported) if reported.isdecimal() and len(reported) < 10 else None


def permitted(route: RouteSnapshot, purpose: str, action: str = ACTION) -> Verdict | None:
    """What the route's own permission, or else its preset, says of this very purpose; None for nothing.

    A permission for an action as a whole says nothing about whose a purpose is.
    """
    for permissions in (route.permissions, route.preset):
        for name in dict.fromkeys((action, ACTION)):
            fitting = {_fit(key, name, purpose): verdict for key, verdict in permissions.items()}
            if (best := max(fitting, default=0)) > 0:
                return fitting[best]
    return None


def _fit(key: str, action: str, purpose: str) -> int:
    """How closely the key of a permission names a purpose, 0 for not at all (see ``policy``)."""
    name, _, pattern = (part.strip().casefold() for part in key.partition(":"))
    wanted = purpose.casefold()
    if name != action.casefold() or not pattern:
        return 0
    if pattern == wanted:
        return len(pattern) + 1
    return len(pattern) if pattern.endswith("*") and wanted.startswith(pattern[:-1]) else 0


def at_charger(state: State, line: Line, action: str, path: str, payload: str) -> str:
    """A payload whose stackLevel at ``path`` is the charger's; the purpose stands beside it.

    Without a purpose the level stays as it is (``reading`` sees to what that would mean).
    """
    purpose = spans.value(payload, f"{path.rpartition('.')[0]}.chargingProfilePurpose")
    level = whole(payload, path)
    if not isinstance(purpose, str) or level is None:
        return payload
    brought_by = action if action in BRINGING else ACTION
    shift = place(state, line, purpose, level, brought_by).shift
    return spans.patch(payload, {path: str(level + shift)}) if shift else payload


def shifts(state: State, line: Line) -> bool:
    """Whether any stackLevel of this route is another one at the charger."""
    return any(place(state, line, purpose, 0).shift for purpose in PURPOSES[state.version])
