"""Cards in frames are shown by their last characters only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ocpp
import pytest

from routing.core.masking import cards_in, frame, masked


@pytest.mark.parametrize(
    ("card", "shown"), [("04A2B3C4D5", "****C4D5"), ("1234", "****"), ("", "****"), ("12345", "****2345")]
)
def test_at_most_four_characters_are_left(card: str, shown: str) -> None:
    assert masked(card) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('[2,"1","Authorize",{"idTag":"04A2B3C4"}]', '[2,"1","Authorize",{"idTag":"****B3C4"}]'),
        (
            '[3,"1",{"idTagInfo":{"status":"Accepted","parentIdTag" : "PARENT-CARD"}}]',
            '[3,"1",{"idTagInfo":{"status":"Accepted","parentIdTag" : "****CARD"}}]',
        ),
        (
            '{"idToken":{"idToken":"04A2B3C4","type":"ISO14443","additionalInfo":[{"additionalIdToken":"SECOND1"}]}}',
            '{"idToken":{"idToken":"****B3C4","type":"ISO14443","additionalInfo":[{"additionalIdToken":"****OND1"}]}}',
        ),
        (
            '{"localAuthorizationList":[{"idTag":"AAAAAA1"},{"idTag":"BBBBBB2"}]}',
            '{"localAuthorizationList":[{"idTag":"****AAA1"},{"idTag":"****BBB2"}]}',
        ),
        (r'{"data":"{\"idTag\":\"04A2B3C4\",\"n\":1}"}', r'{"data":"{\"idTag\":\"****B3C4\",\"n\":1}"}'),
        ('[2,"1","Authorize",{"idTag":"04A2B3', '[2,"1","Authorize",{"idTag":"****A2B3'),
        ('{"idTag":"\\u0030\\u0034A2B3"}', '{"idTag":"****A2B3"}'),
        ('{"idTag":12345678}', '{"idTag":"****5678"}'),
        (r'{"data":"{\"idTag\":12345678}"}', r'{"data":"{\"idTag\":\"****5678\"}"}'),
        (
            '{"prioritizedEMAIDs":["NL-AAA-1","NL-BBB-2"],"n":["x"]}',
            '{"prioritizedEMAIDs":["****AA-1","****BB-2"],"n":["x"]}',
        ),
        ('{"idTokens":["NL-AAA-1"', '{"idTokens":["****AA-1"'),
        ('{"IDTAG":"04A2B3C4"}', '{"IDTAG":"****B3C4"}'),
        (
            '[2,"1","NotifyCustomerInformation",{"data":"John, card 04A2","seqNo":0}]',
            '[2,"1","NotifyCustomerInformation",{"data":"****","seqNo":0}]',
        ),
        ('[2,"1","Heartbeat",{}]', '[2,"1","Heartbeat",{}]'),
    ],
    ids=[
        "1.6",
        "parent",
        "2.x",
        "list",
        "in a string",
        "cut off",
        "escaped",
        "a number",
        "a number in a string",
        "several",
        "several, cut off",
        "spelled another way",
        "a customer",
        "none",
    ],
)
def test_cards_in_frames(text: str, shown: str) -> None:
    assert frame(text) == shown


NAMED_AS_CARD = re.compile("idtag|token|emaid|customeridentifier", re.IGNORECASE)


def named_as_card(schema: Any) -> Iterator[tuple[str, str]]:
    """Name and type of each property that holds a card by its name, and is no object."""
    if isinstance(schema, list):
        for one in schema:
            yield from named_as_card(one)
    if isinstance(schema, dict):
        for name, of in schema.get("properties", {}).items():
            if NAMED_AS_CARD.search(name) and of.get("type") in ("string", "integer", "number", "array"):
                yield name, of["type"]
        for part in schema.values():
            yield from named_as_card(part)


def cards_of_schemas() -> set[tuple[str, str]]:
    files = Path(ocpp.__file__).parent.glob("v*/schemas/*.json")
    return {found for file in files for found in named_as_card(json.loads(file.read_text("utf-8-sig")))}


@pytest.mark.parametrize(("name", "kind"), sorted(cards_of_schemas()))
def test_each_card_in_the_schemas_is_masked(name: str, kind: str) -> None:
    value: Any = {"string": "SECRET-1234", "array": ["SECRET-1234"]}.get(kind, 987651234)
    shown = frame(json.dumps([2, "1", "Any", {name: value}]))
    assert "SECRET" not in shown
    assert "98765" not in shown
    assert "1234" in shown


def test_the_schemas_have_cards() -> None:
    assert {"idTag", "parentIdTag", "idToken", "prioritizedEMAIDs"} <= {
        name for name, _ in cards_of_schemas()
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            '[4,"1","GenericError","tag 04a2b3c4 is blocked",{}]',
            '[4,"1","GenericError","tag ****b3c4 is blocked",{}]',
        ),
        ("no such card: 04A2B3C4", "no such card: ****B3C4"),
        ('{"transactionId":10012}, card 10012', '{"transactionId":10012}, card ****0012'),
        ("X04A2B3C4 is another", "X04A2B3C4 is another"),
        ("1: 12 of 123", "1: 12 of 123"),
    ],
)
def test_cards_of_the_exchange_are_masked_where_somebody_quotes_them(text: str, shown: str) -> None:
    assert frame(text, ["04A2B3C4", "10012", "12", ""]) == shown


def test_the_cards_of_a_frame_are_found() -> None:
    assert cards_in('[2,"1","X",{"idTag":"04A2","l":[{"idToken":"B5"}],"n":{"rfid":7}}]') == {
        "04A2",
        "B5",
        "7",
    }
