"""Exchanges as programs and pages get them; cards are masked for those who may not see them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from routing.core import frames, masking, spans
from routing.explorer.folding import Exchange, Leg
from routing.explorer.search import Names

SHORT = 60

_ABOUT: dict[str, tuple[str, ...]] = {
    "BootNotification": (
        "$.chargePointVendor",
        "$.chargePointModel",
        "$.chargingStation.vendorName",
        "$.chargingStation.model",
        "$.reason",
    ),
    "ChangeAvailability": ("$.type", "$.operationalStatus"),
    "ChangeConfiguration": ("$.key",),
    "DataTransfer": ("$.vendorId", "$.messageId"),
    "DiagnosticsStatusNotification": ("$.status",),
    "ExtendedTriggerMessage": ("$.requestedMessage",),
    "FirmwareStatusNotification": ("$.status",),
    "GetConfiguration": ("$.key[]",),
    "LogStatusNotification": ("$.status",),
    "Reset": ("$.type",),
    "SecurityEventNotification": ("$.type",),
    "SignedFirmwareStatusNotification": ("$.status",),
    "StatusNotification": ("$.status", "$.connectorStatus", "$.errorCode"),
    "StopTransaction": ("$.reason",),
    "TransactionEvent": ("$.eventType", "$.triggerReason", "$.transactionInfo.stoppedReason"),
    "TriggerMessage": ("$.requestedMessage",),
}
"""What of a CALL says in a word or two what it is about."""


def about(exchange: Exchange) -> list[str]:
    """What an exchange is about, in the words of its CALL (``Charging``), none where they can't be read."""
    paths = _ABOUT.get(exchange.action, ())
    text = exchange.first.text
    if not paths or not text:
        return []
    call = frames.parse(text)
    if not isinstance(call, frames.Call):
        return []
    found = (spans.value(call.payload, path) for path in paths)
    return [word[:SHORT] for word in found if isinstance(word, str) and word not in ("", "NoError")]


def shown(exchange: Exchange, *, sees_cards: bool) -> Callable[[str], str]:
    """How frames and rules of an exchange are shown to somebody: as they are, or with its cards masked."""
    if sees_cards:
        return _as_it_is
    cards = {exchange.id_tag, *masking.cards_in(exchange.first.text)}
    return partial(masking.frame, cards=cards)


def _as_it_is(text: str) -> str:
    return text


def as_json(exchange: Exchange, sees_cards: bool, names: Names | None = None) -> dict[str, Any]:
    """An exchange as a program gets it.

    Times are ISO 8601 in UTC, latencies milliseconds, ``sent`` and ``answer`` frames as text. With ``names``
    the charger and the backoffices have theirs.
    """
    show = shown(exchange, sees_cards=sees_cards)
    card = exchange.id_tag
    return {
        "charger": exchange.charger,
        "identity": names.charger(exchange.charger) if names else None,
        "exchange": exchange.number,
        "at": exchange.at.isoformat(timespec="microseconds"),
        "kind": exchange.kind,
        "direction": exchange.direction,
        "action": exchange.action,
        "about": about(exchange),
        "went": exchange.group,
        "answered_by": exchange.answered_by,
        "virtual": exchange.is_virtual,
        "rule": show(exchange.rule),
        "latency_ms": exchange.latency_ms,
        "transaction": exchange.transaction or None,
        "connector_id": exchange.connector_id,
        "card": card if sees_cards or not card else masking.masked(card),
        "head": None if exchange.head is None else _leg(exchange, exchange.head, show, names),
        "copies": [_leg(exchange, leg, show, names) for leg in exchange.copies],
    }


def _leg(exchange: Exchange, leg: Leg, show: Callable[[str], str], names: Names | None) -> dict[str, Any]:
    return {
        "route": leg.route,
        "with": names.route(leg.route) if names else None,
        "at": leg.at.isoformat(timespec="microseconds"),
        "action": leg.action,
        "message_id": leg.message_id,
        "outcome": leg.outcome,
        "went": leg.group,
        "status": leg.status,
        "error_code": leg.error_code,
        "rule": show(leg.rule),
        "latency_ms": leg.latency_ms,
        "size": leg.size,
        "sent": show(exchange.frame(leg)),
        "differs": leg.is_other and leg is not exchange.head and exchange.head is not None,
        "answer": show(leg.answer),
    }
