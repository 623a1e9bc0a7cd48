"""Cards of a file against those of the database. What is said of them never shows a whole number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from accounts.models import Organisation
from proxy_site.configuration.reading import Entry, card_key
from routing.core.masking import masked
from routing.models import Card

FIELDS = ("label", "group", "expires_at", "blocked")


def apply_cards(
    wanted: Mapping[str, Entry], organisations: Mapping[str, Organisation], *, prune: bool
) -> Iterator[str]:
    """Make the cards what the file says; yields what has changed, a sentence each.

    With ``prune`` those that it does not name are removed; those of organisations that are gone went
    with them.
    """
    if not wanted and not prune:
        return
    there = {_key(card): card for card in Card.objects.select_related("organisation")}
    if prune:
        gone = [card for key, card in there.items() if key not in wanted]
        if gone:
            Card.objects.filter(pk__in=[card.pk for card in gone]).delete()
        yield from (f"remove card {_name(card)}" for card in gone)
    created = []
    for key, entry in wanted.items():
        card = there.get(key)
        if card is not None:
            yield from _change(card, entry.values)
            continue
        values = entry.values | {"organisation": organisations[entry.values["organisation"]]}
        created.append(Card(**values))
    if created:
        Card.objects.bulk_create(created)
    yield from (f"create card {_name(card)}" for card in created)


def _change(card: Card, values: Mapping[str, Any]) -> Iterable[str]:
    differing = [name for name in FIELDS if getattr(card, name) != values[name]]
    if not differing:
        return []
    for name in differing:
        setattr(card, name, values[name])
    card.save(update_fields=differing)
    return [f"change card {_name(card)}: {', '.join(_words(card, name) for name in differing)}"]


def _words(card: Card, name: str) -> str:
    """A group is the number of a card as well."""
    if name == "blocked":
        return "blocked" if card.blocked else "not blocked any more"
    if name == "expires_at":
        return f"expires at {card.expires_at.isoformat()}" if card.expires_at else "never expires"
    return f"another {name}"


def _key(card: Card) -> str:
    return card_key(card.id_tag, card.organisation.name)


def _name(card: Card) -> str:
    return f"{masked(card.id_tag)} ({card.organisation.name})"
