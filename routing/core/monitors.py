"""Which backoffice holds which variable monitor of a 2.x charger (ocpp-semantics 3.6).

What the identifiers do not say is remembered under the charger's id: what a monitor watches, so that a
second one of the same kind can be told to be the same.
"""

from __future__ import annotations

import msgspec

from routing.core import rewriting, spans
from routing.core.actions import Kind
from routing.core.identifiers import Mapping
from routing.core.lines import Line
from routing.core.payloads import Lenient, integer, scalar, text, written
from routing.core.state import State
from routing.core.turn import Turn

DOUBT = "monitor_doubt"
MOST_DOUBTS = 50

NAMED_IN = {"SetVariableMonitoring": "$.setMonitoringData[].id", "ClearVariableMonitoring": "$.id[]"}
"""Where a CALL names monitors that will be others, or none, when the charger has answered it."""


class Place(msgspec.Struct, gc=False):
    """The EVSEType of a component."""

    id: Lenient = msgspec.UNSET
    connectorId: Lenient = msgspec.UNSET


class Named(msgspec.Struct, gc=False):
    """A ComponentType or VariableType."""

    name: Lenient = msgspec.UNSET
    instance: Lenient = msgspec.UNSET
    evse: Place | msgspec.UnsetType = msgspec.UNSET


class MonitorHead(msgspec.Struct, gc=False):
    """What is monitored and how, in a SetMonitoringDataType or a SetMonitoringResultType."""

    id: Lenient = msgspec.UNSET
    status: Lenient = msgspec.UNSET
    value: Lenient = msgspec.UNSET
    type: Lenient = msgspec.UNSET
    severity: Lenient = msgspec.UNSET
    transaction: Lenient = msgspec.UNSET
    periodicEventStream: Lenient = msgspec.UNSET
    component: Named | msgspec.UnsetType = msgspec.UNSET
    variable: Named | msgspec.UnsetType = msgspec.UNSET


class Monitor(msgspec.Struct, frozen=True, gc=False):
    """A custom monitor as it was set; remembered under the charger's id for it.

    ``subject``: variable, type and severity; a charger has one monitor of each (status Duplicate).
    ``streams``: its values come as a periodic event stream (2.1), which has one receiver only.
    """

    subject: str
    value: int | float | str | None
    transaction: bool
    streams: bool


def holders(state: State, charger_id: str) -> list[Mapping]:
    """Who has this monitor, nobody where it is cleared."""
    return [m for m in state.identifiers.holders(Kind.MONITOR, charger_id) if m.is_open]


def described(state: State, charger_id: str) -> Monitor | None:
    """What a custom monitor watches, None where the proxy has not set it."""
    row = state.remembered("monitor", charger_id)
    try:
        return None if row is None else msgspec.json.decode(row.payload, type=Monitor)
    except msgspec.DecodeError:
        return None  # written by another version of the proxy: shared with nobody


def find(state: State, subject: str) -> str | None:
    """The charger's id of the monitor of this subject."""
    for charger_id in state.all_remembered("monitor"):
        known = described(state, charger_id)
        if known is not None and known.subject == subject:
            return charger_id
    return None


def monitor(head: MonitorHead) -> Monitor:
    """The monitor that an item of a SetVariableMonitoring asks for."""
    value = scalar(head.value)
    return Monitor(
        subject(head),
        None if isinstance(value, bool) else value,
        scalar(head.transaction) is True,
        head.periodicEventStream is not msgspec.UNSET and written(head.periodicEventStream) != "null",
    )


def subject(head: MonitorHead, where: str = "") -> str:
    """What may be monitored once only; ``where``: the place, if the head does not tell it."""
    return f"{text(head.type)}/{integer(head.severity)}/{where or place(head.component, head.variable)}"


def place(component: Named | msgspec.UnsetType, variable: Named | msgspec.UnsetType) -> str:
    """What is watched. Names do not depend on case (OCPP 2.x, identifierString)."""
    parts: list[str | int | None] = []
    for named in (component, variable):
        if isinstance(named, Named):
            parts += [text(named.name).casefold(), text(named.instance).casefold()]
            if isinstance(named.evse, Place):
                parts += [integer(named.evse.id), integer(named.evse.connectorId)]
        parts.append("/")
    return msgspec.json.encode(parts).decode()


