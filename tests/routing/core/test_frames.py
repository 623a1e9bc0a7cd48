"""The frame codec: what is read as which frame, what is salvaged from what is none."""

from __future__ import annotations

import json

import pytest

from routing.core import frames
from routing.core.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Malformed,
    Send,
    UnknownType,
    parse,
)

UUID = "d5b2c1f4-8a47-4a5f-9d6e-0f0d0f0d0f0d"
ODD_PAYLOAD = '{ "price" : 1.10, "big":1e400,\t"own":{"x":[ ]},"dup":1,\r\n"dup":2,"n":' + "7" * 5000 + "}"

# name, text, raw id, message id, action, payload
CALLS = [
    ("a heartbeat", '[2,"19223201","Heartbeat",{}]', '"19223201"', "19223201", "Heartbeat", "{}"),
    ("a uuid", f'[2,"{UUID}","Reset",{{"type":"Soft"}}]', f'"{UUID}"', UUID, "Reset", '{"type":"Soft"}'),
    ("a number as id", '[2,7,"Heartbeat",{}]', "7", "7", "Heartbeat", "{}"),
    ("a negative number as id", '[2,-7,"Heartbeat",{}]', "-7", "-7", "Heartbeat", "{}"),
    ("a fraction as id", '[2,7.50,"Heartbeat",{}]', "7.50", "7.50", "Heartbeat", "{}"),
    ("a long number as id", f'[2,{"9" * 5000},"A",{{}}]', "9" * 5000, "9" * 5000, "A", "{}"),
    ("leading zeros in the id", '[2,"0007","A",{}]', '"0007"', "0007", "A", "{}"),
    ("a colon in the id", '[2,"12:34","A",{}]', '"12:34"', "12:34", "A", "{}"),
    ("an id of twenty digits", '[2,"12345678901234567890","A",{}]', None, "12345678901234567890", "A", "{}"),
    ("an id of 37 characters", f'[2,"{"x" * 37}","A",{{}}]', None, "x" * 37, "A", "{}"),
    ("an id of 100,000 characters", f'[2,"{"x" * 100_000}","A",{{}}]', None, "x" * 100_000, "A", "{}"),
    ("an empty id", '[2,"","A",{}]', '""', "", "A", "{}"),
    ("a space in the id", '[2," 1 ","A",{}]', '" 1 "', " 1 ", "A", "{}"),
    ("an id beyond ASCII", '[2,"ä😀","A",{}]', '"ä😀"', "ä😀", "A", "{}"),
    ("an escaped id", '[2,"\\u0041\\"\\\\","A",{}]', '"\\u0041\\"\\\\"', 'A"\\', "A", "{}"),
    ("an escaped pair in the id", '[2,"\\ud83d\\ude00","A",{}]', '"\\ud83d\\ude00"', "😀", "A", "{}"),
    ("an escaped action", '[2,"1","\\u0052eset",{}]', '"1"', "1", "Reset", "{}"),
    ("a quote in the action", '[2,"1","a\\"b",{}]', '"1"', "1", 'a"b', "{}"),
    ("an empty action", '[2,"1","",{}]', '"1"', "1", "", "{}"),
    ("spaces around separators", '[2 , "1" , "A" , {} ]', '"1"', "1", "A", "{}"),
    ("line feeds anywhere", '\r\n[\n2\n,\n"1"\n,\n"A"\n,\n{\n}\n]\n\n', '"1"', "1", "A", "{\n}"),
    ("tabs anywhere", '\t[\t2,"1",\t"A",{\t"a":\t1}\t]\t', '"1"', "1", "A", '{\t"a":\t1}'),
    ("a byte order mark", '\ufeff[2,"1","A",{}]', '"1"', "1", "A", "{}"),
    ("null as payload", '[2,"1","A",null]', '"1"', "1", "A", "null"),
    ("escapes in the payload", '[2,"1","A",{"a":"\\n\\u00e9\\""}]', '"1"', "1", "A", '{"a":"\\n\\u00e9\\""}'),
    ("half a pair in the payload", '[2,"1","A",{"a":"x\\ud83d"}]', '"1"', "1", "A", '{"a":"x\\ud83d"}'),
    ("an escaped NUL in the payload", '[2,"1","A",{"a":"\\u0000"}]', '"1"', "1", "A", '{"a":"\\u0000"}'),
    ("a delete character in the payload", '[2,"1","A",{"a":"\x7f"}]', '"1"', "1", "A", '{"a":"\x7f"}'),
    ("letters beyond ASCII", '[2,"1","A",{"a":"ß😀"}]', '"1"', "1", "A", '{"a":"ß😀"}'),
    ("an odd payload", f'[2,"1","A",{ODD_PAYLOAD}]', '"1"', "1", "A", ODD_PAYLOAD),
    ("an odd payload and a number", f'[2,1,"A",{ODD_PAYLOAD}]', "1", "1", "A", ODD_PAYLOAD),
    ("a frame in a string", '[2,"1","A",{"a":"[2,\\"2\\",\\"B\\",{}]"}]', '"1"', "1", "A", None),
    ("empty keys", '[2,"1","A",{"":{"":[]}}]', '"1"', "1", "A", '{"":{"":[]}}'),
]


