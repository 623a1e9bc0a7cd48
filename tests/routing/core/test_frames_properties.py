"""What holds for any text: the codec never raises, and a patch is what a JSON model says it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing.core import frames, spans
from routing.core.frames import Call, CallError, CallResult, Malformed, Send, UnknownType, parse

quick = settings(max_examples=50, deadline=None, database=None)

# --- JSON documents as a tree that knows how it is written ----------------------------------------

KEYS = ("a", "b", "id", "transactionId")
SPACES = ("", "", "", "", " ", "\n", "\t ", " \r\n")
SCALARS = (
    "0",
    "-1",
    "1.10",
    "1e400",
    "-0.0",
    "1E+2",
    "9" * 5000,
    "12345678901234567890",
    "true",
    "false",
    "null",
)
HOSTILE = (*'"\\{}[]:,', '\\"', '"a":1', '{"a":1}', ',"id":', *KEYS, "\\u0061", "é", "😀", "\x00")

Steps = list[str | None]


class Leaf(msgspec.Struct, frozen=True):
    """A string, number, true, false or null, as written."""

    token: str


class Array(msgspec.Struct, frozen=True):
    """Elements with the space before and after each."""

    elements: list[tuple[str, Any, str]]
    inside: str


class Object(msgspec.Struct, frozen=True):
    """Members: space, key token, key, space before and after the colon, value, space."""

    members: list[tuple[str, str, str, str, str, Any, str]]
    inside: str


Node = Leaf | Array | Object


def a_string(random: Random) -> str:
    return json.dumps(
        "".join(random.choices(HOSTILE, k=random.randrange(4))), ensure_ascii=random.random() < 0.5
    )


def a_key(random: Random) -> tuple[str, str]:
    """A key as written and as read: now and then with one letter escaped."""
    key = random.choice(KEYS)
    if random.random() < 0.95:
        return f'"{key}"', key
    place = random.randrange(len(key))
    return f'"{key[:place]}\\u{ord(key[place]):04x}{key[place + 1 :]}"', key


def a_node(random: Random, depth: int) -> Node:
    kind = random.random()
    if depth == 0 or kind < 0.4:
        return Leaf(random.choice(SCALARS) if random.random() < 0.5 else a_string(random))
    if kind < 0.6:
        values = [a_node(random, depth - 1) for _ in range(random.randrange(4))]
        return Array(
            [(random.choice(SPACES), v, random.choice(SPACES)) for v in values], random.choice(SPACES)
        )
    return an_object(random, depth)


def an_object(random: Random, depth: int) -> Object:
    members = []
    for _ in range(random.randrange(5)):
        before, colon, after, end = random.choices(SPACES, k=4)
        members.append((before, *a_key(random), colon, after, a_node(random, depth - 1), end))
    return Object(members, random.choice(SPACES))


def some_steps(random: Random, node: Node) -> Steps:
    """A path, most often one that leads somewhere in the tree."""
    steps: Steps = []
    while len(steps) < 4 and (not steps or random.random() < 0.6):
        below: list[Node] = []
        step = random.choice(KEYS)
        if isinstance(node, Array) and random.random() < 0.9:
            steps.append(None)
            below = [element[1] for element in node.elements]
        else:
            if isinstance(node, Object) and node.members and random.random() < 0.9:
                step = random.choice(node.members)[2]
                below = [member[5] for member in node.members if member[2] == step]
            steps.append(step)
        if not below:
            break
        node = random.choice(below)
    return steps


def document_and_steps(seed: int) -> tuple[Object, Steps]:
    """A document and a path from a seed: many times as fast as strategies that grow trees."""
    random = Random(seed)
    document = an_object(random, 4)
    return document, some_steps(random, document)


SEEDS = st.integers(0, 2**48)
CASES = SEEDS.map(document_and_steps)
OBJECTS = CASES.map(lambda case: case[0])
TOKENS = SEEDS.map(lambda seed: render(a_node(Random(seed), 1)))


def path_of(steps: Steps) -> str:
    return "$" + "".join("[]" if step is None else f".{step}" for step in steps)


def render(node: Node) -> str:
    """The text of a tree, to the byte."""
    if isinstance(node, Leaf):
        return node.token
    if isinstance(node, Array):
        return f"[{','.join(a + render(v) + b for a, v, b in node.elements) or node.inside}]"
    parts = [f"{a}{token}{b}:{c}{render(value)}{d}" for a, token, _, b, c, value, d in node.members]
    return f"{{{','.join(parts) or node.inside}}}"


def replaced(node: Node, steps: Steps, new: Leaf) -> Node:
    """The tree with the nodes at the end of ``steps`` replaced."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(node, Array) and step is None:
        return Array([(a, replaced(v, rest, new), b) for a, v, b in node.elements], node.inside)
    if isinstance(node, Object) and step is not None:
        return Object(
            [(*m[:5], replaced(m[5], rest, new) if m[2] == step else m[5], m[6]) for m in node.members],
            node.inside,
        )
    return node


