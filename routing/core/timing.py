"""What the passing of time means for a session, and when to look at it again."""

from __future__ import annotations

from routing.core import acceptance, calls, dispatch, losses, registration
from routing.core.lines import TIMEOUTS, Kind, Line, Phase
from routing.core.state import State
from routing.core.turn import Turn


def look_at(state: State, turn: Turn, line: Line) -> None:
    """End what is late on a line, and repeat what is due."""
    item = line.outstanding
    turn.touched.add(line.key)
    patience = line.route.options.T_up
    if item is not None and line.overdue and turn.now >= item.sent_at + 2 * patience:
        dispatch.heard(state, turn, line)  # a frozen peer's link would have failed its pings by now
    elif item is not None and not line.overdue and turn.now >= item.sent_at + patience:
        dispatch.overdue(state, turn, line)
        if item.kind is Kind.BOOT:
            registration.boot_failed(state, turn, line, "does not answer the boot", unsupported=False)
        if line.timeouts >= TIMEOUTS:
            losses.rest(state, turn, line, 1000, f"{TIMEOUTS} CALLs in a row were not answered")
            acceptance.billing_lost(state, turn, line)
    if line.phase is Phase.REGISTERING and turn.now >= line.retry_boot_at:
        registration.boot_again(state, turn, line)
    if state.shows_life(turn.now) and line.heartbeat_is_due(turn.now):
        dispatch.heartbeat(state, turn, line)


def set_deadline(state: State, now: float) -> None:
    """When to look again at the latest, after a tick."""
    state.wake_at(state.settle_at)
    if not state.online and any(line.wanted for line in state.lines.values()) and not state.backlog_only:
        state.wake_at(state.offline_since + state.snapshot.options.offline_grace)
    for waiting in state.waiting.values():
        state.wake_at(waiting.deadline)
    for when, _ in state.timers.values():
        state.wake_at(when)
    state.wake_at(calls.deadline(state))
    for line in state.lines.values():
        state.wake_at(line.deadline(heartbeats=state.shows_life(now)))
