"""What the proxy answers for cards while the owner of the decision is away (ocpp-semantics 5.3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from routing.core.options import ChargerOptions
from routing.core.payloads import TagInfo, VerdictHead, moment, read, text
from routing.core.rows import LatestRow

REFUSAL_KEPT = timedelta(minutes=10)


class Cached(msgspec.Struct, frozen=True, gc=False):
    """The last verdict about a card and until when it may be used."""

    status: str
    until: datetime


class AuthorizationCache:
    """Last verdicts per card of one charger, given by whoever owned the decision."""

    def __init__(self, charger: int) -> None:
        self._charger = charger
        self._verdicts: dict[str, Cached] = {}

    def restore(self, rows: Iterable[LatestRow]) -> None:
        """Take over the ``authorization`` rows of the database."""
        for row in rows:
            try:
                self._verdicts[row.key] = msgspec.json.decode(row.payload, type=Cached)
            except msgspec.DecodeError:
                continue  # written by another version of the proxy: the card is asked for anew

    def learn(self, card: str, answer: str, options: ChargerOptions, utc: datetime) -> LatestRow | None:
        """Remember what an owner's answer says about a card; the row to store, if it says anything."""
        head = read(answer, VerdictHead)
        info = head.idTagInfo or head.idTokenInfo
        if not card or not isinstance(info, TagInfo) or not (status := text(info.status)):
            return None
        limit = timedelta(seconds=options.auth_cache_ttl) if status == "Accepted" else REFUSAL_KEPT
        until = utc + limit
        expiry = moment(text(info.expiryDate) or text(info.cacheExpiryDateTime))
        if expiry is not None:
            until = min(until, expiry)
        verdict = self._verdicts[card] = Cached(status, until)
        payload = msgspec.json.encode(verdict).decode()
        return LatestRow(charger=self._charger, kind="authorization", key=card, payload=payload, at=utc)

    def status(self, card: str, options: ChargerOptions, utc: datetime) -> tuple[str, str]:
        """The status to give for a card, and the rule in words."""
        verdict = self._verdicts.get(card)
        if verdict is not None and utc < verdict.until:
            return verdict.status, f"offline policy: last verdict {verdict.status}"
        status = "Accepted" if options.auth_offline == "accept" else "Invalid"
        return status, f"offline policy: auth_offline is {options.auth_offline}"
