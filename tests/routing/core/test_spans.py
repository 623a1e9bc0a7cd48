"""Patching by token span: the token changes, nothing else does."""

from __future__ import annotations

import json

import pytest

from routing.core import spans

METER_VALUES = (
    '{"connectorId":1,"transactionId":42,"meterValue":[{"timestamp":"2024-05-01T10:00:00Z",'
    '"sampledValue":[{"value":"1.10","unit":"Wh"},{"value":"16","unit":"A"}]}]}'
)

# name, payload, path, tokens found
FOUND = [
    ("at the front", '{"transactionId":1,"b":2}', "$.transactionId", ["1"]),
    ("at the end", '{"b":2,"transactionId":1}', "$.transactionId", ["1"]),
    ("alone", '{"transactionId":1}', "$.transactionId", ["1"]),
    ("behind an object", '{"b":{"c":1},"transactionId":1}', "$.transactionId", ["1"]),
    ("behind an array", '{"b":[1,[2]],"transactionId":1}', "$.transactionId", ["1"]),
    ("between objects", '{"b":{"c":1},"transactionId":1,"d":{"e":2}}', "$.transactionId", ["1"]),
    ("before an object", '{"transactionId":1,"d":{"e":2}}', "$.transactionId", ["1"]),
    ("in meter values", METER_VALUES, "$.transactionId", ["42"]),
    ("a string", '{"a":"x y"}', "$.a", ['"x y"']),
    ("an empty string", '{"a":""}', "$.a", ['""']),
    ("a string with escaped quotes", '{"a":"x\\"y"}', "$.a", ['"x\\"y"']),
    ("a string that ends with a backslash", '{"a":"x\\\\","b":1}', "$.a", ['"x\\\\"']),
    ("a string of brackets", '{"a":"}{][","b":1}', "$.a", ['"}{]["']),
    ("true", '{"a":true}', "$.a", ["true"]),
    ("null", '{"a":null}', "$.a", ["null"]),
    ("a number as written", '{"a":1.10}', "$.a", ["1.10"]),
    ("a number beyond float", '{"a":-1e400,"b":1}', "$.a", ["-1e400"]),
    ("a number with a signed exponent", '{"a":1E+5}', "$.a", ["1E+5"]),
    ("a very long integer", '{"a":' + "9" * 5000 + "}", "$.a", ["9" * 5000]),
    ("an object", '{"a":{"b":[1,{"c":"}"}]},"d":2}', "$.a", ['{"b":[1,{"c":"}"}]}']),
    ("an empty object", '{"a":{},"d":2}', "$.a", ["{}"]),
    ("an object of space", '{"a":{ \n},"d":2}', "$.a", ["{ \n}"]),
    ("an array", '{"a":[1,2],"d":2}', "$.a", ["[1,2]"]),
    ("an array of arrays", '{"a":[[],[[]]],"d":2}', "$.a", ["[[],[[]]]"]),
    ("space everywhere", ' {\n "a" :\t1 , "b" : 2 } ', "$.a", ["1"]),
    ("space everywhere, last", ' {\n "a" :\t1 , "b" : 2 } ', "$.b", ["2"]),
    ("a line feed before the colon", '{"a"\n:\r\n1}', "$.a", ["1"]),
    ("nested", '{"a":{"b":1}}', "$.a.b", ["1"]),
    ("nested three deep", '{"a":{"b":{"c":"x"}}}', "$.a.b.c", ['"x"']),
    ("nested behind another member", '{"a":{"x":1,"b":2}}', "$.a.b", ["2"]),
    ("nested behind an object", '{"a":{"x":{"y":1},"b":2}}', "$.a.b", ["2"]),
    ("nested in the last object", '{"m":[{"v":1}],"a":{"x":1,"b":2}}', "$.a.b", ["2"]),
    ("nested in the last object, more behind", '{"m":[{"v":1}],"a":{"b":2},"z":"y"}', "$.a.b", ["2"]),
    ("nested between objects", '{"m":{"v":1},"a":{"b":2},"z":{"y":1}}', "$.a.b", ["2"]),
    ("elements", '{"a":[1,"x",null,{"b":1}]}', "$.a[]", ["1", '"x"', "null", '{"b":1}']),
    ("elements with space", '{"a":[ 1 ,\n2 ]}', "$.a[]", ["1", "2"]),
    ("members of elements", '{"a":[{"id":1},{"id":2},{"x":3}]}', "$.a[].id", ["1", "2"]),
    (
        "members of elements of elements",
        '{"a":[{"b":[{"c":1},{"c":2}]},{"b":[]}]}',
        "$.a[].b[].c",
        ["1", "2"],
    ),
    ("elements of the root", '[2,"x",{"a":[1]}]', "$[]", ["2", '"x"', '{"a":[1]}']),
    ("members of elements of the root", '[{"a":1},{"a":2}]', "$[].a", ["1", "2"]),
    ("elements of elements", '{"a":[[1,2],[3]]}', "$.a[][]", ["1", "2", "3"]),
    ("no elements", '{"a":[]}', "$.a[]", []),
    ("a key written twice", '{"a":1,"b":0,"a":2}', "$.a", ["1", "2"]),
    ("a parent written twice", '{"a":{"b":1},"a":{"b":2}}', "$.a.b", ["1", "2"]),
    ("a key written twice below", '{"a":{"b":1,"b":2}}', "$.a.b", ["1", "2"]),
    ("an escaped key", '{"transaction\\u0049d":7}', "$.transactionId", ["7"]),
    ("an escaped key and the plain one", '{"\\u0061":7,"a":8}', "$.a", ["7", "8"]),
    ("a wholly escaped parent", '{"\\u0061":{"b":8}}', "$.a.b", ["8"]),
    ("an escaped backslash before u is no escape", '{"x\\\\u0061":7,"a":8}', "$.a", ["8"]),
    ("absent", '{"b":1}', "$.a", []),
    ("absent in an empty object", "{}", "$.a", []),
    ("absent in null", "null", "$.a", []),
    ("absent in an array", '[{"a":1}]', "$.a", []),
    ("only nested", '{"b":{"a":1}}', "$.a", []),
    ("only nested in an array", '{"b":[{"a":1}]}', "$.a", []),
    ("only in the parent's sibling", '{"a":{"x":1},"c":{"b":1}}', "$.a.b", []),
    ("only beside the parent", '{"a":{"x":1},"b":1}', "$.a.b", []),
    ("only before the parent", '{"b":1,"a":{"x":1}}', "$.a.b", []),
    ("only deeper than the path", '{"a":{"c":{"b":1}}}', "$.a.b", []),
    ("the parent is a string", '{"a":"b","b":1}', "$.a.b", []),
    ("the parent is an array", '{"a":[{"b":1}]}', "$.a.b", []),
    ("the array is an object", '{"a":{"b":1}}', "$.a[].b", []),
    ("at the root and nested", '{"b":{"a":1},"a":2}', "$.a", ["2"]),
    ("nested and at the root", '{"a":2,"b":{"a":1}}', "$.a", ["2"]),
    ("nested and at both", '{"a":{"a":2},"b":{"a":1}}', "$.a.a", ["2"]),
    ("the key as a value", '{"b":"a","c":1}', "$.a", []),
    ("the key as a value before it", '{"b":"a","a":1}', "$.a", ["1"]),
    ("the key as its own value", '{"a":"a","b":1}', "$.a", ['"a"']),
    ("the key as an element", '{"b":["a"],"a":1}', "$.a", ["1"]),
    ("a member in a string", '{"b":"{\\"a\\":1}"}', "$.a", []),
    ("a member in a string before it", '{"b":",\\"a\\":1,","a":2}', "$.a", ["2"]),
    ("a member in a string behind it", '{"a":2,"b":",\\"a\\":1,"}', "$.a", ["2"]),
    ("a key that ends like it", '{"x\\"a":1}', "$.a", []),
    ("a longer key", '{"aa":1,"xa":2}', "$.a", []),
    ("a key with a quote in it", '{"x\\"a":1,"a":2}', "$.a", ["2"]),
    ("opening brackets in a string before it", '{"b":"{[","a":1}', "$.a", ["1"]),
    ("closing brackets in a string behind it", '{"b":{"a":1},"c":"}"}', "$.a", []),
    ("closing brackets in a string, nested", '{"x":[],"a":{"c":{"b":1}},"d":"}}"}', "$.a.b", []),
    ("brackets of a string balance nested ones", '{"b":{"c":"}","a":1}}', "$.a", []),
    ("letters beyond ASCII", '{"é":"ü","a":"ß😀"}', "$.a", ['"ß😀"']),
    ("keys with a dash and an underscore", '{"a-b_c":1}', "$.a-b_c", ["1"]),
]


