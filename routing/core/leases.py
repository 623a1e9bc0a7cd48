"""Who has the charger's log or firmware in hand: one backoffice at a time (ocpp-semantics 3.11).

In 1.6 neither GetDiagnostics nor UpdateFirmware has an id by which a status finds its way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from routing.core import spans
from routing.core.calls import is_accepted
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.payloads import word
from routing.core.reports import STATUS_ENDS
from routing.core.state import Received, State
from routing.core.turn import Turn

KIND = "lease"
"""Kind under which the holder's route is remembered, by flow; it lasts from ``at`` of the row."""

DIAGNOSTICS, FIRMWARE = "diagnostics", "firmware"

LASTS = {DIAGNOSTICS: timedelta(hours=2), FIRMWARE: timedelta(hours=24)}
"""How long a charger is given that never says how it ended."""

FLOWS: Mapping[str, str] = MappingProxyType(
    {
        "GetDiagnostics": DIAGNOSTICS,
        "GetLog": DIAGNOSTICS,
        "PublishFirmware": FIRMWARE,
        "SignedUpdateFirmware": FIRMWARE,
        "UpdateFirmware": FIRMWARE,
    }
)
"""What takes a lease."""

STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "DiagnosticsStatusNotification": DIAGNOSTICS,
        "FirmwareStatusNotification": FIRMWARE,
        "LogStatusNotification": DIAGNOSTICS,
        "PublishFirmwareStatusNotification": FIRMWARE,
        "SignedFirmwareStatusNotification": FIRMWARE,
    }
)
"""What says how far it is."""

OVER = (STATUS_ENDS | {"Idle"}) - {"AcceptedCanceled"}
"""Statuses that end a lease. What was cancelled gave way to another request of the same holder."""


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """Why somebody else comes first, in words; "" where nobody does."""
    flow = FLOWS.get(asked.action)
    if flow is None:
        return ""
    holder = held_by(state, turn, flow)
    other = holder if holder is not None and holder is not line else _asks_already(state, line, flow)
    return f"lease: {other.route.backoffice} has the {flow} of this charger in hand" if other else ""


def held_by(state: State, turn: Turn, flow: str) -> Line | None:
    """The line of the backoffice that has this flow in hand, None where nobody has."""
    row = state.remembered(KIND, flow)
    if row is None or turn.utc - row.at >= LASTS[flow] or not row.payload.isdecimal():
        return None
    return state.line(int(row.payload))


def _asks_already(state: State, line: Line, flow: str) -> Line | None:
    """Somebody else whose CALL waits for the charger, or for its answer."""
    outstanding = state.gate.outstanding
    for call in state.gate.queue if outstanding is None else [outstanding, *state.gate.queue]:
        if call.route not in (None, line.key) and FLOWS.get(call.action) == flow:
            return state.line(call.route)
    return None


def note(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger does it: whoever has asked has the flow in hand."""
    if call.asked is not None and is_accepted(reply) and _delivers(call, reply):
        state.remember(KIND, FLOWS[call.action], str(call.asked.route), turn)


def _delivers(call: DownCall, reply: Reply) -> bool:
    """A charger without diagnostics names no file (OCPP 1.6 edition 2, section 6.26)."""
    return call.action != "GetDiagnostics" or bool(spans.value(reply.payload or "{}", "$.fileName"))


def note_status(state: State, turn: Turn, received: Received) -> None:
    """The charger says how far it is: after some statuses the lease is over."""
    if word(received.call.payload, "$.status") in OVER:
        state.forget(KIND, STATUSES[received.call.action], turn)


def diagnostics_status(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """DiagnosticsStatusNotification is for who has asked for the diagnostics, else for Billing."""
    holder = held_by(state, turn, DIAGNOSTICS) or state.billing
    return received.call.payload if line is holder else None
