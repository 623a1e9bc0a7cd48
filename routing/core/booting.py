"""The charger boots: everybody hears so, Billing's answer is the charger's (ocpp-semantics 4.3)."""

from __future__ import annotations

from routing.core import acceptance, hooks, registration, replies
from routing.core.copies import item
from routing.core.lines import Kind, Line, Phase
from routing.core.state import Received, State
from routing.core.turn import Turn


def boot(state: State, turn: Turn, received: Received) -> None:
    """Take a BootNotification."""
    state.remember("boot", "", received.call.payload, turn)
    state.booted_at = turn.now
    state.forget("quirk", "boot_missing", turn)
    state.gate.rebooting_until = 0.0
    billing = state.billing
    decoupled = state.snapshot.options.decouple_boot
    answerer = billing if billing is not None and not (billing.why_silent or decoupled) else None
    for line in state.lines.values():
        registration.charger_boots(state, turn, line)
        if line.phase is Phase.DOWN:
            continue  # gets it as soon as its link is open
        line.boot_due = item(Kind.BOOT, received, asked=line is answerer)
        turn.touched.add(line.key)
    if answerer is None:
        acceptance.answer_here(state, turn, received, _why_here(billing, decoupled=decoupled))
    else:
        replies.wait(state, received, answerer, state.snapshot.options.T_boot)
    hooks.call(hooks.BOOTED, state, turn)


def _why_here(billing: Line | None, *, decoupled: bool) -> str:
    if billing is None:
        return "no Billing"
    return "decouple_boot" if decoupled else "Billing is away"
