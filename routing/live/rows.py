"""Rows of the audit log as a browser gets them, from the database and as they pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from routing.core import masking
from routing.core.rows import MessageRow
from routing.models import Message
from routing.models.traffic import WELL, number_at
from routing.watching import Subject, cut

RECENT_EXCHANGES = 50
"""How many a viewer sees at first."""

MOST_ROWS = 500
"""What is read from the database at once, and what a browser keeps."""

SECOND = 1_000_000
WINDOW = {"charger": 24 * 3600 * SECOND, "backoffice": 3600 * SECOND}
"""How far back the log is looked into: rows of a charger have an index, those of a backoffice have not."""

OVERLAP = 30 * SECOND
"""Who asks for what is new gets this much again: a row is stored when it is known what became of it."""

Key = tuple[int, int, int | None, str, str]


class Seen(msgspec.Struct, frozen=True):
    """A charger as one user sees it. ``cards``: in full, or masked. ``since``: from this exchange on."""

    identity: str
    cards: bool
    since: int = 0


def key_of(row: MessageRow) -> Key:
    """What makes a row this one, here and in the database, where it has no number before it is stored."""
    return (row.charger, row.exchange, row.route, row.message_id, row.at.astimezone(UTC).isoformat())


def as_json(row: MessageRow, seen: Seen, routes: Mapping[int, str]) -> dict[str, Any]:
    """A row for a viewer who sees its charger as ``seen``; ``routes``: names of backoffices by route.

    ``route`` is None on the charger's own socket. ``frame`` is empty where it has the payload of the
    exchange's first row.
    """
    cards = set() if seen.cards else {row.id_tag, *masking.cards_in(row.text)}
    hide = (lambda text: text) if seen.cards else partial(masking.frame, cards=cards)
    card = row.id_tag if seen.cards or not row.id_tag else masking.masked(row.id_tag)
    return {
        "key": "/".join(map(str, key_of(row))),
        "charger": seen.identity,
        "exchange": row.exchange,
        "at": row.at.astimezone(UTC).isoformat(),
        "route": None if row.route is None else routes.get(row.route, f"removed ({row.route})"),
        "direction": row.direction,
        "action": row.action,
        "message_id": row.message_id,
        "frame": hide(row.text),
        "answer": hide(row.answer),
        "outcome": row.outcome,
        "well": row.outcome in WELL,
        "error_code": row.error_code,
        "rule": hide(row.rule),
        "latency_ms": row.latency_ms,
        "connector_id": row.connector_id,
        "size": row.size,
        "card": card,
    }


def recent(subject: Subject, messages: QuerySet[Message], after: int | None) -> tuple[list[MessageRow], bool]:
    """The newest rows among ``messages``, oldest first, and whether there are more than could be read.

    ``after``: the number of an exchange that is known already, with all before it; None for the newest
    ``RECENT_EXCHANGES``. Two queries for a backoffice, one for a charger.
    """
    earliest = number_at(timezone.now()) - WINDOW[subject.kind]
    if after is not None:
        earliest = max(earliest, after - OVERLAP)
    found = list(messages.filter(exchange__gte=earliest).order_by("-exchange", "-id")[: MOST_ROWS + 1])
    is_more = len(found) > MOST_ROWS and (after is None or found[-1].exchange > after)
    if len(found) > MOST_ROWS:  # the oldest exchange may be cut through
        found = [row for row in found if row.exchange != found[-1].exchange] or found[:MOST_ROWS]
    if after is None:
        found = _of_newest(found, RECENT_EXCHANGES)
    rows = [_row(message) for message in reversed(found)]
    return (_with_payloads(rows) if subject.kind == "backoffice" else rows), is_more


def _of_newest(found: Sequence[Message], count: int) -> list[Message]:
    exchanges = list(dict.fromkeys((row.charger_id, row.exchange) for row in found))[:count]
    wanted = frozenset(exchanges)
    return [row for row in found if (row.charger_id, row.exchange) in wanted]


def _with_payloads(rows: Iterable[MessageRow]) -> list[MessageRow]:
    """Copies that only say "as the charger's", with the frame that is meant."""
    rows = list(rows)
    meant = {(row.charger, row.exchange) for row in rows if not row.text}
    heads = Message.objects.filter(
        charger__in={charger for charger, _ in meant},
        exchange__in={exchange for _, exchange in meant},
        route=None,
    ).exclude(text="")
    texts = {(c, e): cut(text) for c, e, text in heads.values_list("charger_id", "exchange", "text")}
    return [
        row if row.text else msgspec.structs.replace(row, text=texts.get((row.charger, row.exchange), ""))
        for row in rows
    ]


_COLUMNS = {name: name for name in MessageRow.__struct_fields__} | {
    "charger": "charger_id",
    "route": "route_id",
    "transaction": "transaction_id",
}


def _row(message: Message) -> MessageRow:
    """A stored row as it was when it passed, its frames cut as they are then."""
    stored: dict[str, Any] = {name: getattr(message, column) for name, column in _COLUMNS.items()}
    return MessageRow(**stored | {"text": cut(message.text), "answer": cut(message.answer)})
