"""Lenient reading: chargers write numbers as strings and the reverse, null for absent; nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.payloads import (
    BootAnswer,
    EventHead,
    StartHead,
    Token,
    VerdictHead,
    integer,
    is_charger_id,
    moment,
    read,
    scalar,
    text,
    wire_time,
    written,
)


def raw(token: str) -> msgspec.Raw:
    return msgspec.Raw(token.encode())


@pytest.mark.parametrize(
    ("token", "number", "string"),
    [
        ("17", 17, "17"),
        ('"17"', 17, "17"),
        ("17.0", 17, "17.0"),
        ('" 17 "', 17, " 17 "),
        ("-1", -1, "-1"),
        ("9223372036854775807", 9223372036854775807, "9223372036854775807"),
        ("1" * 40, None, "1" * 40),
        ('"' + "1" * 40 + '"', None, "1" * 40),
        ("1e400", None, ""),
        ("1e20", 10**20, "1e+20"),
        ("true", None, ""),
        ("null", None, ""),
        ("{}", None, ""),
        ("[1]", None, ""),
        ('"x"', None, "x"),
        ('""', None, ""),
        ('"\\ud800"', None, ""),
        ("", None, ""),
        ("nonsense", None, ""),
    ],
)
def test_numbers_and_strings(token: str, number: int | None, string: str) -> None:
    assert integer(raw(token)) == number
    assert text(raw(token)) == string
    assert written(raw(token)) == token


def test_what_is_absent() -> None:
    assert scalar(msgspec.UNSET) is integer(msgspec.UNSET) is None
    assert text(msgspec.UNSET) == written(msgspec.UNSET) == ""


def test_a_string_is_cut_at_its_limit() -> None:
    assert text(raw('"abcdef"'), 3) == "abc"


@pytest.mark.parametrize("payload", ["", "null", "7", "[]", "{", '"x"', "[{}]", "{}", '{"a":1}', "\ud800"])
def test_a_head_of_something_else_is_empty(payload: str) -> None:
    assert read(payload, StartHead) == StartHead()
    assert read(payload, EventHead) == EventHead()


def test_the_last_of_a_key_written_twice_counts() -> None:
    assert integer(read('{"interval":1,"interval":2}', BootAnswer).interval) == 2


@pytest.mark.parametrize("wrong", ["null", "7", "[]", '"x"', "[[]]"])
def test_a_member_of_another_shape_costs_that_member_alone(wrong: str) -> None:
    head = read(f'{{"seqNo":3,"idToken":{wrong},"evse":{{"id":2}},"transactionInfo":{wrong}}}', EventHead)
    assert integer(head.seqNo) == 3
    assert head.idToken is msgspec.UNSET
    assert head.transactionInfo is msgspec.UNSET
    assert not isinstance(head.evse, msgspec.UnsetType)
    assert integer(head.evse.id) == 2


def test_a_part_is_read_as_its_own_kind() -> None:
    head = read('{"idToken":{"idToken":"A","type":"x"},"evse":null}', EventHead)
    assert isinstance(head.idToken, Token)
    assert text(head.idToken.idToken) == "A"


@given(st.text())
def test_any_text_at_all(payload: str) -> None:
    for kind in (StartHead, EventHead, VerdictHead):
        assert isinstance(read(payload, kind), kind)


@pytest.mark.parametrize(
    ("number", "fits"), [(1, True), (2**31 - 1, True), (0, False), (-1, False), (2**31, False), (None, False)]
)
def test_numbers_that_a_charger_can_hold(number: int | None, fits: bool) -> None:
    assert is_charger_id(number) is fits


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-01T10:00:00Z", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T10:00:00.123Z", datetime(2026, 1, 1, 10, microsecond=123000, tzinfo=UTC)),
        ("2026-01-01T12:00:00+02:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("2026-01-01T10:00:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        (" 2026-01-01T10:00:00Z ", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("1970-13-01T00:00:00Z", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_moments(value: str, expected: datetime | None) -> None:
    assert moment(value) == expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC), "2026-01-02T03:04:05.999Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 1000, tzinfo=timezone(timedelta(0))), "2026-01-02T03:04:05.001Z"),
    ],
)
def test_the_time_on_the_wire(utc: datetime, expected: str) -> None:
    assert wire_time(utc) == expected
