"""Who takes note of what happens to a charger: modules of one subject each, called in this order.

They may store, ask the charger (``calls.command``) and set timers; what the charger is answered is not
theirs to decide. A module that is listed here is never imported by what calls it.
"""

from __future__ import annotations

from collections.abc import Callable

from routing.core import (
    late_rejects,
    local_list,
    meter_triggers,
    migration,
    remote_starts,
    retention,
    revoking,
)
from routing.core.charging_profiles import events as profile_events
from routing.core.charging_profiles import lapsing
from routing.core.lines import Line
from routing.core.settings import present, settling, virtual
from routing.core.state import State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

Hook = Callable[[State, Turn], None]
LineHook = Callable[[State, Turn, Line], None]
SessionHook = Callable[[State, Turn, Transaction], None]

CONNECTED: tuple[Hook, ...] = (
    remote_starts.connected,
    migration.returned,
    settling.connected,
    profile_events.connected,
    late_rejects.connected,
    local_list.connected,
    retention.look,
)
"""The charger has connected."""

BOOTED: tuple[Hook, ...] = (migration.booted,)
"""The charger has sent a BootNotification."""

ACCEPTED: tuple[Hook, ...] = (profile_events.accepted, local_list.booted, present.accepted)
"""The charger has been told that its boot is accepted."""

GONE: tuple[Hook, ...] = (migration.gone,)
"""The charger's socket is closed."""

CONFIGURED: tuple[Hook, ...] = (
    revoking.configured,
    settling.configured,
    profile_events.configured,
    local_list.settle,
)
"""The configuration has changed; ``state.snapshot`` is the new one."""

READY: tuple[LineHook, ...] = (virtual.heartbeat_after_boot, virtual.ping_again, lapsing.ready)
"""A backoffice takes messages (again)."""

LOST: tuple[LineHook, ...] = (meter_triggers.asker_lost, lapsing.lost, local_list.asker_lost)
"""The link of a backoffice is gone, or its route is switched off."""

BEGAN: tuple[SessionHook, ...] = (profile_events.began,)
"""A session has begun."""

ENDED: tuple[SessionHook, ...] = (remote_starts.ended, profile_events.ended, late_rejects.ended)
"""A session has ended."""


def call(hooks: tuple[Hook, ...], state: State, turn: Turn) -> None:
    """Tell everybody."""
    for hook in hooks:
        hook(state, turn)


def call_for_line(hooks: tuple[LineHook, ...], state: State, turn: Turn, line: Line) -> None:
    """Tell everybody about a line."""
    for hook in hooks:
        hook(state, turn, line)


def call_for_session(
    hooks: tuple[SessionHook, ...], state: State, turn: Turn, transaction: Transaction
) -> None:
    """Tell everybody about a session."""
    for hook in hooks:
        hook(state, turn, transaction)
