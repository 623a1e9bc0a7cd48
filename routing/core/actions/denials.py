"""Answers that the proxy gives in place of somebody else: refusals, and what a charger gets meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from routing.core.actions.types import Compose, Down, PerItem, Up

STATUS_INFO = '{"reasonCode":"UnsupportedRequest","additionalInfo":"denied by proxy policy"}'
"""A standard reason code of 2.x (ocpp-semantics 2.1) with words for whoever reads the log over there."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def status(value: str) -> str:
    """A 1.6 answer that is a status alone."""
    return f'{{"status":"{value}"}}'


def refusal(value: str, *, member: str = "status", info: str = "statusInfo") -> str:
    """A 2.x answer, or one result of it, with the reason that the schema has room for."""
    return f'{{"{member}":"{value}","{info}":{STATUS_INFO}}}'


def deny_payload(row: Down, payload: str) -> str | None:
    """The payload that refuses this CALL, in the action's own words.

    ``payload`` is the raw JSON of the request. None: the action has no negative answer, or the request
    is not what its schema asks for; a CALLERROR with ``row.denial_error`` says no.
    """
    if row.denial_items is None:
        return row.denial
    try:
        return _item_by_item(row.denial_items, payload)
    except (msgspec.DecodeError, KeyError):
        return None


def fallback_payload(row: Up, payload: str) -> str | None:
    """The payload that the charger gets while whoever answers is away.

    ``payload`` is the raw JSON of the request. None: it depends on more than the row
    (StartTransaction, Authorize, BootNotification, TransactionEvent), or a CALLERROR has to do.
    """
    if row.fallback_composed is None:
        return row.fallback
    try:
        return _compose(row.fallback_composed, _OBJECT.decode(payload))
    except (msgspec.DecodeError, KeyError):
        return None


def _item_by_item(denial: PerItem, payload: str) -> str | None:
    items = _OBJECT.decode(payload).get(denial.items)
    if items is None:
        results = [denial.each.answer] if denial.absent_is_all else []
    else:
        results = [_result(denial, item) for item in _ARRAY.decode(items)]
    return f'{{"{denial.results}":[{",".join(results)}]}}' if results else None


def _result(denial: PerItem, item: msgspec.Raw) -> str:
    if denial.plain:
        return _compose(denial.each, {denial.each.required[0]: item})
    return _compose(denial.each, _OBJECT.decode(item))


def _compose(parts: Compose, request: Mapping[str, msgspec.Raw]) -> str:
    """Tokens are repeated as they were written. Raises KeyError where a required one is missing."""
    present = (name for name in parts.optional if bytes(request.get(name, b"null")) != b"null")
    members = (f',"{name}":{bytes(request[name]).decode()}' for name in (*parts.required, *present))
    return f"{parts.answer[:-1]}{''.join(members)}}}"
