"""Identifiers written anew on their way between a backoffice and the charger, as the tables say (Annex A).

Down, a CALL gets the charger's identifiers (``to_charger``) and its answer the asker's (``to_asker``).
Up, ``own`` writes what the charger calls a thing as one route calls it; ``reports`` and ``binding`` decide
who gets it. Modules with handlers of their own use the functions on single identifiers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from routing.core import spans
from routing.core.actions import Down, Kind, Rewrite
from routing.core.charging_profiles import purposes
from routing.core.gate import DownCall
from routing.core.identifiers import Mapping, identifier, raw_token
from routing.core.lines import HOUSE, Item, Line
from routing.core.snapshot import Role
from routing.core.state import OWN_ID, State
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

OBJECTS = MAPPED - {Kind.REQUEST}
"""Those of them that name a thing of the charger's."""

MADE = frozenset({Kind.RESERVATION, Kind.DISPLAY_MESSAGE, Kind.DER})
"""Those of them that a CALL is there to make."""

GIVEN_BY_CHARGER = frozenset({Kind.MONITOR, Kind.STREAM})
"""Kinds whose numbers the charger chooses."""

NOTHING = ("null", "")


# -- single identifiers --------------------------------------------------------------------------------


def store(state: State, turn: Turn, mapping: Mapping) -> None:
    """Have a mapping stored as it stands: those of people's commands among what is remembered."""
    row = state.identifiers.row(mapping)
    if mapping.route != HOUSE:
        turn.store(row)
    elif mapping.is_open:
        state.remember(OWN_ID, f"{row.kind}/{row.charger_identifier}", row.route_identifier, turn)
    else:
        state.forget(OWN_ID, f"{row.kind}/{row.charger_identifier}", turn)


def open_id(state: State, turn: Turn, line: Line, kind: Kind, route_id: str) -> tuple[Mapping, bool]:
    """The mapping of what a route makes or replaces as ``route_id``, and whether it was opened now.

    One that was is to be taken back where the charger does not take the thing (``take_back``).
    """
    known = state.identifiers.named(kind, line.key, route_id)
    keep = line.route.role is Role.BILLING
    band = state.snapshot.options.id_band
    mapping = state.identifiers.open(kind, line.key, route_id, turn.utc, keep=keep, band=band)
    for over in state.identifiers.take_given_up():
        store(state, turn, over)
    if mapping is known:
        return mapping, False
    store(state, turn, mapping)
    return mapping, True


def charger_id(state: State, line: Line, kind: Kind, route_id: str) -> str | None:
    """What the charger calls a thing that a route names; None where it is not this route's to name.

    What nobody is known to have made is older than the proxy, and Billing's or a person's: it keeps its id.
    """
    mapping = state.identifiers.meant(kind, line.key, route_id)
    if mapping is not None:
        return mapping.charger_id
    may = line.route.role is Role.BILLING or line.key == HOUSE
    older = may and state.identifiers.is_free(kind, route_id)
    return route_id if older else None


def route_id(state: State, line: Line, kind: Kind, charger_id: str) -> str | None:
    """What a route calls a thing of the charger; None where that is not its own.

    What nobody is known to have made is Billing's, unless Billing calls something else so.
    """
    holders = state.identifiers.holders(kind, charger_id)
    if not holders:
        older = line.route.role is Role.BILLING and not state.identifiers.named(kind, line.key, charger_id)
        return charger_id if older else None
    return next((m.route_id for m in holders if m.route == line.key), None)


def take_back(state: State, turn: Turn, opened: Iterable[Mapping], *, known: bool = False) -> None:
    """Close mappings of things that the charger did not take after all.

    ``known``: it has said so, or was never asked; else its answer was lost and it may have taken them.
    """
    for mapping in opened:
        if state.gate.opens(mapping):
            mapping.is_again |= not known  # a later CALL about it still waits: that one's end decides
            continue
        close(state, turn, mapping)
        if known and not mapping.is_again:
            state.identifiers.forget(mapping)


def taken(state: State, turn: Turn, call: DownCall) -> None:
    """The charger has what a CALL was to make: a later refusal of the same does not take it away again.

    What an earlier CALL has ended before this one was sent exists again.
    """
    for later in state.gate.under_way():
        later.opened = [mapping for mapping in later.opened if mapping not in call.opened]
    for rewrite in call.row.to_charger:
        if rewrite.unknown == "new" and rewrite.kind in OBJECTS and call.route is not None:
            for token in spans.find(call.payload, rewrite.path):
                _reopen(state, turn, call, rewrite.kind, identifier(rewrite.kind, token))