@pytest.mark.parametrize(
    ("text", "raw_id", "message_id", "action", "payload"),
    [row[1:] for row in CALLS],
    ids=[r[0] for r in CALLS],
)
class TestWhatIsReadAsACall:
    def test_each_part_is_there(
        self, text: str, raw_id: str | None, message_id: str, action: str, payload: str | None
    ) -> None:
        call = parse(text)

        assert isinstance(call, Call)
        assert (call.message_id, call.action, call.text) == (message_id, action, text)
        assert call.raw_id == (raw_id if raw_id is not None else f'"{message_id}"')
        assert call.payload in text
        assert payload is None or call.payload == payload

    def test_a_send_reads_the_same(
        self, text: str, raw_id: str | None, message_id: str, action: str, payload: str | None
    ) -> None:
        call, send = parse(text), parse(text.replace("2", "6", 1))

        assert isinstance(call, Call)
        assert isinstance(send, Send)
        assert (send.message_id, send.raw_id) == (call.message_id, call.raw_id)
        assert (send.action, send.payload) == (call.action, call.payload)

    def test_its_answer_repeats_the_id_as_written(
        self, text: str, raw_id: str | None, message_id: str, action: str, payload: str | None
    ) -> None:
        call = parse(text)
        assert isinstance(call, Call)

        answer = parse(frames.call_result(call.raw_id, call.payload))

        assert isinstance(answer, CallResult)
        assert (answer.message_id, answer.raw_id, answer.payload) == (message_id, call.raw_id, call.payload)