@pytest.mark.parametrize(
    ("payload", "path", "tokens"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND]
)
class TestWhereverATokenIs:
    def test_it_is_found(self, payload: str, path: str, tokens: list[str]) -> None:
        assert spans.find(payload, path) == tokens

    def test_it_alone_is_patched(self, payload: str, path: str, tokens: list[str]) -> None:
        patched = spans.patch(payload, {path: '"new"'})

        assert spans.find(patched, path) == ['"new"'] * len(tokens)
        rest = patched
        for token in tokens:
            rest = rest.replace('"new"', token, 1)
        assert rest == payload
        if len(set(tokens)) == 1:
            assert spans.patch(payload, {path: tokens[0]}) == payload

    def test_deleting_it_leaves_valid_json_without_it(
        self, payload: str, path: str, tokens: list[str]
    ) -> None:
        deleted = spans.patch(payload, {path: None})

        json.JSONDecoder(parse_int=str).decode(deleted)
        assert spans.find(deleted, path) == []
        if not tokens:
            assert deleted == payload

    def test_inserting_patches_it_or_adds_it_to_its_parent(
        self, payload: str, path: str, tokens: list[str]
    ) -> None:
        if path.endswith("[]"):
            return
        inserted = spans.insert(payload, path, '"new"')

        json.JSONDecoder(parse_int=str).decode(inserted)
        assert spans.find(inserted, path)[: len(tokens)] == ['"new"'] * len(tokens)
        assert set(spans.find(inserted, path)) <= {'"new"'}


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        ('{"a":1}', "$.a", "{}"),
        ('{ "a" : 1 }', "$.a", "{  }"),
        ('{"a":1,"b":2}', "$.a", '{"b":2}'),
        ('{"a":1 , "b":2}', "$.a", '{"b":2}'),
        ('{"a":1,"b":2}', "$.b", '{"a":1}'),
        ('{"a":1 , "b":2 }', "$.b", '{"a":1  }'),
        ('{"a":1,"b":2,"c":3}', "$.b", '{"a":1,"c":3}'),
        ('{"a":1,\n "b":2,\n "c":3}', "$.b", '{"a":1,\n "c":3}'),
        ('{"a":1,"a":2}', "$.a", "{}"),
        ('{"a":1,"a":2,"b":3}', "$.a", '{"b":3}'),
        ('{"a":1,"b":3,"a":2}', "$.a", '{"b":3}'),
        ('{"b":3,"a":1,"a":2}', "$.a", '{"b":3}'),
        ('{"a":1,"b":3,"a":2,"c":4,"a":5}', "$.a", '{"b":3,"c":4}'),
        ('{"x":{"a":1,"b":2},"y":3}', "$.x.a", '{"x":{"b":2},"y":3}'),
        ('{"x":{"a":{"c":[1]}},"y":3}', "$.x.a", '{"x":{},"y":3}'),
        ('{"x":[{"a":1},{"a":2,"b":3},{"b":4,"a":5}]}', "$.x[].a", '{"x":[{},{"b":3},{"b":4}]}'),
        ('{"x":[1, 2 ,3]}', "$.x[]", '{"x":[]}'),
        ('{"a":"x,\\"","b":","}', "$.a", '{"b":","}'),
        ('{"b":",","a":"x,\\""}', "$.a", '{"b":","}'),
        ('{"\\u0061":1,"b":2}', "$.a", '{"b":2}'),
    ],
)
def test_deleting_takes_exactly_one_comma(payload: str, path: str, expected: str) -> None:
    assert spans.patch(payload, {path: None}) == expected


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        ("{}", "$.a", '{"a":9}'),
        ("{ }", "$.a", '{"a":9 }'),
        (" { } ", "$.a", ' {"a":9 } '),
        ('{"b":1}', "$.a", '{"b":1,"a":9}'),
        ('{"b":1 }', "$.a", '{"b":1,"a":9 }'),
        ('{"b":{"a":1}}', "$.a", '{"b":{"a":1},"a":9}'),
        ('{"b":{"c":1}}', "$.b.a", '{"b":{"c":1,"a":9}}'),
        ('{"b":{},"c":1}', "$.b.a", '{"b":{"a":9},"c":1}'),
        ('{"b":[{},{"a":1},{"c":2}]}', "$.b[].a", '{"b":[{"a":9},{"a":9},{"c":2,"a":9}]}'),
        ('{"b":{},"b":{"c":1}}', "$.b.a", '{"b":{"a":9},"b":{"c":1,"a":9}}'),
        ('{"\\u0061":1}', "$.a", '{"\\u0061":9}'),
        ('{"a":1,"a":2}', "$.a", '{"a":9,"a":9}'),
        ("{}", "$.b.a", "{}"),
        ('{"b":1}', "$.b.a", '{"b":1}'),
        ('{"b":[{}]}', "$.b.a", '{"b":[{}]}'),
        ("null", "$.a", "null"),
        ("[]", "$.a", "[]"),
        ("[{}]", "$[].a", '[{"a":9}]'),
    ],
)
def test_inserting_adds_at_the_end_of_the_parent(payload: str, path: str, expected: str) -> None:
    assert spans.insert(payload, path, "9") == expected