def _reopen(state: State, turn: Turn, call: DownCall, kind: Kind, named: str | None) -> None:
    mapping = None if named is None else state.identifiers.of(kind, call.route or 0, named)
    if mapping is None or mapping.closed is None or mapping.closed > call.sent_utc:
        return
    mapping.closed = None
    store(state, turn, mapping)


def is_still_own(state: State, call: DownCall) -> bool:
    """Whether the things that a CALL names by the charger's own numbers have not become another's meanwhile.

    A charger gives a number again as soon as it is free, and that may be before a CALL that waits is sent.
    """
    for rewrite in call.row.to_charger:
        if rewrite.kind in GIVEN_BY_CHARGER:
            for token in spans.find(call.payload, rewrite.path):
                named = identifier(rewrite.kind, token)
                holders = state.identifiers.holders(rewrite.kind, named) if named is not None else []
                routes = [mapping.route for mapping in holders if mapping.is_open]
                if routes and call.route not in routes:
                    return False
    return True


def close(state: State, turn: Turn, mapping: Mapping) -> None:
    """What this names exists no more; late reports about it still find their way."""
    if mapping.closed is None:
        mapping.closed = turn.utc
        store(state, turn, mapping)


def close_named(state: State, turn: Turn, kind: Kind, payload: str, path: str) -> None:
    """Close what the charger's id at ``path`` names, for whoever has it."""
    for token in spans.find(payload, path):
        named = identifier(kind, token)
        for mapping in state.identifiers.holders(kind, named) if named is not None else ():
            close(state, turn, mapping)


# -- down: the CALL ------------------------------------------------------------------------------------


def to_charger(
    state: State, turn: Turn, line: Line, row: Down, payload: str
) -> tuple[str | None, list[Mapping]]:
    """The payload with the charger's identifiers, and the mappings opened for it.

    None where it names something that this backoffice never made.
    """
    opened: list[Mapping] = []
    for rewrite in row.to_charger:
        written = _rewrite(state, turn, line, row, rewrite, payload, opened)
        if written is None:
            take_back(state, turn, opened, known=True)
            return None, []
        payload = written
    return payload, opened


def _rewrite(
    state: State, turn: Turn, line: Line, row: Down, rewrite: Rewrite, payload: str, opened: list[Mapping]
) -> str | None:
    if rewrite.kind is Kind.ABSENT:
        return spans.patch(payload, {rewrite.path: None})
    if rewrite.kind is Kind.TRANSACTION and state.version == "1.6":
        return _number(state, line, row, rewrite, payload)
    if rewrite.kind is Kind.STACK_LEVEL:
        return purposes.at_charger(state, line, row.action, rewrite.path, payload)
    if rewrite.kind in MAPPED:
        return _map(state, turn, line, rewrite, payload, opened)
    return payload


def _number(state: State, line: Line, row: Down, rewrite: Rewrite, payload: str) -> str | None:
    if not spans.find(payload, rewrite.path):
        return payload
    transaction = named_transaction(state, line, row, payload)
    if transaction is None or transaction.row.charger_transaction_id is None:
        return None
    return spans.patch(payload, {rewrite.path: transaction.row.charger_transaction_id})


def _map(
    state: State, turn: Turn, line: Line, rewrite: Rewrite, payload: str, opened: list[Mapping]
) -> str | None:
    """The payload with the charger's ids of one place; None where one is not this backoffice's to name."""
    array, _, _ = rewrite.path.rpartition("[]")
    if array and any(t[:1] != "[" and t not in NOTHING for t in spans.find(payload, array)):
        return None
    tokens = spans.find(payload, rewrite.path)
    written = [_token_for_charger(state, turn, line, rewrite, token, opened) for token in tokens]
    if written == tokens:
        return payload
    kept = [token for token in written if token is not None]
    if len(kept) == len(written):
        return spans.patch_each(payload, rewrite.path, kept)
    if rewrite.unknown != "filter" or not kept:
        return None
    return spans.patch(payload, {array: f"[{','.join(kept)}]"})