@pytest.mark.parametrize(
    ("text", "raw_id", "payload"),
    [
        ('[3,"1",{}]', '"1"', "{}"),
        ('[3,1,{"status":"Accepted"}]', "1", '{"status":"Accepted"}'),
        (' [ 3 , "1" , { } ] ', '"1"', "{ }"),
        ('[3,"1",null]', '"1"', "null"),
        ('[3,"\\u0031",{"a":"\\\\"}]', '"\\u0031"', '{"a":"\\\\"}'),
        (f'[3,"1",{ODD_PAYLOAD}]', '"1"', ODD_PAYLOAD),
        ('\ufeff[3,"1",{"a":"\\udc00"}]', '"1"', '{"a":"\\udc00"}'),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_call_result_is_read(text: str, raw_id: str, payload: str) -> None:
    assert parse(text) == CallResult("1", raw_id, payload, text)


@pytest.mark.parametrize(("message_type", "kind"), [(4, CallError), (5, CallResultError)])
@pytest.mark.parametrize(
    ("rest", "code", "description", "details"),
    [
        ('"InternalError","went wrong",{"a":1.10}', "InternalError", "went wrong", '{"a":1.10}'),
        ('"InternalError","",{}', "InternalError", "", "{}"),
        ('"InternalError","went wrong"', "InternalError", "went wrong", "{}"),
        ('"InternalError",{"a":1}', "InternalError", "", '{"a":1}'),
        ('"InternalError",null', "InternalError", "", "{}"),
        ('"InternalError","","text"', "InternalError", "", '"text"'),
        ('"InternalError","",""', "InternalError", "", '""'),
        ('"InternalError","",null', "InternalError", "", "null"),
        ('"InternalError","",[1]', "InternalError", "", "[1]"),
        ('"InternalError",null,{}', "InternalError", "", "{}"),
        ('"InternalError",12,{}', "InternalError", "12", "{}"),
        ('"InternalError",{"a":1},{}', "InternalError", '{"a":1}', "{}"),
        (' "InternalError" ,\n"x" , { } ', "InternalError", "x", "{ }"),
        ('"a\\"b","c\\n\\u00e9",{}', 'a"b', "c\né", "{}"),
        ('"a\\u0000b","c\\ud800",{}', "a\ufffdb", "c\ufffd", "{}"),
        ('"","",{}', "", "", "{}"),
    ],
    ids=ascii,
)
def test_an_error_is_read(
    message_type: int, kind: type[CallError], rest: str, code: str, description: str, details: str
) -> None:
    text = f'[{message_type},"1",{rest}]'
    assert parse(text) == kind("1", '"1"', code, description, details, text)


@pytest.mark.parametrize(
    ("text", "message_type", "message_id", "raw_id"),
    [
        ('[1,"7"]', 1, "7", '"7"'),
        ('[7,"7","A",{}]', 7, "7", '"7"'),
        ('[7,7,"A",{}]', 7, "7", "7"),
        ("[0]", 0, None, None),
        ("[-2,{}]", -2, None, None),
        ("[42,null,1]", 42, None, None),
        ('[999999999,"\\u0000"]', 999999999, None, None),
    ],
)
def test_an_unknown_message_type_keeps_its_number(
    text: str, message_type: int, message_id: str | None, raw_id: str | None
) -> None:
    assert parse(text) == UnknownType(text, message_type, message_id, raw_id)


# text, the sentence (its beginning, after "not an OCPP-J frame: "), message type, message id, raw id
WRONG_SHAPES = [
    ("[]", "the first element must be a message type, 2 to 6; got '[]'", None, None),
    ('["2","1","A",{}]', "the first element must be a message type, 2 to 6; got '\"2\"'", None, None),
    ('[2.0,"1","A",{}]', "the first element must be a message type, 2 to 6; got '2.0'", None, None),
    ('[null,"1","A",{}]', "the first element must be a message type, 2 to 6; got 'null'", None, None),
    ('[[2],"1","A",{}]', "the first element must be a message type, 2 to 6; got '[2]'", None, None),
    (f'[{"2" * 5000},"1"]', "the first element must be a message type, 2 to 6; got '2222", None, None),
    ("{}", "expected a JSON array; got '{}'", None, None),
    ("2", "expected a JSON array; got '2'", None, None),
    ('"x"', "expected a JSON array; got '\"x\"'", None, None),
    ("null", "expected a JSON array; got 'null'", None, None),
    ("[2]", "a CALL has 4 elements, [2, message id, action, payload]; got 1: '[2]'", 2, None),
    ('[2,"1"]', "a CALL has 4 elements, [2, message id, action, payload]; got 2:", 2, '"1"'),
    ('[2,"1","A"]', "a CALL has 4 elements, [2, message id, action, payload]; got 3:", 2, '"1"'),
    ('[2,1,"A"]', "a CALL has 4 elements, [2, message id, action, payload]; got 3:", 2, "1"),
    ('[2,"1","A",{},{}]', "a CALL has 4 elements, [2, message id, action, payload]; got 5:", 2, '"1"'),
    ('[6,"1","A"]', "a SEND has 4 elements, [6, message id, action, payload]; got 3:", 6, '"1"'),
    ('[3,"1"]', "a CALLRESULT has 3 elements, [3, message id, payload]; got 2:", 3, '"1"'),
    ('[3,"1",{},{}]', "a CALLRESULT has 3 elements, [3, message id, payload]; got 4:", 3, '"1"'),
    ('[4,"1","A"]', "a CALLERROR has 4 or 5 elements, [4, message id, code,", 4, '"1"'),
    ('[4,"1","A","",{},1]', "a CALLERROR has 4 or 5 elements, [4, message id, code,", 4, '"1"'),
    ('[5,"1"]', "a CALLRESULTERROR has 4 or 5 elements, [5, message id, code,", 5, '"1"'),
    ('[2,null,"A",{}]', "the message id must be a string without control characters; got 'null'", 2, None),
    ('[2,true,"A",{}]', "the message id must be a string without control characters; got 'true'", 2, None),
    ('[2,["1"],"A",{}]', "the message id must be a string without control characters; got '[", 2, None),
    ('[2,"a\\u0000","A",{}]', "the message id must be a string without control characters; got", 2, None),
    ('[2,"a\\nb","A",{}]', "the message id must be a string without control characters; got", 2, None),
    ('[2,"\\ud800","A",{}]', "the message id must be a string without control characters; got", 2, None),
    ("[3,{},{}]", "the message id must be a string without control characters; got '{}'", 3, None),
    ('[2,"1",7,{}]', "the action must be a string; got '7'", 2, '"1"'),
    ('[2,"1",null,{}]', "the action must be a string; got 'null'", 2, '"1"'),
    ('[2,"1",{"a":1},{}]', "the action must be a string; got", 2, '"1"'),
    ('[2,"1","\\u0000",{}]', "the action must be a string; got", 2, '"1"'),
    ('[6,"1",[],{}]', "the action must be a string; got '[]'", 6, '"1"'),
    ('[2,"1","A",[]]', "the payload must be a JSON object; got '[]'", 2, '"1"'),
    ('[2,"1","A","{}"]', "the payload must be a JSON object; got '\"{}\"'", 2, '"1"'),
    ('[2,"1","A",7]', "the payload must be a JSON object; got '7'", 2, '"1"'),
    ('[2,"1","A",false]', "the payload must be a JSON object; got 'false'", 2, '"1"'),
    ('[2,"1","A",' + "9" * 5000 + "]", "the payload must be a JSON object; got '9999", 2, '"1"'),
    ('[3,"1",""]', "the payload must be a JSON object; got '\"\"'", 3, '"1"'),
    ('[3,"1",[{}]]', "the payload must be a JSON object; got '[{}]'", 3, '"1"'),
    ('[4,"1",null,"",{}]', "the error code must be a string; got 'null'", 4, '"1"'),
    ('[5,"1",5,"",{}]', "the error code must be a string; got '5'", 5, '"1"'),
]


@pytest.mark.parametrize(
    ("text", "problem", "message_type", "raw_id"),
    WRONG_SHAPES,
    ids=[ascii(row[0])[:40] for row in WRONG_SHAPES],
)
def test_json_of_the_wrong_shape_says_what_is_wrong(
    text: str, problem: str, message_type: int | None, raw_id: str | None
) -> None:
    frame = parse(text)

    assert isinstance(frame, Malformed)
    assert frame.problem.startswith(f"not an OCPP-J frame: {problem}")
    assert (frame.text, frame.message_type, frame.raw_id) == (text, message_type, raw_id)
    assert frame.message_id == (None if raw_id is None else raw_id.strip('"'))


# text, a piece of the sentence that every Python says alike, message type, raw id
NOT_JSON = [
    ("", "invalid JSON at character 0: expecting a value; got ''", None, None),
    (" ", "invalid JSON at character 1: expecting a value; got ' '", None, None),
    ("hello", "invalid JSON at character 0: expecting a value; got 'hello'", None, None),
    ("[2,", "invalid JSON at character 3: expecting a value; got '[2,'", 2, None),
    ("[2", "invalid JSON at character 2: expecting a comma", None, None),
    ('[2,"1","A",{}', "invalid JSON at character 13: expecting a comma or the end", 2, '"1"'),
    ('[2,"1","A",{"a":1', "invalid JSON at character 17: expecting a comma or the end", 2, '"1"'),
    ('[2,"1","A",{"a"', "invalid JSON at character 15: expecting a colon", 2, '"1"'),
    ('[2,"1","A",{"a":"x', "invalid JSON at character 16: a string that does not end", 2, '"1"'),
    ('[3,"1",{"a":}]', "invalid JSON at character 12: expecting a value", 3, '"1"'),
    ('[3,1,{"a":}]', "invalid JSON at character 10: expecting a value", 3, "1"),
    ('[3,-1,{"a":}]', "invalid JSON", 3, "-1"),
    ('[3,"1",{"status":"Accep', "a string that does not end", 3, '"1"'),
    ('[2,"1","A",{a:1}]', "expecting a key in double quotes", 2, '"1"'),
    ('[2,"1","A",{"a":1,}]', "invalid JSON at character 1", 2, '"1"'),
    ('[2,"1","A",{},]', "invalid JSON at character 1", 2, '"1"'),
    ('[2,"1","A",,{}]', "invalid JSON at character 11: expecting a value", 2, '"1"'),
    ('[2,,"A",{}]', "invalid JSON at character 3: expecting a value", 2, None),
    ('[2,"1","A",{}]]', "invalid JSON at character 14: text after the end of the frame", 2, '"1"'),
    ('[2,"1","A",{}][3]', "invalid JSON at character 14: text after the end of the frame", 2, '"1"'),
    ('[2,"1","A",{}]\x00', "invalid JSON at character 14: text after the end of the frame", 2, '"1"'),
    ('\x00[2,"1","A",{}]', "invalid JSON at character 0: expecting a value", None, None),
    ('[2,"1","A",{"a":"\x00"}]', "a control character in a string", 2, '"1"'),
    ('[2,"1","A",{"a":"x\ny"}]', "a control character in a string", 2, '"1"'),
    ('[2,"1\x00","A",{}]', "a control character in a string", 2, None),
    ('[2,"1","A",{"a":NaN}]', "invalid JSON: NaN is not a JSON value", 2, '"1"'),
    ('[2,"1","A",{"a":Infinity}]', "invalid JSON: Infinity is not a JSON value", 2, '"1"'),
    ('[2,"1","A",{"a":-Infinity}]', "invalid JSON: -Infinity is not a JSON value", 2, '"1"'),
    ('[2,"1","A",{"a":01}]', "invalid JSON at character 17", 2, '"1"'),
    ('[2,"1","A",{"a":1.}]', "invalid JSON at character 17", 2, '"1"'),
    ('[2,"1","A",{"a":.5}]', "invalid JSON at character 16: expecting a value", 2, '"1"'),
    ('[2,"1","A",{"a":+5}]', "invalid JSON at character 16: expecting a value", 2, '"1"'),
    ('[2,"1","A",{"a":tru}]', "invalid JSON at character 16: expecting a value", 2, '"1"'),
    ('[2,"1","A",{\'a\':1}]', "expecting a key in double quotes", 2, '"1"'),
    ('[2,"1","A",{"a":"\\x"}]', "invalid JSON at character", 2, '"1"'),
    ('[2,"1","A",{"a":"\\u12"}]', "invalid JSON at character", 2, '"1"'),
    ('[2,"a\\"b","A",{', "invalid JSON", 2, None),
    ('[2,"' + "x" * 36 + '","A",{', "invalid JSON", 2, '"' + "x" * 36 + '"'),
    ('[2,"' + "x" * 37 + '","A",{', "invalid JSON", 2, None),
    ("[3,12", "invalid JSON", 3, None),
    ("[3,12,", "invalid JSON", 3, "12"),
    ('[3,"12', "a string that does not end", 3, None),
    (' [ 2 , "1" , "A" , { ', "invalid JSON", 2, '"1"'),
    ('\r\n[\n2\n,\n"1"\n,\n', "invalid JSON", 2, '"1"'),
    ('\ufeff[2,"1",', "invalid JSON", 2, '"1"'),
    ('{"a":', "invalid JSON", None, None),
    (f'[{"2" * 5000},"1",', "invalid JSON", None, None),
    ('[2,"1","A",{}\xa0]', "invalid JSON at character 13", 2, '"1"'),
    ('[\uff12,"1","A",{}]', "invalid JSON at character 1: expecting a value", None, None),
]


@pytest.mark.parametrize(
    ("text", "problem", "message_type", "raw_id"), NOT_JSON, ids=[ascii(row[0])[:40] for row in NOT_JSON]
)
def test_text_that_is_not_json_says_where_and_is_salvaged(
    text: str, problem: str, message_type: int | None, raw_id: str | None
) -> None:
    frame = parse(text)

    assert isinstance(frame, Malformed)
    assert frame.problem.startswith("not an OCPP-J frame: invalid JSON")
    assert problem in frame.problem
    assert (frame.message_type, frame.raw_id) == (message_type, raw_id)
    assert frame.message_id == (None if raw_id is None else raw_id.strip('"'))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[2,"1","A",{"a":"\x00"}]', '[2,"1","A",{"a":"\ufffd"}]'),
        ('[2,"1","A",{"a":"\ud800"}]', '[2,"1","A",{"a":"\ufffd"}]'),
        ('[2,"1\udfff","A",{}]', '[2,"1\ufffd","A",{}]'),
        ("\x00\x01\ud800", "\ufffd\x01\ufffd"),
    ],
    ids=ascii,
)
def test_malformed_text_is_kept_as_a_database_can_store_it(text: str, kept: str) -> None:
    frame = parse(text)

    assert isinstance(frame, Malformed)
    assert frame.text == kept
    frame.problem.encode()


