"""Frames as those see them who may not see cards: card numbers by their last characters only.

The log holds frames as they were (``redaction`` hides secrets before that); who looks decides what is shown.
"""

from __future__ import annotations

import re

MASK = "****"

_CARD = re.compile(
    r'(\\?"(?:idTag|parentIdTag|groupIdToken|idToken|additionalIdToken|eMAID)\\?"\s*:\s*)'
    r'(\\?")((?:[^"\\]|\\[^"])*)(\\?"|$)',
    re.DOTALL,
)
"""A card as the value of one of its names; also in JSON within a string, and where a frame is cut off."""


def masked(card: str) -> str:
    """A card as lists and logs show it: its last four characters at most, for cards are personal data."""
    return f"{MASK}{card[-4:]}" if len(card) > 4 else MASK


def frame(text: str) -> str:
    """A frame, or any text, with every card in it masked; the rest is as it was."""
    return _CARD.sub(lambda found: f"{found[1]}{found[2]}{masked(found[3])}{found[4]}", text)