def test_edits_are_made_in_order_and_all_of_them() -> None:
    payload = '{"idTag":"A","transactionId":1,"reservationId":7,"meterStop":5}'

    patched = spans.patch(
        payload, {"$.transactionId": "99", "$.reservationId": None, "$.idTag": '"B"', "$.none": "1"}
    )

    assert patched == '{"idTag":"B","transactionId":99,"meterStop":5}'


def test_no_edit_changes_nothing() -> None:
    assert spans.patch(METER_VALUES, {}) == METER_VALUES


def test_an_edit_sees_what_the_one_before_it_wrote() -> None:
    assert spans.patch('{"a":1}', {"$.a": '{"b":1}', "$.a.b": "2"}) == '{"a":{"b":2}}'


UNTOUCHED = '"price": 1.10, "big":1e400 ,"own":{"x" : [ ]},\n\t"dup":1,"dup":2,"n":' + "7" * 5000


def test_everything_else_stays_to_the_byte() -> None:
    patched = spans.patch('{"transactionId":5,' + UNTOUCHED + "}", {"$.transactionId": "-123456"})

    assert patched == '{"transactionId":-123456,' + UNTOUCHED + "}"


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        ('{"a":1}', "$.a", 1),
        ('{"a":-0}', "$.a", 0),
        ('{"a":9223372036854775807}', "$.a", 9223372036854775807),
        ('{"a":123456789012345678901234567890}', "$.a", 123456789012345678901234567890),
        ('{"a":1.10}', "$.a", 1.1),
        ('{"a":1e2}', "$.a", 100.0),
        ('{"a":1e400}', "$.a", "1e400"),
        ('{"a":' + "9" * 5000 + "}", "$.a", "9" * 5000),
        ('{"a":[' + "9" * 5000 + ",-1e999,2]}", "$.a", ["9" * 5000, "-1e999", 2]),
        ('{"a":"x"}', "$.a", "x"),
        ('{"a":"\\u00e9\\n\\""}', "$.a", 'é\n"'),
        ('{"a":"\\ud83d\\ude00"}', "$.a", "😀"),
        ('{"a":"\\ud800"}', "$.a", "\ud800"),
        ('{"a":true}', "$.a", True),
        ('{"a":false}', "$.a", False),
        ('{"a":null}', "$.a", None),
        ('{"a":{"b":[1,"x"]}}', "$.a", {"b": [1, "x"]}),
        ('{"a":{"b":[1,"x"]}}', "$.a.b", [1, "x"]),
        ("{}", "$.a", None),
        ("null", "$.a", None),
        ('{"a":1,"a":2}', "$.a", 2),
        ('{"a":1,"\\u0061":2}', "$.a", 2),
        ('{"a":{"b":1},"a":{"b":2}}', "$.a.b", 2),
        ('{"a":{"b":1},"a":{}}', "$.a.b", None),
        ('{"a":[{"id":1},{"id":2}]}', "$.a[].id", 1),
        ('{"a":[{"x":1},{"id":2}]}', "$.a[].id", 2),
        ('{"a":[{"id":1,"id":3},{"id":2}]}', "$.a[].id", 3),
        ('{"a":[]}', "$.a[]", None),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_value_is_decoded_as_a_json_parser_would(payload: str, path: str, expected: object) -> None:
    assert spans.value(payload, path) == expected
    assert type(spans.value(payload, path)) is type(expected)


