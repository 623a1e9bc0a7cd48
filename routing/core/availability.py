"""The state of connectors where a 2.x charger tells it by events alone (ocpp-semantics 4.2).

OCPP 2.1 lets NotifyEvent with the variable AvailabilityState take the place of StatusNotification. Its last
value per component is kept, so that a backoffice that joins later learns it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from routing.core.lines import Item, Kind
from routing.core.monitoring import TO_EVERYBODY
from routing.core.payloads import Evse, Lenient, integer, read, text, wire_time
from routing.core.rows import LatestRow
from routing.core.state import Received, State
from routing.core.turn import Turn

KIND = "availability"
VARIABLE = "AvailabilityState"


class _Named(msgspec.Struct, gc=False):
    name: Lenient = msgspec.UNSET
    evse: Evse | msgspec.UnsetType = msgspec.UNSET


class _Entry(msgspec.Struct, gc=False):
    component: _Named | msgspec.UnsetType = msgspec.UNSET
    variable: _Named | msgspec.UnsetType = msgspec.UNSET
    eventNotificationType: Lenient = msgspec.UNSET


class _Entries(msgspec.Struct, gc=False):
    eventData: list[msgspec.Raw] = []


def note(state: State, turn: Turn, received: Received) -> None:
    """Keep the entries of a NotifyEvent that tell the state of an EVSE or connector, the last of each."""
    if VARIABLE not in received.call.payload:
        return
    for raw in read(received.call.payload, _Entries).eventData:
        written = bytes(raw).decode()
        entry = read(written, _Entry)
        if (key := _key(entry)) and state.has_room(KIND, key):
            state.remember(KIND, key, written, turn)


def _key(entry: _Entry) -> str:
    """What the entry is about, as ``evse/connector/component``; "" where that is not for everybody."""
    named, variable = entry.component, entry.variable
    if not isinstance(named, _Named) or not isinstance(variable, _Named):
        return ""
    if text(variable.name) != VARIABLE or text(entry.eventNotificationType) not in TO_EVERYBODY:
        return ""
    evse = named.evse if isinstance(named.evse, Evse) else Evse()
    return f"{integer(evse.id) or 0}/{integer(evse.connectorId) or 0}/{text(named.name, 50)}"


def replay(state: State, turn: Turn, rows: Iterable[LatestRow]) -> Item | None:
    """One NotifyEvent with these entries as the charger wrote them, times included; None without any."""
    entries = ",".join(row.payload for row in rows)
    if not entries:
        return None
    payload = f'{{"generatedAt":"{wire_time(turn.utc)}","tbc":false,"seqNo":0,"eventData":[{entries}]}}'
    seq = state.next_seq(turn.utc)
    item = Item(Kind.STATUS, "NotifyEvent", payload, seq=0, exchange=seq, at=turn.utc, replayed=True)
    item.edited = True
    return item
