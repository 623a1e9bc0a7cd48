"""What a backoffice gets in place of the charger's payload, written at the moment of sending.

Late binding (ocpp-semantics 3.1.6): a queued message holds the proxy's own key of a transaction;
the number of the route is looked up when the message's turn has come.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from routing.core import actions, frames, ownership, spans
from routing.core.actions import Kind, Rewrite
from routing.core.identifiers import identifier
from routing.core.lines import Item, Line
from routing.core.reports import is_no_reservation
from routing.core.rewriting import route_id
from routing.core.snapshot import Role, RouteSnapshot
from routing.core.state import State
from routing.core.transactions import UNKNOWN_ID, Transaction

ALIAS_LENGTH = 20
"""OCPP 1.6 edition 2, section 7.28: an idToken has at most 20 characters."""


def bind(state: State, line: Line, item: Item) -> str | None:
    """The payload of ``item`` as ``line`` may see it; None when this route is not to get it.

    The places that differ are those of the action's table row; a payload in which none does comes
    back as it is, byte for byte.
    """
    row = actions.up(state.version, item.action)
    if row is None or not row.to_route:
        return _of_nobodys_session(line, row, item.payload)
    transaction = state.transactions.get(item.transaction)
    seen = "full" if transaction is None else view(line, transaction)
    fixed = state.snapshot.options.free_id_tag
    if seen == "full" and transaction is not None and item.number and fixed is None:
        known = transaction.routes.get(line.key)
        if known is not None and known.id == item.number:
            return item.payload  # its number is the one that the charger has: nothing differs
    edits: dict[str, str | None] = {}
    for rewrite in row.to_route:
        match rewrite.kind:
            case Kind.TRANSACTION if seen == "hidden":
                edits[rewrite.path] = None
            case Kind.TRANSACTION if not _number(edits, rewrite.path, line, item, transaction):
                return None
            case Kind.RESERVATION | Kind.REMOTE_START if rewrite.unknown == "delete":
                _own_id(edits, rewrite, state, line, item.payload)
            case Kind.ID_TAG if seen == "alias":
                _alias(edits, rewrite.path, line.route, item.payload)
            case Kind.ID_TAG if fixed is not None and row.category == "transaction":
                _fixed(edits, rewrite.path, state, item.payload, fixed)
            case Kind.ID_TOKEN_TYPE if seen == "alias" or "$.idToken.idToken" in edits:
                edits[rewrite.path] = '"Central"'
            case Kind.COST if line.route.options.hide_cost and not is_own(line, transaction):
                edits[rewrite.path] = None
    payload = spans.patch(item.payload, edits) if edits else item.payload
    if item.replayed:
        payload = _as_replayed(row, payload)
    if transaction is None:
        return _of_nobodys_session(line, row, payload)
    return payload if seen == "full" else _without_signatures(payload, needed=row.category == "metering")


def _of_nobodys_session(line: Line, row: actions.Up | None, payload: str) -> str | None:
    """Values of no known session: who may not see cards gets none that are signed, for whose they are?"""
    if row is None or row.category != "metering" or foreign_tx(line.route) == "full":
        return payload
    return _without_signatures(payload, needed=True)


def _number(
    edits: dict[str, str | None], path: str, line: Line, item: Item, transaction: Transaction | None
) -> bool:
    """Write this route's number of the session; False where the route wants nothing it cannot place.

    ``-1`` is what the standard allows where there is none (OCPP 1.6 errata 3.18).
    """
    known = transaction.routes.get(line.key) if transaction else None
    if known is not None and known.state == "known":
        edits[path] = known.id
        return True
    if not spans.find(item.payload, path):
        return True
    unknown = line.route.options.unknown_tx
    strip = unknown == "strip" and item.action != "StopTransaction"
    edits[path] = None if strip else UNKNOWN_ID
    return unknown != "skip"


def _own_id(edits: dict[str, str | None], rewrite: Rewrite, state: State, line: Line, payload: str) -> None:
    """Write what this route calls a reservation or remote start; others do not get to know of it.

    0 and -1 are what chargers write where there is no reservation (ocpp-semantics 3.3).
    """
    tokens = spans.find(payload, rewrite.path)
    if not tokens:
        return
    named = identifier(rewrite.kind, tokens[-1])
    if named is None or (rewrite.kind is Kind.RESERVATION and is_no_reservation(state, named)):
        edits[rewrite.path] = None
        return
    mine = route_id(state, line, rewrite.kind, named)
    if mine != named or len(tokens) > 1:
        edits[rewrite.path] = mine


def _alias(edits: dict[str, str | None], path: str, route: RouteSnapshot, payload: str) -> None:
    if tokens := spans.find(payload, path):
        card = spans.value(payload, path)
        written = str(card) if isinstance(card, str | int | float) else tokens[-1]
        edits[path] = frames.quote(card_alias(route, written))


def _fixed(edits: dict[str, str | None], path: str, state: State, payload: str, fixed: str) -> None:
    """Backoffices are told of one card for all, where every card is accepted (ocpp-semantics 5.1, free)."""
    if ownership.strategy(state) == "free" and spans.find(payload, path):
        edits[path] = frames.quote(fixed)


def _as_replayed(row: actions.Up, payload: str) -> str:
    """For this backoffice the station was offline (2.x), or has not just been switched on."""
    for rewrite in row.to_route:
        if rewrite.kind is Kind.OFFLINE:
            payload = spans.insert(payload, rewrite.path, "true")
        elif rewrite.kind is Kind.BOOT_REASON:
            payload = spans.patch(payload, {rewrite.path: '"Unknown"'})
    return payload


def is_foreign(line: Line, transaction: Transaction) -> bool:
    """Whether somebody else owns this session."""
    return transaction.row.owner != line.key


def is_own(line: Line, transaction: Transaction | None) -> bool:
    """Whether a route may see all of a session: its owner, and Billing."""
    owns = transaction is not None and not is_foreign(line, transaction)
    return owns or line.route.role is Role.BILLING


def foreign_tx(route: RouteSnapshot) -> str:
    """What a route sees of sessions that others own (ocpp-semantics 5.4)."""
    return route.options.foreign_tx or ("alias" if route.role is Role.OBSERVE else "full")


def view(line: Line, transaction: Transaction) -> str:
    """What a route sees of a session: ``full``, with an ``alias`` for its card, or nothing (``hidden``).

    Of one whose beginning it has seen it sees the end, whoever turned out to own it.
    """
    if not is_foreign(line, transaction):
        return "full"
    seen = foreign_tx(line.route)
    return "alias" if seen == "hidden" and line.key in transaction.routes else seen


def is_hidden(line: Line, transaction: Transaction) -> bool:
    """Whether a route is not to know of a session at all."""
    return view(line, transaction) == "hidden"


def may_name(state: State, line: Line, session: object) -> bool:
    """Whether a route may be told the charger's id of a session (2.x); of an unknown one nobody knows."""
    if foreign_tx(line.route) != "hidden":
        return True
    known = state.transactions.event(state.version, session) if isinstance(session, str) else None
    return known is not None and not is_hidden(line, known)


