"""How often a backoffice may do what brings a charger down when it is done in a loop (ocpp-semantics 3.10).

Source: at most 3 boots asked for and 3 resets in 10 minutes, for Billing too. What was let through is
remembered over restarts: a reset makes the charger reconnect, and its session may go meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from routing.core import conflicts, payloads, spans
from routing.core.gate import Asked
from routing.core.lines import Line
from routing.core.options import RouteOptions
from routing.core.rows import LatestRow
from routing.core.state import State
from routing.core.turn import Turn

KIND = "rate"
"""Of what is remembered; its keys are ``<route>/<limit>``, its payloads the times, oldest first."""

WINDOW = timedelta(minutes=10)

_TIMES = msgspec.json.Decoder(list[float])


class Limit(NamedTuple):
    """What is counted together: CALLs of these actions, where a member has this value if one is named."""

    name: str
    what: str
    path: str = ""
    value: str = ""

    def concerns(self, payload: str) -> bool:
        """Whether this CALL counts; of a member that is written twice either does."""
        if not self.path:
            return True
        tokens = spans.find(payload, self.path)
        return any(payloads.text(msgspec.Raw(token.encode())) == self.value for token in tokens)

    def allowed(self, options: RouteOptions) -> int | None:
        """How many in the window, None for any number."""
        return options.reset_limit if self.name == "reset" else options.trigger_limit


_RESET = Limit("reset", "Reset")
_BOOT = Limit("trigger", "a boot that is asked for", "$.requestedMessage", "BootNotification")

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {"Reset": _RESET, "TriggerMessage": _BOOT, "ExtendedTriggerMessage": _BOOT}
)


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Why this CALL comes too soon, in words; "" where it does not, and then it has been counted."""
    limit = LIMITS.get(asked.action)
    if limit is None or not limit.concerns(asked.payload):
        return ""
    allowed = limit.allowed(line.route.options)
    if allowed is None or not _gets_through(state, turn, asked):
        return ""
    if allowed <= 0:
        return f"rate limit: {limit.what} is not allowed at all"
    key = f"{line.key}/{limit.name}"
    times = _recent(state.remembered(KIND, key), turn.utc)
    if len(times) < allowed:
        state.remember(KIND, key, msgspec.json.encode([*times, turn.utc.timestamp()]).decode(), turn)
        return ""
    return _too_soon(limit, allowed, times, turn.utc)


def _gets_through(state: State, turn: Turn, asked: Asked) -> bool:
    """Whether the charger would hear of it: what it can't hear of is refused later, and does not count."""
    return state.is_reachable and not conflicts.objection(state, turn, asked.action, asked.payload)


def _recent(row: LatestRow | None, utc: datetime) -> list[float]:
    """The times in the window that ends now; those of a clock that has gone back since do not count."""
    try:
        times = _TIMES.decode(row.payload) if row is not None else []
    except msgspec.DecodeError:
        return []
    return [at for at in times if (utc - WINDOW).timestamp() < at <= utc.timestamp()]


def _too_soon(limit: Limit, allowed: int, times: list[float], utc: datetime) -> str:
    free = datetime.fromtimestamp(times[-allowed], UTC) + WINDOW
    wait = max(1, round((free - utc).total_seconds()))
    minutes = round(WINDOW.total_seconds() / 60)
    return (
        f"rate limit: {limit.what} is possible {allowed} times in {minutes} min; "
        f"the next one in {wait} s, at {free:%H:%M:%S} UTC"
    )
