"""Settings that each route has for itself: the proxy answers, the charger is not asked (3.9, 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from routing.core import passwords
from routing.core.decisions import SetPing
from routing.core.lines import Line
from routing.core.settings import keys, wishes
from routing.core.state import State
from routing.core.turn import Turn

Take = Callable[[State, Turn, Line, str], str]
"""Take a value that a route has set: "" where it is taken, else the objection in words."""

LONGEST_HEARTBEAT = 86_400
SHORTEST_PING, LONGEST_PING = 5, 86_400
LONGEST_NAME = 500

BOOT_INTERVAL = "boot interval"
"""Remembered per route that has set its heartbeat: what its backoffice had said to the boot before."""


def _heartbeat(state: State, turn: Turn, line: Line, value: str) -> str:
    """From now on this backoffice hears a heartbeat at its own interval of inactivity.

    Source: OCPP 1.6 edition 2, section 9.1 (HeartbeatInterval).
    """
    seconds = wishes.interval(value)
    if seconds is None or not 1 <= seconds <= LONGEST_HEARTBEAT:
        return f"a heartbeat interval is 1 to {LONGEST_HEARTBEAT} s"
    name = keys.of_version(keys.HEARTBEAT, state.version)
    if wishes.of_route(state, line.key, name) is None:
        state.remember(BOOT_INTERVAL, str(line.key), f"{line.heartbeat_interval:g}", turn)
    wishes.keep(state, turn, line.key, name, str(seconds))
    line.heartbeat_interval = float(seconds)
    turn.touched.add(line.key)
    return ""


def heartbeat_after_boot(state: State, turn: Turn, line: Line) -> None:
    """A backoffice takes messages again: what it has set counts until it answers a boot with news."""
    name = keys.of_version(keys.HEARTBEAT, state.version)
    wish = wishes.of_route(state, line.key, name)
    seconds = None if wish is None else wishes.interval(wish)
    row = state.remembered(BOOT_INTERVAL, str(line.key))
    if seconds is None or row is None:
        return
    before, now = _seconds(row.payload), line.heartbeat_interval
    if now in (0.0, before, float(seconds)) or before == 0.0:
        if before == 0.0 and now not in (0.0, float(seconds)):
            state.remember(BOOT_INTERVAL, str(line.key), f"{now:g}", turn)
        line.heartbeat_interval = float(seconds)
    else:
        wishes.drop(state, turn, line.key, name)
        state.forget(BOOT_INTERVAL, str(line.key), turn)


def _seconds(payload: str) -> float:
    try:
        return msgspec.json.decode(payload, type=float)
    except msgspec.DecodeError:
        return 0.0


def _ping(state: State, turn: Turn, line: Line, value: str) -> str:
    """From now on this backoffice's link is pinged so often, in place of the route's option ``ping``."""
    seconds = wishes.interval(value)
    if seconds is None or not (seconds == 0 or SHORTEST_PING <= seconds <= LONGEST_PING):
        return f"a ping interval is {SHORTEST_PING} to {LONGEST_PING} s, or 0"
    wishes.keep(state, turn, line.key, keys.of_version(keys.PING, state.version), str(seconds))
    turn.emit(SetPing(line.key, float(seconds)))
    return ""


def ping_again(state: State, turn: Turn, line: Line) -> None:
    """The link may be a new one, which knows the route's option alone."""
    wish = wishes.of_route(state, line.key, keys.of_version(keys.PING, state.version))
    if wish is not None and (seconds := wishes.interval(wish)) is not None:
        turn.emit(SetPing(line.key, float(seconds)))


def give_up(state: State, turn: Turn, line: Line, name: str) -> None:
    """A route may not set this any more: its link is again as it was without."""
    row = state.remembered(BOOT_INTERVAL, str(line.key))
    if name in keys.HEARTBEAT and row is not None:
        line.heartbeat_interval = _seconds(row.payload)
        state.forget(BOOT_INTERVAL, str(line.key), turn)
    elif name in keys.PING:
        turn.emit(SetPing(line.key, line.route.options.ping))


def _profile(state: State, turn: Turn, line: Line, value: str) -> str:
    return "the security profile of a link is set in the proxy"


def _organisation(state: State, turn: Turn, line: Line, value: str) -> str:
    if len(value) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters"
    wishes.keep(state, turn, line.key, keys.of_version(keys.ORGANISATION, state.version), value)
    return ""


VIRTUAL: Mapping[str, Take] = {
    name: take
    for names, take in (
        (keys.HEARTBEAT, _heartbeat),
        (keys.PING, _ping),
        (keys.PASSWORD, passwords.take),
        (keys.PROFILE, _profile),
        (keys.ORGANISATION, _organisation),
    )
    for name in names
}
"""Who takes the value of a virtual setting, by its name."""


def shown(state: State, line: Line, name: str) -> str | None:
    """What a route reads of a setting that is not the charger's for it, None where the charger's counts."""
    if name in keys.HEARTBEAT and line.heartbeat_interval:
        return f"{line.heartbeat_interval:.0f}"
    return wishes.of_route(state, line.key, name)
