"""Cards of organisations for their chargers: read once, and one mapping for all chargers of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import msgspec
from django.db.models import Max, Q

from routing import prepared
from routing.core.snapshot import CardRule
from routing.models import Card, ConfigChange

TRUSTED_S = 3600.0
"""How long what was read is believed; well below the time after which changes are forgotten."""

NO_CARDS: Mapping[str, CardRule] = {}


class _Known(msgspec.Struct, frozen=True):
    """What was read, after which change of configuration, and when (monotonic seconds)."""

    cards: Mapping[str, CardRule]
    change: int
    at: float


_lock = threading.Lock()
_known: dict[int, _Known] = {}


def cards_of(organisation: int | None) -> Mapping[str, CardRule]:
    """The cards of an organisation (primary key) by their number in capitals; shared, never to be changed.

    They are read again when a change of configuration concerns a charger of the organisation, which every
    change of a card does (routing.changes), and the same mapping is returned where none has changed.
    """
    if organisation is None:
        return NO_CARDS
    known = _known.get(organisation)
    if known is not None and _is_fresh(organisation, known):
        return known.cards
    with _lock:  # whoever waited here finds what the first has read
        known = _known.get(organisation)
        if known is not None and _is_fresh(organisation, known):
            return known.cards
        read = _read(organisation)
        if known is not None and known.cards == read.cards:
            read = msgspec.structs.replace(read, cards=known.cards)
        _known[organisation] = read
    return read.cards


def forget() -> None:
    """Read all cards anew when they are next asked for (another database, in tests)."""
    _known.clear()


_CHANGES = prepared.Query(
    lambda organisation, after: (
        ConfigChange.objects.filter(Q(charger_id=None) | Q(charger__organisation=organisation), pk__gt=after)
        .order_by()
        .values_list("pk")[:1]
    ),
    int,
    int,
)


def _is_fresh(organisation: int, known: _Known) -> bool:
    return time.monotonic() - known.at < TRUSTED_S and not _CHANGES(organisation, known.change)


def _read(organisation: int) -> _Known:
    # The change first: what is changed in between is read again next time.
    change = ConfigChange.objects.aggregate(last=Max("pk"))["last"] or 0
    rows = Card.objects.filter(organisation=organisation).order_by("pk")
    values = rows.values_list("id_tag", "blocked", "expires_at", "group")
    groups: dict[str, str] = {}
    cards = {
        id_tag.upper(): CardRule(blocked, expires_at, groups.setdefault(group, group))
        for id_tag, blocked, expires_at, group in values.iterator(2000)
    }
    return _Known(cards, change, time.monotonic())
