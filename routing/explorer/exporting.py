"""What a filter finds, as a file: streamed piece by piece, never more than MOST exchanges."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextvars import Context, copy_context
from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts.admin_base import owned
from accounts.deeds import did
from accounts.models import Organisation, User
from accounts.querysets import sees_all
from routing.core.masking import masked
from routing.explorer.filters import Filter
from routing.explorer.folding import Exchange
from routing.explorer.presenting import as_json
from routing.explorer.search import Names, find
from routing.models import Message

Format = Literal["jsonl", "csv"]
FORMATS: dict[str, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

MOST = 100_000
PIECE = 200
"""Exchanges that are read at once: what an export holds in memory."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would calculate; an apostrophe before it makes it text."""

COLUMNS = (
    *("began", "charger", "exchange", "kind", "direction", "action", "went", "answered_by"),
    *("with", "at", "message_id", "outcome", "status", "error_code", "rule", "latency_ms", "size"),
    *("transaction", "connector_id", "card", "sent", "answer"),
)


def note_export(user: User, wanted: Filter, count: int) -> None:
    """Record who has taken what out of the log: the one place for it.

    About a charger it belongs to the charger's organisation, else to the user's where there is one only.
    """
    asked = {name: value for name in wanted.__dataclass_fields__ if (value := getattr(wanted, name))}
    if wanted.card:
        asked["card"] = masked(wanted.card)
    chargers = owned(Message._meta.get_field("charger").related_model).visible_to(user)
    charger = None if wanted.charger is None else chargers.filter(pk=wanted.charger).first()
    whose: list[Organisation] = []
    if charger is None and not sees_all(user):
        whose = list(Organisation.objects.visible_to(user)[:2])
    did(
        charger,
        f"Exported {count} exchanges of the audit log.",
        actor=user,
        organisation=whose[0] if len(whose) == 1 else None,
        details={name: str(value) for name, value in asked.items()},
    )


def export(request: HttpRequest, wanted: Filter, form: Format) -> StreamingHttpResponse:
    """The download of what the filter finds for the user of this request."""
    pieces = _noted(request.user, wanted, form, copy_context())
    streamed = _off_loop(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(streamed, content_type=FORMATS[form])
    name = f"messages-{timezone.now():%Y%m%d-%H%M%S}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Export-Limit"] = str(MOST)
    response["Cache-Control"] = "no-store"
    return response


async def _off_loop(pieces: Generator[str, None, None]) -> AsyncIterator[str]:
    """Pieces made in the request's own thread, where its database connection is."""
    try:
        while (piece := await sync_to_async(_next)(pieces)) is not None:
            yield piece
    finally:
        await sync_to_async(pieces.close)()


def _next(pieces: Generator[str, None, None]) -> str | None:
    return next(pieces, None)


def _noted(user: Any, wanted: Filter, form: Format, request: Context) -> Generator[str, None, None]:
    """The lines, piece by piece; however it ends, it is recorded how much was taken.

    They are made when the request is over: ``request`` still knows from where it came.
    """
    count, write = 0, _WRITERS[form]
    try:
        yield write([], Names(), first=True)
        for exchanges, names, is_cut in _found(user, wanted):
            count += len(exchanges)
            yield write(exchanges, names) + (_cut(form) if is_cut else "")
    finally:
        request.run(note_export, user, wanted, count)


def _found(user: Any, wanted: Filter) -> Iterator[tuple[list[Exchange], Names, bool]]:
    """Exchanges from the newest on, and whether there are more when MOST were given."""
    before, left = None, MOST
    while left:
        page = find(user, wanted, before=before, limit=min(PIECE, left), whole=True)
        left -= len(page.exchanges)
        before = page.older
        yield page.exchanges, page.names, not left and before is not None
        if before is None:
            return


def _cut(form: Format) -> str:
    words = f"cut off after {MOST:,} exchanges; narrow the filter to get the older ones"
    return json.dumps({"note": words}) + "\n" if form == "jsonl" else _csv([[words]])


def _json_lines(exchanges: list[Exchange], names: Names, *, first: bool = False) -> str:
    told = (as_json(x, names.sees_cards(x.charger), names) for x in exchanges)
    return "".join(json.dumps(one) + "\n" for one in told)


def _csv_lines(exchanges: list[Exchange], names: Names, *, first: bool = False) -> str:
    """A line for each CALL on one socket."""
    rows: list[list[Any]] = [list(COLUMNS)] if first else []
    for exchange in exchanges:
        told = as_json(exchange, names.sees_cards(exchange.charger), names)
        told |= {"began": told["at"], "charger": told["identity"]}
        legs = told["copies"] if told["head"] is None else [told["head"], *told["copies"]]
        rows += [[(told | leg).get(column) for column in COLUMNS] for leg in legs]
    return _csv(rows)


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[cell(value) for value in row] for row in rows])
    return text.getvalue()


def cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


_WRITERS: dict[str, Callable[..., str]] = {"jsonl": _json_lines, "csv": _csv_lines}
