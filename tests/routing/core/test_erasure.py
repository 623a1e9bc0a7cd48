"""One card is taken out of any text, and nothing else is."""

from __future__ import annotations

import json

import msgspec
import pytest

from routing.core.erasure import ERASED, Eraser
from routing.core.lists import CardList, OnCharger

CARD = "04A2B3C4"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"idTag":"04A2B3C4","meterStart":1}', '{"idTag":"ERASED","meterStart":1}'),
        ('{"idTag":"04a2b3c4"}', '{"idTag":"ERASED"}'),
        ('{"idTag":"\\u00304A2B3C4"}', '{"idTag":"ERASED"}'),
        ('{"idTagInfo":{"parentIdTag":"04A2B3C4"}}', '{"idTagInfo":{"parentIdTag":"ERASED"}}'),
        ('{"groupIdToken":{"idToken":"04A2B3C4"}}', '{"groupIdToken":{"idToken":"ERASED"}}'),
        (r'{"data":"{\"idTag\":\"04A2B3C4\"}"}', r'{"data":"{\"idTag\":\"ERASED\"}"}'),
        (r'{"data":"{\"idTag\":\"\\u00304A2B3C4\"}"}', r'{"data":"{\"idTag\":\"ERASED\"}"}'),
        ('{"data":"card 04A2B3C4, of Ann"}', '{"data":"card ERASED, of Ann"}'),
        ('{"idTag":"04A2B3C4D5"}', '{"idTag":"04A2B3C4D5"}'),
        ('{"idTag":"X04A2B3C4"}', '{"idTag":"X04A2B3C4"}'),
    ],
)
def test_a_card_is_taken_out(text: str, left: str) -> None:
    assert Eraser(CARD).text("DataTransfer", text) == left


@pytest.mark.parametrize(
    ("action", "text", "left"),
    [
        (
            "StartTransaction",
            '{"idTag":123456,"meterStart":123456}',
            '{"idTag":"ERASED","meterStart":123456}',
        ),
        ("MeterValues", '{"value":"123456"}', '{"value":"123456"}'),
        ("DataTransfer", '{"data":{"n":123456,"s":"card 123456"}}', '{"data":{"n":0,"s":"card 0"}}'),
    ],
)
def test_a_card_of_digits_is_no_other_number(action: str, text: str, left: str) -> None:
    assert Eraser("123456").text(action, text) == left
    json.loads(left)


def test_a_short_number_is_taken_out_where_it_is_called_a_card_only() -> None:
    text = '{"idTag":"12","data":"12 A","connectorId":12}'
    assert Eraser("12").text("DataTransfer", text) == '{"idTag":"ERASED","data":"12 A","connectorId":12}'


@pytest.mark.parametrize("number", ["", "  "])
def test_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="without a number"):
        Eraser(number)


def test_what_is_remembered_may_be_the_card_alone() -> None:
    assert Eraser(CARD).remembered('"04a2b3c4"') == f'"{ERASED}"'
    assert Eraser("12").remembered("12") == "12"


@pytest.mark.parametrize("key", ["1.6/7", "1.6/charger"])
def test_a_local_list_is_left_without_the_card(key: str) -> None:
    entries = {
        "04a2b3c4": '{"idTag":"04A2B3C4"}',
        "other": '{"idTag":"OTHER","idTagInfo":{"parentIdTag":"04A2B3C4"}}',
    }
    cards = OnCharger(3, entries, is_known=True) if key.endswith("charger") else CardList(3, entries)
    left = json.loads(Eraser(CARD).local_list(key, msgspec.json.encode(cards).decode()))
    assert list(left["entries"]) == ["other"]
    assert "04A2B3C4" not in str(left)
    assert left["version"] == 3
    assert left.get("is_known", False) is False


def test_a_list_without_the_card_stays_as_it_is() -> None:
    payload = msgspec.json.encode(CardList(3, {"other": "{}"})).decode()
    assert Eraser(CARD).local_list("1.6/7", payload) is payload