def _token_for_charger(
    state: State, turn: Turn, line: Line, rewrite: Rewrite, token: str, opened: list[Mapping]
) -> str | None:
    if token in NOTHING:
        # To some chargers nothing means everything.
        return None if rewrite.unknown == "deny" and line.route.role is not Role.BILLING else token
    named = identifier(rewrite.kind, token)
    if named is None:
        return None
    if rewrite.unknown == "new":
        mapping, is_new = open_id(state, turn, line, rewrite.kind, named)
        if is_new or state.gate.opens(mapping):
            opened.append(mapping)
        return mapping.token()
    found = charger_id(state, line, rewrite.kind, named)
    return None if found is None else raw_token(rewrite.kind, found)


def names_object(row: Down, payload: str) -> bool:
    """Whether a CALL is about a thing that a backoffice makes: it is its own, or the CALL is refused."""
    return any(
        (r.kind in MADE if r.unknown == "new" else r.kind in OBJECTS) and spans.find(payload, r.path)
        for r in row.to_charger
    )


def named_transaction(state: State, line: Line, row: Down, payload: str) -> Transaction | None:
    """The open session that a CALL names by the asker's id for it; people name it as the charger does."""
    path = next((r.path for r in row.to_charger if r.kind is Kind.TRANSACTION), "$.transactionId")
    number = spans.value(payload, path)
    is_id = isinstance(number, str | int) and not isinstance(number, bool) and number != ""
    if is_id and line.key == HOUSE:
        return state.transactions.event(state.version, str(number))
    return state.transactions.named_by_route(line.key, str(number)) if is_id else None


# -- down: the answer ----------------------------------------------------------------------------------


def to_asker(state: State, turn: Turn, call: DownCall, payload: str) -> str:
    """The charger's answer with the asker's identifiers."""
    line = state.line(call.route)
    if line is None:
        return payload
    for rewrite in call.row.to_asker:
        if rewrite.kind is Kind.QUEUE_STATE:
            payload = _queue_state(state, line, call.payload, rewrite, payload)
        elif rewrite.kind in MAPPED:
            payload = own(state, line, rewrite, payload).payload
    return payload


def _queue_state(state: State, line: Line, asked: str, rewrite: Rewrite, payload: str) -> str:
    """Messages wait for this backoffice here, even if none do at the charger."""
    number = spans.value(asked, "$.transactionId")
    waiting = line.backlog
    if isinstance(number, str) and waiting and not line.more:
        transaction = state.transactions.event(state.version, number)
        waiting = transaction is not None and any(_is_about(i, transaction) for i in _undelivered(line))
    return spans.insert(payload, rewrite.path, "true") if waiting else payload


def _undelivered(line: Line) -> list[Item]:
    return line.fifo if line.outstanding is None else [line.outstanding, *line.fifo]


def _is_about(item: Item, transaction: Transaction) -> bool:
    return item.transaction == transaction.id


# -- up ------------------------------------------------------------------------------------------------


class Own(NamedTuple):
    """What a route may see of one place in a payload: with its ids, and how much stayed and went."""

    payload: str
    kept: int = 0
    dropped: int = 0


def own(state: State, line: Line, rewrite: Rewrite, payload: str) -> Own:
    """Only what is a route's own of the arrays that a path such as ``$.messageInfo[].id`` goes through.

    An array of which nothing is left goes as a whole. Of what cannot be read, only Billing sees something.
    """
    array, _, rest = rewrite.path.partition("[]")
    tokens = spans.find(payload, array)
    if not tokens:
        return Own(payload)
    items = spans.find(tokens[-1], "$[]")
    inner = Rewrite(f"${rest}", rewrite.kind, rewrite.unknown)
    written = [_own_item(state, line, inner, item) for item in items]
    kept = [item for item in written if item is not None]
    if kept == items and len(tokens) == 1 and (kept or line.route.role is Role.BILLING):
        return Own(payload, len(kept))
    token = f"[{','.join(kept)}]" if kept else None
    return Own(spans.patch(payload, {array: token}), len(kept), len(items) - len(kept))


def _own_item(state: State, line: Line, rewrite: Rewrite, item: str) -> str | None:
    """One element of an array with the route's own id, None where it is not the route's."""
    kind, path = rewrite.kind, rewrite.path
    if "[]" in path:
        inner = own(state, line, rewrite, item)
        return inner.payload if inner.kept or not inner.dropped else None
    tokens = [item] if path == "$" else spans.find(item, path)
    named = identifier(kind, tokens[-1]) if tokens else None
    if named is None:
        return item if line.route.role is Role.BILLING else None
    mine = route_id(state, line, kind, named)
    if mine is None or (mine == named and len(tokens) == 1):
        return None if mine is None else item
    token = raw_token(kind, mine)
    return token if path == "$" else spans.patch(item, {path: token})
