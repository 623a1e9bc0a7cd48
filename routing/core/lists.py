"""Local lists of cards: what each backoffice has sent, and what the charger has (ocpp-semantics 3.8).

Entries are kept as they were written. Those of 1.6 and of 2.x have different shapes, so that a charger
that changes from one to the other begins anew. Tags are personal data: stored, never logged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from routing.core import spans
from routing.core.payloads import Lenient, TagInfo, Token, integer, moment, read, scalar, text
from routing.core.rows import LatestRow

KIND = "local_list"

LONGEST = MappingProxyType({"1.6": 20, "2.0.1": 36, "2.1": 255})
"""Characters of a tag or token."""

STATUSES = frozenset(
    {
        "Accepted",
        "Blocked",
        "ConcurrentTx",
        "Expired",
        "Invalid",
        "NoCredit",
        "NotAllowedTypeEVSE",
        "NotAtThisLocation",
        "NotAtThisTime",
        "Unknown",
    }
)


class ListHead(msgspec.Struct, gc=False):
    """What a SendLocalList says of itself."""

    listVersion: Lenient = msgspec.UNSET
    versionNumber: Lenient = msgspec.UNSET
    updateType: Lenient = msgspec.UNSET


class EntryHead(msgspec.Struct, gc=False):
    """An AuthorizationData of any version."""

    idTag: Lenient = msgspec.UNSET
    idToken: Token | msgspec.UnsetType = msgspec.UNSET
    idTagInfo: TagInfo | msgspec.UnsetType = msgspec.UNSET
    idTokenInfo: TagInfo | msgspec.UnsetType = msgspec.UNSET


class TokenType(msgspec.Struct, gc=False):
    """The type of a 2.x IdTokenType."""

    type: Lenient = msgspec.UNSET


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One card of a list. ``key`` tells cards apart, ``status`` is "" where the card is to be removed."""

    key: str
    raw: str
    status: str


class CardList(msgspec.Struct, frozen=True, gc=False):
    """The list of one backoffice: raw entries by key, and the version it has given."""

    version: int = 0
    entries: dict[str, str] = {}

    @property
    def shown(self) -> int:
        """The version to tell: an empty list has 0 (OCPP 1.6 edition 2, 5.10; 2.0.1 part 2, D02)."""
        return self.version if self.entries else 0


class OnCharger(msgspec.Struct, frozen=True, gc=False):
    """What the charger has, as sent by the proxy; ``is_known`` is False where it may have something else."""

    version: int = 0
    entries: dict[str, str] = {}
    is_known: bool = False


class LocalLists:
    """All lists of one charger. ``family`` is "1.6" or "2", ``route`` the key of the route."""

    def __init__(self, charger: int) -> None:
        self._charger = charger
        self._rows: dict[str, CardList] = {}
        self._there: dict[str, OnCharger] = {}
        self._by_card: dict[str, dict[str, str]] = {}

    def restore(self, rows: Iterable[LatestRow]) -> None:
        """Take over what the database knows."""
        for row in rows:
            try:
                if row.key.endswith("/charger"):
                    self._there[row.key] = msgspec.json.decode(row.payload, type=OnCharger)
                else:
                    self._rows[row.key] = msgspec.json.decode(row.payload, type=CardList)
            except msgspec.DecodeError:
                continue  # written by another version of the proxy: backoffices send their lists anew

    def of(self, family: str, route: int) -> CardList:
        """The list of a route, empty where it has sent none."""
        return self._rows.get(f"{family}/{route}", CardList())

    def keep(self, family: str, route: int, cards: CardList, utc: datetime) -> LatestRow:
        """Take a list in place of the one before; the row to store."""
        key = f"{family}/{route}"
        self._rows[key] = cards
        self._by_card.pop(key, None)
        return self._row(key, cards, utc)

    def there(self, family: str) -> OnCharger:
        """What the charger has."""
        return self._there.get(f"{family}/charger", OnCharger())

    def keep_there(self, family: str, there: OnCharger, utc: datetime) -> LatestRow:
        """The charger has this now; the row to store."""
        key = f"{family}/charger"
        self._there[key] = there
        return self._row(key, there, utc)

    def status(self, family: str, route: int, card: str, utc: datetime | None) -> str | None:
        """What a route's list says of a card, None for nothing. ``utc``: the time for expiry dates."""
        key = f"{family}/{route}"
        cards = self._rows.get(key)
        if cards is None:
            return None
        if key not in self._by_card:
            self._by_card[key] = {name.partition("\n")[0]: raw for name, raw in cards.entries.items()}
        raw = self._by_card[key].get(card.casefold())
        if raw is None:
            return None
        head = read(raw, EntryHead)
        info = head.idTagInfo or head.idTokenInfo
        if not isinstance(info, TagInfo):
            return None
        expiry = moment(text(info.expiryDate) or text(info.cacheExpiryDateTime))
        is_over = utc is not None and expiry is not None and expiry <= utc
        return "Expired" if is_over and text(info.status) == "Accepted" else text(info.status)

    def _row(self, key: str, value: CardList | OnCharger, utc: datetime) -> LatestRow:
        payload = msgspec.json.encode(value).decode()
        return LatestRow(charger=self._charger, kind=KIND, key=key, payload=payload, at=utc)