def test_a_lone_surrogate_is_said_where() -> None:
    frame = parse('[2,"1","A",{"a":"\ud800"}]')

    assert isinstance(frame, Malformed)
    assert "character 17 is half of a surrogate pair" in frame.problem
    assert (frame.message_type, frame.raw_id) == (2, '"1"')


def test_a_sentence_shows_the_beginning_of_the_value_only() -> None:
    frame = parse('[2,"1","Authorize",{"idTag":"' + "0" * 50 + "SECRET")

    assert isinstance(frame, Malformed)
    assert frame.problem.endswith('got \'[2,"1","Authorize",{"idTag":"00000000000...\'')


def nested(levels: int, *, opening: str = "[", closing: str = "]", core: str = "1") -> str:
    """A CALL whose text nests ``levels`` levels, the frame's array and the payload's object included."""
    return '[2,"1","A",{"a":' + opening * (levels - 2) + core + closing * (levels - 2) + "}]"


class TestDepth:
    @pytest.mark.parametrize("shape", [("[", "]"), ('{"a":', "}"), ("[ ", " ]")], ids=str)
    @pytest.mark.parametrize("levels", [3, 31, 32])
    def test_up_to_32_levels_are_read(self, levels: int, shape: tuple[str, str]) -> None:
        assert isinstance(parse(nested(levels, opening=shape[0], closing=shape[1])), Call)

    @pytest.mark.parametrize("shape", [("[", "]"), ('{"a":', "}"), ("[ ", " ]")], ids=str)
    @pytest.mark.parametrize("levels", [33, 34, 100, 900, 1000, 1100, 5000, 100_000])
    def test_more_are_malformed(self, levels: int, shape: tuple[str, str]) -> None:
        frame = parse(nested(levels, opening=shape[0], closing=shape[1]))

        assert isinstance(frame, Malformed)
        assert "objects and arrays may nest 32 levels" in frame.problem
        assert (frame.message_type, frame.message_id, frame.raw_id) == (2, "1", '"1"')

    def test_not_even_an_end_is_needed(self) -> None:
        assert isinstance(parse("[" * 100_000), Malformed)
        assert isinstance(parse('[2,"1","A",{"a":' * 25_000), Malformed)

    def test_brackets_in_strings_are_no_levels(self) -> None:
        assert isinstance(parse('[2,"1","A",{"a":"' + "[{" * 100 + '","b":"' + "]}" * 100 + '"}]'), Call)

    def test_brackets_in_strings_hide_no_levels(self) -> None:
        text = '[2,"1","A",{"a":' + '["]",' * 40 + "1" + ',"["]' * 40 + "}]"
        json.loads(text)

        assert isinstance(parse(text), Malformed)

    def test_many_values_side_by_side_are_no_levels(self) -> None:
        sample = '{"value":"1","unit":"A"}'
        for separator in (",", ", ", ",\n"):
            values = separator.join([sample] * 500)
            assert isinstance(parse(f'[2,"1","MeterValues",{{"a":[{values}],"b":[{values}]}}]'), Call)

    def test_deep_levels_among_many_values_are_found(self) -> None:
        values = ",".join(["[{}]"] * 100)
        for front, back in (("", "," + values), (values + ",", ""), (values + ",", "," + values)):
            for levels, kind in ((29, Call), (30, Malformed)):
                text = f'[2,"1","A",{{"a":[{front}{"[" * levels}{"]" * levels}{back}]}}]'
                assert isinstance(parse(text), kind), (front[:5], back[:5], levels)

    def test_an_id_that_is_a_number_is_checked_as_well(self) -> None:
        assert isinstance(parse(nested(33).replace('"1"', "1", 1)), Malformed)
        assert isinstance(parse(nested(32).replace('"1"', "1", 1)), Call)


