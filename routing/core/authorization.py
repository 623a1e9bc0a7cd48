"""What is known of cards without asking: verdicts of backoffices given before (ocpp-semantics 5.3).

Cards are compared without regard to case (OCPP 1.6 edition 2, section 7.28: CiString20Type).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import msgspec

from routing.core import spans
from routing.core.options import ChargerOptions
from routing.core.payloads import TagInfo, VerdictHead, moment, read, text, wire_time
from routing.core.rows import LatestRow

REFUSAL_KEPT = timedelta(minutes=10)

OWNER_KEPT = timedelta(minutes=10)
"""How long who has accepted a card owns the sessions that begin with it (ocpp-semantics 5.2 b)."""

SWEPT_EVERY = timedelta(minutes=10)
MOST_CARDS = 1000
"""Verdicts kept per charger; the oldest go first."""

LONGEST_TAG = 20
"""OCPP 1.6 edition 2, section 7.28."""

STATUSES_16 = frozenset({"Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid"})
STATUSES_2 = STATUSES_16 | {"NoCredit", "NotAllowedTypeEVSE", "NotAtThisLocation", "NotAtThisTime", "Unknown"}


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """What the proxy itself says of a card, and the rule in words. ``expires``: for how long it says so."""

    status: str
    rule: str
    group: str = ""
    expires: datetime | None = None

    def info(self, version: str) -> str:
        """An idTagInfo (1.6) or idTokenInfo (2.x) as raw JSON."""
        known = STATUSES_16 if version == "1.6" else STATUSES_2
        info: dict[str, object] = {"status": self.status if self.status in known else "Invalid"}
        if self.expires is not None:
            name = "expiryDate" if version == "1.6" else "cacheExpiryDateTime"
            info[name] = wire_time(self.expires)
        if self.group and version != "1.6":
            info["groupIdToken"] = {"idToken": self.group, "type": "Central"}
        elif self.group and len(self.group) <= LONGEST_TAG:
            info["parentIdTag"] = self.group
        return msgspec.json.encode(info).decode()


class Cached(msgspec.Struct, frozen=True, gc=False):
    """The last verdict about a card and until when it may be used.

    ``by`` is the route that gave it, ``authorized`` when it last accepted an Authorize; both None where
    that is not known.
    """

    status: str
    until: datetime
    by: int | None = None
    authorized: datetime | None = None

    def owns_until(self) -> datetime | None:
        """Until when sessions with this card are owned by who accepted it, None where they are not."""
        return None if self.authorized is None else self.authorized + OWNER_KEPT


class AuthorizationCache:
    """Last verdicts per card of one charger, given by whoever owned the decision."""

    def __init__(self, charger: int) -> None:
        self._charger = charger
        self._verdicts: dict[str, Cached] = {}
        self._swept: datetime | None = None

    def restore(self, rows: Iterable[LatestRow]) -> None:
        """Take over the ``authorization`` rows of the database, oldest first."""
        for row in rows:
            try:
                self._verdicts[row.key] = msgspec.json.decode(row.payload, type=Cached)
            except msgspec.DecodeError:
                continue  # written by another version of the proxy: the card is asked for anew

    def learn(
        self,
        card: str,
        answer: str,
        options: ChargerOptions,
        utc: datetime,
        *,
        by: int | None = None,
        authorizes: bool = False,
    ) -> list[LatestRow]:
        """Remember what an owner's answer says about a card; the rows to store, if it says anything.

        ``authorizes``: the answer is to an Authorize.
        """
        head = read(answer, VerdictHead)
        info = head.idTagInfo or head.idTokenInfo
        if not card or not isinstance(info, TagInfo) or not (status := text(info.status)):
            return []
        limit = timedelta(seconds=options.auth_cache_ttl) if status == "Accepted" else REFUSAL_KEPT
        until = utc + limit
        expiry = moment(text(info.expiryDate) or text(info.cacheExpiryDateTime))
        if expiry is not None:
            until = min(until, expiry)
        key = card.upper()
        before = self._verdicts.pop(key, None)
        authorized = utc if authorizes else before.authorized if before and before.by == by else None
        verdict = Cached(status, until, by, authorized if status == "Accepted" else None)
        self._verdicts[key] = verdict
        return [*self._forget_old(utc), self._row(key, msgspec.json.encode(verdict).decode(), utc)]

    def _forget_old(self, utc: datetime) -> list[LatestRow]:
        """Drop what is of no use any more, now and then, and the oldest of too many."""
        gone = self._surplus()
        if self._swept is None or utc - self._swept >= SWEPT_EVERY:
            self._swept = utc
            gone += [key for key, known in self._verdicts.items() if _is_over(known, utc)]
        for key in gone:
            self._verdicts.pop(key, None)
        return [self._row(key, "", utc) for key in dict.fromkeys(gone)]

    def _surplus(self) -> list[str]:
        """The oldest of too many; refusals first, so that nobody drives out cards that are good."""
        surplus = len(self._verdicts) - MOST_CARDS
        if surplus <= 0:
            return []
        oldest = list(self._verdicts.items())[:-1]
        refused = [key for key, known in oldest if known.status != "Accepted"]
        return [*refused, *(key for key, known in oldest if known.status == "Accepted")][:surplus]

    def _row(self, key: str, payload: str, utc: datetime) -> LatestRow:
        return LatestRow(charger=self._charger, kind="authorization", key=key, payload=payload, at=utc)

    def status(self, card: str, asked: Collection[int], utc: datetime) -> str:
        """The last verdict about a card by one of these routes, "" where none counts (any more)."""
        known = self._verdicts.get(card.upper())
        mine = known is not None and (known.by is None or known.by in asked)
        return known.status if known is not None and mine and utc < known.until else ""

    def accepted_by(self, card: str, utc: datetime) -> int | None:
        """The route that has accepted the card's Authorize not long ago (ocpp-semantics 5.2 b)."""
        known = self._verdicts.get(card.upper())
        until = known.owns_until() if known is not None else None
        return known.by if known is not None and until is not None and utc < until else None


def _is_over(known: Cached, utc: datetime) -> bool:
    owns = known.owns_until()
    return utc >= known.until and (owns is None or utc >= owns)


def capped(answer: str, options: ChargerOptions, utc: datetime) -> str:
    """An answer whose verdict the charger may keep no longer than ``auth_cache_ttl``.

    Source: ocpp-semantics 5.1. An answer without a date, or with one that can't be read, stays as it is.
    """
    if "xpiry" not in answer:
        return answer
    limit = utc + timedelta(seconds=options.auth_cache_ttl)
    for path in ("$.idTagInfo.expiryDate", "$.idTokenInfo.cacheExpiryDateTime"):
        given = spans.value(answer, path)
        until = moment(given) if isinstance(given, str) else None
        if until is not None and until > limit:
            answer = spans.patch(answer, {path: f'"{wire_time(limit)}"'})
    return answer