@pytest.mark.parametrize("path", ["", "a", "$", "$a", "$.", "$..a", "$.a[0]", "$.a[", "$.a b", '$."a"', ".a"])
def test_what_is_not_a_path_is_refused_in_words(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path; expected"):
        spans.find("{}", path)


def test_insert_refuses_a_path_to_elements() -> None:
    with pytest.raises(ValueError, match="ends with elements"):
        spans.insert('{"a":[]}', "$.a[]", "1")


@pytest.mark.parametrize(
    "payload",
    [
        "",
        " ",
        "{",
        '{"a"',
        '{"a":',
        '{"a":}',
        '{"a":1',
        '{"a":1,',
        '{"a":"x',
        '{"a":{',
        '{"a":[1,',
        '{"a":[1}',
        "}",
        '"a":1',
        '{"a" 1}',
        "{a:1}",
        "[",
        "[1",
        '{"a":{"a":[{"a":',
        "\x00",
        "\ud800",
        '{"a":tru}',
        '{"b":"\\',
        '{"a":1}}}',
        "{" * 3_000,
        '{"a":' * 3_000,
        '{"a":' + "[" * 3_000 + "]" * 3_000 + "}",
        '"' * 3_001,
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_text_that_is_not_json_raises_nothing(payload: str) -> None:
    for path in ("$.a", "$.a.a", "$.a[]", "$[]", "$.a[].a"):
        spans.find(payload, path)
        spans.value(payload, path)
        spans.patch(payload, {path: "1"})
        spans.patch(payload, {path: None})
        if not path.endswith("[]"):
            spans.insert(payload, path, "1")


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("1", 0),
        ('"[[["', 0),
        ("{}", 1),
        ("[[],{}]", 2),
        ('{"a":[{"b":"]}]}"}]}', 3),
        ('["[","]","\\"[","\\\\",["\\\\\\"["]]', 2),
        ("[" * 32 + "]" * 32, 32),
        ('{"a":' * 40 + "1" + "}" * 40, 40),
        ('[{"a":' * 20 + "[]" + "}]" * 20, 41),
        ("[" + "[]," * 1000 + "[[]]]", 3),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_depth_counts_objects_and_arrays_not_strings(text: str, depth: int) -> None:
    assert not spans.deeper_than(text, depth)
    assert depth == 0 or spans.deeper_than(text, depth - 1)


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ('{"a":[1, 2 ,{}]}', "$.a[]", '{"a":[<1>, <2> ,<{}>]}'),
        ('{"a":1,"a":"x"}', "$.a", '{"a":<1>,"a":<"x">}'),
        ('{"a":{"b":1.10}}', "$.a.b", '{"a":{"b":<1.10>}}'),
        ('{"a":1}', "$.b[]", '{"a":1}'),
    ],
)
def test_each_token_is_rewritten_on_its_own(text: str, path: str, after: str) -> None:
    assert spans.rewrite(text, path, lambda token: f"<{token}>") == after