def nodes_at(node: Node, steps: Steps) -> Iterator[Node]:
    if not steps:
        yield node
    elif isinstance(node, Array) and steps[0] is None:
        for _, value, _ in node.elements:
            yield from nodes_at(value, steps[1:])
    elif isinstance(node, Object):
        for member in node.members:
            if member[2] == steps[0]:
                yield from nodes_at(member[5], steps[1:])


def model(node: Node, steps: Steps, change: Callable[[Any], Any] | None) -> Any:
    """What the text means (see ``meaning``), once ``change`` has seen to the containers at ``steps``."""
    if isinstance(node, Leaf):
        return meaning(node.token)
    inner = steps[1:] if len(steps) > 1 else []
    result: Any
    if isinstance(node, Array):
        below = inner if steps and steps[0] is None else []
        result = [model(value, below, change) for _, value, _ in node.elements]
    else:
        result = [
            ("member", key, model(value, inner if steps and key == steps[0] else [], change))
            for _, _, key, _, _, value, _ in node.members
        ]
        result.insert(0, "object")
    is_last = len(steps) == 1 and isinstance(node, Array) == (steps[0] is None)
    return change(result) if change and is_last else result


def meaning(text: str) -> Any:
    """A JSON text as nested lists: numbers as their text, objects as pairs in order, every key kept."""
    return json.loads(
        text,
        parse_int=lambda token: ("number", token),
        parse_float=lambda token: ("number", token),
        object_pairs_hook=lambda pairs: ["object", *(("member", key, value) for key, value in pairs)],
    )


# --- patching -------------------------------------------------------------------------------------


@quick
@given(CASES)
def test_find_finds_what_the_model_finds(case: tuple[Object, Steps]) -> None:
    document, steps = case

    found = spans.find(render(document), path_of(steps))

    assert found == [render(node) for node in nodes_at(document, steps)]


@quick
@given(CASES, TOKENS)
def test_a_patch_changes_the_tokens_and_not_a_byte_more(case: tuple[Object, Steps], token: str) -> None:
    document, steps = case

    patched = spans.patch(render(document), {path_of(steps): token})

    assert patched == render(replaced(document, steps, Leaf(token)))


@quick
@given(CASES)
def test_deleting_takes_the_member_and_nothing_else(case: tuple[Object, Steps]) -> None:
    document, steps = case

    def without(container: list[Any]) -> list[Any]:
        if steps[-1] is None:
            return []
        return [entry for entry in container if entry == "object" or entry[1] != steps[-1]]

    deleted = spans.patch(render(document), {path_of(steps): None})

    assert meaning(deleted) == model(document, steps, without)


@quick
@given(CASES)
def test_inserting_writes_the_member_once_or_in_place(case: tuple[Object, Steps]) -> None:
    document, steps = case
    steps = steps if steps[-1] is not None else [*steps, "id"]

    def with_member(container: list[Any]) -> list[Any]:
        if any(entry[1] == steps[-1] for entry in container[1:]):
            return [e if e == "object" or e[1] != steps[-1] else ("member", e[1], "new") for e in container]
        return [*container, ("member", steps[-1], "new")]

    inserted = spans.insert(render(document), path_of(steps), '"new"')

    assert meaning(inserted) == model(document, steps, with_member)


@quick
@given(OBJECTS, st.lists(st.sampled_from(KEYS), min_size=1, max_size=3))
def test_a_value_is_what_a_json_parser_sees(document: Object, keys: list[str]) -> None:
    text = render(document)
    seen: Any = json.loads(
        text,
        parse_int=lambda token: token if len(token) > 4000 else int(token),
        parse_float=lambda token: token if token == "1e400" else float(token),
    )
    for key in keys:
        seen = seen.get(key) if isinstance(seen, dict) else None

    assert spans.value(text, path_of([*keys])) == seen


@quick
@given(OBJECTS, st.integers(0, 5))
def test_depth_is_what_the_model_counts(document: Object, depth: int) -> None:
    def levels(node: Node) -> int:
        if isinstance(node, Leaf):
            return 0
        values = [e[1] for e in node.elements] if isinstance(node, Array) else [m[5] for m in node.members]
        return 1 + max((levels(value) for value in values), default=0)

    assert spans.deeper_than(render(document), depth) is (levels(document) > depth)


@quick
@given(CASES, SEEDS, st.sampled_from(["", *'{}[],:"\\a1\n\x00']))
def test_text_that_is_not_json_raises_nothing(case: tuple[Object, Steps], seed: int, fault: str) -> None:
    text = render(case[0])
    place = seed % len(text)
    path = path_of(case[1])
    for payload in (
        text[:place] + fault,
        text[:place] + fault + text[place:],
        text[:place] + text[place + 1 :],
    ):
        spans.find(payload, path)
        spans.value(payload, path)
        spans.patch(payload, {path: "1"})
        spans.patch(payload, {path: None})
        spans.deeper_than(payload, 3)
        if case[1][-1] is not None:
            spans.insert(payload, path, "1")


# --- frames ---------------------------------------------------------------------------------------

KINDS = Call | CallResult | CallError | frames.CallResultError | Send | Malformed | UnknownType
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)


