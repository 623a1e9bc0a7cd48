"""What each route wants of a setting that several share, and what the charger gets of it (3.9).

All of it is remembered in the database: wishes, what the charger was last told, and who wrote last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from routing.core.decisions import Report
from routing.core.frames import quote
from routing.core.lines import Line
from routing.core.secrecy import is_secret, without_credentials
from routing.core.settings import learning
from routing.core.settings.keys import Kind, Setting
from routing.core.snapshot import Role
from routing.core.state import State
from routing.core.turn import Turn

WISH = "wish"
"""Remembered per route and setting (``17/heartbeatinterval``): what this route has set, and reads."""

CHARGER = "merged"
"""Remembered per merged setting: the value that the charger has accepted last."""

WRITER = "writer"
"""Remembered per other setting: the route that wrote last, and what."""

SHORTEST = 5
"""Seconds between meter values that no wish goes below."""

LONGEST_NAME, LONGEST_VALUE = 200, 2500
WRITERS = 200
"""How many settings are remembered that more than one might write."""


class Written(msgspec.Struct, frozen=True):
    """Who has written a setting last."""

    route: int
    value: str


# -- one route ---------------------------------------------------------------------------------------


def of_route(state: State, route: int, name: str) -> str | None:
    """What a route has set, None where it has not."""
    row = state.remembered(WISH, _key(route, name))
    return None if row is None else _text(row.payload)


def keep(state: State, turn: Turn, route: int, name: str, value: str) -> None:
    """Remember what a route has set."""
    state.remember(WISH, _key(route, name), quote(value), turn)


def drop(state: State, turn: Turn, route: int, name: str) -> None:
    """The route wants nothing of this any more."""
    state.forget(WISH, _key(route, name), turn)


# -- all routes together -----------------------------------------------------------------------------


def together(state: State, name: str, asked: Mapping[int, str] | None = None) -> list[str]:
    """The wishes of all routes, Billing's first; ``asked`` by route stand in place of what they had."""
    lines = sorted(state.lines.values(), key=lambda line: line.route.role is not Role.BILLING)
    wanted = ((asked or {}).get(line.key, of_route(state, line.key, name)) for line in lines)
    return [value for value in wanted if value is not None]


def merged(state: State, setting: Setting, values: Iterable[str]) -> str | None:
    """What the charger is to be told, None where nobody wants anything."""
    values = list(values)
    if not values:
        return None
    if setting.kind is Kind.INTERVAL:
        return str(shortest(seconds for value in values if (seconds := interval(value)) is not None))
    return union(values, learning.limit(state, setting.limit))


def interval(value: str) -> int | None:
    """The seconds in a value, None where it is no number of seconds."""
    plain = value.strip()
    return int(plain) if plain.isascii() and plain.isdecimal() and len(plain) <= 9 else None


def shortest(wishes: Iterable[int]) -> int:
    """The shortest interval that is one, never below ``SHORTEST``; 0 (off) where all want that."""
    return max(SHORTEST, min(above)) if (above := [w for w in wishes if w > 0]) else 0


def union(values: Iterable[str], limit: learning.Limit = learning.NO_LIMIT) -> str:
    """All that anybody wants, each once, in the order of the lists, as far as it has room."""
    found: dict[str, str] = {}
    for value in values:
        for item in members(value):
            found.setdefault(item.lower(), item)
    chosen: list[str] = []
    for item in found.values():
        if limit.holds([*chosen, item]):
            chosen.append(item)
    return ",".join(chosen)


def members(value: str) -> list[str]:
    """The members of a comma-separated list."""
    return [item for part in value.split(",") if (item := part.strip())]


# -- the charger -------------------------------------------------------------------------------------


def charger_has(state: State, name: str) -> str | None:
    """What the charger has accepted last, None where that is not certain."""
    row = state.remembered(CHARGER, name)
    return None if row is None else _text(row.payload)


def charger_takes(state: State, turn: Turn, name: str, value: str | None) -> None:
    """The charger has accepted a value; None: nobody knows what it has."""
    if value is None:
        state.forget(CHARGER, name, turn)
    elif charger_has(state, name) != value:
        state.remember(CHARGER, name, quote(value), turn)


def charger_reports(state: State, turn: Turn, name: str, value: str) -> bool:
    """The charger says what it has; whether somebody has changed it on the spot."""
    had = charger_has(state, name)
    if had is None or had == value or len(value) > LONGEST_VALUE:
        return False
    charger_takes(state, turn, name, value)
    return True


# -- one writer --------------------------------------------------------------------------------------


def written(state: State, turn: Turn, line: Line, name: str, value: str) -> None:
    """A route has set what is not shared: the last writer wins, the one before still reads its own."""
    if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
        return
    if is_secret(name) or without_credentials(value) != value:
        return
    before = last_writer(state, name)
    if before is None and len(state.all_remembered(WRITER)) >= WRITERS:
        return
    drop(state, turn, line.key, name)
    if before is not None and before.route != line.key and before.value != value:
        other = state.lines.get(before.route)
        if other is not None:
            keep(state, turn, before.route, name, before.value)
            words = f"{line.route.backoffice} has overwritten {name}, set before by {other.route.backoffice}"
            turn.emit(Report("configuration", words, route=line.key))
    made = msgspec.json.encode(Written(line.key, value)).decode()
    state.remember(WRITER, name.lower(), made, turn)


def last_writer(state: State, name: str) -> Written | None:
    """Who has set this last, None where nobody has by way of the proxy."""
    row = state.remembered(WRITER, name.lower())
    try:
        return None if row is None else msgspec.json.decode(row.payload, type=Written)
    except msgspec.DecodeError:
        return None


def _key(route: int, name: str) -> str:
    return f"{route}/{name.lower()}"


def _text(payload: str) -> str:
    try:
        return msgspec.json.decode(payload, type=str)
    except msgspec.DecodeError:
        return payload