# -- reading and writing payloads ------------------------------------------------------------------------


def entry(version: str, raw: str) -> Entry | None:
    """One element of a ``localAuthorizationList``, None where no charger could take it."""
    head = read(raw, EntryHead)
    names = ("idTag", "idTagInfo") if version == "1.6" else ("idToken", "idTokenInfo")
    if any(len(spans.find(raw, f"$.{name}")) > 1 for name in names):
        return None  # nobody knows which of them the charger reads
    token = head.idToken.idToken if isinstance(head.idToken, Token) else msgspec.UNSET
    card = scalar(head.idTag if version == "1.6" else token)
    if not isinstance(card, str) or not 0 < len(card) <= LONGEST.get(version, 0):
        return None
    key = card.casefold()
    if version != "1.6":
        kind = text(read(spans.find(raw, "$.idToken")[-1], TokenType).type)
        key = f"{key}\n{kind.casefold()}"
    info = head.idTagInfo if version == "1.6" else head.idTokenInfo
    status = text(info.status) if isinstance(info, TagInfo) else ""
    return Entry(key, raw, status) if not status or status in STATUSES else None


def sent(version: str, payload: str, before: CardList) -> CardList | str:
    """The list after a SendLocalList of its owner; the status that refuses it where there is none.

    Source: OCPP 1.6 edition 2, section 5.15 and 7.41; OCPP 2.0.1 part 2, D01 (versions above 0; a
    differential update has to be newer than the list; an entry without info removes the card).
    """
    head = read(payload, ListHead)
    number = integer(head.listVersion if version == "1.6" else head.versionNumber)
    kind = text(head.updateType)
    arrays = spans.find(payload, "$.localAuthorizationList")
    listed = [entry(version, raw) for raw in spans.find(arrays[-1], "$[]")] if arrays else []
    if number is None or number <= 0 or kind not in ("Full", "Differential") or None in listed:
        return "Failed"
    if kind == "Differential" and number <= before.shown:
        return "VersionMismatch"
    entries = dict(before.entries) if kind == "Differential" else {}
    for one in listed:
        if one is not None and one.status:
            entries[one.key] = one.raw
        elif one is not None:
            entries.pop(one.key, None)
    return CardList(number, entries)


def union(lists: Iterable[tuple[int, CardList]], most: int | None) -> tuple[dict[str, str], list[int]]:
    """One list of many, the most important first: its entry for a card counts.

    Routes whose cards do not fit any more are left out whole; the second value names them.
    """
    entries: dict[str, str] = {}
    left_out: list[int] = []
    for route, cards in lists:
        added = {key: raw for key, raw in cards.entries.items() if key not in entries}
        if most is not None and added and len(entries) + len(added) > most:
            left_out.append(route)
        else:
            entries |= added
    return entries, left_out


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The entries of a differential update: first the cards that go, to make room."""
    gone = [_removal(raw) for key, raw in before.items() if key not in after]
    return gone + [raw for key, raw in after.items() if before.get(key) != raw]


def _removal(raw: str) -> str:
    name = "idToken" if spans.find(raw, "$.idToken") else "idTag"
    return f'{{"{name}":{spans.find(raw, f"$.{name}")[-1]}}}'


def message(version: str, number: int, kind: str, entries: Collection[str]) -> str:
    """The payload of a SendLocalList of the proxy."""
    name = "listVersion" if version == "1.6" else "versionNumber"
    listed = f',"localAuthorizationList":[{",".join(entries)}]' if entries else ""
    return f'{{"{name}":{number},"updateType":"{kind}"{listed}}}'
