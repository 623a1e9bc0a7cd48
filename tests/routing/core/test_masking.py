"""Cards in frames are shown by their last characters only."""

from __future__ import annotations

import pytest

from routing.core.masking import frame, masked


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
        ('{"idTag":12345678}', '{"idTag":12345678}'),
        ('[2,"1","Heartbeat",{}]', '[2,"1","Heartbeat",{}]'),
    ],
    ids=["1.6", "parent", "2.x", "list", "in a string", "cut off", "escaped", "a number", "none"],
)
def test_cards_in_frames(text: str, shown: str) -> None:
    assert frame(text) == shown
