"""What may be told of a row's values: what has changed, without secrets, with cards masked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import models

SECRET = re.compile(
    r"passw|passphrase|secret|token|hash|credential|pepper|(private|api|authorization)_?key", re.IGNORECASE
)
"""Names whose values are never told."""

IS_SET, CHANGED = "set", "changed"
"""What is told of a secret: that there is one, and that there is another one than before."""

LONGEST = 2000
"""Characters of one text."""

_IN_URL = re.compile(r"(?<=://)[^/?#@\s]*@")
_IN_QUERY = re.compile(r"([?&;])([^=&;#\s]+)=([^&;#\s]*)")

_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Manners:
    """How values of a model are told.

    ``untold``: fields that nobody asks for. ``cards``: names, of fields and within JSON, whose values are
    numbers of cards. ``open``: fields of JSON whose names say nothing about secrets.
    """

    untold: frozenset[str] = frozenset()
    cards: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


PLAIN = Manners()


def difference(
    before: models.Model | None, after: models.Model | None, manners: Manners = PLAIN
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs between two states of a row, as two mappings from field to what may be told of it.

    None stands for a row that is not there (yet, any more): then all that the other has, and no more.
    """
    row = after if after is not None else before
    if row is None:
        return {}, {}
    was: dict[str, Any] = {}
    now: dict[str, Any] = {}
    for field in _fields(type(row), manners.untold):
        old, new = _stored(before, field), _stored(after, field)
        if old == new or (old in _NOTHING and new in _NOTHING and None in (before, after)):
            continue
        was[field.name], now[field.name] = _told(field, (before, old), (after, new), manners)
    return (was if before is not None else {}), (now if after is not None else {})


def redacted(text: str) -> str:
    """A text without the credentials of the addresses in it, and not endless."""
    text = _IN_URL.sub("…@", text)
    text = _IN_QUERY.sub(lambda m: f"{m[1]}{m[2]}={'…' if SECRET.search(m[2]) else m[3]}", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def masked(card: str) -> str:
    """A card by its last four characters at most, for cards are personal data."""
    return f"****{card[-4:]}" if len(card) > 4 else "****"


def _fields(model: type[models.Model], untold: Collection[str]) -> Iterator[Any]:
    for field in model._meta.concrete_fields:
        made_by_itself = field.primary_key or field.name == "uuid" or getattr(field, "auto_now_add", False)
        if not made_by_itself and field.name not in untold:
            yield field


def _stored(row: models.Model | None, field: Any) -> Any:
    """The value as the database has it: of a secret what is stored, never the secret."""
    return None if row is None else field.get_prep_value(row.__dict__[field.attname])


def _told(
    field: Any,
    before: tuple[models.Model | None, Any],
    after: tuple[models.Model | None, Any],
    manners: Manners,
) -> tuple[Any, Any]:
    (was, old), (now, new) = before, after
    if _is_secret(field):
        return _secret(old), _secret(new, old)
    if field.is_relation:
        return _name(was, field), _name(now, field)
    if isinstance(old, dict) and isinstance(new, dict):
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        old = {name: old[name] for name in names if name in old}
        new = {name: new[name] for name in names if name in new}
    hides = field.name not in manners.open
    return (
        _plain(field.name, old, manners.cards, hides=hides),
        _plain(
            field.name, new, manners.cards, hides=hides, secret=CHANGED if old not in _NOTHING else IS_SET
        ),
    )


def _is_secret(field: Any) -> bool:
    return bool(getattr(field, "is_secret", False) or SECRET.search(field.name))


def _secret(value: Any, before: Any = None) -> str | None:
    if value in _NOTHING:
        return None
    return IS_SET if before in _NOTHING else CHANGED


def _name(row: models.Model | None, field: Any) -> str | None:
    related = getattr(row, field.name) if row is not None else None
    return None if related is None else str(related)


def _plain(name: str, value: Any, cards: frozenset[str], *, hides: bool, secret: str = IS_SET) -> Any:
    """A value as JSON has it, with what ``name``, its own or that of its member, says must not be told."""
    if hides and SECRET.search(name) and value not in _NOTHING:
        return secret
    match value:
        case dict():
            return {
                str(key): _plain(str(key), member, cards, hides=hides, secret=secret)
                for key, member in value.items()
            }
        case list() | tuple():
            return [_plain(name, member, cards, hides=hides, secret=secret) for member in value]
        case str() if name in cards and value:
            return masked(value)
        case str():
            return redacted(value)
        case None | bool() | int() | float():
            return value
        case datetime() | date():
            return value.isoformat()
        case _:
            return redacted(str(value))
