"""What happens around a charger that concerns profiles: connections, boots, configuration, sessions."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from routing.core.charging_profiles import lapsing, store, upkeep
from routing.core.charging_profiles.profiles import TX
from routing.core.state import State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

AFTER_CONNECTION = 3.0
"""Seconds after a connection in which a boot would come, after which everything is sent anyway."""

LOOK_FOR_STATUS = 2.0
PATIENCE = 30.0
"""A charger of 1.6 that has booted is asked after its first StatusNotification, or after so many seconds."""


def connected(state: State, turn: Turn) -> None:
    """The charger is there: do what could not be done without it."""
    upkeep.after_restart(state, turn)
    upkeep.refresh_limit(state, turn, again=False)
    upkeep.refresh(state, turn, again=False)
    lapsing.resume(state, turn)
    upkeep.settle_soon(state, turn, AFTER_CONNECTION)


def accepted(state: State, turn: Turn) -> None:
    """The charger has booted and may have lost its profiles: send all that is wanted (ocpp-semantics 6).

    In 2.x a charger keeps them; the same id replaces the same profile (K01.FR.05), which does no harm.
    """
    upkeep.refresh_limit(state, turn, again=True)
    upkeep.refresh(state, turn, again=True)
    if upkeep.is_due(state):
        state.call_at(upkeep.TIMER, turn.now + LOOK_FOR_STATUS, partial(_after_boot, turn.now))


def _after_boot(accepted_at: float, state: State, turn: Turn) -> None:
    boot = state.remembered("boot")
    statuses = state.all_remembered("status").values()
    has_spoken = boot is None or any(row.at >= boot.at for row in statuses)
    if state.version != "1.6" or has_spoken or turn.now >= accepted_at + PATIENCE:
        return upkeep.settle(state, turn)
    state.call_at(upkeep.TIMER, turn.now + LOOK_FOR_STATUS, partial(_after_boot, accepted_at))


def configured(state: State, turn: Turn) -> None:
    """Limits, the mode, roles or permissions may be others."""
    upkeep.refresh_limit(state, turn, again=False)
    upkeep.refresh(state, turn, again=False)
    upkeep.settle_soon(state, turn)


def began(state: State, turn: Turn, transaction: Transaction) -> None:
    """A session has begun: the profile that came with its remote start ends with it."""
    place = transaction.row.connector_id if state.version == "1.6" else transaction.row.evse_id
    for one in store.of(state, transaction.row.owner or -1):
        if store.is_awaited(one) and one.scope in (0, place):
            store.put(state, turn, replace(one, transaction=str(transaction.id), until=""))


def ended(state: State, turn: Turn, transaction: Transaction) -> None:
    """A session has ended, and with it its profiles."""
    names = (transaction.row.charger_transaction_id, str(transaction.id))
    for one in store.every(state):
        forgotten = store.is_awaited(one) and store.is_over(one, turn.utc)
        if one.purpose == TX and (one.transaction in names or forgotten):
            store.forget(state, turn, one)