def hold(state: State, turn: Turn, route: int, charger_id: str, route_id: str | None = None) -> Mapping:
    """A route has this monitor from now on, under ``route_id`` where it has said so."""
    for mapping in holders(state, charger_id):
        if mapping.route == route:
            if route_id in (None, mapping.route_id):
                return mapping
            rewriting.close(state, turn, mapping)
    route_id = route_id or free_id(state, Kind.MONITOR, route, charger_id)
    made = state.identifiers.assign(Kind.MONITOR, charger_id, route, route_id, turn.utc)
    rewriting.store(state, turn, made)
    return made


def free_id(state: State, kind: Kind, route: int, charger_id: str) -> str:
    """What a route may call a thing of the charger: by the charger's number if it has no such thing yet."""
    number = charger_id
    candidate = state.snapshot.options.id_band
    while state.identifiers.named(kind, route, number) is not None:
        number, candidate = str(candidate), candidate + 1
    return number


def is_to_change(state: State, charger_id: str) -> bool:
    """Whether a CALL waits for the charger that clears or replaces this monitor."""
    return any(
        charger_id in spans.find(call.payload, NAMED_IN[call.action])
        for call in state.gate.queue
        if call.action in NAMED_IN
    )


def let_go(state: State, turn: Turn, mapping: Mapping) -> None:
    """One route does not hold a monitor any more."""
    rewriting.close(state, turn, mapping)
    if not holders(state, mapping.charger_id):
        state.forget("monitor", mapping.charger_id, turn)


def is_gone(state: State, turn: Turn, charger_id: str) -> None:
    """The charger has no such monitor any more."""
    for mapping in holders(state, charger_id):
        rewriting.close(state, turn, mapping)
    state.forget("monitor", charger_id, turn)


def inherited(state: State, turn: Turn, line: Line, charger_id: str, where: str = "") -> Mapping | None:
    """Whose a custom monitor is that the proxy has not seen being set, if it is this route's.

    It watches what a CALL was about that the charger never answered (``where``: place or subject): it is
    the asker's. Else it is Billing's, from before the proxy's time. Without ``where`` both may be.
    """
    if not charger_id.isdecimal() or not state.identifiers.is_free(Kind.MONITOR, charger_id):
        return None
    billing = state.billing
    heir = doubted(state, where)
    if heir is None and billing is not None and (where or not state.all_remembered(DOUBT)):
        heir = billing.key
    if line.key != heir:
        return None
    call = state.gate.outstanding
    if call is not None and call.action == "SetVariableMonitoring" and call.route != line.key:
        return None  # it may be the one that is being set for somebody else
    if state.identifiers.named(Kind.MONITOR, line.key, charger_id) is not None:
        return None
    for one in _doubts(state, line.key):
        if where in (one.subject, _place_of(one)):
            believe(state, turn, one.subject)
            state.remember("monitor", charger_id, msgspec.json.encode(one).decode(), turn)
            break
    return hold(state, turn, line.key, charger_id)


# -- monitors that the charger may have ------------------------------------------------------------------


def doubt(state: State, turn: Turn, route: int, asked: list[Monitor]) -> None:
    """The charger has not said whether it has set these monitors of a route."""
    doubts = [*_doubts(state, route), *asked][-MOST_DOUBTS:]
    if asked:
        state.remember(DOUBT, str(route), msgspec.json.encode(doubts).decode(), turn)


def doubted(state: State, where: str) -> int | None:
    """The route that may have a monitor of this place or subject."""
    for key in state.all_remembered(DOUBT):
        if any(where in (one.subject, _place_of(one)) for one in _doubts(state, int(key))):
            return int(key)
    return None


def believe(state: State, turn: Turn, known: str | None = None) -> None:
    """It is known now whose monitor of this subject is there; None: that there is none at all."""
    for key in state.all_remembered(DOUBT):
        doubts = _doubts(state, int(key))
        left = [one for one in doubts if known is not None and one.subject != known]
        if not left:
            state.forget(DOUBT, key, turn)
        elif left != doubts:
            state.remember(DOUBT, key, msgspec.json.encode(left).decode(), turn)


def _doubts(state: State, route: int) -> list[Monitor]:
    row = state.remembered(DOUBT, str(route))
    try:
        return [] if row is None else msgspec.json.decode(row.payload, type=list[Monitor])
    except msgspec.DecodeError:
        return []  # written by another version of the proxy


def _place_of(one: Monitor) -> str:
    return one.subject.split("/", 2)[-1]
