"""Regular expressions that operators write: refused where a short text could keep one busy for long.

Python's matcher tries again what it has tried, and knows no time limit; a card must never stop the proxy.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import comb

LONGEST_PATTERN = 200

LONGEST_TEXT = 255
"""OCPP 2.1 allows that many characters in an idToken, 2.0.1 only 36 and 1.6 only 20."""

MOST_STEPS = 200_000
"""How often a matcher may have to begin anew; about 10 ms."""

_LITERAL = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_EXACTLY = re.compile(r"\{[0-9]+\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{)")
_SPECIAL_GROUP = re.compile(r"\(\?(?!:)")


def problem(pattern: str) -> str:
    """Why this expression can't be used, in words; "" when it can."""
    if len(pattern) > LONGEST_PATTERN:
        return f"has {len(pattern)} characters; at most {LONGEST_PATTERN} are allowed"
    try:
        _compiled(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"is not a regular expression: {error}"
    bare = _EXACTLY.sub("", _LITERAL.sub("x", pattern))
    if _SPECIAL_GROUP.search(bare):
        return "has a group that begins with (? and is not (?:...); only plain groups are allowed"
    if _REPEATED_GROUP.search(bare):
        return "repeats a group, which may take for ever; repeat single characters or classes"
    if _steps(bare) > MOST_STEPS:
        return "has too many repetitions and choices, which may take for ever; split it into several rules"
    return ""


def _steps(bare: str) -> int:
    """At most so many ways a text can be shared out among the repetitions and choices."""
    repetitions = sum(bare.count(sign) for sign in "*+{")
    choices = bare.count("?") - bare.count("(?") + bare.count("|")
    return int(comb(LONGEST_TEXT + repetitions, repetitions) * 2**choices)


def matches(pattern: str, value: str) -> bool:
    """Whether the expression matches the whole text, without regard to case."""
    return len(value) <= LONGEST_TEXT and _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
