"""Frames as those see them who may not see cards: card numbers by their last characters only.

The log holds frames as they were (``redaction`` hides secrets before that); who looks decides what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

MASK = "****"

SHORTEST = 4
"""Characters of a card that is looked for in free text."""

_NAMES = (
    "idTag|parentIdTag|groupIdToken|idToken|additionalIdToken|eMAID|customerIdentifier"
    "|idTokens|prioritizedEMAIDs|rfid|tagId|cardId|cardNumber"
)
"""What OCPP calls a card, and vendors in their DataTransfer."""

_STRING = r'(?P<quote>\\?")(?P<card>(?:[^"\\]|\\[^"])*)(?P<end>\\?"|$)'

_CARD = re.compile(
    rf'(?P<name>\\?"(?:{_NAMES})(?P<inner>\\?)"\s*:\s*)'
    rf"(?:{_STRING}|(?P<number>-?[0-9][0-9.eE+-]*)|(?P<list>\[[^\]\[{{}}]*(?:\]|$)))",
    re.DOTALL | re.IGNORECASE,
)
"""A card, or a list of cards, as the value of one of its names; also in JSON within a string, and where a
frame is cut off."""

_ELEMENT = re.compile(rf"{_STRING}|(?P<number>-?[0-9][0-9.eE+-]*)", re.DOTALL)

_BEFORE_NUMBER, _AFTER_NUMBER = re.compile(r"[:\[,]\s*$"), re.compile(r"\s*[,\]}]")

_CUSTOMER = re.compile(r'("data"\s*:\s*")(?:[^"\\]|\\.)*("|$)', re.DOTALL)
"""What a charger tells of a customer, in words of its own (NotifyCustomerInformation)."""


def masked(card: str) -> str:
    """A card as lists and logs show it: its last four characters at most, for cards are personal data."""
    return f"{MASK}{card[-4:]}" if len(card) > 4 else MASK


def frame(text: str, cards: Iterable[str] = ()) -> str:
    """A frame, or any text, with every card in it masked; the rest is as it was.

    A card that is a number becomes a string. ``cards``: numbers that are masked wherever they stand, since
    whoever refuses a card says so in words of its own.
    """
    if "CustomerInformation" in text:
        text = _CUSTOMER.sub(rf"\g<1>{MASK}\g<2>", text)
    return quoted(changed(text, masked), cards)


def quoted(text: str, cards: Iterable[str]) -> str:
    """Any text with these cards masked, in any case, where they stand as words of their own.

    Numbers of JSON stay, such as that of a transaction which is the same by chance.
    """
    for card in sorted({card for card in cards if len(card) >= SHORTEST}, key=len, reverse=True):
        if card.casefold() in text.casefold():
            word = rf"(?<![0-9A-Za-z]){re.escape(card)}(?![0-9A-Za-z])"
            text = re.sub(word, _quoted, text, flags=re.IGNORECASE)
    return text


def _quoted(found: re.Match[str]) -> str:
    before, after = found.string[: found.start()], found.string[found.end() :]
    is_number = _BEFORE_NUMBER.search(before[-9:]) and _AFTER_NUMBER.match(after)
    return found[0] if is_number else masked(found[0])


def cards_in(text: str) -> set[str]:
    """The cards that ``frame`` masks in a frame or a payload, as they are written there."""
    found: set[str] = set()

    def noted(card: str) -> str:
        found.add(card)
        return card

    changed(text, noted)
    return found


def changed(text: str, change: Callable[[str], str]) -> str:
    """A frame, or any text, in which ``change`` was done to each card, as it is written there.

    Of a number that is not the same any more a string is made.
    """
    return _CARD.sub(lambda found: _changed(found, change), text)


def _changed(found: re.Match[str], change: Callable[[str], str]) -> str:
    escape: str = found["inner"]
    if found["list"] is not None:
        return found["name"] + _ELEMENT.sub(lambda one: _written(one, escape, change), found["list"])
    return found["name"] + _written(found, escape, change)


def _written(found: re.Match[str], escape: str, change: Callable[[str], str]) -> str:
    if (number := found["number"]) is not None:
        new = change(number)
        return number if new == number else f'{escape}"{new}{escape}"'
    return f"{found['quote']}{change(found['card'])}{found['end']}"