def without_hidden_sessions(state: State, line: Line, payload: str, elements: str) -> str:
    """A payload in whose elements no ``transactionId`` is of a session that is hidden from a route."""
    if foreign_tx(line.route) != "hidden":
        return payload
    named = spans.find(payload, elements)
    kept = [
        token
        if may_name(state, line, spans.value(token, "$.transactionId"))
        else spans.patch(token, {"$.transactionId": None})
        for token in named
    ]
    return spans.patch_each(payload, elements, kept) if kept != named else payload


def card_alias(route: RouteSnapshot, card: str) -> str:
    """What stands for a card toward one backoffice, always the same: its own choice, or 20 characters.

    A card is the same in capitals and small letters, and so is its alias.
    """
    if route.options.foreign_tag is not None:
        return route.options.foreign_tag
    digest = hmac.new(route.alias_key, card.upper().encode("utf-8", "surrogatepass"), hashlib.sha256)
    return digest.hexdigest()[:ALIAS_LENGTH].upper()


class _Sampled(msgspec.Struct):
    format: str | msgspec.UnsetType = msgspec.UNSET
    signedMeterValue: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _without_signatures(payload: str, *, needed: bool) -> str | None:
    """Meter values without those that carry a signature: it holds the card, and cannot be rewritten.

    ``needed``: without any value the message says nothing, and is None; else the member goes.
    """
    if "SignedData" not in payload and "signedMeterValue" not in payload and "\\u" not in payload:
        return payload
    for path in ("$.meterValue", "$.transactionData"):
        if tokens := spans.find(payload, path):
            kept = _kept_values(tokens[-1])
            if kept is None and needed:
                return None
            payload = spans.patch(payload, {path: kept})
    return payload


def _kept_values(token: str) -> str | None:
    """The groups of values that hold no signature, as written where none did; None where all do."""
    groups: list[Any] = []
    try:
        for raw in msgspec.json.decode(token, type=list[msgspec.Raw]):
            group = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            sampled = msgspec.json.decode(group.get("sampledValue", b"[]"), type=list[msgspec.Raw])
            values = [value for value in sampled if not _is_signed(value)]
            if len(values) == len(sampled):
                groups.append(raw)
            elif values:
                groups.append({**group, "sampledValue": values})
    except msgspec.DecodeError:
        return None  # not readable, so not provably free of the card
    return msgspec.json.encode(groups).decode() if groups else None


def _is_signed(raw: msgspec.Raw) -> bool:
    try:
        value = msgspec.json.decode(raw, type=_Sampled)
    except msgspec.DecodeError:
        return True
    return value.format == "SignedData" or value.signedMeterValue is not msgspec.UNSET