def is_json(text: str) -> bool:
    """Whether the standard library reads this text, numbers of any size included, as strict JSON."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return True


def check(text: str) -> None:
    """What holds for any text whatever."""
    frame = parse(text)
    assert isinstance(frame, KINDS)
    if isinstance(frame, Malformed):
        assert frame.problem.startswith("not an OCPP-J frame: ")
        assert len(frame.problem) < 300
        frame.problem.encode()
        frame.text.encode()
    else:
        assert frame.text == text
        assert is_json(text.removeprefix("\ufeff"))
    if frame.raw_id is not None:
        assert frame.message_id is not None
        read = json.loads(frame.raw_id, parse_int=str, parse_float=str)
        assert read == frame.message_id
        frame.message_id.encode()
    if not is_json(text.removeprefix("\ufeff")):
        assert isinstance(frame, Malformed)


@quick
@given(ANY_TEXT)
@example("\ud800")
@example("\ufeff")
@example("[" * 40)
def test_any_text_is_read(text: str) -> None:
    check(text)
    check(f"[2,{text}")
    check(f'[2,"1",{text}]')
    check(f'[3,"1",{{"a":{text}}}]')


@quick
@given(st.binary(max_size=60))
@example(b"\xef\xbb\xbf[]")
@example(b'[2,"\xff","A",{}]')
def test_any_bytes_are_read(data: bytes) -> None:
    for text in (data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        check(text)
        check(f'[2,"{text}","A",{{}}]')


@quick
@given(st.text(alphabet='[]{},:"\\ue0123-.Atrunl \n\ufeff\x00\ud800', max_size=40))
def test_any_text_that_resembles_json_is_read(text: str) -> None:
    check(text)
    check(f'[2,"1","A",{{"a":{text}')


@quick
@given(st.integers(-1, 8), SEEDS, st.integers(0, 5))
def test_any_array_is_read(message_type: int, seed: int, size: int) -> None:
    random = Random(seed)
    elements = [Leaf(str(message_type)), *(a_node(random, 2) for _ in range(size))]
    text = render(Array([(random.choice(SPACES), e, random.choice(SPACES)) for e in elements], ""))
    check(text)

    frame = parse(text)

    assert isinstance(frame, UnknownType) is (message_type not in (2, 3, 4, 5, 6))


@quick
@given(
    st.sampled_from([2, 3, 4, 6]), st.integers(0, 200), st.sampled_from(["", ",", '"', "{", "]", "x", "\x00"])
)
def test_a_frame_with_one_fault_keeps_its_id(message_type: int, place: int, fault: str) -> None:
    middle = {2: '"A",', 3: "", 4: '"InternalError","",', 6: '"A",'}[message_type]
    head = f'[{message_type},"id-1",'
    body = middle + '{"connectorId":1,"meterValue":[{"value":"1.10"}]}]'
    place = place % len(body)
    text = head + body[:place] + fault + (body[place:] if fault else "")

    frame = parse(text)

    assert frame.message_id == "id-1"
    assert frame.raw_id == '"id-1"'
    assert is_json(text) or isinstance(frame, Malformed)


@quick
@given(ANY_TEXT, ANY_TEXT, OBJECTS)
def test_what_is_written_is_read_again(message_id: str, action: str, payload: Object) -> None:
    raw_payload = render(payload)
    readable = not any(ch < " " or "\ud800" <= ch <= "\udfff" for ch in message_id + action)

    call = parse(frames.call(message_id, action, raw_payload))
    send = parse(frames.send(message_id, action, raw_payload))
    result = parse(frames.call_result(frames.quote(message_id), raw_payload))

    assert isinstance(call, Call) is readable
    assert isinstance(send, Send) is readable
    if isinstance(call, Call) and isinstance(send, Send):
        assert (call.message_id, call.action, call.payload) == (message_id, action, raw_payload)
        assert (send.message_id, send.action, send.payload) == (message_id, action, raw_payload)
        assert isinstance(result, CallResult)
        assert (result.message_id, result.payload) == (message_id, raw_payload)


@quick
@given(ANY_TEXT, ANY_TEXT, OBJECTS)
def test_an_error_that_is_written_is_read_again(code: str, description: str, details: Object) -> None:
    for write in (frames.call_error, frames.call_result_error):
        error = parse(write('"1"', code, description, render(details)))

        assert isinstance(error, CallError | frames.CallResultError)
        assert (error.message_id, error.details) == ("1", render(details))
        for read, written in ((error.code, code), (error.description, description)):
            assert len(read) == len(written)
            assert all(a in (b, "\ufffd") for a, b in zip(read, written, strict=True))


@pytest.mark.parametrize("size", [1_000, 300_000])
def test_huge_strings_are_read(size: int) -> None:
    for filler in ("x", "é", "\\n", "\\ud800", "[", '\\"'):
        frame = parse(f'[2,"1","A",{{"a":"{filler * size}"}}]')
        assert isinstance(frame, Call)
        assert len(frame.payload) == len(filler) * size + 8
