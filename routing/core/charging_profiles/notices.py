"""What the proxy tells Billing of itself about limits (OCPP 2.x): never about what Billing has set."""

from __future__ import annotations

from routing.core.charging_profiles.store import Stored
from routing.core.lines import Item, Kind, Phase
from routing.core.state import State
from routing.core.turn import Turn


def limit_cleared(state: State, turn: Turn, stored: Stored) -> None:
    """Tell Billing that an energy manager's limit does not hold any more, if it is there to hear it.

    Source: ClearedChargingLimit, OCPP 2.0.1 part 2, K13.
    """
    billing = state.billing
    if state.version == "1.6" or billing is None or billing.phase is not Phase.READY:
        return
    place = f',"evseId":{stored.scope}' if stored.scope else ""
    seq = state.next_seq(turn.utc)
    payload = f'{{"chargingLimitSource":"EMS"{place}}}'
    notice = Item(Kind.RELAY, "ClearedChargingLimit", payload, seq=seq, exchange=seq, at=turn.utc)
    notice.edited = True
    if billing.ask(notice):
        turn.touched.add(billing.key)
