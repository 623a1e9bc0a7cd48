"""Profiles of an energy manager that is gone: after ``energy_ttl`` they go too.

Those that end by themselves do so. Else a dead EMS would hold the charger at 0 A for ever. Billing's
never lapse. Time counts from the loss of the link, over restarts; where the proxy itself has closed it
because the charger was away, it does not.

Source: ocpp-semantics 6, watchdog.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from routing.core import payloads
from routing.core.charging_profiles import store, upkeep
from routing.core.charging_profiles.store import Stored
from routing.core.lines import Line, Phase
from routing.core.payloads import wire_time
from routing.core.state import State
from routing.core.turn import Turn

KIND = "profile_ttl"
"""Kind under which is remembered since when a route is away; the key is the route."""


def watch(state: State, turn: Turn, route: int) -> None:
    """Begin to count for a route that has profiles and is away."""
    line = state.line(route)
    is_there = line is not None and line.phase is Phase.READY
    if is_there or state.remembered(KIND, str(route)) or not _endless(state, route):
        return
    state.remember(KIND, str(route), wire_time(turn.utc), turn)
    _count(state, turn, route)


def lost(state: State, turn: Turn, line: Line) -> None:
    """The link of a route is gone, or the route is switched off."""
    watch(state, turn, line.key)


def ready(state: State, turn: Turn, line: Line) -> None:
    """A backoffice is there (again): it sees to its profiles itself."""
    key = str(line.key)
    if state.remembered(KIND, key):
        state.forget(KIND, key, turn)
        state.cancel(_timer(line.key))


def resume(state: State, turn: Turn) -> None:
    """The charger is there (again), perhaps after a restart: go on counting."""
    for key in state.all_remembered(KIND):
        _count(state, turn, int(key))
    for route in {one.route for one in store.every(state)}:
        watch(state, turn, route)


def _endless(state: State, route: int) -> list[Stored]:
    return [
        one
        for one in store.of(state, route)
        if not (one.is_bounded or one.by_billing) and one.todo in ("", "send")
    ]


def _timer(route: int) -> str:
    return f"profiles of route {route} lapse"


def _count(state: State, turn: Turn, route: int) -> None:
    row = state.remembered(KIND, str(route))
    since = payloads.moment(row.payload) if row is not None else None
    ends = (since or turn.utc) + timedelta(seconds=state.snapshot.options.energy_ttl)
    wait = max(0.0, (ends - turn.utc).total_seconds())
    state.call_at(_timer(route), turn.now + wait, partial(_lapse, route))


def _lapse(route: int, state: State, turn: Turn) -> None:
    state.forget(KIND, str(route), turn)
    for one in _endless(state, route):
        store.put(state, turn, replace(one, todo="lapse"))
    upkeep.settle_soon(state, turn)
