"""One card taken out of frames and of what is remembered: who held it can't be found in them any more."""

from __future__ import annotations

import json
import re

import msgspec

from routing.core import masking
from routing.core.lists import CardList, OnCharger

ERASED = "ERASED"
"""What stands in its place: the same for all, so that nothing of anybody's can be put together."""

NO_NUMBER = "0"
"""What stands in free text in place of a card of digits, so that JSON in it can still be read."""

FREE = frozenset({"", "DataTransfer", "CustomerInformation", "NotifyCustomerInformation"})
"""Actions whose text is as its writer likes ("" for what is no frame): a card may stand anywhere in it."""

SHORTEST = 4
"""Characters of a number that is looked for in free text."""

TELLING = 6
"""Characters of a number with a letter in it that is nothing else wherever it stands."""


class Eraser:
    """Takes one number out, however it is written: in any case, escaped, as a number of JSON."""

    def __init__(self, card: str) -> None:
        if not card.strip():
            raise ValueError("a card without a number can't be looked for")
        self.card = card.strip()
        self._is_telling = len(self.card) >= TELLING and not self.card.isdecimal()
        self._anywhere = re.compile(rf"(?<![0-9A-Za-z]){re.escape(self.card)}(?![0-9A-Za-z])", re.IGNORECASE)

    def is_same(self, card: str) -> bool:
        """Whether this is the number; cards are compared without regard to case."""
        return card.casefold() == self.card.casefold()

    def text(self, action: str, text: str) -> str:
        """A frame of this action, or a payload, without the card."""
        text = masking.changed(text, self._replaced)
        if self._is_telling or (action in FREE and len(self.card) >= SHORTEST):
            text = self._anywhere.sub(NO_NUMBER if self.card.isdecimal() else ERASED, text)
        return text

    def remembered(self, payload: str) -> str:
        """A value that a session remembers without the card: that may be all of it."""
        if payload[:1] == '"' and self.is_same(_read(payload[1:-1])):
            return f'"{ERASED}"'
        return self.text("remembered", payload)

    def words(self, text: str) -> str:
        """A sentence without the card, as a rule of the log or the error of a delivery."""
        return self.text("", text)

    def local_list(self, key: str, payload: str) -> str:
        """A local list without the card; of what the charger has it is not known then, so it is sent anew.

        ``key`` and ``payload`` as they are remembered (``lists``). The same string where it is not in it.
        """
        kind: type[CardList | OnCharger] = OnCharger if key.endswith("/charger") else CardList
        try:
            cards = msgspec.json.decode(payload, type=kind)
        except msgspec.DecodeError:
            return self.words(payload)
        left = {
            name: self.text("SendLocalList", raw)
            for name, raw in cards.entries.items()
            if not self.is_same(name.partition("\n")[0])
        }
        if left == cards.entries:
            return payload
        fields = {"is_known": False} if isinstance(cards, OnCharger) else {}
        return msgspec.json.encode(msgspec.structs.replace(cards, entries=left, **fields)).decode()

    def _replaced(self, card: str) -> str:
        return ERASED if self.is_same(_read(card)) else card


def _read(card: str) -> str:
    """What a string of JSON says, also one that stands in another string."""
    for _ in range(2):
        if "\\" not in card:
            break
        try:
            card = str(json.loads(f'"{card}"'))
        except ValueError:
            break
    return card
