"""Patching JSON text by token span: what is not named by a path stays as it was, byte for byte.

A path names members and elements: ``$.transactionId``, ``$.transactionInfo.remoteStartId``,
``$.messageInfo[].id``, ``$.id[]``. A key that is written twice is found twice. Payloads are valid
JSON (``frames.parse`` has seen to it); of other text the functions make what they can, and do not raise.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

Path = str
"""Steps from the root: ``.key`` for a member, ``[]`` for all elements of an array."""

_SPACE = r"[ \t\n\r]*+"
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OUTSIDE = rf'[^"\[\]{{}}]*+(?:{_STRING}[^"\[\]{{}}]*+)*+'  # up to the next bracket that is not in a string
_VALUE = rf'(?:{_STRING}|[^ \t\n\r,:"\[\]{{}}]++|(?=[\[{{]))'  # of an object or array: nothing yet
_ANY_SPACE = re.compile(_SPACE)
_COMMA = re.compile(rf"{_SPACE},")
_COMMA_AND_SPACE = re.compile(rf"{_SPACE},{_SPACE}")
_COLON_AND_VALUE = re.compile(rf"{_SPACE}:{_SPACE}({_VALUE})", re.DOTALL)
_MEMBER = re.compile(rf"{_SPACE}({_STRING}){_SPACE}:{_SPACE}({_VALUE})(?:{_SPACE}(,))?", re.DOTALL)
_ELEMENT = re.compile(rf"{_SPACE}()({_VALUE})(?:{_SPACE}(,))?", re.DOTALL)
_BRACKET = re.compile(
    rf"{_OUTSIDE}([\[{{]{_OUTSIDE}[\]}}]|[\[\]{{}}])", re.DOTALL
)  # or a pair with none inside
_PATH = re.compile(r"\$(?:\.[A-Za-z0-9_-]+|\[\])+")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[\]")
_INTEGER = re.compile(r"-?[0-9]+")

_MOST_DIGITS = 4000  # Python refuses to read an integer of more than 4,300 digits

Step = str | None  # a key, or None for the elements of an array
Span = tuple[int, int]  # start and end of a token in the payload

# A member or element: where it begins (with its key, if it has one), its key, start and end of its value.
_Child = tuple[int, Step, int, int]


class _Plan(NamedTuple):
    """A path made ready: its steps, and where all of them are keys, the keys as JSON tokens."""

    steps: tuple[Step, ...]
    tokens: tuple[str, ...]


def find(payload: str, path: Path) -> list[str]:
    """The raw tokens at ``path``, in the order of the text; of a key written twice, both.

    Raises ValueError when ``path`` is not a path.
    """
    return [payload[start:end] for start, end in _spans(payload, _plan(path))]


def value(payload: str, path: Path) -> object | None:
    """The decoded value at ``path``, None where it is absent (or null).

    Of a key written twice the last counts, as for JSON parsers; of several elements the first that
    has one. Integers are exact. A number that Python cannot hold (an integer of more than 4,000
    digits, 1e400) comes as its raw text, as do all such numbers inside an object or array.
    Raises ValueError when ``path`` is not a path, and for nothing else.
    """
    plan = _plan(path)
    span = _unique(payload, plan)
    spans = (_hits(payload, plan.steps, last=True) if span is None else [span])[:1]
    return next((_decoded(payload[start:end]) for start, end in spans if end), None)


def patch(payload: str, edits: Mapping[Path, str | None]) -> str:
    """The payload with the token(s) at each path replaced by this raw JSON token.

    None deletes the member (or element) with its comma. Absent paths are left alone; everything
    else stays byte for byte. Edits are made one after the other, in the order of ``edits``.
    Raises ValueError when a path is not a path.
    """
    for path, token in edits.items():
        plan = _plan(path)
        if token is None:
            payload = _delete(payload, plan)
            continue
        span = _unique(payload, plan)
        if span is None:
            payload = _replaced(payload, [(*hit, token) for hit in _hits(payload, plan.steps)])
        elif span[1]:
            payload = f"{payload[: span[0]]}{token}{payload[span[1] :]}"
    return payload


def patch_each(payload: str, path: Path, tokens: Sequence[str]) -> str:
    """The payload with the tokens that ``find`` returns for ``path`` replaced one by one, in their order.

    Raises ValueError when ``path`` is not a path.
    """
    spans = _spans(payload, _plan(path))
    return _replaced(payload, ((*span, token) for span, token in zip(spans, tokens, strict=False)))


def insert(payload: str, path: Path, token: str) -> str:
    """Like ``patch``, and where the parent object lacks the member, it is added at its end.

    A parent that is absent or no object is left alone. Raises ValueError when ``path`` is not a path
    or does not end with a key.
    """
    steps = _plan(path).steps
    key = steps[-1]
    if key is None:
        raise ValueError(f'"{path}" ends with elements; insert needs a path that ends with a key')
    payload = patch(payload, {path: token})
    additions: list[tuple[int, int, str]] = []
    for parent in _parents(payload, steps):
        children = list(_children(payload, parent))
        if all(child[1] != key for child in children):
            end = children[-1][3] if children else parent + 1
            comma = "," if children else ""
            additions.append((end, end, f'{comma}"{key}":{token}'))
    return _replaced(payload, additions)


def rewrite(payload: str, path: Path, change: Callable[[str], str]) -> str:
    """The payload with each token at ``path`` replaced by what ``change`` makes of it, one by one.

    Raises ValueError when ``path`` is not a path, and what ``change`` raises.
    """
    hits = _spans(payload, _plan(path))
    return _replaced(payload, [(start, end, change(payload[start:end])) for start, end in hits])


def deeper_than(text: str, depth: int) -> bool:
    """Whether valid JSON text nests objects and arrays more than ``depth`` levels; never raises.

    Strings are cut away first (the escaped quotes before them); what is left of the text are its
    brackets, from which each round takes the innermost pairs. All of it runs at C speed: 4 MiB made
    to hurt take a fraction of a second.
    """
    unescaped = text.replace("\\\\", "").replace('\\"', "") if "\\" in text else text
    outside = "".join(unescaped.split('"')[::2]).encode(errors="replace")
    brackets = outside.translate(_SAME_BRACKETS, delete=_NO_BRACKETS)
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


_SAME_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


@lru_cache(maxsize=1024)
def _plan(path: Path) -> _Plan:
    if not _PATH.fullmatch(path):
        raise ValueError(f'"{path}" is not a path; expected "$" and keys or [], as in "$.messageInfo[].id"')
    steps = tuple(match[1] for match in _STEP.finditer(path, 1))
    return _Plan(steps, () if None in steps else tuple(f'"{step}"' for step in steps))


def _spans(payload: str, plan: _Plan) -> list[Span]:
    span = _unique(payload, plan)
    if span is None:
        return _hits(payload, plan.steps)
    return [span] if span[1] else []


def _unique(payload: str, plan: _Plan) -> Span | None:
    """The fast way: the value's span, (0, 0) when the path is absent, None to look the long way.

    It holds in valid JSON without ``\\u``, where a key can only be written literally:

    * A quoted key whose first quote has no backslash before it is a string of its own: inside a
      string that quote would be escaped, and behind a closing quote no letter can stand.
      With a colon behind, it is a member's key; found once only, it is the only such key.
    * Each further key is looked for between the braces of the one before it. A key is a member of
      just the object meant when no brace stands between that one's opening brace and the key.
    * Where braces do, the end of the text may tell: at least n objects are around the last of n
      keys, and when only n closing braces follow its value, not more; so there is none between.

    A brace inside a string only makes the answer None.
    """
    if not plan.tokens or payload[:1] != "{" or _has_unicode_escape(payload):
        return None
    parent, high = 0, len(payload)  # where the object that must hold the next key begins and ends
    end = 0
    certain = True
    for token in plan.tokens:
        start = payload.find(token, parent, high)
        if start < 0:
            return 0, 0
        member = _COLON_AND_VALUE.match(payload, start + len(token))
        if (
            member is None
            or payload[parent] != "{"
            or payload[start - 1] == "\\"
            or payload.find(token, member.end(), high) >= 0
        ):
            return None
        if payload.find("{", parent + 1, start) >= 0:
            certain = False
        parent, end = member.span(1)
        if parent == end:
            end = high = _value_end(payload, parent)
    if certain or payload.count("}", end) == len(plan.tokens):
        return parent, end
    return None


def _has_unicode_escape(payload: str) -> bool:
    return "\\" in payload and "\\u" in payload  # one character is found ten times as fast as two


def _replaced(payload: str, replacements: Iterable[tuple[int, int, str]]) -> str:
    """The payload with these spans, in order, written anew; linear however many there are."""
    pieces: list[str] = []
    position = 0
    for start, end, token in replacements:
        pieces += (payload[position:start], token)
        position = end
    return "".join((*pieces, payload[position:]))


def _hits(payload: str, steps: Iterable[Step], *, last: bool = False) -> list[Span]:
    """The spans of all values at the end of ``steps``; with ``last`` only the last of equal keys."""
    found = [(_root(payload), 0)]
    for step in steps:
        parents, found = found, []
        for parent, _ in parents:
            if payload[parent : parent + 1] == ("[" if step is None else "{"):
                spans = [(start, end) for _, key, start, end in _children(payload, parent) if key == step]
                found += spans[-1:] if last and step is not None else spans
    return found


def _parents(payload: str, steps: tuple[Step, ...]) -> list[int]:
    """Where the objects or arrays begin whose members or elements the last step names."""
    bracket = "[" if steps[-1] is None else "{"
    return [start for start, _ in _hits(payload, steps[:-1]) if payload[start : start + 1] == bracket]


def _root(payload: str) -> int:
    space = _ANY_SPACE.match(payload)
    return space.end() if space else 0


def _children(payload: str, container: int) -> Iterator[_Child]:
    """The members of the object, or the elements of the array, that begins at ``container``."""
    is_object = payload[container] == "{"
    match_child = _MEMBER.match if is_object else _ELEMENT.match
    position = container + 1
    while match := match_child(payload, position):
        value_start, value_end = match.span(2)
        comma: re.Match[str] | None = match
        if value_start == value_end:
            value_end = _value_end(payload, value_start)
            comma = _COMMA.match(payload, value_end)
            if value_start == value_end:
                return
        yield match.start(1), _key(match[1]) if is_object else None, value_start, value_end
        if comma is None or (comma is match and match[3] is None):
            return
        position = comma.end()


def _key(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    decoded = _decoded(token)
    return decoded if isinstance(decoded, str) else token


def _value_end(payload: str, start: int) -> int:
    """The end of the object or array that begins at ``start``; ``start`` where no whole one does."""
    depth = 0
    position = start
    while bracket := _BRACKET.match(payload, position):
        first, position = bracket.span(1)
        if position - first == 1:
            depth += 1 if payload[first] in "{[" else -1
        if not depth:
            return position
    return start


def _delete(payload: str, plan: _Plan) -> str:
    if plan.tokens and plan.tokens[-1] not in payload and not _has_unicode_escape(payload):
        return payload
    cuts: list[Span] = []
    for parent in _parents(payload, plan.steps):
        cuts += _cuts(payload, list(_children(payload, parent)), plan.steps[-1])
    return _replaced(payload, [(start, end, "") for start, end in cuts])


def _cuts(payload: str, children: list[_Child], step: Step) -> list[Span]:
    """What to cut so that the children named by ``step`` go, each with exactly one comma.

    Behind a child that stays, the comma before goes; in front of the first that stays, the one after.
    """
    cuts: list[Span] = []
    kept_before = False
    previous_end = 0
    for index, (child_start, key, _, child_end) in enumerate(children):
        if key != step:
            kept_before = True
        elif kept_before:
            comma = _COMMA.match(payload, previous_end)
            cuts.append((comma.end() - 1 if comma else child_start, child_end))
        else:
            comma = _COMMA_AND_SPACE.match(payload, child_end) if index + 1 < len(children) else None
            cuts.append((child_start, comma.end() if comma else child_end))
        previous_end = child_end
    return cuts


def _integer(token: str) -> int | str:
    return int(token) if len(token) <= _MOST_DIGITS else token


def _number(token: str) -> float | str:
    number = float(token)
    return number if math.isfinite(number) else token


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=str)


def _decoded(token: str) -> object | None:
    """The value of a raw token; None for what is not JSON or nests beyond Python's recursion limit."""
    if token[:1] == '"' and "\\" not in token:
        return token[1:-1]
    if token.isdecimal() and len(token) <= _MOST_DIGITS:
        return int(token)
    try:
        decoded: object = _DECODER.decode(token)
    except (ValueError, RecursionError):
        return None
    return decoded
