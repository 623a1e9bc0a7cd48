"""Frames as those see them who may not see cards: card numbers by their last characters only.

The log holds frames as they were (``redaction`` hides secrets before that); who looks decides what is shown.
"""

from __future__ import annotations

import re

MASK = "****"

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

_CUSTOMER = re.compile(r'("data"\s*:\s*")(?:[^"\\]|\\.)*("|$)', re.DOTALL)
"""What a charger tells of a customer, in words of its own (NotifyCustomerInformation)."""


def masked(card: str) -> str:
    """A card as lists and logs show it: its last four characters at most, for cards are personal data."""
    return f"{MASK}{card[-4:]}" if len(card) > 4 else MASK


def frame(text: str) -> str:
    """A frame, or any text, with every card in it masked; the rest is as it was.

    A card that is a number becomes a string.
    """
    if "CustomerInformation" in text:
        text = _CUSTOMER.sub(rf"\g<1>{MASK}\g<2>", text)
    return _CARD.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    if found["list"] is not None:
        return found["name"] + _ELEMENT.sub(lambda one: _masked(one, found["inner"]), found["list"])
    return found["name"] + _masked(found, found["inner"])


def _masked(found: re.Match[str], escape: str) -> str:
    if found["number"] is not None:
        return f'{escape}"{masked(found["number"])}{escape}"'
    return f"{found['quote']}{masked(found['card'])}{found['end']}"
