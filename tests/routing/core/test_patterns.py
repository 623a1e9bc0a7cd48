"""Regular expressions in rules about cards: what they match, and which are refused."""

from __future__ import annotations

import time

import pytest

from routing.core import patterns


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("DE-ABC.*", "DE-ABC-1", True),
        ("de-abc.*", "DE-ABC-1", True),
        ("DE-ABC", "DE-ABC-1", False),
        ("ABC", "DE-ABC", False),
        ("[0-9A-F]{8}", "04a1b2c3", True),
        ("(?:DE|NL)-.+", "NL-X", True),
        (".*", "x" * 255, True),
        (".*", "x" * 256, False),
    ],
)
def test_a_rule_means_the_whole_card(pattern: str, text: str, fits: bool) -> None:
    assert patterns.problem(pattern) == ""
    assert patterns.matches(pattern, text) is fits


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is not a regular expression: "),
        ("[z-a]", "is not a regular expression: "),
        ("a{2}{3", ""),
        ("*", "is not a regular expression: "),
        ("(a+)+$", "repeats a group"),
        ("(a|a)*b", "repeats a group"),
        ("(a){1,9}", "repeats a group"),
        ("a*a*a*a*b", "too many repetitions"),
        ("a?" * 30 + "a" * 30, "too many repetitions"),
        ("(?:|)" * 30, "too many repetitions"),
        ("(?x)(a+) +b", "group that begins with (?"),
        ("(?=a)b", "group that begins with (?"),
        ("x" * 201, "at most 200"),
        (r"\(a\)+[)*+]*", ""),
    ],
)
def test_what_may_take_for_ever_is_refused(pattern: str, words: str) -> None:
    problem = patterns.problem(pattern)
    assert problem.startswith(words) if not words else words in problem
    assert bool(problem) is bool(words)


@pytest.mark.parametrize("pattern", [".*.*x", "a*a*b", ".+A.+B", "a?a?a?a?a?a?a?a?a?a?aaaaaaaaaa"])
def test_the_worst_that_is_allowed_is_soon_done(pattern: str) -> None:
    assert patterns.problem(pattern) == ""
    began = time.perf_counter()
    assert not patterns.matches(pattern, "a" * 254 + "!")
    assert time.perf_counter() - began < 0.5
