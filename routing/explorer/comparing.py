"""JSON frames for people: with line breaks, and what differs between two of them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

import msgspec

from routing.core import frames

Change = Literal["same", "gone", "new"]

MOST_TOKENS = 3000
"""Of both together; more are shown without marks, for the comparison takes time by the square of them."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|\s+|[^\s",:\[\]{}]+|.', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text: in both, only in what came (``gone``), or only in what was sent (``new``)."""

    change: Change
    text: str


def pretty(text: str) -> str:
    """JSON with a line for each value, every token as it was written; text that is none as it is."""
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def payload(text: str) -> str:
    """The payload of a CALL or SEND as ``pretty`` writes it; of other text the whole."""
    frame = frames.parse(text)
    return pretty(frame.payload if isinstance(frame, frames.Call | frames.Send) else text)


def compare(came: str, sent: str) -> list[Piece]:
    """What was made of one frame's payload in another's, token by token."""
    before, after = _TOKEN.findall(payload(came)), _TOKEN.findall(payload(sent))
    if len(before) + len(after) > MOST_TOKENS:
        return [Piece("same", "".join(after))]
    pieces: list[Piece] = []
    for kind, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(after[first:last])))
            continue
        pieces.append(Piece("gone", "".join(before[start:end])))
        pieces.append(Piece("new", "".join(after[first:last])))
    return [piece for piece in pieces if piece.text]
