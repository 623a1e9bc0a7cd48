"""What of a report belongs to which route, and when it is through (ocpp-semantics 3.5).

A report is never split: one goes to one requester, under its own number, and what is not that one's is
left out of it. A frame of which nothing is left still goes: its ``tbc`` and ``seqNo`` count.
"""

from __future__ import annotations

from routing.core import rewriting, spans
from routing.core.actions import Kind, Rewrite, Up
from routing.core.calls import is_accepted
from routing.core.gate import DownCall, Reply
from routing.core.identifiers import Mapping, identifier, raw_token
from routing.core.lines import Line
from routing.core.payloads import word
from routing.core.state import Received, State
from routing.core.turn import Turn

OWNED = rewriting.MAPPED | {Kind.MONITOR}
"""Kinds of things that have an owner to whom messages about them go."""

TO_OWNERS = frozenset({"deny", "filter"})

NO_RESERVATION = frozenset({"0", "-1"})
"""What chargers write where there is no reservation."""

SWAP = "battery_swap"
"""Kind under which the numbers of battery swaps that were asked for are remembered."""

IN_PARTS = (
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyMonitoringReport",
    "NotifyReport",
    "ReportChargingProfiles",
    "ReportDERControl",
)
"""Reports that come in parts."""

STATUSES = (
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "PublishFirmwareStatusNotification",
    "SignedFirmwareStatusNotification",
)
"""Messages that say how far a request is."""

STATUS_ENDS = frozenset(
    {
        "AcceptedCanceled",
        "BadMessage",
        "DownloadFailed",
        "InstallationFailed",
        "InstallVerificationFailed",
        "Installed",
        "InvalidChecksum",
        "InvalidSignature",
        "NotSupportedOperation",
        "PermissionDenied",
        "PublishFailed",
        "Published",
        "UploadFailed",
        "UploadFailure",
        "Uploaded",
    }
)
"""Statuses of logs and firmware after which no other follows."""

SWAP_ENDS = frozenset({"BatteryOut", "BatteryOutTimeout"})


def is_owned(row: Up) -> bool:
    """Whether a message is about somebody's thing or request: it goes to that one, whatever its role."""
    return any(r.kind in OWNED and r.unknown in TO_OWNERS for r in row.to_route)


def own_part(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """What a route may see of a message that is filtered for it, None for nothing.

    Of messages that name nobody's things only Billing sees anything.
    """
    row, payload = received.row, received.call.payload
    if not is_owned(row):
        return payload if line is state.billing else None
    for rewrite in row.to_route:
        if rewrite.kind not in OWNED:
            continue
        if "[]" in rewrite.path:
            payload = rewriting.own(state, line, rewrite, payload).payload
            continue
        part = _for_owner(state, line, rewrite, payload)
        if part is None:
            return None
        payload = part
    return payload


def _for_owner(state: State, line: Line, rewrite: Rewrite, payload: str) -> str | None:
    """The message with the owner's own id, None where this route is not the owner."""
    tokens = spans.find(payload, rewrite.path)
    if not tokens or tokens[-1] == "null":
        # Idle: nobody has asked for anything. Who asks for the status is told it by the proxy (triggers).
        return payload if line is state.billing else None
    named = identifier(rewrite.kind, tokens[-1])
    if named is None or (rewrite.kind is Kind.RESERVATION and is_no_reservation(state, named)):
        return None
    mine = rewriting.route_id(state, line, rewrite.kind, named)
    if mine is None or (mine == named and len(tokens) == 1):
        return None if mine is None else payload
    return spans.patch(payload, {rewrite.path: raw_token(rewrite.kind, mine)})


def is_no_reservation(state: State, charger_id: str) -> bool:
    """Whether a reservation id says that there is none."""
    return charger_id in NO_RESERVATION and not state.identifiers.holders(Kind.RESERVATION, charger_id)


def holder(state: State, received: Received) -> tuple[bool, Line | None]:
    """Whether the first thing that a message is about is somebody's, and that one's line if it is there."""
    for rewrite in received.row.to_route:
        if rewrite.kind in OWNED and "[]" not in rewrite.path:
            tokens = spans.find(received.call.payload, rewrite.path)
            named = identifier(rewrite.kind, tokens[-1]) if tokens else None
            holders = state.identifiers.holders(rewrite.kind, named) if named is not None else []
            there = (state.lines.get(m.route) for m in holders)
            return bool(holders), next((line for line in there if line is not None), None)
    return False, None


# -- ends ----------------------------------------------------------------------------------------------


def part_ended(state: State, turn: Turn, received: Received) -> None:
    """A part of a report has come: the last one says that nothing is to be continued."""
    if spans.value(received.call.payload, "$.tbc") is not True:
        _end(state, turn, received)


def status_ended(state: State, turn: Turn, received: Received) -> None:
    """A log or firmware has come so far: after some statuses no other follows."""
    if word(received.call.payload, "$.status") in STATUS_ENDS:
        _end(state, turn, received)


def _end(state: State, turn: Turn, received: Received) -> None:
    """Close the number of a request; what still comes of it is still the requester's."""
    rewriting.close_named(state, turn, Kind.REQUEST, received.call.payload, "$.requestId")


# -- battery swaps (OCPP 2.1) --------------------------------------------------------------------------


def note_swap(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """A swap was asked for; the charger makes numbers for others itself, and they may be the same."""
    for number in state.all_remembered(SWAP):
        if state.identifiers.is_free(Kind.REQUEST, number):
            state.forget(SWAP, number, turn)  # its last event has never come
    named = spans.value(call.payload, "$.requestId")
    if call.opened and (is_accepted(reply) or (call.sent_at and reply.outcome in ("timeout", "lost"))):
        state.remember(SWAP, str(named), "{}", turn)


def swap(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """Billing gets to know of every swap, others of those that they have asked for."""
    payload = received.call.payload
    mapping = _swap_mapping(state, received)
    if mapping is None or mapping.route != line.key:
        return payload if line is state.billing else None
    return spans.patch(payload, {"$.requestId": mapping.route_token()})


def swap_ended(state: State, turn: Turn, received: Received) -> None:
    """The last event of a swap."""
    mapping = _swap_mapping(state, received)
    if mapping is not None and word(received.call.payload, "$.eventType") in SWAP_ENDS:
        rewriting.close(state, turn, mapping)
        state.forget(SWAP, mapping.charger_id, turn)


def _swap_mapping(state: State, received: Received) -> Mapping | None:
    tokens = spans.find(received.call.payload, "$.requestId")
    named = identifier(Kind.REQUEST, tokens[-1]) if tokens else None
    mapping = None if named is None else next(iter(state.identifiers.holders(Kind.REQUEST, named)), None)
    asks = state.gate.outstanding  # the event may cross the charger's answer
    is_asked = asks is not None and asks.action == "RequestBatterySwap" and mapping in asks.opened
    return mapping if is_asked or state.remembered(SWAP, named or "") is not None else None


# -- reservations --------------------------------------------------------------------------------------


def reservation_ended(state: State, turn: Turn, received: Received) -> None:
    """A reservation has expired, was taken away or used, or a session has begun with it."""
    if "reservationId" in received.call.payload:
        rewriting.close_named(state, turn, Kind.RESERVATION, received.call.payload, "$.reservationId")


def cancelled(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger has taken a reservation back, or (Rejected) has none (OCPP 1.6 edition 2, section 5.2)."""
    if reply.payload is not None:
        rewriting.close_named(state, turn, Kind.RESERVATION, call.payload, "$.reservationId")
