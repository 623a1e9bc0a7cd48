"""Identifiers written anew on their way between a backoffice and the charger, as the tables say (Annex A)."""

from __future__ import annotations

from collections.abc import Iterable

from routing.core import spans
from routing.core.actions import Down, Kind, Rewrite
from routing.core.gate import DownCall
from routing.core.identifiers import Mapping
from routing.core.lines import Line
from routing.core.snapshot import Role
from routing.core.state import State
from routing.core.transactions import Transaction
from routing.core.turn import Turn

MAPPED = frozenset(
    {
        Kind.RESERVATION,
        Kind.PROFILE,
        Kind.REQUEST,
        Kind.REMOTE_START,
        Kind.DISPLAY_MESSAGE,
        Kind.STREAM,
        Kind.DER,
    }
)
"""Kinds that one backoffice makes and the charger repeats."""


class Rewriting:
    """What a payload becomes on its way to the charger: edits by path, and mappings opened for it."""

    __slots__ = ("edits", "opened")

    def __init__(self) -> None:
        self.edits: dict[str, str | None] = {}
        self.opened: list[Mapping] = []


def to_charger(
    state: State, turn: Turn, line: Line, row: Down, payload: str
) -> tuple[str | None, list[Mapping]]:
    """The payload with the charger's identifiers, and the mappings opened for it.

    None where it names something that this backoffice never made.
    """
    made = Rewriting()
    for rewrite in row.to_charger:
        if not _rewrite(state, turn, line, row, rewrite, payload, made):
            take_back(state, turn, made.opened)
            return None, []
    return (spans.patch(payload, made.edits) if made.edits else payload), made.opened


def _rewrite(
    state: State, turn: Turn, line: Line, row: Down, rewrite: Rewrite, payload: str, made: Rewriting
) -> bool:
    if rewrite.kind is Kind.ABSENT:
        made.edits[rewrite.path] = None
    elif rewrite.kind is Kind.TRANSACTION and state.version == "1.6":
        return _number(state, line, row, rewrite, payload, made)
    elif rewrite.kind in MAPPED and "[]" not in rewrite.path:
        return _map(state, turn, line, rewrite, payload, made)
    return True


def _number(state: State, line: Line, row: Down, rewrite: Rewrite, payload: str, made: Rewriting) -> bool:
    if not spans.find(payload, rewrite.path):
        return True
    transaction = named_transaction(state, line, row, payload)
    if transaction is None or transaction.row.charger_transaction_id is None:
        return False
    made.edits[rewrite.path] = transaction.row.charger_transaction_id
    return True


def _map(state: State, turn: Turn, line: Line, rewrite: Rewrite, payload: str, made: Rewriting) -> bool:
    """Add the edit for one identifier; False where it is nobody's that this backoffice may name."""
    written = spans.value(payload, rewrite.path)
    if not isinstance(written, str | int) or isinstance(written, bool):
        return True  # absent, or the charger's to refuse
    route_id = str(written)
    mapping = state.identifiers.named(rewrite.kind, line.key, route_id)
    if mapping is None and rewrite.unknown == "new":
        keep = line.route.role is Role.BILLING
        band = state.snapshot.options.id_band
        mapping = state.identifiers.open(rewrite.kind, line.key, route_id, turn.utc, keep=keep, band=band)
        turn.store(state.identifiers.row(mapping))
        made.opened.append(mapping)
    if mapping is None:
        # What Billing made before the proxy was there keeps its id.
        return line.route.role is Role.BILLING and state.identifiers.is_free(rewrite.kind, route_id)
    if mapping.charger_id != route_id:
        made.edits[rewrite.path] = mapping.token()
    return True


def names_object(row: Down, payload: str) -> bool:
    """Whether a CALL names something that some backoffice has made."""
    return any(
        rewrite.unknown == "deny" and rewrite.kind in MAPPED and spans.find(payload, rewrite.path)
        for rewrite in row.to_charger
    )


def to_asker(state: State, turn: Turn, call: DownCall, payload: str) -> str:
    """The charger's answer with the asker's identifiers."""
    return payload


def take_back(state: State, turn: Turn, opened: Iterable[Mapping]) -> None:
    """Close mappings of things that the charger did not take after all."""
    for mapping in opened:
        close(state, turn, mapping)


def close(state: State, turn: Turn, mapping: Mapping) -> None:
    """What this names exists no more; late reports about it still find their way."""
    if mapping.closed is None:
        mapping.closed = turn.utc
        turn.store(state.identifiers.row(mapping))


def named_transaction(state: State, line: Line, row: Down, payload: str) -> Transaction | None:
    """The open session that a CALL names by the asker's id for it."""
    path = next((r.path for r in row.to_charger if r.kind is Kind.TRANSACTION), "$.transactionId")
    number = spans.value(payload, path)
    is_id = isinstance(number, str | int) and not isinstance(number, bool) and number != ""
    return state.transactions.named_by_route(line.key, str(number)) if is_id else None
