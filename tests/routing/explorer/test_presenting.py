"""Exchanges as programs get them, and frames as people read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.explorer.comparing import MOST_TOKENS, compare, pretty
from routing.explorer.folding import Exchange, fold
from routing.explorer.presenting import about, as_json
from routing.explorer.search import Names, SeenCharger
from tests.routing.rows import message

CALL = '[2,"m","Authorize",{"idTag":"CARD12345"}]'
COPY = '[2,"p1","Authorize",{"idTag":"OTHER6789"}]'
NAMES = Names({1: SeenCharger(1, "CP-1", sees_cards=True)}, {7: "Roaming"})


def exchange(**fields: Any) -> Exchange:
    given = {"text": CALL, "action": "Authorize", "id_tag": "CARD12345", "rule": "answered by Roaming"}
    head, copy = message(**(given | fields)), message(route=7, text=COPY, message_id="p1", action="Authorize")
    return fold([head, copy])[0]


def test_a_program_gets_all_of_it() -> None:
    told = as_json(exchange(), True, NAMES)
    assert json.loads(json.dumps(told)) == told
    assert (told["identity"], told["answered_by"], told["went"]) == ("CP-1", "Roaming", "well")
    assert told["at"] == "1970-01-01T00:00:00.000001+00:00"
    assert told["head"]["sent"] == CALL
    assert [(copy["with"], copy["sent"], copy["differs"]) for copy in told["copies"]] == [
        ("Roaming", COPY, True)
    ]


def test_without_the_right_no_card_is_told_anywhere() -> None:
    rule = 'says {"idTag":"CARD12345"}'
    told = json.dumps(as_json(exchange(answer=CALL, rule=rule), False, NAMES))
    assert "CARD12345" not in told
    assert "OTHER6789" not in told
    assert "****2345" in told


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        (
            "StatusNotification",
            '{"status":"Faulted","errorCode":"GroundFailure"}',
            ["Faulted", "GroundFailure"],
        ),
        ("StatusNotification", '{"status":"Charging","errorCode":"NoError"}', ["Charging"]),
        ("StopTransaction", '{"reason":"EVDisconnected"}', ["EVDisconnected"]),
        ("ChangeConfiguration", '{"key":"AuthorizationKey","value":"***"}', ["AuthorizationKey"]),
        ("Reset", '{"type":7}', []),
        ("Authorize", '{"idTag":"CARD"}', []),
        ("Reset", "{", []),
    ],
)
def test_what_it_is_about_is_told_in_a_word(action: str, payload: str, words: list[str]) -> None:
    (found,) = fold([message(action=action, text=f'[2,"m","{action}",{payload}]')])
    assert about(found) == words


def test_frames_are_written_with_line_breaks_and_every_token_as_it_was() -> None:
    assert (
        pretty('[3,"m",{"a":1.50,"b":1e3}]') == '[\n  3,\n  "m",\n  {\n    "a": 1.50,\n    "b": 1e3\n  }\n]'
    )
    assert [pretty(text) for text in ("", "{", "\ud800", "x")] == ["", "{", "\ud800", "x"]


def test_what_was_changed_is_marked() -> None:
    pieces = compare('[2,"m","A",{"transactionId":77,"v":1}]', '[2,"p","A",{"transactionId":9001,"v":1}]')
    assert [(piece.change, piece.text) for piece in pieces if piece.change != "same"] == [
        ("gone", "77"),
        ("new", "9001"),
    ]
    assert "".join(p.text for p in pieces if p.change != "gone") == '{\n  "transactionId": 9001,\n  "v": 1\n}'


def test_huge_frames_are_shown_without_marks() -> None:
    long = f'[2,"m","A",{{"a":[{",".join(["1"] * MOST_TOKENS)}]}}]'
    assert {piece.change for piece in compare(long, '[2,"m","A",{}]')} == {"same"}