def test_nothing_of_a_payload_changes() -> None:
    call = parse(f'[2,"1","A",{ODD_PAYLOAD}]')
    assert isinstance(call, Call)

    relayed = frames.call(UUID, call.action, call.payload)

    assert relayed == f'[2,"{UUID}","A",{ODD_PAYLOAD}]'


@pytest.mark.parametrize(
    ("payload", "empty"),
    [
        ("{}", True),
        ("{ \n}", True),
        ("null", True),
        ('{"a":1}', False),
        ('{ "a":null }', False),
        ("{ } ", False),
    ],
)
def test_an_empty_payload_is_told(payload: str, empty: bool) -> None:
    assert frames.is_empty(payload) is empty


class TestWriting:
    def test_a_call(self) -> None:
        assert frames.call("1", "Reset", '{"type":"Soft"}') == '[2,"1","Reset",{"type":"Soft"}]'

    def test_a_send(self) -> None:
        assert frames.send("1", "NotifyPeriodicEventStream", "{}") == '[6,"1","NotifyPeriodicEventStream",{}]'

    def test_a_call_result_with_either_kind_of_id(self) -> None:
        assert frames.call_result('"1"', "{}") == '[3,"1",{}]'
        assert frames.call_result("1", "{}") == "[3,1,{}]"

    def test_a_call_error(self) -> None:
        assert frames.call_error("7", "NotImplemented", 'no "X"') == '[4,7,"NotImplemented","no \\"X\\"",{}]'
        assert frames.call_error('"-1"', "RpcFrameworkError", "") == '[4,"-1","RpcFrameworkError","",{}]'
        assert frames.call_error('"1"', "InternalError", "", '{"a":1.10}').endswith(',{"a":1.10}]')

    def test_a_call_result_error(self) -> None:
        assert frames.call_result_error('"1"', "FormatViolation", "x") == '[5,"1","FormatViolation","x",{}]'

    def test_a_long_description_is_cut(self) -> None:
        error = parse(frames.call_error('"1"', "InternalError", "é" * 300))

        assert isinstance(error, CallError)
        assert error.description == "é" * 255

    @pytest.mark.parametrize(
        "text", ["", "a", 'a"b', "a\\", "\n", "\x00", "é", "😀", "\ud800", "</script>"], ids=ascii
    )
    def test_a_quoted_string_is_json_in_ascii(self, text: str) -> None:
        assert json.loads(frames.quote(text)) == text
        assert frames.quote(text).isascii()
